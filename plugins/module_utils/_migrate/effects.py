# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a statement that no transaction protects has done, when nobody saw its end. Touches what such a statement left.

A killed CREATE INDEX CONCURRENTLY leaves an invalid index, which takes part in every write and helps no query; a killed
REINDEX CONCURRENTLY leaves invalid copies; a killed DETACH PARTITION CONCURRENTLY leaves a detachment to finish.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from .session import Session
from .statements import Statement
from .transactions import node

_INDEX = (
    "SELECT i.indexrelid::regclass::text, i.indisvalid, i.indrelid = t.oid FROM pg_class AS t"
    " JOIN pg_class AS c ON c.relnamespace = t.relnamespace JOIN pg_index AS i ON i.indexrelid = c.oid"
    " WHERE t.oid = %s AND c.relname = %s"
)
_COPIES = (
    "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class AS c ON c.oid = indexrelid"
    " WHERE NOT indisvalid AND relname ~ '_cc(new|old)[0-9]*$'"
    " AND (%(table)s IS NULL OR indrelid = (SELECT coalesce(i.indrelid, c.oid) FROM pg_class AS c"
    " LEFT JOIN pg_index AS i ON i.indexrelid = c.oid WHERE c.oid = to_regclass(%(table)s)))"
    " AND (%(schema)s IS NULL OR relnamespace = to_regnamespace(%(schema)s))"
)
_PARTITION = (
    "SELECT inhdetachpending FROM pg_inherits"
    " WHERE inhparent = to_regclass(%(parent)s) AND inhrelid = to_regclass(%(part)s)"
)


class Database(Protocol):
    """What runs statements."""

    def run(self, statements: str, /) -> None:
        """Run statements without values."""

    def rows(self, query: str, values: tuple[Any, ...], /) -> list[tuple[Any, ...]]:
        """The rows of a query."""


def needs_name(statement: Statement) -> bool:
    """Whether it builds an index that only PostgreSQL would name, so that nobody could find it afterwards."""
    return not statement.transactional and node(statement.tree) == "IndexStmt" and not statement.tree.idxname


@dataclass(frozen=True)
class Before:
    """What is known of earlier attempts.

    :param begun: there was one.
    :param unknown: nobody saw the end of the last one.
    """

    begun: bool = False
    unknown: bool = False


@dataclass(frozen=True)
class Settled:
    """What is left to do.

    :param sql: to run; empty when the effect is there, and is that of an attempt whose end nobody saw.
    :param there: the effect is there already, and of somebody else; the statement is run, and must speak for itself.
    """

    sql: str
    there: bool = False


def settle(session: Session, statement: Statement, before: Before) -> Settled:
    """Remove what an attempt that did not end has left, and see what is still to do.

    :raises psycopg2.Error: PostgreSQL refuses.
    """
    find = _EFFECTS.get(node(statement.tree))
    return find(session, statement, before) if find else Settled(statement.text)


def _by_effect(statement: Statement, there: bool, before: Before) -> Settled:
    if there and before.unknown:
        return Settled("")
    return Settled(statement.text, there)


def _create_index(session: Session, statement: Statement, before: Before) -> Settled:
    tree = statement.tree
    table = session.one("SELECT to_regclass(%s)::oid", (_relation(session, tree.relation),))
    if table is None:
        return Settled(statement.text)
    return _by_effect(statement, drop_invalid(session, table, tree.idxname), before)


def drop_invalid(session: Database, table: int, index: str) -> bool:
    """Remove an index of this name that an attempt has left invalid on the table; whether there is a valid one.

    :param table: its number; the index is in the same schema.
    """
    there = False
    for found, valid, on_table in session.rows(_INDEX, (table, index)):
        if not valid and on_table:
            session.run(f"DROP INDEX CONCURRENTLY {found}")
        there = there or valid
    return there


def _drop(session: Session, statement: Statement, before: Before) -> Settled:
    names = [_quoted(session, [part.sval for part in parts]) for parts in statement.tree.objects]
    gone = all(session.one("SELECT to_regclass(%s)", (name,)) is None for name in names)
    return _by_effect(statement, gone, before)


def _reindex(session: Session, statement: Statement, before: Before) -> Settled:
    if before.begun:
        tree = statement.tree
        table = _relation(session, tree.relation) if tree.relation else None
        schema = session.quoted(tree.name) if tree.kind.name == "REINDEX_OBJECT_SCHEMA" else None
        for (copy,) in session.rows(_COPIES, {"table": table, "schema": schema}):
            session.run(f"DROP INDEX CONCURRENTLY IF EXISTS {copy}")
    return Settled(statement.text)


def _detach(session: Session, statement: Statement, before: Before) -> Settled:
    parent = _relation(session, statement.tree.relation)
    (command,) = statement.tree.cmds
    part = _relation(session, command.def_.name)
    rows = session.rows(_PARTITION, {"parent": parent, "part": part})
    if rows and rows[0][0] and before.begun:
        return Settled(f"ALTER TABLE {parent} DETACH PARTITION {part} FINALIZE")
    detached = not rows and session.one("SELECT to_regclass(%s)", (part,)) is not None
    return _by_effect(statement, detached, before)


Effect = Callable[[Session, Statement, Before], Settled]


def _exists(catalog: str, column: str, attribute: str, wanted: bool) -> Effect:
    def found(session: Session, statement: Statement, before: Before) -> Settled:
        name = getattr(statement.tree, attribute)
        there = session.one(f"SELECT EXISTS (SELECT FROM {catalog} WHERE {column} = %s)", (name,))
        return _by_effect(statement, there is wanted, before)

    return found


_EFFECTS: dict[str, Effect] = {
    "IndexStmt": _create_index,
    "DropStmt": _drop,
    "ReindexStmt": _reindex,
    "AlterTableStmt": _detach,
    "CreatedbStmt": _exists("pg_database", "datname", "dbname", True),
    "DropdbStmt": _exists("pg_database", "datname", "dbname", False),
    "CreateTableSpaceStmt": _exists("pg_tablespace", "spcname", "tablespacename", True),
    "DropTableSpaceStmt": _exists("pg_tablespace", "spcname", "tablespacename", False),
    "CreateSubscriptionStmt": _exists("pg_subscription", "subname", "subname", True),
    "DropSubscriptionStmt": _exists("pg_subscription", "subname", "subname", False),
}


def _relation(session: Session, relation: Any) -> str:
    return _quoted(session, [part for part in (relation.schemaname, relation.relname) if part])


def _quoted(session: Session, parts: list[str]) -> str:
    return ".".join(session.quoted(part) for part in parts)
