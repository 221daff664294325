# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about constraints that are added to a table that others use. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..names import joined, quoted, strings
from ..place import Command
from ..rewrites import index_for, may_be_null, not_null, not_valid, primary_key, step, unique_index, using_index
from ..subject import Hit, Subject
from ..trees import Said, never_null, never_null_of_text, said, said_in_text


def constraint_name(s: Subject, constraint: Any, columns: Sequence[str]) -> str:
    """The name that a constraint has or gets."""
    if constraint.conname:
        return str(constraint.conname)
    suffix = {"CONSTR_FOREIGN": "fkey", "CONSTR_PRIMARY": "pkey", "CONSTR_UNIQUE": "key"}
    last = suffix.get(constraint.contype.name, "check")
    return joined(s.table.name, *(() if last == "pkey" else columns), last)


def body(constraint: Any, text: str) -> str:
    """The text of a constraint without its name."""
    if not constraint.conname:
        return text
    return re.sub(r'\ACONSTRAINT\s+(?:"(?:[^"]|"")+"|[^\s"(]+)\s*', "", text, flags=re.IGNORECASE)


def added(s: Subject, command: Command) -> Iterator[Hit]:
    """ADD CONSTRAINT."""
    constraint = command.node.def_
    text = s.text[constraint.location : command.end]
    kind = constraint.contype.name
    if kind == "CONSTR_CHECK" and not constraint.skip_validation:
        steps = not_valid(s, constraint_name(s, constraint, ()), body(constraint, text))
        yield Hit("constraint-valid", constraint.location, f"a CHECK on {s.table.sql()}", steps, s.table)
    elif kind == "CONSTR_FOREIGN":
        yield from foreign_key(s, constraint, body(constraint, text), strings(constraint.fk_attrs))
    elif kind in ("CONSTR_UNIQUE", "CONSTR_PRIMARY") and not constraint.indexname:
        yield keyed(s, constraint, strings(constraint.keys))
    elif kind == "CONSTR_PRIMARY":
        yield from _of_nullable(s, command)
    elif kind == "CONSTR_EXCLUSION":
        new = s.table.beside(joined(s.table.name, "new"))
        create = step(s, f"CREATE TABLE {new.sql()} (LIKE {s.table.sql()} INCLUDING ALL, {body(constraint, text)})")
        yield Hit("exclusion", constraint.location, f"EXCLUDE on {s.table.sql()}", (create,), s.table)
    elif kind == "CONSTR_NOTNULL" and not constraint.skip_validation:
        yield from set_not_null_of(s, strings(constraint.keys)[0], constraint.location)


def altered(s: Subject, command: Command) -> Iterator[Hit]:
    """ALTER CONSTRAINT ... ENFORCED, which checks every row."""
    if getattr(command.node.def_, "is_enforced", False) and getattr(command.node.def_, "alterEnforceability", False):
        what = f"ALTER CONSTRAINT {command.node.def_.conname} of {s.table.sql()} to be ENFORCED"
        yield Hit("fk", command.start, what, (), s.table)


def keyed(s: Subject, constraint: Any, columns: Sequence[str]) -> Hit:
    """UNIQUE or PRIMARY KEY that builds its own index."""
    name = constraint_name(s, constraint, columns)
    what = f"on {s.table.sql()} ({', '.join(columns)})"
    if constraint.contype.name == "CONSTR_PRIMARY":
        return Hit("pk", constraint.location, f"PRIMARY KEY {what}", primary_key(s, name, columns), s.table)
    if constraint.nulls_not_distinct or constraint.including:
        return Hit("unique", constraint.location, f"UNIQUE {what}", (unique_index(s, name, columns),), s.table)
    return Hit("unique", constraint.location, f"UNIQUE {what}", using_index(s, "UNIQUE", name, columns), s.table)


def _of_nullable(s: Subject, command: Command) -> Iterator[Hit]:
    """PRIMARY KEY USING INDEX that makes its columns NOT NULL, for which it reads the table."""
    constraint = command.node.def_
    columns = _columns_of(s, constraint.indexname)
    set_here = {one.node.name for one in s.commands if one.kind == "AT_SetNotNull"}
    missing = [one for one in may_be_null(s, columns) if one not in set_here and not _proofs(s, one)]
    if columns and not missing:
        return
    shown = ", ".join(missing) or f"the columns of {constraint.indexname}"
    what = f"PRIMARY KEY on {s.table.sql()} from an index, while {shown} may be NULL"
    steps = primary_key(s, constraint.indexname, columns) if columns else ()
    yield Hit("pk", constraint.location, what, steps, s.table)


def _columns_of(s: Subject, index: str) -> tuple[str, ...]:
    """The columns of an index of the table; none when it is not known."""
    facts = s.facts(s.table)
    known = {one.name: one.columns for one in (facts.indexes if facts else ())}
    return s.seen.columns_of_index.get((s.table.schema, index), known.get(index, ()))


def _proofs(s: Subject, column: str) -> set[str]:
    """The valid CHECKs that say that a column is not NULL."""
    facts = s.facts(s.table)
    proofs = {s.seen.never_null.get((s.table.key, column), "")} - {""}
    checks = facts.checks if facts else ()
    return proofs | {one.name for one in checks if one.valid and column in never_null_of_text(one.expression)}


