# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long a log is kept: whole segments expire, the oldest first, and leave a signed tombstone; a legal hold stops it.

Touches <directory>/<stream>/{holds.json,tombstones,segments}.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

from .._common.errors import InputError, StateError
from .._common.files import fsync_directory, read_state, write_atomic, write_state
from . import note, record
from .event import of_log
from .log import CLOSED, Appended, Log
from .note import Checkpoint, Key
from .store import Files, locked, opened_segment
from .verify import BROKEN, signed_tombstone, verify

SCHEMA = 1
EXPIRED, HELD, RELEASED = "segments.expired", "hold.set", "hold.released"


class Retention:
    """Holds and expiry of one stream.

    :param log: its writer, which records what is done here.
    """

    def __init__(self, log: Log) -> None:
        self.log = log
        self.files: Files = log.files

    def holds(self) -> dict[str, Any]:
        """Legal holds by name."""
        found: dict[str, Any] = (read_state(self._path(), SCHEMA) or {}).get("holds", {})
        return found

    def hold(self, name: str, reason: str, by: str) -> Appended | None:
        """Let nothing expire until this hold is released; ``None`` when it is there already."""
        if name in self.holds():
            return None
        _refuse_empty(name, reason)
        self.log.make_directories()
        with locked(self.files.segments / "lock"):
            holds = self.holds()
            if name in holds:
                return None
            done = self.log.append([of_log(HELD, name=name, reason=reason, by=by)])
            since = datetime.now(timezone.utc).isoformat(timespec="seconds")
            self._write({**holds, name: {"reason": reason, "by": by, "since": since}})
        return done

    def release(self, name: str, reason: str, by: str) -> Appended | None:
        """End a hold; ``None`` when there is none of this name."""
        if name not in self.holds():
            return None
        _refuse_empty(name, reason)
        self.log.make_directories()
        with locked(self.files.segments / "lock"):
            holds = self.holds()
            if name not in holds:
                return None
            done = self.log.append([of_log(RELEASED, name=name, reason=reason, by=by)])
            self._write({key: value for key, value in holds.items() if key != name})
        return done

    def due(self, origin: str, days: int, least_seq: int | None = None, at_most: int = 0) -> Checkpoint | None:
        """The tombstone, to be signed, of all segments that were closed more than ``days`` ago.

        :param least_seq: what the slowest sink has got; later records stay.
        :param at_most: days after which they do not; 0 for never.
        """
        if days <= 0 or self.holds():
            return None
        now = datetime.now(timezone.utc)
        limit, last_limit = now - timedelta(days=days), now - timedelta(days=at_most)
        found = None
        for number in self.files.closed():
            last, closed = self._last(number)
            waits = least_seq is not None and last.seq > least_seq and not (at_most and closed <= last_limit)
            if closed > limit or waits:
                break
            found = Checkpoint(origin + note.TOMBSTONE, last.seq, last.hash, number)
        return found

    def aged(self, days: int) -> bool:
        """Whether the first event of the segment that is written is older than this; one without events is not."""
        try:
            with self.files.current.open("rb") as handle:
                handle.readline(record.LARGEST + 1)
                line = handle.readline(record.LARGEST + 1)
        except FileNotFoundError:
            return False
        if not line.endswith(b"\n"):
            return False
        began = _time(line.rstrip(b"\n"), str(self.files.current))[1]
        return began < datetime.now(timezone.utc) - timedelta(days=days)

    def expire(
        self, signed: str, keys: Sequence[Key], due: Checkpoint, known: Mapping[int, str] | None = None
    ) -> Appended:
        """Delete the segments that a signed tombstone names, when they are the ones that are due.

        :param known: hashes of records that checkpoints prove.
        :raises StateError: it names others, or the log is broken, which it is evidence of.
        """
        tombstone = note.read(note.verified(signed, keys))
        if tombstone != due:
            raise StateError(
                "the tombstone is not of the segments that are due",
                where=str(self.files.top),
                remedy="run it again; another run has expired segments meanwhile",
            )
        left = partial(signed_tombstone, self.files, keys, tombstone.origin[: -len(note.TOMBSTONE)])
        if verify(self.files, known or {}, tombstone=left).verdict == BROKEN:
            raise StateError(
                "the log is broken, so nothing of it is deleted",
                where=str(self.files.top),
                remedy="run audit_verify, and keep a copy as evidence",
            )
        with locked(self.files.segments / "lock"):
            if self.holds():
                raise StateError(
                    "a legal hold was set meanwhile, so nothing is deleted",
                    where=str(self._path()),
                    remedy="run it again when the hold is released",
                )
            self.files.tombstones.mkdir(mode=0o700, exist_ok=True)
            write_atomic(self.files.tombstone(tombstone.segment), signed.encode("utf-8"), mode=0o600)
            fsync_directory(self.files.top)
            numbers = [number for number in self.files.closed() if number <= tombstone.segment]
            told = of_log(EXPIRED, segments=numbers, last_seq=tombstone.size, last_hash=tombstone.hash)
            done = self.log.append([told])
            for number in numbers:
                self.files.plain(number).unlink(missing_ok=True)
                self.files.packed(number).unlink(missing_ok=True)
            fsync_directory(self.files.segments)
        return done

    def _last(self, number: int) -> tuple[record.Record, datetime]:
        """The closing record of a segment, and when it was written."""
        found = b""
        for lines in opened_segment(self.files, number):
            found = lines[-1]
        last, closed = _time(found, str(self.files.segments / f"{number:08d}"))
        if last.event.get("operation") != CLOSED:
            raise StateError(
                "the segment was not closed",
                where=str(self.files.segments / f"{number:08d}"),
                remedy="run audit_verify, and keep a copy as evidence",
            )
        return last, closed

    def _path(self) -> Any:
        return self.files.top / "holds.json"

    def _write(self, holds: dict[str, Any]) -> None:
        write_state(self._path(), SCHEMA, {"holds": holds}, mode=0o600)


def _time(line: bytes, where: str) -> tuple[record.Record, datetime]:
    """A record of a segment, and when it was written."""
    try:
        found = record.read(line)
        return found, datetime.fromisoformat(str(found.event.get("time")))
    except ValueError as exc:
        raise StateError(
            f"a line of the segment cannot be read, {exc}",
            where=where,
            remedy="run audit_verify, and keep a copy as evidence",
        ) from exc


def _refuse_empty(name: str, reason: str) -> None:
    for option, value in (("hold", name), ("reason", reason)):
        if not value.strip():
            raise InputError("a legal hold needs it", where=option, remedy="say which matter it is for, and why")
