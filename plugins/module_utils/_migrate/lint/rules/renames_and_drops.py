# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about what a running release still uses: renames, drops, TRUNCATE. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ...directives import CONTRACT, EXPAND
from ..model import Step
from ..names import Name, joined, quoted
from ..objects import ROUTINES, TYPES
from ..place import Command
from ..rewrites import backfill, filled_by_trigger, step
from ..subject import Hit, Subject

DROPPED = ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE")
RENAMED = ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE")
_CALLED = (*ROUTINES, "OBJECT_SEQUENCE")


def rename(s: Subject) -> Iterator[Hit]:
    """RENAME of a table, a column, a schema or a type."""
    kind = s.tree.renameType.name
    if kind in RENAMED and s.existed(s.table):
        yield _table_renamed(s, s.table, s.table.beside(s.tree.newname))
    elif kind == "OBJECT_COLUMN" and s.existed(s.table):
        what = f"RENAME of {s.table.sql()}.{s.tree.subname} to {s.tree.newname}"
        yield Hit("rename", _at_rename(s), what, _column_renamed(s))
    elif kind == "OBJECT_SCHEMA" and s.tree.subname not in s.seen.schemas:
        yield Hit("rename", _at_rename(s), f"RENAME of the schema {s.tree.subname}", _schema_beside(s))
    elif kind in ("OBJECT_DATABASE", "OBJECT_ROLE"):
        yield Hit("rename", _at_rename(s), f"RENAME of {quoted(s.tree.subname)} to {quoted(s.tree.newname)}")
    elif kind in _CALLED:
        yield from _other_renamed(s)
    elif kind == "OBJECT_ATTRIBUTE" and s.seen.type_of_relation(s.tree.relation).key not in s.seen.types:
        yield Hit("rename", _at_rename(s), f"RENAME of the attribute {s.tree.subname} to {s.tree.newname}")
    elif kind in TYPES and s.seen.type_of(s.tree.object).key not in s.seen.types:
        yield Hit("rename", _at_rename(s), f"RENAME of the type {s.seen.type_of(s.tree.object).sql()}")


def _other_renamed(s: Subject) -> Iterator[Hit]:
    """Of a function, or a sequence."""
    if s.kind == "RenameStmt" and s.tree.renameType.name == "OBJECT_SEQUENCE":
        old, there = s.table, s.existed(s.table)
    else:
        old = s.seen.routine_of(s.tree.object.objname)
        there = ("routine", *old.key) not in s.seen.objects
    if there:
        yield Hit("rename", _at_rename(s), f"RENAME of {old.sql()} to {s.tree.newname}")


def _at_rename(s: Subject) -> int:
    return s.source.find("RENAME") or 0


def _table_renamed(s: Subject, old: Name, new: Name) -> Hit:
    view = f"CREATE VIEW {old.sql()} AS SELECT * FROM {new.sql()}"
    what = f"{old.sql()} becomes {new.sql()}"
    place = s.source.find("RENAME") or s.source.find("SET", "SCHEMA") or 0
    unless = (("relation", *old.key),) if s.file.transactional else ()
    return Hit("rename", place, what, (step(s, s.text, view),), unless_made=unless)


def _column_renamed(s: Subject) -> tuple[Step, ...]:
    old, new = s.tree.subname, s.tree.newname
    facts = s.facts(s.table)
    if not facts or old not in facts.columns:
        view = s.table.beside(joined(s.table.name, new, "view"))
        return (step(s, f"CREATE VIEW {view.sql()} AS SELECT *, {quoted(old)} AS {quoted(new)} FROM {s.table.sql()}"),)
    fill = filled_by_trigger(s, s.table, new, f"NEW.{quoted(old)}")
    trigger = quoted(joined(s.table.name, new, "fill"))
    return (
        step(s, f"{s.on_table} ADD COLUMN {quoted(new)} {facts.columns[old]}", *fill, phase=EXPAND),
        backfill(s, s.table, new, quoted(old)),
        step(
            s, f"DROP TRIGGER {trigger} ON {s.table.sql()}", f"{s.on_table} DROP COLUMN {quoted(old)}", phase=CONTRACT
        ),
    )


def _schema_beside(s: Subject) -> tuple[Step, ...]:
    return (step(s, f"CREATE SCHEMA {quoted(s.tree.newname)}"),)


def set_schema(s: Subject) -> Iterator[Hit]:
    """SET SCHEMA, which is a rename to whoever uses the table."""
    if s.tree.objectType.name in RENAMED and s.existed(s.table):
        yield _table_renamed(s, s.table, Name(s.tree.newschema, s.table.name, True))
    elif s.tree.objectType.name in ROUTINES:
        old = s.seen.routine_of(s.tree.object.objname)
        if ("routine", *old.key) not in s.seen.objects:
            yield _moved(s, old)
    elif s.tree.objectType.name in TYPES:
        old = s.seen.type_of(s.tree.object)
        if old.key not in s.seen.types:
            yield _moved(s, old)
    elif s.tree.objectType.name == "OBJECT_SEQUENCE" and s.existed(s.table):
        yield _moved(s, s.table)


