# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about columns that are added to, or changed in, a table that others use. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ...transactions import node
from ..model import Step
from ..names import joined, quoted, strings
from ..place import Command
from ..rewrites import backfill, filled_by_trigger, index_for, not_valid, primary_key, step, using_index
from ..subject import Hit, Subject
from ..trees import column_of, function_name, with_new
from ..types import SERIALS, Type, better, kept, name_of, of_node, of_text
from ..volatile import volatile_call
from .constraints import constraint_name, indexed


@dataclass(frozen=True)
class Column:
    """A column that is being added, in pieces of SQL.

    :param type: with its collation; one that no rule is against, and no domain that has constraints.
    :param constraints: each with its text.
    """

    name: str
    node: Any
    type: str
    constraints: tuple[tuple[Any, str], ...]

    def text(self, kind: str) -> tuple[Any, str] | None:
        """The first constraint of a kind, such as ``CONSTR_DEFAULT``, and its text."""
        return next((one for one in self.constraints if one[0].contype.name == kind), None)


def column(s: Subject, command: Command) -> Column:
    """The pieces of an ADD COLUMN."""
    definition = command.node.def_
    constraints = sorted(definition.constraints or (), key=lambda one: one.location)
    starts = [one.location for one in constraints] + [command.end]
    texts = [s.text[start:end].strip() for start, end in zip(starts, starts[1:])]
    written = s.text[definition.typeName.location : starts[0]].strip()
    known = s.seen.data_type(definition.typeName)
    plain_type = known.base if known.constrained and known.base else better(definition.typeName, written)
    return Column(definition.colname, definition, plain_type, tuple(zip(constraints, texts)))


def plain(s: Subject, one: Column, *more: str) -> str:
    """ALTER TABLE that adds the bare column, and does ``more`` to the table."""
    return ", ".join((f"{s.on_table} ADD COLUMN {quoted(one.name)} {one.type}", *more))


def added(s: Subject, command: Command) -> Iterator[Hit]:
    """ADD COLUMN."""
    one = column(s, command)
    yield from _required(s, one)
    yield from _written_by_row(s, one)
    yield from _of_domain(s, one)
    yield from _constrained(s, one)


def _required(s: Subject, one: Column) -> Iterator[Hit]:
    kinds = {constraint.contype.name for constraint, _text in one.constraints}
    gives = {"CONSTR_DEFAULT", "CONSTR_GENERATED", "CONSTR_IDENTITY", "CONSTR_PRIMARY"}
    found = one.text("CONSTR_NOTNULL")
    if not found or kinds & gives or name_of(one.node.typeName) in SERIALS:
        return
    what = f"{s.table.sql()}.{one.name} is NOT NULL without a DEFAULT"
    yield Hit("required-column", found[0].location, what, (step(s, plain(s, one)),))


def _written_by_row(s: Subject, one: Column) -> Iterator[Hit]:
    where = f"{s.table.sql()}.{one.name}"
    generated, identity = one.text("CONSTR_GENERATED"), one.text("CONSTR_IDENTITY")
    default = one.text("CONSTR_DEFAULT")
    if generated and generated[0].generated_kind != "v":
        yield Hit(
            "stored-generated", generated[0].location, f"{where} is GENERATED STORED", _generated(s, one), s.table
        )
    if identity:
        yield Hit("serial-add", identity[0].location, f"{where} is an identity", _numbered(s, one), s.table)
    elif name_of(one.node.typeName) in SERIALS:
        place = one.node.typeName.location
        yield Hit("serial-add", place, f"{where} is a {name_of(one.node.typeName)}", _numbered(s, one), s.table)
    elif default:
        call = volatile_call(s, default[0].raw_expr)
        if call is not None:
            what = f"the DEFAULT of {where} calls {function_name(call)}(), which is volatile for all that is known"
            yield Hit("volatile-default", call.location, what, _default_later(s, one, default[1]), s.table)


