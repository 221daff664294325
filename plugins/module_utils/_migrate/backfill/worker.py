# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Does the batches of a backfill, in one session that holds its lock.

Touches the table of the definition and the record. A batch, the rows that it left out and the cursor are one
transaction, so that whatever is killed, the next session finds each row either done or still to be done.

A batch never waits for a row longer than ``lock_timeout_ms``, which is below PostgreSQL's deadlock_timeout: it gives
way before the transaction of a client could become the victim of a deadlock. It is then done again without the rows
that are locked, and these are changed one by one, each in a transaction that holds no other row.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..._common.errors import StateError
from ..errors import DEADLOCK, LOCK_NOT_AVAILABLE
from ..retry import BackOff
from .definition import Limits
from .pace import Pace
from .progress import FINISHED, Progress, Record
from .session import Session, SqlError
from .statements import LEFT_OUT_LIMIT, Key, Statements
from .target import Target
from .throttle import Reason, Throttle

NOT_SERIALIZABLE, CANCELLED = "40001", "57014"
TRANSIENT = (LOCK_NOT_AVAILABLE, DEADLOCK, NOT_SERIALIZABLE)
MOST_SWEEPS = 5
LOOK_INTERVAL = 1.0
TELL_INTERVAL = 10.0
ALMOST = 0.8


