# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sessions with PostgreSQL. Needs psycopg2; touches the server only by its settings of the session.

A session commits every statement by itself; transactions are begun and ended by the SQL that it is given.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any

from .._common.errors import InputError, SystemFailure
from .errors import explained

OLDEST = 120000
NAME = "slipway.release pg_migrate"
SECRETS = ("password", "sslpassword")


@dataclass(frozen=True)
class Access:
    """How to reach the database.

    :param dsn: connection string of libpq; what it leaves out comes from libpq's environment. Secret.
    :param role: role to act as; empty for the user of the connection.
    :param option: the module's option that gave the connection string.
    """

    dsn: str = ""
    role: str = ""
    connect_timeout: int = 10
    option: str = "dsn"

    def secrets(self) -> set[str]:
        """What must never be printed."""
        parsed = self.parsed()
        return {parsed[name] for name in SECRETS if parsed.get(name)}

    def parsed(self) -> dict[str, str]:
        """The parts of the connection string.

        :raises InputError: it is none.
        """
        driver = psycopg2()
        try:
            return dict(driver.extensions.parse_dsn(self.dsn)) if self.dsn else {}
        except driver.Error:
            raise InputError(
                "is no connection string",
                where=self.option,
                remedy="write 'host=... dbname=... user=...' or postgresql://...",
            ) from None

    def shown(self) -> str:
        """The address, for people."""
        parsed = self.parsed()
        address = f"{parsed.get('host', '')}:{parsed.get('port', '')}".strip(":")
        return f"PostgreSQL {address}/{parsed.get('dbname', '')}".rstrip("/")


def psycopg2() -> Any:
    """The driver.

    :raises SystemFailure: it is not installed.
    """
    try:
        importlib.import_module("psycopg2.extensions")
        return importlib.import_module("psycopg2")
    except ImportError as exc:
        raise SystemFailure(
            "psycopg2 is not installed for the Python that runs this module",
            where="psycopg2",
            remedy="install it there, as the package python3-psycopg2 or with 'pip install psycopg2-binary'",
        ) from exc


class Session:
    """One connection.

    :raises DatabaseError: there is none to be had.
    """

    def __init__(self, access: Access, purpose: str) -> None:
        self.access = access
        self.driver = psycopg2()
        self.parsed = access.parsed()
        try:
            self.connection = self.driver.connect(
                access.dsn or None,
                application_name=f"{NAME} {purpose}",
                client_encoding="UTF8",
                connect_timeout=access.connect_timeout,
                keepalives_idle=30,
                keepalives_interval=10,
                keepalives_count=3,
            )
        except (self.driver.Error, UnicodeDecodeError) as exc:
            raise explained(exc, access.shown(), self.parsed) from None
        self.connection.autocommit = True

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_caught: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session."""
        self.connection.close()

    def run(self, sql: str, values: Sequence[Any] | Mapping[str, Any] | None = None) -> None:
        """Run SQL.

        :raises psycopg2.Error: PostgreSQL refuses.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values)

    def rows(self, sql: str, values: Sequence[Any] | Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query.

        :raises psycopg2.Error: PostgreSQL refuses.
        """
        with self.connection.cursor() as cursor:
            cursor.execute(sql, values)
            return list(cursor.fetchall())

    def one(self, sql: str, values: Sequence[Any] | Mapping[str, Any] | None = None) -> Any:
        """The first value of the first row; ``None`` without one."""
        rows = self.rows(sql, values)
        return rows[0][0] if rows else None

    def ask(self, sql: str, values: Sequence[Any] | Mapping[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """The rows of a query, with errors that are for the operator.

        :raises DatabaseError: PostgreSQL refuses.
        """
        try:
            return self.rows(sql, values)
        except self.driver.Error as exc:
            raise explained(exc, self.access.shown(), self.parsed) from None

    def now(self) -> datetime:
        """The server's clock.

        :raises DatabaseError: PostgreSQL refuses.
        """
        return datetime.fromtimestamp(
            self.ask("SELECT extract(epoch FROM clock_timestamp())::float8")[0][0], timezone.utc
        )

    def order(self, sql: str) -> None:
        """Run SQL, with errors that are for the operator.

        :raises DatabaseError: PostgreSQL refuses.
        """
        try:
            self.run(sql)
        except self.driver.Error as exc:
            raise explained(exc, self.access.shown(), self.parsed) from None

    def quoted(self, name: str) -> str:
        """A name as an identifier."""
        return str(self.driver.extensions.quote_ident(name, self.connection))

    def literal(self, value: Any) -> str:
        """A value as SQL."""
        adapted = self.driver.extensions.adapt(value)
        if hasattr(adapted, "prepare"):
            adapted.prepare(self.connection)
        return str(adapted.getquoted().decode(self.driver.extensions.encodings[self.connection.encoding]))

    @property
    def lost(self) -> bool:
        """The connection is gone."""
        return bool(self.connection.closed)

    def roll_back(self) -> None:
        """Give up the transaction, if there is one and still a connection."""
        if self.lost:
            return
        try:
            self.run("ROLLBACK")
        except self.driver.Error:
            self.close()
