# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a column has around it: its type, default and rights, and all that depends on it. Reads catalogs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..._common.errors import InputError, StateError
from ..backfill.session import Session
from ..quoting import qualified
from .change import Change

_COLUMN = """
SELECT c.oid::int8, a.attnum, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid::int8, a.attnotnull,
       pg_catalog.pg_get_expr(d.adbin, d.adrelid), a.attgenerated::text, a.attidentity::text,
       CASE WHEN a.attcollation <> t.typcollation THEN
         (SELECT pg_catalog.quote_ident(cn.nspname) || '.' || pg_catalog.quote_ident(co.collname)
          FROM pg_catalog.pg_collation co JOIN pg_catalog.pg_namespace cn ON cn.oid = co.collnamespace
          WHERE co.oid = a.attcollation) END,
       pg_catalog.pg_get_userbyid(c.relowner)::text,
       EXISTS (SELECT 1 FROM pg_catalog.pg_partitioned_table p
               WHERE p.partrelid = c.oid AND a.attnum = ANY (p.partattrs::int2[])),
       pg_catalog.col_description(c.oid, a.attnum), c.relkind = 'p'
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE n.nspname = %s AND c.relname = %s AND a.attname = %s AND a.attnum > 0 AND NOT a.attisdropped
"""
_TYPE = """
SELECT t.oid::int8, n.nspname::text,
       EXISTS (SELECT 1 FROM pg_catalog.pg_opclass o JOIN pg_catalog.pg_am m ON m.oid = o.opcmethod
               WHERE m.amname IN ('btree', 'hash') AND o.opcdefault
                 AND (o.opcintype = t.oid OR pg_catalog.format_type(o.opcintype, NULL) = CASE
                        WHEN t.typtype = 'e' THEN 'anyenum' WHEN t.typtype = 'r' THEN 'anyrange'
                        WHEN t.typtype = 'm' THEN 'anymultirange'
                        WHEN t.typcategory = 'A' THEN 'anyarray' WHEN t.typname = 'varchar' THEN 'text' END))
FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE t.oid = %s
"""
_GRANTS = """
SELECT CASE WHEN g.grantee = 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(g.grantee)) END,
       g.privilege_type::text, g.is_grantable
FROM pg_catalog.pg_attribute a CROSS JOIN LATERAL pg_catalog.aclexplode(a.attacl) g
WHERE a.attrelid = %s AND a.attnum = %s ORDER BY 1, 2
"""
_DEPENDENTS = """
SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid), d.classid::regclass::text,
       d.objid::int8, coalesce(c.relkind::text, '')
FROM pg_catalog.pg_depend d LEFT JOIN pg_catalog.pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_catalog.pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
LEFT JOIN pg_catalog.pg_trigger t ON d.classid = 'pg_trigger'::regclass AND t.oid = d.objid
WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = %s AND d.refobjsubid = %s
  AND NOT (f.adnum IS NOT DISTINCT FROM %s::int2 AND f.oid IS NOT NULL)
  AND coalesce(t.tgname, '') NOT IN (%s, %s)
ORDER BY 1
"""
_INDEXES = """
SELECT i.indexrelid::int8, c.relname::text, i.indisunique, i.indexprs IS NULL AND i.indpred IS NULL, m.amname::text,
       (SELECT bool_and(o.opcdefault AND k.coll = a.attcollation)
        FROM unnest(i.indclass::oid[], i.indcollation::oid[], i.indkey::int2[]) k(class, coll, number)
        JOIN pg_catalog.pg_opclass o ON o.oid = k.class
        JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number),
       ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number ORDER BY k.place),
       i.indnkeyatts::int, i.indoption::int2[], c.reloptions, con.conname::text, coalesce(con.contype::text, ''),
       coalesce((pg_catalog.to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false), i.indisvalid,
       coalesce(con.condeferrable, false)
FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
JOIN pg_catalog.pg_am m ON m.oid = c.relam
LEFT JOIN pg_catalog.pg_constraint con ON con.conindid = i.indexrelid AND con.contype IN ('p', 'u', 'x')
WHERE i.indrelid = %s AND (%s = ANY (i.indkey::int2[]) OR EXISTS (
  SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid
    AND d.refclassid = 'pg_class'::regclass AND d.refobjid = i.indrelid AND d.refobjsubid = %s))
ORDER BY c.relname
"""
_CONSTRAINTS = """
SELECT con.conname::text, con.contype::text, con.conrelid = %s,
       ARRAY(SELECT a.attname::text FROM unnest(con.conkey) WITH ORDINALITY k(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = con.conrelid AND a.attnum = k.number ORDER BY k.place),
       fn.nspname::text, fc.relname::text,
       ARRAY(SELECT a.attname::text FROM unnest(con.confkey) WITH ORDINALITY k(number, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = con.confrelid AND a.attnum = k.number ORDER BY k.place),
       con.confupdtype::text, con.confdeltype::text, con.confmatchtype::text, con.condeferrable, con.condeferred,
       con.conrelid::regclass::text, pg_catalog.to_jsonb(con) ->> 'confdelsetcols'
FROM pg_catalog.pg_constraint con LEFT JOIN pg_catalog.pg_class fc ON fc.oid = con.confrelid
LEFT JOIN pg_catalog.pg_namespace fn ON fn.oid = fc.relnamespace
WHERE con.contype IN ('c', 'f') AND ((con.conrelid = %s AND %s = ANY (con.conkey))
  OR (con.contype = 'f' AND con.confrelid = %s AND %s = ANY (con.confkey)))
ORDER BY con.conname
"""