@dataclass
class Clock:
    """What time it is, and how to wait; seconds."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass
class Tally:
    """What one run has met.

    :ivar changed: rows.
    :ivar retries: batches that were given up and done again.
    :ivar left_out: rows that were locked when their batch was done.
    :ivar held_up: seconds for which each kind of reason has held the work up.
    """

    changed: int = 0
    batches: int = 0
    retries: int = 0
    left_out: int = 0
    longest_batch: float = 0.0
    held_up: dict[str, float] = field(default_factory=dict)


class TooManyLeftOut(Exception):
    """More rows of a batch are locked than the record may hold."""


class Worker:
    """Works on one backfill until it is finished or its time is over.

    :param progress: where it goes on; kept true with what is committed.
    :param deadline: on ``clock``; ``None`` for none.
    """

    def __init__(
        self,
        session: Session,
        target: Target,
        limits: Limits,
        progress: Progress,
        record: Record,
        tally: Tally,
        clock: Clock,
        deadline: float | None,
    ) -> None:
        self._session = session
        self._target = target
        self._limits = limits
        self._record = record
        self._tally = tally
        self._clock = clock
        self._deadline = deadline
        self.progress = progress
        self._statements = Statements(target.definition, target.key)
        self._throttle = Throttle(session, limits, target.oid)
        self._pace = Pace(limits, progress.batch_size)
        self._obstacle: BackOff | None = None
        self._unlocked = False
        self._closing_in = False
        self._left_out_due = False
        self._looked_at = float("-inf")
        self._told_at = float("-inf")
        self._accounted = clock.now()

    def work(self) -> None:
        """Do what is to be done; ``progress`` says whether that is all.

        :raises StateError: something holds the work up for longer than it may, or rows keep coming.
        :raises SqlError: the server refused a row or went away.
        """
        self._throttle.require_rights()
        while self.progress.state != FINISHED and not self._time_over():
            reason = self._reason()
            if reason:
                self._hold(reason)
                continue
            self._step()
            self._sleep(self._limits.pause_ms / 1000)

    def _step(self) -> None:
        began = self._clock.now()
        try:
            if self._left_out_due:
                self._change_left_out()
            else:
                self._batch(began)
        except SqlError as exc:
            self._after(exc, self._clock.now() - began)
            self._tally.retries += 1
        except TooManyLeftOut:
            self._left_out_due = bool(self.progress.left_out)
            if not self._left_out_due:
                self._pace.too_slow()

    def _batch(self, began: float) -> None:
        before = self.progress
        with self._session.transaction(self._limits.statement_timeout_ms):
            last = self._bound(before.after, self._pace.size)
            changed, left_out = self._change(before, last)
            after = self._advanced(before, last, changed, left_out)
            self._record.save(after)
        took = self._clock.now() - began
        self.progress = after
        self._tally.batches += 1
        self._tally.changed += after.changed - before.changed
        self._tally.longest_batch = max(self._tally.longest_batch, took)
        self._left_out_due = bool(after.left_out) and last is None
        self._obstacle = None
        self._unlocked = False
        if last is not None and not self._closing_in:
            self._pace.took(took)
        self._refuse_endless()

    def _bound(self, after: Key | None, size: int) -> list[str] | None:
        query = self._statements.bound(after, size)
        found = self._session.rows(query.text, query.values)
        return list(found[0]) if found else None

    def _change(self, before: Progress, last: list[str] | None) -> tuple[int, list[list[str]]]:
        """Change a range: how many rows, and the keys of those that others have locked."""
        kind = self._statements.change_unlocked if self._unlocked else self._statements.change
        query = kind(before.after, last)
        changed, still = self._session.rows(query.text, query.values)[0]
        self._refuse_undone(changed, still)
        if not self._unlocked:
            return changed, []
        query = self._statements.left_out(before.after, last)
        found = [list(key) for key in self._session.rows(query.text, query.values)]
        known = before.left_out or []
        fresh = [key for key in found if key not in known]
        if len(fresh) + len(known) > LEFT_OUT_LIMIT:
            raise TooManyLeftOut
        self._tally.left_out += len(fresh)
        return changed, fresh

    def _advanced(self, before: Progress, last: list[str] | None, changed: int, left_out: list[list[str]]) -> Progress:
        """The progress after a batch; at the end of a pass, the next pass or the end."""
        found = before.found + changed
        after = replace(
            before,
            found=found,
            changed=before.changed + changed,
            batches=before.batches + 1,
            left_out=[*(before.left_out or []), *left_out] or None,
            batch_size=self._pace.size,
            seconds=before.seconds + self._elapsed(),
            waiting="",
        )
        if last is not None:
            return replace(after, after=last, scanned=before.scanned + self._pace.size)
        if after.left_out:
            return after
        if before.sweep > 1 and not found:
            return replace(after, state=FINISHED, scanned=max(before.rows, before.scanned))
        return replace(after, sweep=before.sweep + 1, after=None, found=0, scanned=0, seconds=0.0)

    def _change_left_out(self) -> None:
        """Try each row that was left out, in a transaction of its own."""
        for key in list(self.progress.left_out or []):
            if self._time_over():
                return
            try:
                self._change_one(key)
            except SqlError as exc:
                if exc.sqlstate not in TRANSIENT:
                    raise self._naming(exc, key) from None
        if self.progress.left_out:
            self._wait_out(f"{len(self.progress.left_out)} rows are locked by others")
            return
        self._left_out_due = False
        self._obstacle = None

    def _change_one(self, key: list[str]) -> None:
        before = self.progress
        query = self._statements.change_one(key)
        with self._session.transaction(self._limits.statement_timeout_ms):
            changed, still = self._session.rows(query.text, query.values)[0]
            self._refuse_undone(changed, still)
            rest = [other for other in before.left_out or [] if other != key]
            after = replace(
                before,
                left_out=rest or None,
                found=before.found + changed,
                changed=before.changed + changed,
                seconds=before.seconds + self._elapsed(),
            )
            self._record.save(after)
        self.progress = after
        self._tally.changed += changed

    def _after(self, exc: SqlError, took: float) -> None:
        """Get ready to try again; raise what cannot be tried again."""
        if exc.sqlstate == LOCK_NOT_AVAILABLE and not self._unlocked:
            self._unlocked = True
        elif exc.sqlstate in TRANSIENT:
            self._wait_out(exc.what)
        elif exc.sqlstate == CANCELLED and took * 1000 >= self._limits.statement_timeout_ms * ALMOST:
            if not self._pace.too_slow():
                raise StateError(
                    f"one row takes longer than {self._limits.statement_timeout_ms} ms",
                    where=self._where,
                    remedy="see with EXPLAIN why, or raise statement_timeout_ms",
                )
        elif exc.of_data and self._pace.size > 1:
            self._closing_in = self._pace.close_in()
        elif exc.of_data:
            key = self._bound(self.progress.after, 1)
            raise self._naming(exc, key) from None
        else:
            raise exc

    def _naming(self, exc: SqlError, key: Key | None) -> SqlError:
        """The same error, with the row that it is about."""
        if not exc.of_data:
            return exc
        row = f"the last rows of {self._where}" if key is None else f"{self._where}, row ({', '.join(key)})"
        remedy = "correct the row or the expression; all rows before it are done, and the next run goes on there"
        return SqlError(exc.what, sqlstate=exc.sqlstate, where=row, remedy=remedy)

    def _refuse_undone(self, changed: int, still: int) -> None:
        if still:
            raise StateError(
                f"{still} of {changed} rows still match 'where' after they were changed; nothing of this batch is kept",
                where=self._where,
                remedy="write 'where' so that it is false, or null, of a row that is done",
            )

    def _refuse_endless(self) -> None:
        if self.progress.sweep > MOST_SWEEPS and self.progress.after is None:
            raise StateError(
                f"after {MOST_SWEEPS} passes there still were rows to be done, so they are written faster than found",
                where=self._where,
                remedy="keep new rows right by a trigger (see dual write), then run again",
            )

    def _wait_out(self, what: str) -> None:
        """Wait for an obstacle to go away.

        :raises StateError: it has lasted too long.
        """
        self._tell(what)
        if self._obstacle is None:
            self._obstacle = BackOff(
                self._limits.retry_deadline,
                clock=self._clock.now,
                sleep=lambda seconds: self._held_up("locks", seconds),
            )
        if not self._obstacle.pause():
            raise StateError(
                f"for {self._limits.retry_deadline} s: {what}",
                where=self._where,
                remedy="see in pg_stat_activity who holds the lock, then run again; it goes on where it was",
            )

    def _reason(self) -> Reason | None:
        now = self._clock.now()
        if now - self._looked_at < LOOK_INTERVAL and not self.progress.waiting:
            return None
        self._looked_at = now
        return self._throttle.reason()

    def _hold(self, reason: Reason) -> None:
        """Do nothing for a while.

        :raises StateError: this reason has lasted too long.
        """
        if self._clock.now() - self._told_at >= TELL_INTERVAL or not self.progress.waiting:
            self._tell(reason.what)
        self._held_up(reason.kind, LOOK_INTERVAL)
        if self._tally.held_up[reason.kind] > self._limits.throttle_deadline:
            raise StateError(
                f"held up for {self._limits.throttle_deadline} s: {reason.what}",
                where=self._where,
                remedy=f"{reason.remedy}; then run again, it goes on where it was",
            )

    def _held_up(self, kind: str, seconds: float) -> None:
        slept = self._sleep(seconds)
        self._tally.held_up[kind] = self._tally.held_up.get(kind, 0.0) + slept

    def _tell(self, waiting: str) -> None:
        self.progress = replace(self.progress, waiting=waiting, seconds=self.progress.seconds + self._elapsed())
        self._record.save(self.progress)
        self._told_at = self._clock.now()

    def _elapsed(self) -> float:
        """Seconds since this was asked before."""
        now = self._clock.now()
        elapsed, self._accounted = now - self._accounted, now
        return elapsed

    def _sleep(self, seconds: float) -> float:
        left = seconds if self._deadline is None else max(0.0, min(seconds, self._deadline - self._clock.now()))
        self._clock.sleep(left)
        return left

    def _time_over(self) -> bool:
        return self._deadline is not None and self._clock.now() >= self._deadline

    @property
    def _where(self) -> str:
        return f"{self._target.definition.schema}.{self._target.definition.table}"
