# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The seam between a backfill and its server: one connection of psycopg2, and errors that say what the server said.

Touches the database it is connected to. No message holds the connection string.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ..._common.errors import InputError, SlipwayError, SystemFailure
from ..._gate.sql import described

CONNECT_TIMEOUT = 10
LOST = "08006"
REMEDIES = {
    "42501": "grant the role what it lacks, or connect as the owner of the table",
    "25006": "connect to the primary, a standby or a read-only session cannot be written to",
    "53100": "free space on the server, then run again; it goes on where it was",
    "53200": "give the server memory, then run again; it goes on where it was",
    "08006": "see the server's log, then run again; it goes on where it was",
    "42703": "correct the name of the column",
    "42P01": "correct the name of the table",
    "42601": "correct the SQL",
}


class SqlError(SlipwayError):
    """The server refused a statement, or went away.

    :ivar sqlstate: five characters; ``08006`` when the connection was lost.
    """

    kind = "database"

    def __init__(self, what: str, *, sqlstate: str, where: str, remedy: str = "") -> None:
        usual = REMEDIES.get(sqlstate, "correct what the server complains about, then run again")
        super().__init__(what, where=where, remedy=remedy or usual)
        self.sqlstate = sqlstate

    @property
    def of_data(self) -> bool:
        """Some row cannot be changed as it was asked for: data exception, or a constraint."""
        return self.sqlstate[:2] in ("22", "23")


class Session:
    """A connection whose transactions are begun and ended in so many words.

    :param dsn: connection string of libpq; secret.
    :param settings: of the session; one that the server does not know is left out.
    :raises SqlError: the server cannot be reached.
    """

    def __init__(self, dsn: str, settings: Mapping[str, str]) -> None:
        self._driver = driver()
        self._parts = parsed(self._driver, dsn)
        try:
            self._connection = self._driver.connect(
                dsn, connect_timeout=CONNECT_TIMEOUT, keepalives_idle=5, keepalives_interval=2, keepalives_count=3
            )
        except self._driver.Error as exc:
            raise self._refusal(exc) from None
        self._connection.autocommit = True
        for name, value in settings.items():
            self.rows("SELECT set_config(name, %s, false) FROM pg_catalog.pg_settings WHERE name = %s", (value, name))

    def rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a statement gives; nothing where it gives no rows.

        :raises SqlError: the server refused it.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(query, tuple(values))
                return list(cursor.fetchall()) if cursor.description else []
        except self._driver.Error as exc:
            raise self._refusal(exc) from None

    def run(self, statements: str) -> None:
        """Run statements that have no parameters, as they are written.

        :raises SqlError: the server refused one.
        """
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(statements)
        except self._driver.Error as exc:
            raise self._refusal(exc) from None

    @contextmanager
    def transaction(self, statement_timeout_ms: int = 0) -> Iterator[None]:
        """Commit what is done inside, or none of it.

        :param statement_timeout_ms: milliseconds that a statement inside may take; 0 for what the session has.
        """
        limit = f"; SET LOCAL statement_timeout = {int(statement_timeout_ms)}" if statement_timeout_ms else ""
        self.run(f"BEGIN{limit}")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    @property
    def version(self) -> int:
        """Major version of the server."""
        return int(self._connection.server_version) // 10000

    @property
    def pid(self) -> int:
        """Process of the server that serves this session."""
        return int(self._connection.info.backend_pid)

    def close(self) -> None:
        """End the session; what it holds locked is free again."""
        self._connection.close()

    def _roll_back(self) -> None:
        try:
            with self._connection.cursor() as cursor:
                cursor.execute("ROLLBACK")
        except self._driver.Error:
            self._connection.close()

    def _refusal(self, exc: Any) -> SqlError:
        where = self._parts.get("dbname", "") or "PostgreSQL"
        lost = exc.pgcode is None or str(exc.pgcode)[:3] in ("57P", "08P") or str(exc.pgcode)[:2] == "08"
        return SqlError(described(exc, self._parts), sqlstate=LOST if lost else str(exc.pgcode), where=where)


def driver() -> Any:
    """psycopg2.

    :raises SystemFailure: it is not installed.
    """
    try:
        return importlib.import_module("psycopg2")
    except ImportError:
        raise SystemFailure(
            "psycopg2 is not installed on this host", where="PostgreSQL", remedy="install python3-psycopg2"
        ) from None


def parsed(psycopg2: Any, dsn: str) -> dict[str, str]:
    """The parts of a connection string.

    :raises InputError: it has none.
    """
    try:
        return dict(importlib.import_module("psycopg2.extensions").parse_dsn(dsn))
    except psycopg2.ProgrammingError:
        raise InputError("cannot be parsed", where="dsn", remedy="give 'host=... dbname=...' or a URL") from None
