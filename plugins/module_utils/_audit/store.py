# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of one stream: which there are, how they are opened, and where the stream ends.

Reads <directory>/<stream>/{current.jsonl,segments/<number>.jsonl[.gz],tombstones/<number>.note}; touches only the lock.
"""

from __future__ import annotations

import fcntl
import gzip
import os
import re
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, TypeVar, cast

from .._common.errors import InputError, StateError
from . import record

LOCK_TIMEOUT = 30
PACKED = ".jsonl.gz"
PLAIN = ".jsonl"
_SEGMENT = re.compile(r"(\d{8})\.jsonl(\.gz)?")
_BLOCK, _FIRST_BLOCK = 64 * 1024, 8 * 1024
_READ = 1 << 20
_OVERLONG = b"\0"
Seen = TypeVar("Seen")


@dataclass(frozen=True)
class Files:
    """Where a stream is kept.

    :param directory: of all streams of this host.
    """

    directory: Path
    stream: str

    def __post_init__(self) -> None:
        """Refuse a name that would be another path."""
        if not record.STREAM.fullmatch(self.stream):
            raise InputError(
                f"{self.stream!r} cannot be the name of a stream",
                where="stream",
                remedy="use up to 63 lower-case letters, digits, dots, dashes and underscores, a letter or digit first",
            )

    @property
    def top(self) -> Path:
        """Directory of the stream."""
        return self.directory / self.stream

    @property
    def lock(self) -> Path:
        """Which every writer holds."""
        return self.top / "lock"

    @property
    def current(self) -> Path:
        """The segment that is written."""
        return self.top / "current.jsonl"

    @property
    def segments(self) -> Path:
        """The segments that are closed."""
        return self.top / "segments"

    @property
    def quarantine(self) -> Path:
        """Lines that a crash has torn."""
        return self.top / "quarantine"

    @property
    def tombstones(self) -> Path:
        """What is left of segments that have expired."""
        return self.top / "tombstones"

    def closed(self) -> dict[int, Path]:
        """The closed segments by number, in their order; one that is being packed is the plain file."""
        found: dict[int, Path] = {}
        for path in sorted(self.segments.glob("*")):
            matched = _SEGMENT.fullmatch(path.name)
            if matched:
                found.setdefault(int(matched[1]), path)
        return dict(sorted(found.items()))

    def plain(self, number: int) -> Path:
        """A closed segment before it is packed."""
        return self.segments / f"{number:08d}{PLAIN}"

    def tombstone(self, number: int) -> Path:
        """What is left of the closed segments up to this one."""
        return self.tombstones / f"{number:08d}.note"

    def packed(self, number: int) -> Path:
        """A closed segment after it was packed."""
        return self.segments / f"{number:08d}{PACKED}"


@contextmanager
def locked(path: Path, *, shared: bool = False, timeout: float = LOCK_TIMEOUT) -> Iterator[None]:
    """Hold the lock file, which is made for writers only.

    :raises StateError: another process kept it for longer than ``timeout``.
    """
    flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
    descriptor = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while not _taken(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX):
            if time.monotonic() >= deadline:
                raise StateError(
                    f"another process has kept the lock for {timeout:g} s",
                    where=str(path),
                    remedy="see who holds it with 'fuser', then run again",
                )
            time.sleep(0.002)
        yield
    finally:
        os.close(descriptor)


def _taken(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@dataclass(frozen=True)
class Tail:
    """The end of a segment file.

    :ivar size: bytes of its whole lines.
    :ivar last: its last whole line, without the line feed; ``None`` without any.
    :ivar torn: what follows it.
    """

    size: int
    last: bytes | None
    torn: bytes


def tail(descriptor: int) -> Tail:
    """The end of an open file; at most two of the largest lines are read.

    :raises StateError: it has no line feed where there must be one.
    """
    size = os.fstat(descriptor).st_size
    start, data = size, b""
    while start > 0 and data.count(b"\n") < 2:
        if len(data) > 2 * record.LARGEST + _BLOCK:
            raise StateError(
                "the end of the segment is no line of an audit log",
                where=f"byte {start}",
                remedy="look at it with audit_verify, keep a copy, and see 'Begin anew' in docs/audit.md",
            )
        step = min(_BLOCK if data else _FIRST_BLOCK, start)
        start -= step
        data = os.pread(descriptor, step, start) + data
    end = data.rfind(b"\n") + 1
    torn = data[end:]
    last = data[: end - 1].rpartition(b"\n")[2] if end else None
    return Tail(size - len(torn), last, torn)


@dataclass(frozen=True)
class Opened:
    """A segment that is open for reading.

    :ivar number: of the segment; 0 for the current one, which says it itself.
    :ivar handle: ``None`` of a closed one that is there no more.
    :ivar size: how much of it there was when it was opened; ``None`` for a whole file.
    """

    path: Path
    number: int
    handle: IO[bytes] | None
    size: int | None = None


@contextmanager
def opened(files: Files, first: int = 0) -> Iterator[Iterator[Opened]]:
    """The segments from number ``first`` on, as they are at one moment, each opened when it is its turn.

    The current one is opened at once, and is read only as far as it goes now, whatever is written meanwhile.
    """
    with ExitStack() as stack:

        def look() -> tuple[list[int], Opened | None]:
            closed = [number for number in files.closed() if number >= first]
            if not files.current.exists():
                return closed, None
            handle = stack.enter_context(files.current.open("rb", buffering=0))
            return closed, Opened(files.current, 0, handle, os.fstat(handle.fileno()).st_size)

        yield _each(files, *at_one_moment(files, look))


def at_one_moment(files: Files, look: Callable[[], Seen]) -> Seen:
    """What is seen while nobody writes. A log that was copied has no lock, and one that begins has none yet.

    :param look: is called again when the log has begun meanwhile.
    """
    if not files.lock.exists():
        seen = look()
        if not files.lock.exists():
            return seen
    with locked(files.lock, shared=True):
        return look()


def _each(files: Files, closed: list[int], current: Opened | None) -> Iterator[Opened]:
    for number in closed:
        found = _closed(files, number)
        with found.handle or nullcontext():
            yield found
    if current:
        yield current


def _closed(files: Files, number: int) -> Opened:
    """A closed segment, which may be packed, or have expired, since it was listed."""
    for path in (files.plain(number), files.packed(number)):
        try:
            if path.name.endswith(PACKED):
                return Opened(path, number, cast("IO[bytes]", gzip.open(path, "rb")))
            return Opened(path, number, path.open("rb", buffering=0))
        except FileNotFoundError:
            continue
    return Opened(files.plain(number), number, None)


def opened_segment(files: Files, number: int) -> Iterator[list[bytes]]:
    """The lines of one closed segment, a block at a time; without a torn one, which no closed segment has.

    :raises StateError: it cannot be unpacked.
    """
    found = _closed(files, number)
    if found.handle is None:
        return
    with found.handle:
        try:
            yield from blocks(found.handle, None)
        except Torn:
            return
        except (OSError, EOFError, zlib.error) as exc:
            raise StateError(
                f"the segment cannot be unpacked: {exc}",
                where=str(found.path),
                remedy="run audit_verify, and keep a copy as evidence",
            ) from exc


class Torn(Exception):
    """What is left has no line feed."""

    def __init__(self, torn: bytes) -> None:
        super().__init__("torn line")
        self.torn = torn


def blocks(handle: IO[bytes], size: int | None) -> Iterator[list[bytes]]:
    """The whole lines of each block; a line that is larger than any record is one that is no record.

    :raises Torn: the last line is not whole.
    """
    left = size
    rest = b""
    while True:
        block = handle.read(_READ if left is None else min(_READ, left))
        if not block:
            break
        if left is not None:
            left -= len(block)
        lines = BytesIO(rest + block).readlines()
        rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        if len(rest) > record.LARGEST:
            rest = _OVERLONG
        if lines:
            yield [line[:-1] for line in lines]
    if rest:
        raise Torn(rest)