def _moved(s: Subject, old: Name) -> Hit:
    return Hit("rename", s.source.find("SET", "SCHEMA") or 0, f"{old.sql()} goes to the schema {s.tree.newschema}")


def enum_value(s: Subject) -> Iterator[Hit]:
    """RENAME VALUE, and ADD VALUE without a place."""
    name = s.seen.type_of(s.tree.typeName)
    if name.key in s.seen.types or name.schema in s.seen.schemas:
        return
    new = _literal(s.tree.newVal)
    if s.tree.oldVal is not None:
        old = _literal(s.tree.oldVal)
        steps = (step(s, f"ALTER TYPE {name.sql()} ADD VALUE IF NOT EXISTS {new} AFTER {old}"),)
        yield Hit("rename", _at_rename(s), f"RENAME of the value {old} of {name.sql()} to {new}", steps)
    elif s.tree.newValNeighbor is None:
        value = s.source.find("VALUE")
        sql = f"ALTER TYPE {name.sql()} ADD VALUE IF NOT EXISTS {new} AFTER 'THE VALUE BEFORE IT'"
        yield Hit("enum-order", value or 0, f"ADD VALUE {new} to {name.sql()} without a place", (step(s, sql),))


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def drop_column(s: Subject, command: Command) -> Iterator[Hit]:
    """DROP COLUMN before the contract."""
    if s.file.phase != CONTRACT:
        what = f"DROP COLUMN {command.node.name} of {s.table.sql()} in the phase {s.file.phase}"
        sql = f"{s.on_table} DROP COLUMN IF EXISTS {quoted(command.node.name)}"
        yield Hit("drop-column", command.start, what, (step(s, sql, phase=CONTRACT),))


def drop(s: Subject) -> Iterator[Hit]:
    """DROP TABLE and DROP SCHEMA before the contract."""
    kind = s.tree.removeType.name
    if s.file.phase == CONTRACT or kind not in (*DROPPED, "OBJECT_SCHEMA"):
        return
    word = {"OBJECT_TABLE": "TABLE", "OBJECT_FOREIGN_TABLE": "FOREIGN TABLE", "OBJECT_SCHEMA": "SCHEMA"}[kind]
    if kind == "OBJECT_SCHEMA":
        names = [quoted(one.sval) for one in s.tree.objects if one.sval not in s.seen.schemas]
    else:
        names = [name.sql() for name in map(s.seen.name_of, s.tree.objects) if s.existed(name)]
    if names:
        what = f"DROP {word} {', '.join(names)} in the phase {s.file.phase}"
        yield Hit("drop-table", 0, what, (step(s, f"DROP {word} IF EXISTS {', '.join(names)}", phase=CONTRACT),))


def drop_database(s: Subject) -> Iterator[Hit]:
    """DROP DATABASE before the contract."""
    if s.file.phase != CONTRACT:
        sql = f"DROP DATABASE IF EXISTS {quoted(s.tree.dbname)}"
        steps = (step(s, sql, transactional=False, phase=CONTRACT),)
        yield Hit("drop-database", 0, f"DROP DATABASE {s.tree.dbname} in the phase {s.file.phase}", steps)


def truncate(s: Subject) -> Iterator[Hit]:
    """TRUNCATE ... CASCADE."""
    names = [s.seen.name(one) for one in s.tree.relations]
    existing = [name for name in names if s.existed(name)]
    if s.tree.behavior.name != "DROP_CASCADE" or not existing:
        return
    also = [one for name in names for one in _referring(s, name)]
    listed = dict.fromkeys([name.sql() for name in names] + also)
    what = f"TRUNCATE {', '.join(name.sql() for name in names)} CASCADE"
    place = s.source.find("CASCADE") or 0
    yield Hit("truncate-cascade", place, what, (step(s, f"TRUNCATE {', '.join(listed)}", phase=CONTRACT),))


def _referring(s: Subject, name: Name) -> tuple[str, ...]:
    facts = s.facts(name)
    return facts.referenced_by if facts else ()


def detach(s: Subject, command: Command) -> Iterator[Hit]:
    """DETACH PARTITION that stops every query."""
    if command.node.def_.concurrent:
        return
    child = s.seen.name(command.node.def_.name)
    if not s.existed(child):
        return
    sql = f"{s.on_table} DETACH PARTITION {child.sql()} CONCURRENTLY"
    what = f"DETACH PARTITION {child.sql()} from {s.table.sql()} without CONCURRENTLY"
    if s.file.version < 14:
        what += f" (which PostgreSQL {s.file.version} does not have)"
    yield Hit("partition-detach", command.start, what, (step(s, sql, transactional=False),))