def foreign_key(s: Subject, constraint: Any, text: str, columns: list[str]) -> Iterator[Hit]:
    """FOREIGN KEY that reads all rows, or whose columns no index finds."""
    name = constraint_name(s, constraint, columns)
    target = s.seen.name(constraint.pktable).sql()
    what = f"FOREIGN KEY ({', '.join(columns)}) from {s.table.sql()} to {target}"
    text = text if constraint.fk_attrs else f"FOREIGN KEY ({', '.join(map(quoted, columns))}) {text}"
    text = re.sub(r"\s+NOT\s+VALID\Z", "", text, flags=re.IGNORECASE)
    steps = not_valid(s, name, text)
    missing = not indexed(s, columns)
    if not constraint.skip_validation:
        facts = s.facts(s.table)
        if facts and facts.partitioned and s.file.version < 18:
            what += f", which PostgreSQL {s.file.version} takes as NOT VALID on each partition only"
        before = (index_for(s, columns),) if missing else ()
        yield Hit("fk", constraint.location, what, (*before, *steps), s.table)
    if missing:
        yield Hit(
            "fk-unindexed",
            constraint.location,
            f"no index of {s.table.sql()} is known that begins with {', '.join(columns)}",
            (index_for(s, columns), *steps),
        )


def indexed(s: Subject, columns: Sequence[str]) -> bool:
    """Whether an index of the table begins with the columns, in any order."""
    known = list(s.seen.index_columns.get(s.table.key, ()))
    facts = s.facts(s.table)
    known += [index.columns for index in (facts.indexes if facts else ()) if index.valid]
    return any(set(index[: len(columns)]) == set(columns) for index in known)


def set_not_null(s: Subject, command: Command) -> Iterator[Hit]:
    """SET NOT NULL that has to read the table."""
    yield from set_not_null_of(s, command.node.name, command.start)


def set_not_null_of(s: Subject, column: str, offset: int) -> Iterator[Hit]:
    """The same, however it was asked for."""
    dropped = {one.node.name for one in s.commands if one.kind == "AT_DropConstraint"}
    proofs = _proofs(s, column)
    if not may_be_null(s, [column]) or proofs - dropped:
        return
    what = f"SET NOT NULL on {s.table.sql()}.{column}"
    if proofs:
        what += ", in one ALTER TABLE with the DROP of the CHECK that proves it, which comes first"
    yield Hit("set-not-null", offset, what, not_null(s, [column]), s.table)


def validate(s: Subject, command: Command) -> Iterator[Hit]:
    """VALIDATE CONSTRAINT in the transaction that added it."""
    name = command.node.name
    added_here = {
        one.node.def_.conname for one in s.commands if one.kind == "AT_AddConstraint" and one.node.def_.skip_validation
    }
    before = s.file.transactional and (s.table.key, name) in s.seen.file.not_valid
    if name in added_here or before:
        what = f"VALIDATE CONSTRAINT {name} of {s.table.sql()} in the transaction that adds it"
        steps = (step(s, f"{s.on_table} VALIDATE CONSTRAINT {quoted(name)}"),)
        yield Hit("validate-same-txn", command.start, what, steps, s.table)


def remember(s: Subject) -> None:
    """Take in what an ALTER TABLE promises and proves."""
    key = s.table.key
    for command in s.commands:
        definition = command.node.def_
        if command.kind == "AT_AddConstraint":
            if definition.contype.name == "CONSTR_CHECK":
                _promise(s, definition)
            if definition.contype.name == "CONSTR_NOTNULL":
                _promise_not_null(s, definition)
            if definition.skip_validation and definition.conname:
                s.seen.file.not_valid.add((key, definition.conname))
            if definition.contype.name in ("CONSTR_UNIQUE", "CONSTR_PRIMARY") and definition.keys:
                s.seen.index(s.table, definition.conname, strings(definition.keys))
        elif command.kind == "AT_SetNotNull":
            s.seen.not_null.add((key, command.node.name))
        elif command.kind == "AT_DropNotNull":
            s.seen.not_null.discard((key, command.node.name))
        elif command.kind == "AT_ValidateConstraint":
            s.seen.checked.setdefault(key, []).append(_checked(s, command.node.name))
            for column in _promised(s, command.node.name):
                s.seen.never_null[(key, column)] = command.node.name
        elif command.kind == "AT_DropConstraint":
            gone = [one for one, name in s.seen.never_null.items() if one[0] == key and name == command.node.name]
            for one in gone:
                del s.seen.never_null[one]


def _promise_not_null(s: Subject, constraint: Any) -> None:
    (column,) = strings(constraint.keys)
    if not constraint.skip_validation:
        s.seen.not_null.add((s.table.key, column))
    elif constraint.conname:
        s.seen.promised[(s.table.key, constraint.conname)] = {column}


def _promise(s: Subject, constraint: Any) -> None:
    columns = never_null(constraint.raw_expr)
    name = constraint_name(s, constraint, sorted(columns))
    s.seen.promised[(s.table.key, name)] = columns
    s.seen.checks[(s.table.key, name)] = said(constraint.raw_expr)
    if not constraint.skip_validation:
        s.seen.checked.setdefault(s.table.key, []).append(said(constraint.raw_expr))
    if not constraint.skip_validation:
        for column in columns:
            s.seen.never_null[(s.table.key, column)] = name


def _checked(s: Subject, name: str) -> Said:
    """What a CHECK says."""
    facts = s.facts(s.table)
    known = {one.name: said_in_text(one.expression) for one in (facts.checks if facts else ())}
    return s.seen.checks.get((s.table.key, name), known.get(name, Said()))


def _promised(s: Subject, name: str) -> set[str]:
    facts = s.facts(s.table)
    known = {one.name: never_null_of_text(one.expression) for one in (facts.checks if facts else ())}
    return s.seen.promised.get((s.table.key, name), set()) | known.get(name, set())
