# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Applies and undoes migrations in one schema. Touches what their SQL touches, and the history.

A file in a transaction commits its changes together with its rows. In a file without one, each statement that could run
in a transaction has one of its own, shared with its row; for the others a row says that they have begun, and what an
attempt without an end has done is looked up in the catalog.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._common.errors import SlipwayError, StateError
from . import effects
from .blockers import Watch, named, to_end
from .directives import Directives
from .effects import Before
from .errors import DEADLOCK, LOCK_NOT_AVAILABLE, explained, held_up, of_unprotected, place
from .files import Migration
from .history import APPLIED, FAILED, RUNNING, UNDOING, UNDONE, Entry, History, Row
from .retry import BackOff
from .session import Session
from .statements import Statement, statements_of
from .text import Section
from .transactions import REFUSED_IN_TRANSACTION, is_setting, lets_others_work

RETRIED = frozenset({LOCK_NOT_AVAILABLE, DEADLOCK})
ROWS_AT_ONCE = 500


@dataclass(frozen=True)
class Settings:
    """How statements run.

    :param search_path: schemas, the first one takes new objects.
    :param role: role to act as; empty for the user of the connection.
    :param lock_timeout: milliseconds that a statement waits for a lock, while others wait behind it.
    :param statement_timeout: milliseconds that a statement takes; 0 for no limit.
    :param retry_seconds: how long a file is tried again that got no lock.
    """

    search_path: tuple[str, ...]
    role: str = ""
    lock_timeout: int = 500
    statement_timeout: int = 0
    retry_seconds: float = 600


@dataclass
class Done:
    """What was done to one migration.

    :param duration_ms: milliseconds.
    :param attempts: of the statement or transaction that needed most.
    :param resumed: an earlier run had done a part.
    """

    statements: int = 0
    duration_ms: int = 0
    attempts: int = 1
    resumed: bool = False


@dataclass(frozen=True)
class Wait:
    """An attempt that got no lock.

    :param line: of the statement that waited; 0 for the history.
    :param blockers: who had the lock, for people; empty when none was seen.
    """

    file: str
    line: int
    attempt: int
    blockers: list[str]


@dataclass(frozen=True)
class _Job:
    """One way of a migration: forward or back."""

    migration: Migration
    section: Section
    entry: Entry | None
    back: bool

    @property
    def source(self) -> str:
        return str(self.section.path)

    def number(self, index: int) -> int:
        return -index if self.back else index


