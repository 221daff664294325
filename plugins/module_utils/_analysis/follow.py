# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads what is appended to a log, across its rotation, and says where it stopped.

Reads the log and the files that it was renamed to; touches nothing. A file is known by its inode and its first bytes,
since an inode is used again, and since a log may be truncated and written anew. What has no end of line yet is left
for the next reading. A file that was renamed is read on: whoever writes it may take a while to notice.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .model import SourceError

CHUNK = 1024 * 1024
LONGEST_HEAD = 64
MOST_FILES = 4
COMPRESSED = (".gz", ".xz", ".bz2", ".zst", ".lz4")
CLOCK_STEP = 1.0


@dataclass
class _File:
    """One open file and how far it was read."""

    descriptor: int
    offset: int
    head: bytes

    @classmethod
    def at(cls, path: Path, offset: int) -> _File:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        return cls(descriptor, offset, os.pread(descriptor, LONGEST_HEAD, 0)[:offset])

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        status = os.fstat(self.descriptor)
        return status.st_dev, status.st_ino

    def lines(self) -> Iterator[bytes]:
        """The complete lines that were appended, from the start when the file was written anew."""
        beginning = os.pread(self.descriptor, LONGEST_HEAD, 0)
        if os.fstat(self.descriptor).st_size < self.offset or not beginning.startswith(self.head):
            self.offset = 0
        rest = b""
        position = self.offset
        while chunk := os.pread(self.descriptor, CHUNK, position):
            position += len(chunk)
            *complete, rest = (rest + chunk).split(b"\n")
            self.offset = position - len(rest)
            yield from complete
        self.head = os.pread(self.descriptor, LONGEST_HEAD, 0)[: self.offset]

    def to_dict(self) -> dict[str, Any]:
        """Where it stopped, as JSON has it."""
        head = {"bytes": len(self.head), "sha256": hashlib.sha256(self.head).hexdigest()}
        return {"inode": self.identity[1], "offset": self.offset, "head": head}


class Follower:
    """A log that is being written.

    :param path: where whoever writes it opens it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: list[_File] = []
        self._last_read = 0.0

    def begin(self, wall: float) -> None:
        """Go on from the end that the log has now.

        :raises SourceError: there is no such log, or it may not be read.
        """
        self.close()
        try:
            newest = _File.at(self.path, 0)
            newest.offset = _end_of_lines(newest.descriptor)
            newest.head = os.pread(newest.descriptor, LONGEST_HEAD, 0)[: newest.offset]
        except OSError as exc:
            raise self._failed(exc) from exc
        self._files = [newest]
        self._last_read = wall

    def resume(self, places: list[Mapping[str, Any]], wall: float) -> str:
        """Go on where an earlier reading stopped; what is lost, in words.

        :param wall: when that was.
        """
        known = {path.stat().st_ino: path for path in self._related()}
        lost = 0
        for place in places:
            path = known.get(place["inode"])
            file = _File.at(path, place["offset"]) if path else None
            if file and _has_head(file, place["head"]):
                self._files.append(file)
            else:
                lost += 1
        self._last_read = wall
        return f"{lost} of the files that were read before are gone or compressed" if lost else ""

    def lines(self, wall: float) -> Iterator[bytes]:
        """The complete lines that were appended since the last time, in the order of the files.

        :raises SourceError: the log may not be read.
        """
        try:
            for file in self._files:
                yield from file.lines()
            for file in self._new_files():
                self._files.append(file)
                yield from file.lines()
        except OSError as exc:
            raise self._failed(exc) from exc
        self._last_read = wall
        for old in self._files[:-MOST_FILES]:
            os.close(old.descriptor)
        self._files = self._files[-MOST_FILES:]

    def places(self) -> list[dict[str, Any]]:
        """Where it stopped, for ``resume``."""
        return [file.to_dict() for file in self._files]

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            os.close(file.descriptor)
        self._files = []

    def _new_files(self) -> list[_File]:
        """Files that were not there the last time, oldest first: the log, and what it was renamed to meanwhile."""
        known = {file.identity for file in self._files}
        found: list[tuple[float, Path]] = []
        for path in self._related():
            status = path.stat()
            is_new = path == self.path or status.st_mtime >= self._last_read - CLOCK_STEP
            if is_new and (status.st_dev, status.st_ino) not in known:
                found.append((float("inf") if path == self.path else status.st_mtime, path))
        return [_File.at(path, 0) for _time, path in sorted(found)]

    def _related(self) -> list[Path]:
        """The log and what it was renamed to, as far as it can be read."""
        names = self.path.parent.glob(f"{self.path.name}*")
        return [path for path in names if path.is_file() and path.suffix not in COMPRESSED]

    def _failed(self, exc: OSError) -> SourceError:
        remedy = "correct the path, or run as a user that may read it"
        return SourceError(f"the log cannot be read: {exc.strerror or exc}", where=str(self.path), remedy=remedy)


def _end_of_lines(descriptor: int) -> int:
    """Where the last complete line ends."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - CHUNK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _has_head(file: _File, head: Mapping[str, Any]) -> bool:
    beginning = os.pread(file.descriptor, head["bytes"], 0)
    return bool(hashlib.sha256(beginning).hexdigest() == head["sha256"])
