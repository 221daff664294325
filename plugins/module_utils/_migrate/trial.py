# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tries a change in a scratch database, and says what it locks and writes anew of what was there before.

Changes the scratch database: whoever gives it must be able to spare it. It needs the schema of the real one; rows make
the times mean something.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .._common.errors import StateError
from .errors import DatabaseError, explained
from .session import Access, Session
from .statements import Statement
from .transactions import REFUSED_IN_TRANSACTION, is_setting

PAUSE = 0.002
ANEW = "then make the scratch database anew, since what was tried stays in it"
_RELATIONS = """
SELECT c.oid, c.oid::regclass::text, c.relkind, pg_relation_filenode(c.oid)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f', 'i', 'I')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"""
_LOCKS = "SELECT DISTINCT relation, mode FROM pg_locks WHERE pid = %s AND locktype = 'relation' AND granted"
_IDENTITY = "SELECT (SELECT system_identifier FROM pg_control_system())::text || '/' || current_database()"


@dataclass(frozen=True)
class Lock:
    """A lock on a table or index that existed before.

    :param mode: as pg_locks names it.
    :param line: of the statement that took it first.
    :param seconds: from before that statement to the end of its transaction.
    :param sampled: seen by looking again and again, so that a shorter one may be missing.
    """

    relation: str
    mode: str
    line: int
    seconds: float
    sampled: bool = False


@dataclass(frozen=True)
class Trial:
    """What a file did.

    :param rewritten: tables that were there before and were written anew.
    """

    locks: tuple[Lock, ...]
    rewritten: tuple[str, ...]
    seconds: float

    def as_result(self) -> dict[str, Any]:
        """For the module's result."""
        return {
            "locks": [asdict(lock) for lock in self.locks],
            "rewritten": list(self.rewritten),
            "duration_ms": int(self.seconds * 1_000),
        }


def refuse_same_database(scratch: Access, real: Access) -> None:
    """Refuse to try a change where it would be the change itself.

    :raises StateError: both are one database.
    :raises DatabaseError: one of them cannot be reached.
    """
    identities = []
    for access in (scratch, real):
        with Session(access, "trial") as session:
            identities.append(session.ask(_IDENTITY)[0][0])
    if identities[0] == identities[1]:
        raise StateError(
            "the scratch database is the database that is to be migrated",
            where=scratch.shown(),
            remedy="give a database that can be spared, with the same schema",
        )


def create_schemas(scratch: Access, schemas: Iterable[str]) -> None:
    """Create the schemas that are missing in the scratch database.

    :raises DatabaseError: PostgreSQL refuses.
    """
    with Session(scratch, "trial") as session:
        _act_as_role(session)
        for schema in schemas:
            session.order(f"CREATE SCHEMA IF NOT EXISTS {session.quoted(schema)}")


def _act_as_role(session: Session) -> None:
    if session.access.role:
        session.order(f"SET ROLE {session.quoted(session.access.role)}")


def not_applied(statements: Iterable[Statement], applied: Collection[int]) -> Iterator[Statement]:
    """The statements that are left to run, and the settings that they need.

    :param applied: numbers, from 1, of those that an earlier run has applied.
    """
    for number, statement in enumerate(statements, 1):
        if number not in applied or is_setting(statement):
            yield statement


def try_file(
    scratch: Access,
    statements: Iterable[Statement],
    *,
    transactional: bool,
    search_path: Sequence[str] = ("public",),
    source: str = "SQL",
    secrets: Collection[str] = (),
) -> Trial:
    """Run one file in a scratch database; its changes stay there, so that the next file can follow.

    :param search_path: schemas, the first one takes new objects.
    :param source: what messages call the file.
    :param secrets: stay out of errors.
    :raises DatabaseError: PostgreSQL refuses a statement, whose line is named.
    """
    with Session(scratch, "trial") as session:
        _act_as_role(session)
        session.order(f"SET search_path = {', '.join(map(session.quoted, search_path))}")
        return _Run(session, source, secrets).run(statements, transactional=transactional)


class _Run:
    def __init__(self, session: Session, source: str, secrets: Collection[str]) -> None:
        self._session = session
        self._source = source
        self._secrets = secrets
        self._pid = session.ask("SELECT pg_backend_pid()")[0][0]
        self._before = session.ask(_RELATIONS)
        self._names = {oid: name for oid, name, _kind, _file in self._before}
        self._held: dict[tuple[int, str], tuple[int, float]] = {}
        self._locks: list[Lock] = []

    def run(self, statements: Iterable[Statement], *, transactional: bool) -> Trial:
        began = time.monotonic()
        if transactional:
            self._session.run("BEGIN")
        line = 1
        for statement in statements:
            line = statement.line
            if transactional:
                self._in_transaction(statement)
            elif not statement.transactional or not self._committed(statement):
                self._watched(statement)
        if transactional:
            self._commit(line)
        return Trial(tuple(self._locks), self._rewritten(), time.monotonic() - began)

    def _committed(self, statement: Statement) -> bool:
        """Run one in a transaction of its own; ``False`` when the server takes it only outside of one."""
        self._session.run("BEGIN")
        try:
            self._in_transaction(statement)
            self._commit(statement.line)
        except DatabaseError as exc:
            if exc.sqlstate not in REFUSED_IN_TRANSACTION:
                raise
            self._held = {}
            return False
        return True

    def _in_transaction(self, statement: Statement) -> None:
        began = time.monotonic()
        self._execute(statement.text, statement.line)
        for lock in self._session.ask(_LOCKS, (self._pid,)):
            self._held.setdefault(lock, (statement.line, began))

    def _commit(self, line: int) -> None:
        self._execute("COMMIT", line)
        self._keep(time.monotonic(), self._held, sampled=False)
        self._held = {}

    def _keep(self, end: float, held: dict[tuple[int, str], tuple[int, float]], *, sampled: bool) -> None:
        self._locks += [
            Lock(self._names[oid], mode, line, round(end - began, 3), sampled)
            for (oid, mode), (line, began) in held.items()
            if oid in self._names
        ]

    def _watched(self, statement: Statement) -> None:
        with Session(self._session.access, "trial watch") as other:
            watch = _Watch(other, self._pid)
            watch.start()
            try:
                self._execute(statement.text, statement.line)
            finally:
                watch.end()
        for lock, times in watch.seen.items():
            self._keep(times[-1], {lock: (statement.line, times[0])}, sampled=True)

    def _execute(self, sql: str, line: int) -> None:
        try:
            self._session.run(sql)
        except self._session.driver.Error as exc:
            where = f"{self._source}:{line} in the scratch database"
            self._session.roll_back()
            error = explained(exc, where, self._session.parsed, self._secrets)
            error.remedy = f"{error.remedy}; {ANEW}"
            raise error from None

    def _rewritten(self) -> tuple[str, ...]:
        after: dict[Any, Any] = {oid: file for oid, _name, _kind, file in self._session.ask(_RELATIONS)}
        return tuple(
            name for oid, name, kind, file in self._before if kind in ("r", "m") and after.get(oid, file) != file
        )


class _Watch(threading.Thread):
    """Looks at the locks of a session until it is told to end.

    :ivar seen: first and last time of each lock.
    """

    def __init__(self, session: Session, pid: int) -> None:
        super().__init__(daemon=True)
        self.seen: dict[tuple[int, str], Sequence[float]] = {}
        self._session = session
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(PAUSE):
            for lock in self._session.rows(_LOCKS, (self._pid,)):
                now = time.monotonic()
                self.seen[lock] = (self.seen.get(lock, (now,))[0], now)

    def end(self) -> None:
        self._over.set()
        self.join()