class Engine:
    """Runs migrations one after the other.

    :param session: it does the work; its settings are changed.
    :param watch: knows whom that session waits for.
    :param secrets: stay out of errors, also of those in the history.
    :ivar waits: the attempts that got no lock.
    """

    def __init__(
        self,
        session: Session,
        history: History,
        settings: Settings,
        placeholders: Mapping[str, str],
        watch: Watch,
        secrets: Collection[str] = (),
    ) -> None:
        self.waits: list[Wait] = []
        self._watch = watch
        self._session = session
        self._history = history
        self._settings = settings
        self._placeholders = placeholders
        self._secrets = secrets

    def apply(self, migration: Migration, entry: Entry | None) -> Done:
        """Apply a migration, or the rest of it.

        :raises DatabaseError: PostgreSQL refused.
        :raises StateError: another runner has applied it, or what is applied of it has changed.
        """
        return self._run(_Job(migration, migration.forward, entry, back=False))

    def undo(self, migration: Migration, section: Section, entry: Entry | None) -> Done:
        """Undo a migration, or the rest of it.

        :raises DatabaseError: PostgreSQL refused.
        """
        return self._run(_Job(migration, section, entry, back=True))

    def _run(self, job: _Job) -> Done:
        began = time.monotonic()
        done = self._in_transaction(job) if job.section.directives.transaction else self._outside(job)
        done.duration_ms = _ms(began)
        return done

    def _in_transaction(self, job: _Job) -> Done:
        again = BackOff(self._settings.retry_seconds)
        while True:
            attempt = _Attempt(self, job)
            try:
                with self._watch.over(self._lock_seconds(job.section.directives)):
                    attempt.make()
                return Done(attempt.count, attempts=again.attempts)
            except self._session.driver.Error as exc:
                self._session.roll_back()
                self._note_wait(job, attempt.current, exc, again)
                if self._worth_another(exc, again):
                    continue
                raise self._failed(job, attempt.count, attempt.current, exc) from None
            except SlipwayError:
                self._session.roll_back()
                raise

    def _note_wait(self, job: _Job, statement: Statement | None, exc: Any, again: BackOff) -> None:
        if exc.pgcode in RETRIED:
            blockers = named(self._watch.seen(), self._hidden())
            self.waits.append(Wait(job.source, statement.line if statement else 0, again.attempts, blockers))

    def _hidden(self) -> set[str]:
        """What stays out of what is said."""
        return self._session.access.secrets() | set(self._secrets)

    def _worth_another(self, exc: Any, again: BackOff) -> bool:
        return exc.pgcode in RETRIED and not self._session.lost and again.pause()

    def _outside(self, job: _Job) -> Done:
        began = time.monotonic()
        done = Done()
        known = job.entry.statements if job.entry else {}
        try:
            self._session.run(self.prelude(job.section.directives))
            self.claim(job, self.forget_earlier(job))
        except self._session.driver.Error as exc:
            raise explained(exc, job.source, self._session.parsed) from None
        for index, statement in enumerate(self.statements(job), 1):
            done.statements += 1
            before = known.get(job.number(index))
            if before and before.state == APPLIED:
                _require_same(before.checksum, statement, job.source)
                done.resumed = True
                if is_setting(statement):
                    self._alone(job, index, statement, Before())
                continue
            earlier = Before(before is not None, before is not None and before.state == RUNNING)
            done.resumed = done.resumed or earlier.begun
            done.attempts = max(done.attempts, self._alone(job, index, statement, earlier))
        try:
            self._session.run(f"{self.identity()}; {self.finish(job, _ms(began))}")
        except self._session.driver.Error as exc:
            raise explained(exc, job.source, self._session.parsed) from None
        return done

    def _alone(self, job: _Job, index: int, statement: Statement, before: Before) -> int:
        """Run one statement that shares its transaction with nothing but its row; the number of attempts."""
        again = BackOff(self._settings.retry_seconds)
        protected = statement.transactional
        while True:
            try:
                began = time.monotonic()
                if protected:
                    with self._watch.over(self._lock_seconds(job.section.directives)):
                        self._session.run(f"{self.limits(job.section.directives)}; BEGIN")
                        self._session.run(statement.text)
                        self._session.run(f"{self.row(job, index, statement, APPLIED, began)}; COMMIT")
                else:
                    patience = self._patience(job.section.directives, statement, again)
                    with self._watch.over(patience):
                        self._session.run(self._patient(job.section.directives, statement, patience))
                        self._by_effect(job, index, statement, before)
                        self._note(job, index, statement, APPLIED, began)
                return again.attempts
            except self._session.driver.Error as exc:
                self._session.roll_back()
                self._note_wait(job, statement, exc, again)
                if protected and exc.pgcode in REFUSED_IN_TRANSACTION:
                    protected = False
                    continue
                if self._worth_another(exc, again):
                    before = Before(begun=True)
                    continue
                raise self._failed(job, index, statement, exc, protected=protected) from None

    def _by_effect(self, job: _Job, index: int, statement: Statement, before: Before) -> None:
        """Run a statement that no transaction protects, or what is left of it."""
        settled = effects.settle(self._session, statement, before)
        if settled.sql and not settled.there:
            self._note(job, index, statement, RUNNING, time.monotonic())
        if settled.sql:
            self._session.run(settled.sql)

    def _lock_seconds(self, directives: Directives) -> float:
        """How long a statement waits for a lock, while others wait behind it."""
        return (directives.lock_timeout or self._settings.lock_timeout) / 1_000

    def _patience(self, directives: Directives, statement: Statement, again: BackOff) -> float:
        """How long a statement outside of transactions waits for a lock: as long as it can when nobody waits behind."""
        return max(1.0, again.remaining()) if lets_others_work(statement) else self._lock_seconds(directives)

    def _patient(self, directives: Directives, statement: Statement, patience: float) -> str:
        """Limits of a statement outside of transactions."""
        if not lets_others_work(statement):
            return self.limits(directives)
        return (
            f"SET lock_timeout = '{int(patience * 1_000)}ms';"
            f" SET statement_timeout = '{directives.statement_timeout or 0}ms'"
        )

    def _failed(
        self, job: _Job, index: int, statement: Statement | None, exc: Any, *, protected: bool = True
    ) -> SlipwayError:
        """The error for the operator, which is also recorded if there is still a connection.

        :param protected: the statement ran in a transaction.
        """
        where = place(job.source, statement, exc) if statement else job.source
        error = explained(exc, where, self._session.parsed, self._secrets)
        if exc.pgcode in RETRIED:
            seen = self._watch.seen()
            error = held_up(error, named(seen, self._hidden()), to_end(seen))
        if statement and not protected:
            error = of_unprotected(error, statement)
        rows = [Row(0, job.migration.checksum, UNDOING if job.back else FAILED, error=error.message())]
        if statement:
            rows.append(self._row(job, index, statement, FAILED, time.monotonic(), error.message()))
        if not self._session.lost and not (job.back and job.section.directives.transaction):
            try:
                self._session.run(f"{self.prelude(job.section.directives)}; {self._upsert(job, rows)}")
            except self._session.driver.Error:
                self._session.roll_back()
        return error

    def statements(self, job: _Job) -> Iterator[Statement]:
        """The statements of a job."""
        pieces = job.section.pieces(self._placeholders)
        return statements_of(pieces, job.section.first_line, source=job.source)

    def prelude(self, directives: Directives) -> str:
        """SQL that makes the session what every file begins with."""
        quoted = ", ".join(map(self._session.quoted, self._settings.search_path))
        return (
            f"RESET ALL; SET DateStyle = ISO; {self.identity()}; SET search_path = {quoted};"
            " SET standard_conforming_strings = on; SET client_min_messages = warning;"
            f" SET idle_in_transaction_session_timeout = 0; {self.limits(directives)}"
        )

    def identity(self, scope: str = "SESSION") -> str:
        """SQL that makes the session act as it should.

        :param scope: SESSION, or LOCAL for the rest of the transaction.
        """
        role = self._session.quoted(self._settings.role) if self._settings.role else "NONE"
        return f"SET {scope} SESSION AUTHORIZATION DEFAULT; SET {scope} ROLE {role}"

    def limits(self, directives: Directives) -> str:
        """SQL that sets the timeouts."""
        statement = directives.statement_timeout or self._settings.statement_timeout
        return (
            f"SET lock_timeout = '{directives.lock_timeout or self._settings.lock_timeout}ms';"
            f" SET statement_timeout = '{statement}ms'"
        )

    def claim(self, job: _Job, before: str = "") -> None:
        """Mark the migration as begun.

        :param before: SQL to run with it.
        :raises StateError: another runner has just applied it.
        """
        one = job.migration
        if job.back:
            sql = f"{self._upsert(job, [Row(0, one.checksum, UNDOING)])} RETURNING 1"
        else:
            sql = self._history.claim(one.key, one.name, one.path.name, one.phase, one.checksum)
        if not self._session.rows(f"{before}{sql}"):
            raise StateError("another runner has just applied it", where=job.source, remedy="run it again")

    def forget_earlier(self, job: _Job) -> str:
        """SQL that removes the statements of another content, or of an attempt that was rolled back; may be empty."""
        entry = job.entry
        if job.back or not entry:
            return ""
        rolled_back = job.section.directives.transaction and entry.statements
        forgets = entry.state == APPLIED or rolled_back
        return f"{self._history.forget_statements(job.migration.key)}; " if forgets else ""

    def finish(self, job: _Job, duration: int, rows: Sequence[Row] = ()) -> str:
        """SQL that marks the migration as ended.

        :param rows: of its statements, which have not been written yet; none on the way back.
        """
        if not job.back:
            ended = Row(0, job.migration.checksum, APPLIED, age=duration, duration=duration)
            return self._upsert(job, [*rows, ended])
        earlier = job.entry.duration if job.entry else None
        undone = self._upsert(job, [Row(0, job.migration.checksum, UNDONE, age=duration, duration=earlier)])
        return f"{self._history.forget_statements(job.migration.key)}; {undone}"

    def row(self, job: _Job, index: int, statement: Statement, state: str, began: float) -> str:
        """SQL that writes the row of a statement at the end of a transaction, after which the file's role is back."""
        return f"{self.identity('LOCAL')}; {self._upsert(job, [self._row(job, index, statement, state, began)])}"

    def _note(self, job: _Job, index: int, statement: Statement, state: str, began: float) -> None:
        """Write the row of a statement that no transaction protects."""
        self._session.run(f"BEGIN; {self.row(job, index, statement, state, began)}; COMMIT")

    def rows(self, job: _Job, rows: list[Row]) -> str:
        """SQL that writes several rows; empty without any."""
        return f"{self._upsert(job, rows)}; " if rows else ""

    def as_now(self) -> str:
        """SQL that makes the session act as it does now."""
        ((user, role),) = self._session.rows("SELECT session_user, current_setting('role')")
        literal = self._session.literal
        return f"SET SESSION AUTHORIZATION {literal(user)}; SET ROLE {literal(role)}"

    def _row(self, job: _Job, index: int, statement: Statement, state: str, began: float, error: str = "") -> Row:
        duration = _ms(began) if state == APPLIED else None
        return Row(job.number(index), digest(statement), state, statement.line, _ms(began), duration, error)

    def _upsert(self, job: _Job, rows: list[Row]) -> str:
        one = job.migration
        return self._history.upsert(one.key, one.name, one.path.name, one.phase, rows)

    @property
    def session(self) -> Session:
        """The session that does the work."""
        return self._session


