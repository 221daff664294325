# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies a log to its sinks, at least once: the log is the queue, and each sink has a place up to which it has it.

Touches <directory>/<stream>/outbox/<sink>.{json,lock}.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from .._common.errors import SlipwayError, StateError
from .._common.files import read_state, write_state
from . import note, record
from .record import GENESIS, Record
from .sinks.base import Sink
from .store import Files, Opened, Torn, blocks, locked, opened

SCHEMA = 1
BATCH = 100


@dataclass(frozen=True)
class Place:
    """Up to where a sink has the log.

    :ivar offset: the byte after that record in its segment.
    """

    segment: int = 1
    offset: int = 0
    seq: int = 0
    hash: str = GENESIS


@dataclass(frozen=True)
class Delivery:
    """What came of copying.

    :ivar behind: records that the sink has yet to get.
    :ivar lost: records that have expired before the sink got them.
    """

    sink: str
    sent: int
    behind: int
    error: str = ""
    lost: int = 0

    def as_result(self) -> dict[str, Any]:
        """For the result of a module."""
        return asdict(self)


class Remembered:
    """The place of a sink, in a file beside the log."""

    def __init__(self, files: Files, name: str) -> None:
        self.directory = files.top / "outbox"
        self.path: Path = self.directory / f"{name}.json"
        self.lock = self.directory / f"{name}.lock"

    def load(self) -> Place:
        """The beginning when there is none."""
        found = read_state(self.path, SCHEMA)
        return Place(**{key: value for key, value in found.items() if key != "schema"}) if found else Place()

    def save(self, place: Place) -> None:
        """Durable when it returns."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        write_state(self.path, SCHEMA, asdict(place), mode=0o600)


def deliver(files: Files, name: str, sink: Sink, head_seq: int, *, timeout: float, batch: int = BATCH) -> Delivery:
    """Send what a sink lacks, batch by batch, until it has all, refuses, or the time is over.

    :param head_seq: where the log ends.
    """
    if not head_seq:
        return Delivery(name, 0, 0)
    remembered = Remembered(files, name)
    remembered.directory.mkdir(mode=0o700, exist_ok=True)
    try:
        with locked(remembered.lock, timeout=0):
            return send(files, name, sink, head_seq, remembered.load(), remembered.save, timeout, batch)
    except StateError as exc:
        return Delivery(name, 0, head_seq - remembered.load().seq, exc.message())


def send(
    files: Files,
    name: str,
    sink: Sink,
    head_seq: int,
    place: Place,
    save: Callable[[Place], None],
    timeout: float,
    batch: int = BATCH,
) -> Delivery:
    """The same, from a place that somebody else remembers."""
    deadline = time.monotonic() + timeout
    sent, lost, error = 0, 0, ""
    try:
        for records, after in _batches(files, place, batch):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            sink.deliver(records, left)
            save(after)
            lost += records[0].seq - place.seq - 1 if place.seq else 0
            place = after
            sent += len(records)
    except SlipwayError as exc:
        error = exc.message()
    finally:
        sink.close()
    return Delivery(name, sent, max(0, head_seq - place.seq), error, lost)


def _batches(files: Files, place: Place, size: int) -> Iterator[tuple[list[Record], Place]]:
    """The records after a place, each with the place after it; no batch goes beyond a segment."""
    with opened(files, place.segment) as segments:
        for segment in segments:
            if segment.handle is None:
                continue
            for records, after in _of_segment(files, segment, segment.handle, place, size):
                yield records, after
                place = after


def _of_segment(
    files: Files, segment: Opened, handle: IO[bytes], place: Place, size: int
) -> Iterator[tuple[list[Record], Place]]:
    number = segment.number or _number(segment, handle)
    if number < place.segment:
        return
    offset = place.offset if number == place.segment else 0
    handle.seek(offset)
    limit = None if segment.size is None else segment.size - offset
    held: list[Record] = []
    last = _after_expiry(files, number, place)
    try:
        for lines in blocks(handle, limit):
            for line in lines:
                found = _follows(line, last, segment)
                offset += len(line) + 1
                last = Place(number, offset, found.seq, found.hash)
                held.append(found)
                if len(held) == size:
                    yield held, last
                    held = []
    except Torn:
        pass
    if held:
        yield held, last


def _after_expiry(files: Files, number: int, place: Place) -> Place:
    """The place before a segment, when those between it and the sink's place have expired.

    Whether the tombstone is signed is for those who verify: a sink that trusted it wrongly lacks records, and says so.
    """
    left = files.tombstone(number - 1)
    if number <= place.segment or not place.seq or not left.exists():
        return place
    text = left.read_text(encoding="utf-8", errors="replace").partition("\n\n")[0]
    buried = note.read(f"{text}\n")
    return Place(buried.segment, 0, buried.size, buried.hash) if buried.size > place.seq else place


def _number(segment: Opened, handle: IO[bytes]) -> int:
    """The number of the current segment; 0 of an empty one."""
    line = handle.read(record.LARGEST).partition(b"\n")[0] if segment.size else b""
    try:
        return record.read(line).segment
    except record.Malformed:
        return 0


def _follows(line: bytes, last: Place, segment: Opened) -> Record:
    """The record, when it is the one that the sink lacks."""
    try:
        found = record.read(line)
        if not found.holds() or (last.seq and found.prev_hash != last.hash):
            raise record.Malformed("it does not follow the one before")
    except record.Malformed as exc:
        raise StateError(
            f"the record after {last.seq} is not sent on, {exc}",
            where=str(segment.path),
            remedy="run audit_verify; a sink that has been ahead of a log from a backup has the better copy",
        ) from exc
    return found
