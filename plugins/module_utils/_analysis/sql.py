# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source: a query of one row, of PostgreSQL or of an SQLite file, which is not written to.

Needs psycopg2 on the host where it runs, for PostgreSQL. The connection string is part of no message.
"""

from __future__ import annotations

import importlib
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .._gate.options import Options
from .._gate.sql import described, one_query
from .model import Moment, Reading, Source, SourceError
from .sides import Sides, placed

STEPS_BETWEEN_LOOKS = 10000
Rows = tuple[list[str], list[Sequence[Any]]]


class Sql(Source):
    """A query, asked for each side. Of one column the value counts; of several each has its name.

    :param ask: asks a query within some seconds; gives the names of the columns, and at most two rows.
    """

    def __init__(self, ask: Callable[[str, float], Rows], where: str, query: str, sides: Sides) -> None:
        self._ask = ask
        self.where = where
        self.query = query
        self.sides = sides

    @classmethod
    def from_options(cls, options: Options, sides: Sides) -> Sql:
        """Read ``query``, and ``dsn`` or ``database``."""
        query = placed(options, sides, "query", options.text("query"))
        if options.given("dsn") == options.given("database"):
            raise options.refuse("dsn", "must be given, or database, and not both", "choose one of both")
        if options.given("database"):
            path = Path(options.text("database"))
            return cls(lambda query, timeout: _sqlite_rows(path, query, timeout), str(path), query, sides)
        dsn = options.text("dsn")
        return cls(lambda query, timeout: _postgresql_rows(dsn, query, timeout), "PostgreSQL", query, sides)

    def target(self) -> str:
        return f"{self.where}: {self.query}"

    def measure(self, moment: Moment) -> Reading:
        timeout = moment.timeout / len(self.sides.names)
        return Reading({side: self._value(query, timeout) for side, query in self.sides.filled(self.query).items()})

    def _value(self, query: str, timeout: float) -> Any:
        columns, rows = self._ask(query, timeout)
        if not rows:
            return None
        if len(rows) > 1:
            raise SourceError("the query gives several rows", where=self.where, remedy="aggregate them to one row")
        values = [_plain(value) for value in rows[0]]
        return values[0] if len(values) == 1 else dict(zip(columns, values))


def _postgresql_rows(dsn: str, query: str, timeout: float) -> Rows:
    try:
        driver = importlib.import_module("psycopg2")
    except ImportError as exc:
        remedy = "install python3-psycopg2"
        raise SourceError("psycopg2 is not installed on this host", where="PostgreSQL", remedy=remedy) from exc
    try:
        parsed = driver.extensions.parse_dsn(dsn)
    except driver.ProgrammingError:
        raise SourceError("the dsn cannot be parsed", where="dsn", remedy="correct it") from None
    try:
        return one_query(driver, dsn, query, timeout, _two_rows)
    except driver.Error as exc:
        what = described(exc, parsed)
        raise SourceError(what, where="PostgreSQL", remedy="correct the query or the dsn") from exc


def _sqlite_rows(path: Path, query: str, timeout: float) -> Rows:
    deadline = time.monotonic() + timeout
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", timeout=timeout, uri=True)) as connection:
            connection.set_progress_handler(lambda: int(time.monotonic() > deadline), STEPS_BETWEEN_LOOKS)
            return _two_rows(connection.execute(query))
    except (sqlite3.Error, sqlite3.Warning) as exc:
        raise SourceError(str(exc), where=str(path), remedy="correct the query, or the path of the database") from exc


def _two_rows(cursor: Any) -> Rows:
    """The names of the columns, and at most two rows of what a cursor has."""
    if not cursor.description:
        return [], []
    return [str(column[0]) for column in cursor.description], list(cursor.fetchmany(2))


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.is_finite() else float(value)
    return value.isoformat() if isinstance(value, date) else str(value)
