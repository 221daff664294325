# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probe: a query of PostgreSQL in a read-only transaction, with an expected first value.

Needs psycopg2 on the host where it runs. Neither the connection string nor its password is ever part of an answer.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .._common.address import without
from .model import Answer, Probe, impossible
from .options import Options

LONGEST_VALUE = 80
SECRETS = ("password", "sslpassword")
T = TypeVar("T")


class SqlProbe(Probe):
    """A query that must return a row, whose first value may have to be a certain one.

    :param dsn: connection string of libpq; secret.
    :param query: one statement.
    :param expect: the first value of the first row as text; ``None`` when any row will do.
    """

    def __init__(self, dsn: str, query: str, expect: str | None) -> None:
        self._dsn = dsn
        self.query = query
        self.expect = expect

    @classmethod
    def from_options(cls, options: Options) -> SqlProbe:
        """Read ``dsn``, ``query`` and ``expect``."""
        dsn = options.text("dsn")
        query = options.text("query")
        return cls(dsn, query, options.text("expect") if options.given("expect") else None)

    def target(self) -> str:
        return self.query

    def attempt(self, timeout: float) -> Answer:
        try:
            driver = importlib.import_module("psycopg2")
        except ImportError:
            return impossible("psycopg2 is not installed on this host", final=True)
        try:
            parsed = driver.extensions.parse_dsn(self._dsn)
        except driver.ProgrammingError:
            return impossible("the dsn cannot be parsed", final=True)
        try:
            return self._judged(one_query(driver, self._dsn, self.query, timeout, _first_row))
        except driver.Error as exc:
            return Answer(ok=False, detail=described(exc, parsed))

    def _judged(self, row: Any) -> Answer:
        if row is None:
            return Answer(ok=False, detail="the query returned no row")
        value = "" if row[0] is None else str(row[0])
        if self.expect is not None and value != self.expect:
            return Answer(ok=False, detail=f"returned '{value[:LONGEST_VALUE]}', expected '{self.expect}'")
        return Answer(ok=True)


def one_query(driver: Any, dsn: str, query: str, timeout: float, fetch: Callable[[Any], T]) -> T:
    """What ``fetch`` takes from the cursor of a query, in a connection and a read-only transaction of its own.

    :param driver: psycopg2.
    """
    connection = driver.connect(dsn, connect_timeout=max(1, int(timeout)))
    try:
        connection.set_session(readonly=True, autocommit=True)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, false)", (f"{max(1, int(timeout * 1000))}ms",))
            cursor.execute(query)
            return fetch(cursor)
    finally:
        connection.close()


def _first_row(cursor: Any) -> Any:
    return cursor.fetchone() if cursor.description else None


def described(exc: Any, parsed: Mapping[str, str]) -> str:
    """An error of psycopg2 in one line, without what is secret of the connection string.

    :param parsed: the parts of that.
    """
    line = next(iter(str(exc).strip().splitlines()), "")
    line = without(line, [parsed.get(name, "") for name in SECRETS])
    return f"{type(exc).__name__} {exc.pgcode or ''}: {line}".replace(" :", ":")