@dataclass(frozen=True)
class Column:
    """A type, and whether its values can be compared for equality."""

    type: str
    comparable: bool


@dataclass(frozen=True)
class Index:
    """An index that holds the column."""

    name: str
    unique: bool
    method: str
    columns: tuple[str, ...]
    key_columns: int
    options: tuple[int, ...]
    storage: tuple[str, ...]
    constraint: str
    nulls_not_distinct: bool


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key from the column to another table."""

    name: str
    columns: tuple[str, ...]
    other_schema: str
    other_table: str
    other_columns: tuple[str, ...]
    on_update: str
    on_delete: str
    match: str
    deferrable: bool
    deferred: bool


@dataclass(frozen=True)
class Surroundings:
    """Everything of a column that a change has to know.

    :ivar type_schemas: where the types of both columns live, other than ``pg_catalog``.
    :ivar grants: of the column itself: role as SQL writes it, privilege, with grant option.
    :ivar dependents: what keeps the column from being dropped, as the server describes it.
    :ivar problems: name and reason of what can neither be copied nor left.
    :ivar expanded: the new column and both triggers are there.
    """

    table: int
    column: Column
    new_type: Column
    type_schemas: tuple[str, ...]
    owner: str
    not_null: bool
    default: str | None
    collation: str | None
    comment: str | None
    grants: tuple[tuple[str, str, bool], ...]
    sequences: tuple[str, ...]
    indexes: tuple[Index, ...]
    foreign_keys: tuple[ForeignKey, ...]
    dependents: tuple[str, ...]
    problems: tuple[tuple[str, str], ...]
    expanded: bool


def look_around(session: Session, change: Change) -> Surroundings | None:
    """Read them; ``None`` when the old column is gone and the new one is there, since the change is complete.

    :raises InputError: there is no such table, column or type.
    :raises StateError: the change is halfway in a manner that no phase leaves behind.
    """
    where = qualified(change.schema, change.table)
    found = session.rows(_COLUMN, (change.schema, change.table, change.old))
    new = session.rows(_COLUMN, (change.schema, change.table, change.new))
    if not found and new:
        return None
    if not found:
        raise InputError(f"has no column '{change.old}'", where=where, remedy="correct 'table' and 'column'")
    table, number, type_name, type_oid, not_null, default, generated, identity = found[0][:8]
    collation, owner, partitions, comment, partitioned = found[0][8:]
    old_schema, old_comparable = session.rows(_TYPE, (type_oid,))[0][1:]
    new_schema, new_comparable = (old_schema, old_comparable)
    if change.new_type:
        oid = session.rows("SELECT pg_catalog.to_regtype(%s)::oid::int8", (change.new_type,))[0][0]
        if oid is None:
            raise InputError(f"there is no type {change.new_type}", where="new_type", remedy="correct the type")
        new_schema, new_comparable = session.rows(_TYPE, (oid,))[0][1:]
    sequences, dependents, generated_columns = _dependents(session, change, table, number)
    indexes, index_problems = _indexes(session, table, number)
    keys, key_problems = _constraints(session, table, number)
    problems = [
        *_column_problems(change, generated, identity, partitions),
        *((name, "a column is generated from it; make the same for the new column") for name in generated_columns),
        *index_problems,
        *key_problems,
    ]
    if partitioned:
        reason = "the table is partitioned; make the same for the new column, partition by partition"
        problems += [(index.name, reason) for index in indexes] + [(key.name, reason) for key in keys]
        indexes, keys = [], []
    return Surroundings(
        table=table,
        column=Column(type_name, old_comparable),
        new_type=Column(change.new_type or type_name, new_comparable),
        type_schemas=tuple(sorted({old_schema, new_schema} - {"pg_catalog"})),
        owner=owner,
        not_null=not_null,
        default=default,
        collation=collation,
        comment=comment,
        grants=tuple(session.rows(_GRANTS, (table, number))),
        sequences=sequences,
        indexes=tuple(indexes),
        foreign_keys=tuple(keys),
        dependents=dependents,
        problems=tuple(problems),
        expanded=bool(new) and _triggers_of(session, change, table, where),
    )


def _triggers_of(session: Session, change: Change, table: int, where: str) -> bool:
    """Both triggers are there and fire.

    :raises StateError: the new column is there without them.
    """
    found = session.rows(
        "SELECT count(*) FROM pg_catalog.pg_trigger WHERE tgrelid = %s AND tgname IN (%s, %s) AND tgenabled <> 'D'",
        (table, change.insert_trigger, change.update_trigger),
    )
    if found[0][0] != 2:
        raise StateError(
            f"has a column '{change.new}' without the triggers that keep it right",
            where=where,
            remedy="choose another new_column, or drop this one when nothing writes to it",
        )
    return True


def _column_problems(change: Change, generated: str, identity: str, partitions: bool) -> list[tuple[str, str]]:
    reasons = {
        "it is a generated column; change its expression instead": generated,
        "it is an identity column; make the new one's values by a sequence and a default first": identity,
        "the table is partitioned by it; move the rows to a new table": partitions,
    }
    return [(change.old, reason) for reason, given in reasons.items() if given]


def _dependents(
    session: Session, change: Change, table: int, number: int
) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Sequences that belong to the column; what keeps it from being dropped; generated columns."""
    values = (table, number, number, change.insert_trigger, change.update_trigger)
    sequences, others, generated = [], [], []
    for said, catalog, oid, kind in session.rows(_DEPENDENTS, values):
        if catalog == "pg_class" and kind == "S":
            sequences.append(session.rows("SELECT %s::oid::regclass::text", (oid,))[0][0])
        elif catalog == "pg_attrdef":
            generated.append(said)
        elif catalog != "pg_constraint" and not (catalog == "pg_class" and kind in ("i", "I")):
            others.append(said)
    return tuple(sequences), tuple(others), generated


