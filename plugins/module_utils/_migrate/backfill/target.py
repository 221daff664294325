# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The table of a backfill as the server knows it: what orders the work, and what speaks against it. Reads catalogs."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..._common.errors import InputError
from ..quoting import qualified
from .definition import Definition
from .session import Session
from .statements import KeyColumn

TABLE_KINDS = ("r", "p")

_TABLE = """
SELECT c.oid::int8, c.relkind::text, c.relkind = 'r' AND c.relhassubclass,
       (SELECT coalesce(sum(greatest(p.reltuples, 0)), 0)::int8 FROM pg_catalog.pg_class p
        WHERE p.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(c.oid) WHERE isleaf) OR p.oid = c.oid)
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s
"""

_KEYS = """
SELECT i.indexrelid::int8, i.indisprimary,
       array_agg(a.attname::text ORDER BY k.place),
       array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY k.place),
       bool_and(a.attnotnull),
       bool_and(o.opcdefault AND i.indoption[k.place - 1] = 0
                AND i.indcollation[k.place - 1] = a.attcollation)
FROM pg_catalog.pg_index i
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(number, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number
JOIN pg_catalog.pg_opclass o ON o.oid = i.indclass[k.place - 1]
JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod AND m.amname = 'btree'
WHERE i.indrelid = %s AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
      AND i.indimmediate AND k.place <= i.indnkeyatts
GROUP BY 1, 2 ORDER BY 2 DESC, 1
"""


@dataclass(frozen=True)
class Target:
    """A table that can be worked through.

    :param definition: with the columns of its key.
    :param rows: as the server estimates them.
    """

    definition: Definition
    oid: int
    key: tuple[KeyColumn, ...]
    rows: int


def find_target(session: Session, definition: Definition) -> Target:
    """Look the table and its key up.

    :raises InputError: there is no such table, or no key that can order the work.
    """
    where = qualified(definition.schema, definition.table)
    found = session.rows(_TABLE, (definition.schema, definition.table))
    if not found:
        raise InputError("there is no such table", where=where, remedy="correct 'schema' and 'table', case matters")
    oid, kind, inherited, rows = found[0]
    if kind not in TABLE_KINDS:
        raise InputError("is no table", where=where, remedy="name the table that holds the rows")
    if inherited:
        raise InputError(
            "has tables that inherit from it, which no key of it covers",
            where=where,
            remedy="backfill each of them by its own name",
        )
    key = _key(session, definition, oid, where)
    return Target(replace(definition, key=tuple(column.name for column in key)), oid, key, rows)


def _key(session: Session, definition: Definition, oid: int, where: str) -> tuple[KeyColumn, ...]:
    for _index, primary, names, types, not_null, plain in session.rows(_KEYS, (oid,)):
        if tuple(names) == definition.key or (primary and not definition.key):
            columns = tuple(KeyColumn(name, kind) for name, kind in zip(names, types))
            _refuse_key(definition, columns, where, not_null=not_null, plain=plain)
            return columns
    if definition.key:
        what = f"has no unique index on exactly ({', '.join(definition.key)}), in this order, valid and of all rows"
    else:
        what = "has no primary key"
    raise InputError(what, where=where, remedy="name the columns of a unique index of the table with 'key'")


def _refuse_key(
    definition: Definition, columns: tuple[KeyColumn, ...], where: str, *, not_null: bool, plain: bool
) -> None:
    changed = sorted({column.name for column in columns} & {name for name, _value in definition.assignments})
    if changed:
        raise InputError(
            f"would change '{changed[0]}', which orders the work",
            where=where,
            remedy="name another unique key with 'key'",
        )
    if not not_null:
        raise InputError(
            "has NULL allowed in the key, and such rows would be passed over",
            where=where,
            remedy="name a key whose columns are all NOT NULL",
        )
    if not plain:
        raise InputError(
            "has a key whose index is not in the columns' own order (DESC, an operator class, a collation)",
            where=where,
            remedy="name a key with a plain index",
        )
