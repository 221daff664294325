# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL of a backfill. Pure. Values of keys are parameters, as text that is cast to the type of their column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from ..quoting import bracketed, listed, qualified, quoted
from .definition import Definition

LEFT_OUT_LIMIT = 1000
_PICKED = "slipway_picked"
Key = Sequence[str]


@dataclass(frozen=True)
class KeyColumn:
    """One column of the key.

    :param type: its name as ``format_type`` gives it.
    """

    name: str
    type: str


@dataclass(frozen=True)
class Query:
    """A statement and its parameters, in the style of psycopg2 (``%s``)."""

    text: str
    values: tuple[str, ...] = ()


class Statements:
    """What is asked of the server for one definition.

    :param key: the columns that order the work.
    """

    def __init__(self, definition: Definition, key: Sequence[KeyColumn]) -> None:
        self._definition = definition
        self._key = tuple(key)

    def bound(self, after: Key | None, size: int) -> Query:
        """The key of the last row of a batch; no row when fewer are left."""
        condition, values = self._range(after, None)
        last = (
            f"SELECT {self._columns} FROM {self._table} WHERE {condition} "
            f"ORDER BY {self._columns} OFFSET {int(size) - 1} LIMIT 1"
        )
        text = f"SELECT {self._key_as_text} FROM ({last}) AS slipway_last"
        return Query(text, values)

    def change(self, after: Key | None, last: Key | None) -> Query:
        """Change what is to be done of a range: how many rows were, and how many still are to be done after it."""
        condition, values = self._range(after, last)
        text = (
            f"WITH slipway_changed AS (UPDATE {self._table} SET {self._assignments} "
            f"WHERE {condition} AND {self._where} RETURNING {self._where} AS still) {self._counts}"
        )
        return Query(text, values)

    def change_unlocked(self, after: Key | None, last: Key | None) -> Query:
        """The same, without the rows that others have locked; never waits for one of them."""
        condition, values = self._range(after, last)
        names = ", ".join(f"{_plain(quoted(column.name))} AS slipway_{n}" for n, column in enumerate(self._key))
        join = " AND ".join(
            f"{self._table}.{_plain(quoted(column.name))} = {_PICKED}.slipway_{n}" for n, column in enumerate(self._key)
        )
        text = (
            f"WITH {_PICKED} AS MATERIALIZED (SELECT {names} FROM {self._table} WHERE {condition} AND {self._where} "
            f"ORDER BY {self._columns} FOR NO KEY UPDATE SKIP LOCKED), "
            f"slipway_changed AS (UPDATE {self._table} SET {self._assignments} FROM {_PICKED} "
            f"WHERE {join} RETURNING {self._where} AS still) {self._counts}"
        )
        return Query(text, values)

    def left_out(self, after: Key | None, last: Key | None, limit: int = LEFT_OUT_LIMIT + 1) -> Query:
        """Keys of the rows of a range that are still to be done."""
        condition, values = self._range(after, last)
        text = (
            f"SELECT {self._key_as_text} FROM {self._table} WHERE {condition} AND {self._where} "
            f"ORDER BY {self._columns} LIMIT {int(limit)}"
        )
        return Query(text, values)

    def any_due(self) -> Query:
        """Some row that is still to be done."""
        return Query(f"SELECT 1 FROM {self._table} WHERE {self._where} LIMIT 1")

    def count(self, after: Key | None, last: Key | None) -> Query:
        """The rows of a range, and those that are still to be done."""
        condition, values = self._range(after, last)
        text = f"SELECT count(*), count(*) FILTER (WHERE {self._where}) FROM {self._table} WHERE {condition}"
        return Query(text, values)

    def change_one(self, key: Key) -> Query:
        """Change one row, if it still is to be done."""
        condition = f"({self._columns}) = ({self._placeholders})"
        text = (
            f"WITH slipway_changed AS (UPDATE {self._table} SET {self._assignments} "
            f"WHERE {condition} AND {self._where} RETURNING {self._where} AS still) {self._counts}"
        )
        return Query(text, tuple(key))

    def explained(self) -> Query:
        """Has the server read the whole definition without doing any of it."""
        return Query("EXPLAIN " + self.change(None, None).text)

    def _range(self, after: Key | None, last: Key | None) -> tuple[str, tuple[str, ...]]:
        """The condition of a range, beyond ``after`` up to and with ``last``, and its parameters."""
        ends = [(sign, end) for sign, end in ((">", after), ("<=", last)) if end is not None]
        conditions = [f"({self._columns}) {sign} ({self._placeholders})" for sign, _end in ends]
        return " AND ".join(conditions) or "true", tuple(value for _sign, end in ends for value in end)

    @cached_property
    def _table(self) -> str:
        return _plain(qualified(self._definition.schema, self._definition.table))

    @cached_property
    def _columns(self) -> str:
        return _plain(listed((column.name for column in self._key), f"{quoted(self._definition.table)}."))

    @cached_property
    def _key_as_text(self) -> str:
        return ", ".join(_plain(f"{quoted(column.name)}::text") for column in self._key)

    @cached_property
    def _placeholders(self) -> str:
        return ", ".join(f"%s::{_plain(column.type)}" for column in self._key)

    @cached_property
    def _assignments(self) -> str:
        pairs = (f"{quoted(column)} = {bracketed(value)}" for column, value in self._definition.assignments)
        return _plain(", ".join(pairs))

    @cached_property
    def _where(self) -> str:
        return _plain(bracketed(self._definition.where))

    @property
    def _counts(self) -> str:
        return "SELECT count(*), count(*) FILTER (WHERE still) FROM slipway_changed"


def _plain(text: str) -> str:
    """A text that psycopg2 takes no parameter out of."""
    return text.replace("%", "%%")