def _indexes(session: Session, table: int, number: int) -> tuple[list[Index], list[tuple[str, str]]]:
    indexes, problems = [], []
    for row in session.rows(_INDEXES, (table, number, number)):
        name, unique, plain, method, default_classes, columns, keys, options, storage, constraint, kind = row[1:12]
        nulls_not_distinct, valid, deferrable = row[12:15]
        if kind == "p":
            problems.append((name, "it is the primary key, and what refers to it would have to change with it"))
        elif kind == "x" or deferrable:
            problems.append((name, "an exclusion or deferrable constraint; make the same for the new column"))
        elif not plain or not default_classes:
            problems.append((name, "an index with an expression, a condition or an operator class of its own"))
        elif valid:
            indexes.append(
                Index(
                    name,
                    unique,
                    method,
                    tuple(columns),
                    keys,
                    tuple(options),
                    tuple(storage or ()),
                    constraint or "",
                    nulls_not_distinct,
                )
            )
    return indexes, problems


def _constraints(session: Session, table: int, number: int) -> tuple[list[ForeignKey], list[tuple[str, str]]]:
    keys, problems = [], []
    for row in session.rows(_CONSTRAINTS, (table, table, number, table, number)):
        name, kind, own, columns, schema, other, other_columns = row[:7]
        if kind == "c":
            problems.append((name, "a CHECK constraint; add the same for the new column, NOT VALID, then validate it"))
        elif not own:
            problems.append((name, f"a foreign key of {row[12]} refers to it; change that one first"))
        elif row[13]:
            problems.append((name, "a foreign key that sets some columns only; make the same for the new column"))
        else:
            keys.append(ForeignKey(name, tuple(columns), schema, other, tuple(other_columns), *row[7:12]))
    return keys, problems


def refuse(change: Change, around: Surroundings) -> None:
    """Refuse what can neither be copied nor left.

    :raises StateError: and the operator has not said that it is taken care of.
    """
    left = [(name, reason) for name, reason in around.problems if name not in change.handled]
    if left:
        said = "; ".join(f"{name}: {reason}" for name, reason in left)
        raise StateError(
            f"column '{change.old}' cannot be replaced as it is ({said})",
            where=qualified(change.schema, change.table),
            remedy="see to it, then name it in 'handled'",
        )


def as_dict(around: Surroundings) -> dict[str, Any]:
    """For people."""
    return {
        "type": around.column.type,
        "new_type": around.new_type.type,
        "not_null": around.not_null,
        "default": around.default,
        "owner": around.owner,
        "indexes": [index.name for index in around.indexes],
        "foreign_keys": [key.name for key in around.foreign_keys],
        "dependents": list(around.dependents),
        "problems": [f"{name}: {reason}" for name, reason in around.problems],
        "expanded": around.expanded,
    }