def _of_domain(s: Subject, one: Column) -> Iterator[Hit]:
    if s.seen.data_type(one.node.typeName).constrained:
        what = f"{s.table.sql()}.{one.name} is of the domain {name_of(one.node.typeName)}, which has constraints"
        steps = (step(s, plain(s, one)),)
        yield Hit("full-rewrite", one.node.typeName.location, what, steps, s.table)


def _default_later(s: Subject, one: Column, default: str) -> tuple[Step, ...]:
    change = plain(s, one, f"ALTER COLUMN {quoted(one.name)} SET {default}")
    return (step(s, change), backfill(s, s.table, one.name, "DEFAULT"))


def _numbered(s: Subject, one: Column) -> tuple[Step, ...]:
    sequence = s.table.beside(joined(s.table.name, one.name, "seq")).sql()
    literal = sequence.replace("'", "''")
    change = plain(s, one, f"ALTER COLUMN {quoted(one.name)} SET DEFAULT nextval('{literal}')")
    owned = f"ALTER SEQUENCE {sequence} OWNED BY {s.table.sql()}.{quoted(one.name)}"
    return (
        step(s, f"CREATE SEQUENCE IF NOT EXISTS {sequence}", change, owned),
        backfill(s, s.table, one.name, "DEFAULT"),
    )


def _generated(s: Subject, one: Column) -> tuple[Step, ...]:
    found = one.text("CONSTR_GENERATED")
    if found is None:
        return ()
    constraint, text = found
    opening, closing = text.index("("), text.rindex(")")
    expression = text[opening : closing + 1]
    written = with_new(expression, constraint.location + opening, constraint.raw_expr)
    change = plain(s, one)
    fill = filled_by_trigger(s, s.table, one.name, written)
    return (step(s, change, *fill), backfill(s, s.table, one.name, expression))


def _constrained(s: Subject, one: Column) -> Iterator[Hit]:
    name = one.name
    for constraint, text in one.constraints:
        kind = constraint.contype.name
        if kind == "CONSTR_CHECK":
            check = text[text.index("(") :]
            steps = (step(s, plain(s, one)), *not_valid(s, constraint_name(s, constraint, [name]), f"CHECK {check}"))
            what = f"the new column {name} of {s.table.sql()} has a CHECK"
            yield Hit("constraint-valid", constraint.location, what, steps, s.table)
        elif kind == "CONSTR_UNIQUE":
            key = constraint_name(s, constraint, [name])
            steps = (step(s, plain(s, one)), *using_index(s, "UNIQUE", key, [name]))
            yield Hit("unique", constraint.location, f"UNIQUE on {s.table.sql()} ({name})", steps, s.table)
        elif kind == "CONSTR_PRIMARY":
            key = constraint_name(s, constraint, [name])
            fill = step(s, plain(s, one))
            steps = (fill, *primary_key(s, key, [name]))
            yield Hit("pk", constraint.location, f"PRIMARY KEY on {s.table.sql()} ({name})", steps, s.table)
        elif kind == "CONSTR_FOREIGN":
            yield from _referring(s, one, constraint, text)


def _referring(s: Subject, one: Column, constraint: Any, text: str) -> Iterator[Hit]:
    references = text[text.upper().index("REFERENCES") :]
    key = constraint_name(s, constraint, [one.name])
    default = one.text("CONSTR_DEFAULT")
    if default and getattr(default[0].raw_expr, "isnull", False):
        default = None
    steady = default is not None and volatile_call(s, default[0].raw_expr) is None
    change = f"{plain(s, one)} {default[1]}" if default and steady else plain(s, one)
    steps = (
        step(s, change),
        index_for(s, [one.name]),
        *not_valid(s, key, f"FOREIGN KEY ({quoted(one.name)}) {references}"),
    )
    if default:
        what = f"FOREIGN KEY ({one.name}) of a new column of {s.table.sql()} with a DEFAULT"
        yield Hit("fk", constraint.location, what, steps, s.table)
    if not indexed(s, [one.name]):
        what = f"no index of {s.table.sql()} is known that begins with {one.name}"
        yield Hit("fk-unindexed", constraint.location, what, steps)


