# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a backfill: connects, takes the lock, goes on where the last run was, and says how far it came.

Touches what ``worker`` touches. A connection that is lost is made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..._common.errors import StateError
from .definition import Definition, Limits
from .pace import BackOff
from .progress import FINISHED, Progress, Record, continued
from .quoting import quoted
from .session import LOST, Session, SqlError
from .statements import Statements
from .target import Target, find_target
from .throttle import Throttle
from .worker import Clock, Tally, Worker

RECONNECT_SECONDS = 30
POLL_SECONDS = 0.2
TO_BE_CONTINUED = "to_be_continued"
_HOLDER = """
SELECT a.pid, a.application_name, a.backend_start::text FROM pg_catalog.pg_locks l
JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
  AND (l.classid::int8 << 32 | l.objid::int8) = %s
"""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    :ivar before: as the run found it; ``None`` when it had never begun.
    """

    before: Progress | None
    after: Progress
    tally: Tally

    @property
    def changed(self) -> bool:
        """Something was done, if only that nothing is left was found out."""
        return self.before is None or self.before != self.after


@dataclass
class Backfill:
    """A backfill and where to do it.

    :param connect: opens a session with these settings.
    :param record_schema: of the table that holds the progress.
    :param lock_seconds: how long to wait for another run on the same table.
    """

    connect: Callable[[dict[str, str]], Session]
    definition: Definition
    limits: Limits
    record_schema: str
    lock_seconds: float = 10
    clock: Clock = field(default_factory=Clock)
    tally: Tally = field(default_factory=Tally)

    def run(self) -> Outcome:
        """Work until it is finished or the time is over.

        :raises InputError: the table or its key will not do.
        :raises StateError: another run is at it, the definition has changed, or something holds it up.
        :raises SqlError: the server refused something, or is not there.
        """
        began = self.clock.now()
        deadline = began + self.limits.time_limit if self.limits.time_limit else None
        found: list[Progress | None] = []
        again = BackOff(RECONNECT_SECONDS)
        while True:
            try:
                with self._session() as session:
                    worker = self._worker(session, found, deadline)
                    again.over()
                    if worker.progress.state != FINISHED:
                        worker.work()
                    return Outcome(found[0], worker.progress, self.tally)
            except SqlError as exc:
                seconds = again.wait(self.clock.now()) if exc.sqlstate == LOST and found else None
                if seconds is None:
                    raise
                self.tally.retries += 1
                self.clock.sleep(seconds)

    def preview(self) -> Outcome:
        """What a run would begin with; changes nothing.

        :raises SlipwayError: as ``run`` would.
        """
        with self._session() as session:
            target = self._checked(session)
            found = Record(session, self.record_schema).load(self.definition.name)
            Throttle(session, self.limits, target.oid).require_rights()
            return Outcome(found, continued(found, target, self.limits.batch_size), self.tally)

    def _worker(self, session: Session, found: list[Progress | None], deadline: float | None) -> Worker:
        target = self._checked(session)
        self._lock(session)
        record = Record(session, self.record_schema)
        progress = record.load(self.definition.name)
        if not found:
            found.append(progress)
        begun = continued(progress, target, self.limits.batch_size)
        if progress is None:
            record.make_table()
            record.begin(begun)
        return Worker(session, target, self.limits, begun, record, self.tally, self.clock, deadline)

    def _checked(self, session: Session) -> Target:
        """The table, when the server can read the definition."""
        target = find_target(session, self.definition)
        query = Statements(target.definition, target.key).explained()
        session.rows(query.text, query.values)
        return target

    @contextmanager
    def _session(self) -> Iterator[Session]:
        session = self.connect(self._settings())
        try:
            yield session
        finally:
            session.close()

    def _settings(self) -> dict[str, str]:
        return {
            "application_name": f"slipway backfill {self.definition.name}"[:63],
            "search_path": f"{quoted(self.definition.schema)}, public",
            "lock_timeout": f"{self.limits.lock_timeout_ms}ms",
            "statement_timeout": "10s",
            "idle_in_transaction_session_timeout": "10s",
            "client_connection_check_interval": "1s",
            "datestyle": "ISO",
            "row_security": "off",
            "enable_seqscan": "off",
            "jit": "off",
        }

    def _lock(self, session: Session) -> None:
        """Hold the table's lock for as long as the session lasts; asked for, never waited for inside the server."""
        key = lock_key(self.definition.schema, self.definition.table)
        until = self.clock.now() + self.lock_seconds
        while not session.rows("SELECT pg_catalog.pg_try_advisory_lock(%s)", (key,))[0][0]:
            if self.clock.now() >= until:
                raise _locked(session, self.definition, key)
            self.clock.sleep(POLL_SECONDS)


def lock_key(schema: str, table: str) -> int:
    """The advisory lock of the backfills of a table, in their database."""
    words = hashlib.sha256(f"slipway backfill\0{schema}\0{table}".encode()).digest()
    return int.from_bytes(words[:8], "big", signed=True)


def _locked(session: Session, definition: Definition, key: int) -> StateError:
    found = session.rows(_HOLDER, (key,))
    by = "; ".join(f"process {pid}, '{name}', connected {since}" for pid, name, since in found) or "it has just ended"
    return StateError(
        f"another backfill of this table is running ({by})",
        where=f"{definition.schema}.{definition.table}",
        remedy="let it end; nothing was changed by this one",
    )


def as_result(outcome: Outcome) -> dict[str, Any]:
    """What a module returns of a run."""
    after, tally = outcome.after, outcome.tally
    finished = after.state == FINISHED
    return {
        "state": FINISHED if finished else TO_BE_CONTINUED,
        "pass": after.sweep,
        "rows_changed": tally.changed,
        "rows_changed_in_all": after.changed,
        "batches": tally.batches,
        "batch_size": after.batch_size,
        "rows_scanned": after.scanned,
        "rows_estimated": after.rows,
        "rate": round(after.rate, 1),
        "seconds_left": 0 if finished or after.seconds_left is None else round(after.seconds_left),
        "verified": finished,
        "retries": tally.retries,
        "rows_left_out": tally.left_out,
        "rows_waiting": len(after.left_out or []),
        "longest_batch_ms": round(tally.longest_batch * 1000),
        "held_up_ms": {kind: round(seconds * 1000) for kind, seconds in tally.held_up.items()},
        "waiting": after.waiting,
    }
