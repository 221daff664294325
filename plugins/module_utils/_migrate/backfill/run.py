# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One run of a backfill: connects, takes the lock, goes on where the last run was, and says how far it came.

Touches what ``worker`` touches. A connection that is lost is made again, as ``losses`` says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ..errors import DatabaseError
from ..quoting import quoted
from .definition import Definition, Limits
from .due import find_due
from .losses import Losses
from .progress import FINISHED, TABLE, Progress, Record, begun_again, continued
from .session import QUERY_TIMEOUT_MS, Session, is_lost
from .statements import Statements
from .target import Target, find_target
from .throttle import Throttle
from .worker import Clock, Tally, Worker

TO_BE_CONTINUED = "to_be_continued"


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    :ivar before: as the run found it; ``None`` when it had never begun.
    :ivar verified: it is finished, and this run has gone through the whole table and found nothing to be done.
    """

    before: Progress | None
    after: Progress
    tally: Tally
    verified: bool = False

    @property
    def changed(self) -> bool:
        """Something was done, if only that nothing is left was found out."""
        return self.before is None or self.before != self.after


@dataclass
class Backfill:
    """A backfill and where to do it.

    :param connect: opens a session with these settings.
    :param record_table: holds the progress, in the schema of the table.
    :param lock_deadline: seconds to wait for another run on the same table.
    """

    connect: Callable[[dict[str, str]], Session]
    definition: Definition
    limits: Limits
    record_table: str = TABLE
    lock_deadline: float = 10
    clock: Clock = field(default_factory=Clock)
    tally: Tally = field(default_factory=Tally)

    def run(self) -> Outcome:
        """Work until it is finished or the time is over.

        :raises InputError: the table or its key will not do.
        :raises StateError: the definition has changed, something holds it up, or somebody has ended the connection.
        :raises LeaseError: another run is at it.
        :raises DatabaseError: the server refused something, or is not there.
        """
        deadline = self._deadline()
        found: list[Progress | None] = []
        losses = Losses(self.clock)
        while True:
            try:
                with self._session() as session:
                    losses.connected(session)
                    worker, verified = self._worker(session, found, deadline)
                    if worker.progress.state != FINISHED:
                        worker.work()
                        verified = worker.progress.state == FINISHED
                    return Outcome(found[0], worker.progress, self.tally, verified)
            except DatabaseError as exc:
                if not is_lost(exc) or not found:
                    raise
                losses.wait(exc, (self.tally.batches, self.tally.changed))
                self.tally.retries += 1

    def preview(self) -> Outcome:
        """What a run would begin with; changes nothing.

        :raises SlipwayError: as ``run`` would.
        """
        with self._session() as session:
            target = self._checked(session)
            found = self._record(session).load(self.definition.name)
            Throttle(session, self.limits, target.oid).require_rights()
            begun = continued(found, target, self.limits.batch_size)
            begun, verified = self._again(session, target, begun, self._deadline())
            return Outcome(found, begun, self.tally, verified)

    def _worker(self, session: Session, found: list[Progress | None], deadline: float | None) -> tuple[Worker, bool]:
        """What works, and whether it is known already that there is nothing to do."""
        target = self._checked(session)
        session.lock(self.lock_deadline, self.definition.schema, self.definition.table, "backfill")
        record = self._record(session)
        progress = record.load(self.definition.name)
        if not found:
            found.append(progress)
        begun = continued(progress, target, self.limits.batch_size)
        if progress is None:
            record.make_table()
            if not record.begin(begun):
                begun = continued(record.load(self.definition.name), target, self.limits.batch_size)
        begun, verified = self._again(session, target, begun, deadline)
        return Worker(session, target, self.limits, begun, record, self.tally, self.clock, deadline), verified

    def _again(
        self, session: Session, target: Target, progress: Progress, deadline: float | None
    ) -> tuple[Progress, bool]:
        """A new beginning of what is finished when a row is to be done all the same; whether there is surely none."""
        if progress.state != FINISHED:
            return progress, False
        found = find_due(session, target, self.limits, self.clock, deadline)
        return (begun_again(progress, target) if found else progress), found is False

    def _deadline(self) -> float | None:
        return self.clock.now() + self.limits.time_limit if self.limits.time_limit else None

    def _record(self, session: Session) -> Record:
        return Record(session, self.definition.schema, self.record_table)

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
            "search_path": f"{quoted(self.definition.schema)}, public",
            "lock_timeout": f"{self.limits.lock_timeout_ms}ms",
            "statement_timeout": f"{QUERY_TIMEOUT_MS}ms",
        }


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
        "verified": outcome.verified,
        "retries": tally.retries,
        "rows_left_out": tally.left_out,
        "rows_waiting": len(after.left_out or []),
        "longest_batch_ms": round(tally.longest_batch * 1000),
        "held_up_ms": {kind: round(seconds * 1000) for kind, seconds in tally.held_up.items()},
        "waiting": after.waiting,
    }
