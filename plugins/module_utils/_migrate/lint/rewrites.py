# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The SQL of safe rewrites that more than one rule gives. Touches nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ..directives import MIGRATE
from .model import Step
from .names import Name, joined, listed, quoted
from .subject import Subject


def step(s: Subject, *statements: str, transactional: bool = True, phase: str = "") -> Step:
    """A file of the phase that the statement is in."""
    return Step("\n".join(f"{one};" for one in statements), transactional, phase or s.file.phase)


def not_valid(s: Subject, name: str, constraint: str) -> tuple[Step, ...]:
    """A constraint that is checked by a later file."""
    return (
        step(s, f"{s.on_table} ADD CONSTRAINT {quoted(name)} {constraint} NOT VALID"),
        step(s, f"{s.on_table} VALIDATE CONSTRAINT {quoted(name)}"),
    )


def not_null(s: Subject, columns: Sequence[str]) -> tuple[Step, ...]:
    """NOT NULL without reading the table under ACCESS EXCLUSIVE."""
    names = {column: quoted(joined(s.table.name, column, "not_null")) for column in columns}
    adds = [f"ADD CONSTRAINT {name} CHECK ({quoted(column)} IS NOT NULL) NOT VALID" for column, name in names.items()]
    validates = [f"VALIDATE CONSTRAINT {name}" for name in names.values()]
    sets = [f"ALTER COLUMN {quoted(column)} SET NOT NULL" for column in columns]
    drops = [f"DROP CONSTRAINT {name}" for name in names.values()]
    return (
        step(s, f"{s.on_table} {', '.join(adds)}"),
        step(s, f"{s.on_table} {', '.join(validates)}"),
        step(s, f"{s.on_table} {', '.join(sets)}", f"{s.on_table} {', '.join(drops)}"),
    )


def unique_index(s: Subject, index: str, columns: Sequence[str]) -> Step:
    """A unique index, built without stopping writes."""
    sql = f"CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS {quoted(index)} ON {s.table.sql()} ({listed(columns)})"
    return step(s, sql, transactional=False)


def using_index(s: Subject, kind: str, name: str, columns: Sequence[str]) -> tuple[Step, ...]:
    """UNIQUE or PRIMARY KEY from an index that was built before."""
    return (
        unique_index(s, name, columns),
        step(s, f"{s.on_table} ADD CONSTRAINT {quoted(name)} {kind} USING INDEX {quoted(name)}"),
    )


def may_be_null(s: Subject, columns: Sequence[str]) -> list[str]:
    """The columns that are not known to be NOT NULL."""
    facts = s.facts(s.table)
    known = facts.not_null if facts else frozenset()
    return [column for column in columns if column not in known and (s.table.key, column) not in s.seen.not_null]


def primary_key(s: Subject, name: str, columns: Sequence[str]) -> tuple[Step, ...]:
    """A primary key whose columns are made NOT NULL first, where they are not known to be."""
    nullable = may_be_null(s, columns)
    before = not_null(s, nullable) if nullable else ()
    return (*before, *using_index(s, "PRIMARY KEY", name, columns))


def index_for(s: Subject, columns: Sequence[str]) -> Step:
    """An index on the referencing columns of a foreign key."""
    name = joined(s.table.name, *columns, "idx")
    sql = f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {quoted(name)} ON {s.table.sql()} ({listed(columns)})"
    return step(s, sql, transactional=False)


def filled_by_trigger(s: Subject, table: Name, column: str, expression: str) -> tuple[str, str]:
    """A function and a trigger that fill a column at every write.

    :param expression: with ``NEW.`` before its columns.
    """
    name = joined(table.name, column, "fill")
    function = table.beside(name).sql()
    body = f"BEGIN NEW.{quoted(column)} := {expression}; RETURN NEW; END"
    when = f"BEFORE INSERT OR UPDATE ON {table.sql()} FOR EACH ROW"
    return (
        f"CREATE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $fill$ {body} $fill$",
        f"CREATE TRIGGER {quoted(name)} {when} EXECUTE FUNCTION {function}()",
    )


def backfill(s: Subject, table: Name, column: str, expression: str) -> Step:
    """The old rows; a batched job makes it in pieces."""
    sql = f"UPDATE {table.sql()} SET {quoted(column)} = {expression} WHERE {quoted(column)} IS NULL"
    return step(s, sql, phase=MIGRATE)
