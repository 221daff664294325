# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts of a live database for lint. Reads PostgreSQL's catalog; touches nothing."""

from __future__ import annotations

from collections.abc import Sequence

from ..session import Session
from .model import Check, DataType, Index, Table

_RELATION = """
SELECT c.oid, c.relkind = 'p', CASE
    WHEN c.relkind = 'p' THEN (SELECT coalesce(sum(pg_table_size(relid)), 0) FROM pg_partition_tree(c.oid))
    ELSE pg_table_size(c.oid) END
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = %s AND c.relname = %s AND c.relkind IN ('r', 'p', 'm', 'f', 'v', 'S')"""
_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, c.collname FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_collation c ON c.oid = a.attcollation AND c.oid <> t.typcollation
WHERE a.attrelid = %s AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_BOUND = """
SELECT a.attname FROM pg_attribute a WHERE a.attrelid = %s AND a.attnum > 0 AND (EXISTS (
    SELECT FROM pg_constraint c
    WHERE c.conrelid = a.attrelid AND c.contype = 'c' AND c.convalidated AND a.attnum = ANY (c.conkey)
) OR EXISTS (
    SELECT FROM pg_index x JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid
    WHERE x.indrelid = a.attrelid AND (x.indexprs IS NOT NULL OR x.indpred IS NOT NULL)
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
))"""
_CHECKS = """
SELECT conname, pg_get_expr(conbin, conrelid), convalidated FROM pg_constraint
WHERE conrelid = %s AND contype = 'c' ORDER BY conname"""
_INDEXES = """
SELECT i.relname, x.indisvalid, x.indisunique, ARRAY(
    SELECT a.attname::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY AS k (number, place)
    LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.number
    WHERE k.place <= x.indnkeyatts ORDER BY k.place)
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
WHERE x.indrelid = %s AND x.indpred IS NULL ORDER BY i.relname"""
_REFERRING = """
SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
WHERE confrelid = %s AND conrelid <> confrelid AND contype = 'f' AND conparentid = 0 ORDER BY 1"""
_PARTITIONS = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s ORDER BY 1"
_PARTITION_KEY = """
SELECT a.attname FROM pg_partitioned_table p
JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[]) WHERE p.partrelid = %s"""
_DEFAULT_PARTITION = """
SELECT n.nspname, c.relname FROM pg_partitioned_table p
JOIN pg_class c ON c.oid = p.partdefid JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.partrelid = %s"""
_OF_INDEX = """
SELECT tn.nspname, t.relname FROM pg_index x
JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace
WHERE n.nspname = %s AND i.relname = %s"""
_TYPE = """
WITH RECURSIVE base AS (
    SELECT t.oid, t.typtype, t.typnotnull, t.typbasetype, t.typtypmod, -1 AS modifier, true AS itself
    FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = %s AND t.typname = %s
    UNION ALL
    SELECT t.oid, t.typtype, t.typnotnull, t.typbasetype, t.typtypmod, b.typtypmod, false
    FROM base b JOIN pg_type t ON t.oid = b.typbasetype WHERE b.typtype = 'd'
)
SELECT max(CASE WHEN itself OR typtype = 'd' THEN '' ELSE format_type(oid, modifier) END),
    bool_or(typtype = 'd' AND (typnotnull OR EXISTS (SELECT FROM pg_constraint c WHERE c.contypid = base.oid)))
FROM base HAVING count(*) > 0"""
_UNFORESEEABLE = """
SELECT bool_or(p.provolatile = 'v' AND n.nspname <> 'information_schema') AND NOT bool_or(n.nspname = 'pg_catalog')
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE p.proname = %s AND n.nspname = ANY (%s)"""
_VOLATILE = "SELECT bool_or(provolatile = 'v') FROM pg_proc WHERE proname = %s"


