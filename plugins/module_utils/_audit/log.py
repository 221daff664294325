# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Appends to one stream of the audit log: durable when it returns, chained to what is really there, rotated by itself.

Touches <directory>/<stream>. A lock file keeps other writers out; the end of the log is read again each time, so that
a writer that was killed leaves nothing that the next one does not see.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import secrets
import shutil
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common.errors import InputError, StateError, SystemFailure
from .._common.files import fsync_directory, fsync_file, write_atomic
from . import record
from .event import LOG, of_log, refuse_ambiguous
from .record import Head, Malformed
from .store import LOCK_TIMEOUT, PLAIN, Files, at_one_moment, locked, tail

ROTATE = 64 * 1024 * 1024
OPEN, CLOSED, OPENED, RECOVERY = "log.open", "segment.close", "segment.open", "recovery"
_PENDING, _KEPT = ".pending", ".torn"


@dataclass(frozen=True)
class Appended:
    """What was written.

    :ivar head: where the log ends with it.
    :ivar hashes: of the events that were given, in their order.
    :ivar recovered: torn lines that were put aside.
    :ivar rotated: segments that were closed.
    """

    head: Head
    hashes: tuple[str, ...] = ()
    recovered: int = 0
    rotated: int = 0


class Log:
    """The writer of one stream.

    :param rotate: bytes beyond which the segment is closed before more is written.
    :param pack: compress segments that are closed.
    :param patience: seconds to wait for another writer.
    """

    def __init__(
        self, files: Files, *, rotate: int = ROTATE, pack: bool = True, patience: float = LOCK_TIMEOUT
    ) -> None:
        self.files = files
        self.rotate_at = rotate
        self.pack = pack
        self.patience = patience

    def append(self, events: Sequence[Mapping[str, Any]]) -> Appended:
        """Write events that were redacted, all with one write and one fsync.

        :raises SystemFailure: they cannot be written, and none of them is.
        :raises StateError: the log's end is no record, so that nothing can follow it.
        """
        return self._locked(events, False)

    def rotate(self) -> Appended:
        """Close the segment, whatever its size, and begin the next one."""
        return self._locked((), True)

    def head(self) -> Head:
        """Where the log durably ends; nothing is written, and nobody else writes meanwhile."""
        return at_one_moment(self.files, self._head)

    def _head(self) -> Head:
        last = self._durable_last()
        return self.last_closed() or Head() if last is None else self.after(last, self.files.current)

    def _durable_last(self) -> bytes | None:
        """The last whole line of the current segment, which a writer may have been killed before making durable."""
        try:
            descriptor = os.open(self.files.current, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            os.fsync(descriptor)
            return tail(descriptor).last
        finally:
            os.close(descriptor)

    def _locked(self, events: Sequence[Mapping[str, Any]], rotate: bool) -> Appended:
        try:
            self.make_directories()
            with locked(self.files.lock, timeout=self.patience):
                done = _Writing(self).run(events, rotate)
            if done.rotated and self.pack:
                self._pack()
        except OSError as exc:
            raise SystemFailure(
                f"the audit log cannot be written: {exc.strerror or exc}",
                where=str(self.files.top),
                remedy="see that the disk has room and the directory is writable, then run again",
            ) from exc
        return done

    def make_directories(self) -> None:
        """Make what a log needs to begin."""
        if not self.files.segments.is_dir():
            self.files.segments.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.files.top.chmod(0o700)
            fsync_directory(self.files.top)
            fsync_directory(self.files.top.parent)

    def last_closed(self) -> Head | None:
        """The end of the last closed segment, which is not packed before the next one has begun."""
        closed = self.files.closed()
        if not closed:
            return None
        path = closed[max(closed)]
        if not path.name.endswith(PLAIN):
            raise _unusable(path, "the segment that is written is gone")
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return self.after(tail(descriptor).last or b"", path)
        finally:
            os.close(descriptor)

    def after(self, line: bytes, path: Path) -> Head:
        """Where the log ends, when this is its last line."""
        try:
            last = record.read(line)
        except Malformed as exc:
            raise _unusable(path, f"the last line cannot be followed, {exc}") from exc
        if last.stream != self.files.stream or not last.holds():
            raise _unusable(path, "the last line cannot be followed, it was edited or is of another stream")
        return Head(last.segment, last.seq, last.hash)

    def _followed(self) -> dict[int, Path]:
        """The closed segments whose end no writer needs any more."""
        with locked(self.files.lock):
            closed = self.files.closed()
            if closed and self._durable_last() is None:
                del closed[max(closed)]
        return closed

    def _pack(self) -> None:
        """Compress closed segments; one writer does, the others go on meanwhile."""
        with suppress(StateError), locked(self.files.segments / "lock", timeout=0):
            for number, path in self._followed().items():
                if path.name.endswith(PLAIN):
                    packed = self.files.packed(number)
                    temporary = packed.with_name(f".{packed.name}.tmp")
                    with path.open("rb") as source, temporary.open("wb") as target:
                        temporary.chmod(0o600)
                        with gzip.GzipFile("", "wb", 6, target, 0) as stream:
                            shutil.copyfileobj(source, stream, 1 << 20)
                    fsync_file(temporary)
                    os.rename(temporary, packed)
                    fsync_directory(self.files.segments)
                    path.unlink()


class _Writing:
    """One append, with the lock held."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.files = log.files
        self.head = Head()
        self.size = 0
        self.descriptor = -1
        self.lines: list[bytes] = []
        self.rotated = 0

    def run(self, events: Sequence[Mapping[str, Any]], rotate: bool) -> Appended:
        """Write everything there is to write."""
        try:
            self._open()
            pending = self._pending()
            for path in pending:
                torn = path.read_bytes()
                self._add(
                    of_log(RECOVERY, sha256=hashlib.sha256(torn).hexdigest(), bytes=len(torn), file=path.stem + _KEPT)
                )
            if (rotate or self.size > self.log.rotate_at) and self.head.seq:
                self._add(of_log(CLOSED))
                self._flush()
                self._begin()
            hashes = [self._add(event) for event in events]
            self._flush()
        finally:
            if self.descriptor >= 0:
                os.close(self.descriptor)
        for path in pending:
            os.rename(path, path.with_suffix(_KEPT))
        return Appended(self.head, tuple(hashes), len(pending), self.rotated)

    def _open(self) -> None:
        """Open the current segment, and finish what a crash has left half-done."""
        last = self._opened()
        if last is not None:
            self.head = self.log.after(last, self.files.current)
            if _is_close(last):
                self._begin()
            return
        before = self.log.last_closed()
        if before:
            self.head = Head(before.segment + 1, before.seq, before.hash)
            self._add(of_log(OPENED))
        else:
            self._refuse_forgotten()
            self._add(of_log(OPEN, log=secrets.token_hex(16), host=socket.gethostname()))

    def _opened(self) -> bytes | None:
        """The last line of the current file, from which a torn one is taken away; ``None`` of an empty one."""
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self.descriptor = os.open(self.files.current, flags, 0o600)
        found = tail(self.descriptor)
        if found.torn:
            self._quarantine(found.torn)
            os.ftruncate(self.descriptor, found.size)
            os.fsync(self.descriptor)
        self.size = found.size
        return found.last

    def _refuse_forgotten(self) -> None:
        if self.files.tombstones.is_dir():
            raise _unusable(self.files.top, "there are tombstones, but no segments")

    def _quarantine(self, torn: bytes) -> None:
        self.files.quarantine.mkdir(mode=0o700, exist_ok=True)
        name = f"{hashlib.sha256(torn).hexdigest()}{_PENDING}"
        write_atomic(self.files.quarantine / name, torn, mode=0o600)
        fsync_directory(self.files.top)

    def _pending(self) -> list[Path]:
        """Torn lines that were put aside and that no event tells of yet."""
        return sorted(self.files.quarantine.glob(f"*{_PENDING}")) if self.files.quarantine.is_dir() else []

    def _begin(self) -> None:
        """Rename the segment, which says that it is closed, and begin the next one."""
        closed = self.files.plain(self.head.segment)
        if closed.exists() or self.files.packed(self.head.segment).exists():
            raise _unusable(closed, "the segment is there already")
        os.rename(self.files.current, closed)
        fsync_directory(self.files.segments)
        fsync_directory(self.files.top)
        self.rotated += 1
        os.close(self.descriptor)
        self.descriptor = -1
        self._opened()
        self.head = Head(self.head.segment + 1, self.head.seq, self.head.hash)
        self._add(of_log(OPENED))

    def _add(self, event: Mapping[str, Any]) -> str:
        try:
            line, self.head = record.made(self.files.stream, self.head, event)
        except (ValueError, TypeError, RecursionError) as exc:
            refuse_ambiguous(event)
            raise InputError(
                f"the event cannot be recorded: {exc}", where="events", remedy="shorten or split it"
            ) from exc
        self.lines.append(line)
        return self.head.hash

    def _flush(self) -> None:
        """One durable write; what cannot be written whole is taken back."""
        if not self.lines:
            return
        data = b"".join(self.lines)
        try:
            written = os.write(self.descriptor, data)
            while written < len(data):
                written += os.write(self.descriptor, data[written:])
            os.fsync(self.descriptor)
            if self.size == 0:
                fsync_directory(self.files.top)
        except OSError:
            os.ftruncate(self.descriptor, self.size)
            raise
        self.size += len(data)
        self.lines = []


def _is_close(line: bytes) -> bool:
    event = record.read(line).event
    return bool(event.get("type") == LOG and event.get("operation") == CLOSED)


def _unusable(path: Path, what: str) -> StateError:
    return StateError(
        what,
        where=str(path),
        remedy="run audit_verify, keep a copy of the directory as evidence, and see 'Begin anew' in docs/audit.md",
    )