def type_changed(s: Subject, command: Command) -> Iterator[Hit]:
    """ALTER COLUMN ... TYPE that reads or writes rows."""
    name, definition = command.node.name, command.node.def_
    new = of_node(definition.typeName)
    facts = s.facts(s.table)
    written = facts.columns.get(name) if facts else None
    same = _trivial(definition.raw_default, name, new) and _fine(new, written)
    more = _beside_type(s, name, definition.collClause)
    if same and not more:
        return
    source = written or "its type"
    target = better(definition.typeName, _type_text(s, command))
    what = f"{s.table.sql()}.{name} from {source} to {target}"
    if written is None:
        what += " (unless it only gets wider, which only the live database can say)"
    what += more
    yield Hit("type-change", definition.location, what, _by_new_column(s, command, target), s.table)


def _beside_type(s: Subject, column: str, clause: Any) -> str:
    """What a change of type does even where the values stay as they are; empty when that is nothing."""
    facts = s.facts(s.table)
    collation = strings(clause.collname)[-1] if clause else "default"
    changes = collation != (facts.collations.get(column, "default") if facts else "default")
    indexes = [*s.seen.index_columns.get(s.table.key, ()), *(one.columns for one in (facts.indexes if facts else ()))]
    if changes and (not facts or any(column in index for index in indexes)):
        return f", with the collation {collation}, so each index on it is built anew"
    if facts and column in facts.bound:
        return ", which a CHECK is about that is checked again, or a partial index or expression that is built anew"
    return ""


def _fine(new: Type, written: str | None) -> bool:
    if written is None:
        return new == Type("text")
    return kept(of_text(written), new)


def _trivial(using: Any, name: str, new: Type) -> bool:
    """Whether USING says no more than a plain change of the type does."""
    if using is None or column_of(using) == name:
        return True
    return node(using) == "TypeCast" and column_of(using.arg) == name and of_node(using.typeName) == new


def _type_text(s: Subject, command: Command) -> str:
    definition = command.node.def_
    using = s.source.find("USING", start=definition.typeName.location)
    inside = using is not None and using < command.end
    return s.text[definition.typeName.location : using if inside else command.end].strip()


def _by_new_column(s: Subject, command: Command, target: str) -> tuple[Step, ...]:
    name = command.node.name
    new = joined(name, "new")
    using = command.node.def_.raw_default
    if using is None:
        value, written = f"{quoted(name)}::{target}", f"NEW.{quoted(name)}::{target}"
    else:
        start = s.source.find("USING", start=command.node.def_.typeName.location) or 0
        value = s.text[start + len("USING") : command.end].strip()
        offset = s.text.index(value, start + len("USING"))
        written = with_new(value, offset, using)
    add = f"{s.on_table} ADD COLUMN {quoted(new)} {target}"
    return (
        step(s, add, *filled_by_trigger(s, s.table, new, written), phase="expand"),
        backfill(s, s.table, new, value),
        step(
            s,
            f"DROP TRIGGER {quoted(joined(s.table.name, new, 'fill'))} ON {s.table.sql()}",
            f"{s.on_table} DROP COLUMN {quoted(name)}",
            phase="contract",
        ),
    )


def expression_changed(s: Subject, command: Command) -> Iterator[Hit]:
    """ALTER COLUMN ... SET EXPRESSION."""
    what = f"SET EXPRESSION on {s.table.sql()}.{command.node.name}"
    yield Hit("stored-generated", command.start, what, (), s.table)


def drop_not_null(s: Subject, command: Command) -> Iterator[Hit]:
    """DROP NOT NULL before readers expect NULL."""
    if s.file.phase != "contract":
        name = command.node.name
        what = f"DROP NOT NULL on {s.table.sql()}.{name}"
        sql = f"{s.on_table} ALTER COLUMN {quoted(name)} DROP NOT NULL"
        yield Hit("drop-not-null", command.start, what, (step(s, sql, phase="contract"),))