class LiveCatalog:
    """Asks once for each name, so that a whole plan is judged by one state.

    :param session: a connection that it may use; kept open by whoever made it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tables: dict[tuple[str, str], Table | None] = {}
        self._indexes: dict[tuple[str, str], tuple[str, str] | None] = {}
        self._types: dict[tuple[str, str], DataType | None] = {}
        self._functions: dict[str, bool | None] = {}
        self._unforeseeable: dict[tuple[tuple[str, ...], str], bool | None] = {}

    def table(self, schema: str, name: str) -> Table | None:
        """The facts of a table, view or sequence; ``None`` when there is none of that name.

        :raises DatabaseError: PostgreSQL refuses.
        """
        if (schema, name) not in self._tables:
            self._tables[(schema, name)] = self._read(schema, name)
        return self._tables[(schema, name)]

    def table_of_index(self, schema: str, name: str) -> tuple[str, str] | None:
        """Schema and name of the table that an index belongs to; ``None`` when there is no such index.

        :raises DatabaseError: PostgreSQL refuses.
        """
        if (schema, name) not in self._indexes:
            rows = self._session.ask(_OF_INDEX, (schema, name))
            self._indexes[(schema, name)] = (str(rows[0][0]), str(rows[0][1])) if rows else None
        return self._indexes[(schema, name)]

    def type(self, schema: str, name: str) -> DataType | None:
        """The facts of a type; ``None`` when there is none of that name.

        :raises DatabaseError: PostgreSQL refuses.
        """
        if (schema, name) not in self._types:
            rows = self._session.ask(_TYPE, (schema, name))
            self._types[(schema, name)] = DataType(str(rows[0][0]), bool(rows[0][1])) if rows else None
        return self._types[(schema, name)]

    def volatile(self, function: str) -> bool | None:
        """Whether any function of that name is volatile; ``None`` when there is none.

        :raises DatabaseError: PostgreSQL refuses.
        """
        if function not in self._functions:
            self._functions[function] = self._session.ask(_VOLATILE, (function,))[0][0]
        return self._functions[function]

    def unforeseeable(self, schemas: Sequence[str], function: str) -> bool | None:
        """Whether a function of that name may run any statement; ``None`` when these schemas have none.

        What is not volatile can change nothing, and PostgreSQL's own functions run no statements of others.

        :raises DatabaseError: PostgreSQL refuses.
        """
        key = (tuple(schemas), function)
        if key not in self._unforeseeable:
            self._unforeseeable[key] = self._session.ask(_UNFORESEEABLE, (function, list(schemas)))[0][0]
        return self._unforeseeable[key]

    def _read(self, schema: str, name: str) -> Table | None:
        found = self._session.ask(_RELATION, (schema, name))
        if not found:
            return None
        oid, partitioned, size = found[0]
        columns = self._session.ask(_COLUMNS, (oid,))
        return Table(
            bytes=int(size),
            partitioned=bool(partitioned),
            columns={column: kind for column, kind, _required, _collation in columns},
            collations={column: collation for column, _kind, _required, collation in columns if collation},
            bound=frozenset(row[0] for row in self._session.ask(_BOUND, (oid,))),
            not_null=frozenset(column for column, _kind, required, _collation in columns if required),
            checks=tuple(Check(*row) for row in self._session.ask(_CHECKS, (oid,))),
            indexes=tuple(
                Index(index, _until_expression(names), bool(valid), bool(unique))
                for index, valid, unique, names in self._session.ask(_INDEXES, (oid,))
            ),
            referenced_by=tuple(row[0] for row in self._session.ask(_REFERRING, (oid,))),
            partition_key=frozenset(row[0] for row in self._session.ask(_PARTITION_KEY, (oid,))),
            default_partition=next(iter(self._session.ask(_DEFAULT_PARTITION, (oid,))), None),
            partitions=tuple(row[0] for row in self._session.ask(_PARTITIONS, (oid,))),
        )


def _until_expression(columns: list[str | None]) -> tuple[str, ...]:
    found: list[str] = []
    for column in columns:
        if column is None:
            break
        found.append(column)
    return tuple(found)
