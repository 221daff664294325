# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the phases of a change against a database. Touches the table, and what the steps make.

Each statement that has to wait for a lock gives up after ``lock_timeout_ms`` and is tried again, so that nothing queues
behind it for longer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..._common.errors import StateError
from ..backfill.definition import Limits
from ..backfill.session import QUERY_TIMEOUT_MS, Session, SqlError
from ..backfill.worker import TRANSIENT, Clock
from ..effects import drop_invalid
from ..quoting import qualified
from ..retry import BackOff
from . import steps, triggers
from .change import Change
from .check import Consistency, check
from .settled import require_settled
from .steps import Step
from .surroundings import Surroundings, look_around, refuse

DDL_TIMEOUT_MS = 2000
SHORTEST_PATIENCE_MS = 1000


def settings(limits: Limits) -> dict[str, str]:
    """Of the session. Nothing but PostgreSQL's own is found without its schema, as in the trigger function."""
    return {
        "search_path": "",
        "lock_timeout": f"{limits.lock_timeout_ms}ms",
        "statement_timeout": f"{QUERY_TIMEOUT_MS}ms",
    }


@dataclass
class Phases:
    """The phases of one change.

    :param session: with ``settings``.
    :param key: columns of a unique key of the table; empty for the primary key.
    :param lock_deadline: seconds to wait for another run on the same table.
    """

    session: Session
    change: Change
    limits: Limits
    key: tuple[str, ...] = ()
    lock_deadline: float = 10
    clock: Clock = field(default_factory=Clock)

    def expand(self, *, dry: bool = False) -> list[Step]:
        """Add the column and the triggers; the steps that were taken.

        :param dry: only find out which would be.
        :raises StateError: something of the old column can neither be copied nor left.
        :raises LeaseError: another run is at it.
        """
        self._alone(dry)
        around = self._around()
        if around.expanded:
            return []
        self.require(around)
        todo = steps.expand(self.change, around)
        if not dry:
            self._together(todo)
        return todo

    def migrate(self, *, dry: bool = False) -> list[Step]:
        """Copy indexes and constraints, once the backfill is done; the steps that were taken.

        :param dry: only find out which would be.
        :raises StateError: rows disagree, or the phase before has not been run.
        :raises LeaseError: another run is at it.
        """
        self._alone(dry)
        around = self._expanded()
        self._require_agreement(around)
        if dry:
            return [step for step in steps.migrate(self.change, around) if not self._is_done(step)]
        return [step for step in steps.migrate(self.change, around) if self._one_by_one(around.table, step)]

    def contract(self, *, dry: bool = False) -> list[Step]:
        """Drop the old column and the triggers; the steps that were taken.

        :param dry: only find out which would be.
        :raises StateError: rows disagree, a phase before is not complete, or something still uses the old column.
        :raises LeaseError: another run is at it.
        """
        self._alone(dry)
        if look_around(self.session, self.change) is None:
            return []
        around = self._expanded()
        if around.dependents:
            raise self._refusal(
                f"column '{self.change.old}' is still used by {', '.join(around.dependents)}",
                "change or drop these first",
            )
        missing = [step.sql for step in steps.migrate(self.change, around) if not self._is_done(step)]
        if missing:
            raise self._refusal(f"what follows the backfill is not complete: {missing[0]}", "run phase migrate first")
        self._require_agreement(around)
        todo = steps.contract(self.change, around)
        if not dry:
            self._together(todo)
        return todo

    def consistency(self) -> Consistency:
        """Look at every row."""
        return check(self.session, self.change, self._expanded(), self.limits, key=self.key, clock=self.clock)

    def require(self, around: Surroundings) -> None:
        """The server can read the expressions, they say the same in every session, all can be copied or left.

        :raises StateError: one of these is not so.
        :raises SqlError: the server does not understand an expression.
        """
        refuse(self.change, around)
        if not around.expanded:
            self.session.run(triggers.readable(self.change, around))
        require_settled(self.session, self.change, around)

    def _alone(self, dry: bool) -> None:
        """One run at a time changes a table; until the session ends, even when its client was killed."""
        if not dry:
            self.session.lock(self.lock_deadline, self.change.schema, self.change.table, "dual write")

    def _around(self) -> Surroundings:
        around = look_around(self.session, self.change)
        if around is None:
            raise self._refusal(f"column '{self.change.old}' is gone, the change is complete", "leave this phase out")
        return around

    def _expanded(self) -> Surroundings:
        around = self._around()
        if not around.expanded:
            raise self._refusal(f"column '{self.change.new}' is not there", "run phase expand first")
        self.require(around)
        return around

    def _require_agreement(self, around: Surroundings) -> None:
        found = check(self.session, self.change, around, self.limits, key=self.key, clock=self.clock)
        if found.disagreeing:
            examples = "; ".join(f"({', '.join(key)})" for key in found.examples)
            raise self._refusal(
                f"'{self.change.old}' and '{self.change.new}' disagree in {found.disagreeing} of {found.rows} rows, "
                f"such as those with key {examples}",
                f"finish the backfill '{self.change.backfill}', then run again",
            )

    def _together(self, todo: Sequence[Step]) -> None:
        """All steps in one transaction."""

        def attempt() -> None:
            with self.session.transaction(DDL_TIMEOUT_MS):
                for step in todo:
                    self.session.run(step.sql)

        self._retried(attempt)

    def _one_by_one(self, table: int, step: Step) -> bool:
        """Take one step, unless it has been taken."""
        if self._is_done(step):
            return False

        def attempt() -> None:
            if step.index:
                drop_invalid(self.session, table, step.index)
            self.session.run(step.sql)

        lock_timeout_ms = self.limits.lock_timeout_ms
        if step.patient:
            lock_timeout_ms = max(SHORTEST_PATIENCE_MS, self.limits.retry_deadline * 1000)
        self.session.run(f"SET statement_timeout = 0; SET lock_timeout = {lock_timeout_ms}")
        self._retried(attempt)
        usual_ms = self.limits.lock_timeout_ms
        self.session.run(f"SET statement_timeout = {QUERY_TIMEOUT_MS}; SET lock_timeout = {usual_ms}")
        return True

    def _is_done(self, step: Step) -> bool:
        return bool(self.session.rows(step.done.replace("%", "%%"))[0][0])

    def _retried(self, attempt: Callable[[], None]) -> None:
        again = BackOff(self.limits.retry_deadline, clock=self.clock.now, sleep=self.clock.sleep)
        while True:
            try:
                attempt()
                return
            except SqlError as exc:
                if exc.sqlstate not in TRANSIENT or not again.pause():
                    raise

    def _refusal(self, what: str, remedy: str) -> StateError:
        return StateError(what, where=qualified(self.change.schema, self.change.table), remedy=remedy)