class _Attempt:
    """One attempt at a file in a transaction."""

    def __init__(self, engine: Engine, job: _Job) -> None:
        self._engine = engine
        self._job = job
        self.count = 0
        self.current: Statement | None = None

    def make(self) -> None:
        """Begin, run every statement, and commit with the rows."""
        engine, job, session = self._engine, self._job, self._engine.session
        began = time.monotonic()
        engine.claim(job, f"{engine.prelude(job.section.directives)}; BEGIN; {engine.forget_earlier(job)}")
        ended: list[tuple[Statement, float, int]] = []
        for statement in engine.statements(job):
            self.count += 1
            self.current = statement
            started = time.monotonic()
            session.run(statement.text)
            ended.append((statement, started, _ms(started)))
            if len(ended) == ROWS_AT_ONCE:
                session.run(f"{engine.identity()}; {engine.rows(job, self._rows(ended))}{engine.as_now()}")
                ended.clear()
        self.current = None
        session.run(f"{engine.identity()}; {engine.finish(job, _ms(began), self._rows(ended))}; COMMIT")

    def _rows(self, ended: list[tuple[Statement, float, int]]) -> list[Row]:
        if self._job.back:
            return []
        first = self.count - len(ended) + 1
        return [
            Row(number, digest(statement), APPLIED, statement.line, _ms(started), duration)
            for number, (statement, started, duration) in enumerate(ended, first)
        ]


def digest(statement: Statement) -> str:
    """Hexadecimal SHA-256 of a statement as it runs."""
    return hashlib.sha256(statement.text.encode("utf-8")).hexdigest()


def _require_same(checksum: str, statement: Statement, source: str) -> None:
    if checksum != digest(statement):
        raise StateError(
            "this statement was applied already, with another text or another placeholder",
            where=f"{source}:{statement.line}:{statement.column}",
            remedy="restore it, and change only what has not been applied",
        )


def _ms(began: float) -> int:
    return int((time.monotonic() - began) * 1_000)
