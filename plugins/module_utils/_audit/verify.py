# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proves what an audit log is: unaltered up to a checkpoint, or where it was edited, cut, reordered or forked.

Reads the stream as it is at one moment, block by block; touches nothing but its lock.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any

from .._common.errors import StateError
from . import note, record
from .event import LOG
from .log import CLOSED, OPENED
from .note import Checkpoint, Key
from .record import GENESIS, Head, Malformed, Record
from .store import Files, Opened, Torn, blocks, opened

EDITED, MISSING, REORDERED, TRUNCATED, FORKED, UNPROVEN = KINDS = (
    "edited",
    "missing",
    "reordered",
    "truncated",
    "forked",
    "unproven",
)
INTACT, BROKEN = "intact", "broken"
MOST_FINDINGS = 100
MOST_GAPS = 10_000
Tombstone = Callable[[], "Checkpoint | None"]


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, and where.

    :ivar line: in the file, from 1; 0 where it is about the file.
    :ivar seq: the record's number in the stream.
    """

    kind: str
    file: str
    line: int
    seq: int
    message: str


@dataclass
class Report:
    """What came out.

    :ivar proven: the number of the last record that a checkpoint proves.
    """

    records: int = 0
    head: Head = field(default_factory=Head)
    proven: int = 0
    findings: list[Finding] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))

    def add(self, finding: Finding) -> None:
        """Count a finding; the first hundred are kept."""
        self.counts[finding.kind] += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)

    @property
    def verdict(self) -> str:
        """``intact``, ``unproven``, or ``broken``."""
        if any(count for kind, count in self.counts.items() if kind != UNPROVEN):
            return BROKEN
        return UNPROVEN if self.counts[UNPROVEN] else INTACT

    def as_result(self) -> dict[str, Any]:
        """For the result of a module."""
        return {
            "verdict": self.verdict,
            "records": self.records,
            "head": asdict(self.head),
            "proven": self.proven,
            "counts": self.counts,
            "findings": [asdict(finding) for finding in self.findings],
        }


def trusted(notes: Sequence[str], keys: Sequence[Key], origin: str, report: Report) -> dict[int, str]:
    """What signed checkpoints prove: the hash of some records by their number.

    Two that contradict each other are a fork.

    :raises StateError: a note has no valid signature, or is of another log.
    """
    found: dict[int, str] = {}
    for text in notes:
        checkpoint = note.read(note.verified(text, keys))
        if checkpoint.origin != origin:
            raise StateError(
                f"the checkpoint is of {checkpoint.origin}, not of {origin}",
                where=checkpoint.origin,
                remedy="give the checkpoints of this log",
            )
        if found.setdefault(checkpoint.size, checkpoint.hash) != checkpoint.hash:
            message = f"two checkpoints contradict each other about record {checkpoint.size}"
            report.add(Finding(FORKED, checkpoint.origin, 0, checkpoint.size, message))
    return found


def verify(
    files: Files,
    anchors: Mapping[int, str],
    *,
    report: Report | None = None,
    tombstone: Tombstone = lambda: None,
    since: int = 0,
    consumer: Callable[[Record], None] | None = None,
) -> Report:
    """Read the whole stream, or its segments from number ``since`` on.

    :param anchors: hash of a record by its number, which are known to be right.
    :param tombstone: reads the signed one of the segments that have expired last, also while this runs.
    :param consumer: gets every record that is in its place.
    """
    course = _Course(files, anchors, report or Report(), tombstone, consumer)
    course.run(since)
    return course.report


def signed_tombstone(files: Files, keys: Sequence[Key], origin: str) -> Checkpoint | None:
    """The last tombstone of a stream that one of the keys has signed."""
    for path in sorted(files.tombstones.glob("*.note"), reverse=True):
        try:
            found = note.read(note.verified(path.read_text(encoding="utf-8"), keys))
        except (StateError, UnicodeDecodeError):
            continue
        if found.origin == origin + note.TOMBSTONE and path == files.tombstone(found.segment):
            return found
    return None


class _Course:
    """One reading of a stream."""

    def __init__(
        self,
        files: Files,
        anchors: Mapping[int, str],
        report: Report,
        tombstone: Tombstone,
        consumer: Callable[[Record], None] | None,
    ) -> None:
        self.files = files
        self.anchors = anchors
        self.report = report
        self.tombstone = tombstone
        self.expired = self.buried = 0
        self.consumer = consumer
        self.head = Head()
        self.prev: str | None = GENESIS
        self.gaps: dict[int, tuple[str, int]] = {}
        self.waiting = sorted((seq for seq in self.anchors if seq > 0), reverse=True)
        self.file, self.number = str(files.current), 0
        self.first_unproven: tuple[str, int] | None = None

    def run(self, since: int) -> None:
        """Every file in its turn."""
        with opened(self.files, since) as segments:
            if since:
                self.head, self.prev = Head(since, 0), None
            self._bury()
            for segment in segments:
                if segment.handle is None:
                    self._bury()
                elif not 0 < segment.number <= self.expired:
                    self._segment(segment, segment.handle)
        self._end()

    def _bury(self) -> None:
        """Go on after the segments that have expired, which they may do at any moment."""
        left = self.tombstone()
        if left is None or left.segment <= self.expired:
            return
        self.file, self.number = str(self.files.tombstone(left.segment)), 0
        self.expired, self.buried = left.segment, left.size
        known = self.anchors.get(left.size, left.hash)
        if known != left.hash:
            self._find(FORKED, 0, left.size, "the tombstone says another record than the checkpoint")
        if left.segment < self.head.segment:
            return
        self.head, self.prev = Head(left.segment + 1, left.size, left.hash), left.hash
        while self.waiting and self.waiting[-1] <= left.size:
            self.waiting.pop()
        if known == left.hash:
            self.report.proven = left.size

    def _segment(self, segment: Opened, handle: IO[bytes]) -> None:
        self.file, self.number = str(segment.path), 0
        if segment.number:
            self.head = Head(segment.number, self.head.seq, self.head.hash)
        last = b""
        begun = False
        try:
            for lines in blocks(handle, segment.size):
                if not begun:
                    begun = True
                    self._begin(segment, lines[0])
                self._lines(lines)
                last = lines[-1]
        except Torn as exc:
            self._torn(exc.torn, segment)
        except (OSError, EOFError, zlib.error) as exc:
            self._find(EDITED, self.number + 1, self.head.seq + 1, f"the file cannot be unpacked: {exc}")
        if segment.number:
            if not _is(last, CLOSED):
                self._find(TRUNCATED, self.number, self.head.seq, "the segment does not end with its closing record")
            self.head = Head(segment.number + 1, self.head.seq, self.head.hash)

    def _begin(self, segment: Opened, first: bytes) -> None:
        """What the first line says of its segment."""
        if not segment.number:
            found = _parsed(first)
            if found and found.segment != self.head.segment and found.seq > self.head.seq + 1:
                self.head = Head(found.segment, self.head.seq, self.head.hash)
        if self.head.segment > 1 and not _is(first, OPENED):
            self._find(EDITED, 1, self.head.seq + 1, "the segment does not begin with its opening record")

    def _torn(self, torn: bytes, segment: Opened) -> None:
        if segment.number:
            self._find(TRUNCATED, self.number + 1, self.head.seq + 1, "the last line is torn")
            return
        message = f"the last line is torn ({len(torn)} bytes); the next writer puts it aside"
        self._find(UNPROVEN, self.number + 1, self.head.seq + 1, message)

    def _lines(self, lines: list[bytes]) -> None:
        """The fast way: compare bytes. Whatever does not fit, or has to be told to somebody, is looked at closely."""
        before = self.number
        head, prev, seq, watched = self._fast()
        pattern = record.chain_pattern(self.files.stream, head.segment)
        for place, line in enumerate(lines, 1):
            if prev is not None and line.startswith(pattern % (prev, seq + 1)):
                digest = record.digest_of(line)
                if line.endswith(record.END % digest):
                    seq += 1
                    prev = digest
                    if seq < watched:
                        continue
                    self._slow(head.segment, seq - 1, before + place)
                    self._accept(line, head.segment, seq, digest.decode("ascii"))
                    head, prev, seq, watched = self._fast()
                    continue
            self._slow(head.segment, seq, before + place, prev)
            self._look(line)
            head, prev, seq, watched = self._fast()
        self._slow(head.segment, seq, before + len(lines), prev)

    def _fast(self) -> tuple[Head, bytes | None, int, int]:
        """Where the fast way goes on, and the number of the next record that somebody has to be told of."""
        told = self.consumer is not None or not (self.waiting or self.first_unproven)
        watched = 0 if told else self.waiting[-1] if self.waiting else sys.maxsize
        return self.head, None if self.prev is None else self.prev.encode("ascii"), self.head.seq, watched

    def _slow(self, segment: int, seq: int, number: int, prev: bytes | None = None) -> None:
        """Where the fast way has come to."""
        self.report.records += seq - self.head.seq
        if prev is not None and seq > self.head.seq:
            self.prev = prev.decode("ascii")
            self.head = Head(segment, seq, self.prev)
        self.number = number

    def _accept(self, line: bytes, segment: int, seq: int, digest: str) -> None:
        self.head = Head(segment, seq, digest)
        self.prev = digest
        self.report.records += 1
        if self.waiting:
            if self.waiting[-1] <= seq:
                self._anchored(seq, digest)
        elif self.first_unproven is None:
            self.first_unproven = (self.file, self.number)
        if self.consumer:
            try:
                self.consumer(record.read(line))
            except Malformed as exc:
                self._find(EDITED, self.number, seq, f"the hash is right, but {exc}")

    def _anchored(self, seq: int, digest: str) -> None:
        while self.waiting and self.waiting[-1] <= seq:
            wanted = self.waiting.pop()
            if wanted < seq:
                if wanted > self.buried and not self.report.counts[MISSING] and wanted not in self.gaps:
                    message = f"record {wanted}, which a checkpoint names, is not there"
                    self._find(MISSING, self.number, wanted, message)
                continue
            if self.anchors[wanted] == digest:
                self.report.proven = wanted
            else:
                message = "the record is another one than the checkpoint says: the log was rewritten, or is a fork"
                self._find(FORKED, self.number, seq, message)

    def _look(self, line: bytes) -> None:
        """A line that does not simply follow."""
        expected = self.head.seq + 1
        found = _parsed(line)
        if found is None or not found.holds():
            self._find(EDITED, self.number, expected, "the line is not what was written")
            self.head = Head(self.head.segment, expected, self.head.hash)
            self.prev = record.stated_hash(line)
            self._refollow()
            return
        if found.stream != self.files.stream:
            self._find(EDITED, self.number, expected, f"the record is of the stream {found.stream}")
            return
        if found.seq < expected:
            self._earlier(found)
            return
        self._later(found, expected)

    def _refollow(self) -> None:
        """What follows an edited line names the hash that this states, when it was not edited too."""
        if self.prev is not None:
            self.head = Head(self.head.segment, self.head.seq, self.prev)

    def _earlier(self, found: Record) -> None:
        if self.gaps.pop(found.seq, None):
            self._find(REORDERED, self.number, found.seq, "the record stands behind later ones")
        else:
            self._find(FORKED, self.number, found.seq, "there are two records of this number: a fork or a replay")

    def _later(self, found: Record, expected: int) -> None:
        if self.prev is None and not self.head.seq:
            self._accept(found.line, found.segment, found.seq, found.hash)
            return
        if found.seq > expected:
            self._gap(expected, found.seq)
        elif self.prev is not None and found.prev_hash != self.prev:
            message = "the next record follows another one: this one was edited and its hash made anew"
            self._find(EDITED, max(0, self.number - 1), self.head.seq, message)
        elif found.segment != self.head.segment:
            message = f"the record is of segment {found.segment}, here is segment {self.head.segment}"
            self._find(EDITED, self.number, found.seq, message)
        self._accept(found.line, self.head.segment, found.seq, found.hash)

    def _gap(self, first: int, end: int) -> None:
        """Records that are missing here; those that come later are out of order."""
        if end - first <= MOST_GAPS - len(self.gaps):
            self.gaps.update(dict.fromkeys(range(first, end), (self.file, self.number)))
        else:
            self._find(MISSING, self.number, first, f"the records {first} to {end - 1} are missing")

    def _end(self) -> None:
        for (file, line), seqs in _by_place(self.gaps).items():
            which = f"record {seqs[0]} is" if len(seqs) == 1 else f"{len(seqs)} records from {seqs[0]} on are"
            self.report.add(Finding(MISSING, file, line, seqs[0], f"{which} missing before this line"))
        last = max(self.buried, *self.anchors, 0)
        if last > self.head.seq:
            message = f"the log ends at record {self.head.seq}, a checkpoint proves that there were {last}"
            self._find(TRUNCATED, self.number, self.head.seq, message)
        elif self.first_unproven:
            file, line = self.first_unproven
            first = last + 1
            message = f"no checkpoint covers the records {first} to {self.head.seq}"
            self.report.add(Finding(UNPROVEN, file, line, first, message))
        self.report.head = self.head

    def _find(self, kind: str, line: int, seq: int, message: str) -> None:
        self.report.add(Finding(kind, self.file, line, seq, message))


def _parsed(line: bytes) -> Record | None:
    try:
        return record.read(line)
    except Malformed:
        return None


def _is(line: bytes, operation: str) -> bool:
    """Whether the line is the log's own event of this kind."""
    found = _parsed(line)
    return found is not None and found.event.get("type") == LOG and found.event.get("operation") == operation


def _by_place(gaps: Mapping[int, tuple[str, int]]) -> dict[tuple[str, int], list[int]]:
    found: dict[tuple[str, int], list[int]] = {}
    for seq, place in sorted(gaps.items()):
        found.setdefault(place, []).append(seq)
    return found
