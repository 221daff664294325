# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What statements make and drop that is no table: functions, types, triggers and the like. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..transactions import node
from .names import Name, joined, quoted, strings
from .seen import RELATIONS, ObjectKey, Seen
from .types import SERIALS, text_of

ROUTINES = ("OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE", "OBJECT_AGGREGATE")
TYPES = ("OBJECT_TYPE", "OBJECT_DOMAIN")
OF_TABLES = ("OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY")
IN_SCHEMAS = (*RELATIONS, "OBJECT_SEQUENCE")


class Mentioned(NamedTuple):
    """One object that a statement drops, or whose rights it changes.

    :param name: of the object itself, or of the table that it belongs to.
    :param shown: for people.
    """

    kind: str
    key: ObjectKey
    name: Name
    shown: str


def dropped(seen: Seen, tree: Any) -> Iterator[Mentioned]:
    """What a ``DropStmt`` names."""
    kind = tree.removeType.name
    for one in tree.objects:
        if kind in IN_SCHEMAS:
            name = seen.name_of(one)
            yield Mentioned(kind, ("relation", *name.key), name, name.sql())
        elif kind in TYPES:
            name = seen.type_of(one.names)
            yield Mentioned(kind, ("type", *name.key), name, name.sql())
        elif kind in ROUTINES:
            name = seen.routine_of(one.objname)
            own = () if one.args_unspecified else (_signature(one.objargs),)
            yield Mentioned(kind, ("routine", *name.key, *own), name, name.sql())
        elif kind in OF_TABLES:
            name = seen.name_of(one[:-1])
            yield Mentioned(kind, (kind, *name.key, one[-1].sval), name, f"{quoted(one[-1].sval)} on {name.sql()}")
        else:
            parts = [part.sval for part in (one if isinstance(one, tuple) else (one,)) if hasattr(part, "sval")]
            yield Mentioned(kind, (kind, *parts), Name("", ""), ".".join(map(quoted, parts)))


def granted(seen: Seen, tree: Any) -> Iterator[Mentioned]:
    """What a ``GrantStmt`` is about."""
    whole_schema = tree.targtype.name == "ACL_TARGET_ALL_IN_SCHEMA"
    for one in tree.objects or ():
        yield _mentioned(seen, "OBJECT_SCHEMA" if whole_schema else tree.objtype.name, one)


def owned(seen: Seen, tree: Any) -> Mentioned:
    """What an ``AlterOwnerStmt`` is about."""
    return _mentioned(seen, tree.objectType.name, tree.object)


def _mentioned(seen: Seen, kind: str, one: Any) -> Mentioned:
    if node(one) == "RangeVar":
        name = seen.name(one)
        return Mentioned(kind, ("relation", *name.key), name, name.sql())
    if kind in ROUTINES:
        name = seen.routine_of(one.objname)
        return Mentioned(kind, ("routine", *name.key), name, name.sql())
    if kind in TYPES:
        name = seen.type_of(one)
        return Mentioned(kind, ("type", *name.key), name, name.sql())
    if kind == "OBJECT_OPERATOR":
        *schemas, sign = strings(one.objname)
        shown = f"{'.'.join([*map(quoted, schemas), sign])} ({_signature(filter(None, one.objargs))})"
        return Mentioned(kind, (kind, shown), Name("", ""), shown)
    if kind == "OBJECT_LARGEOBJECT":
        number = str(getattr(one, "ival", getattr(one, "fval", "")))
        return Mentioned(kind, (kind, number), Name("", ""), f"large object {number}")
    parts = [part.sval for part in (one if isinstance(one, tuple) else (one,)) if hasattr(part, "sval")]
    schema = parts[0] if kind == "OBJECT_SCHEMA" else ""
    return Mentioned(kind, (kind, *parts), Name(schema, ""), ".".join(map(quoted, parts)))


def made(seen: Seen, tree: Any) -> Iterator[ObjectKey]:
    """What a statement makes that is no table."""
    kind = node(tree)
    if kind == "CreateFunctionStmt":
        taken = [one.argType for one in tree.parameters or () if one.mode.value in ("d", "i", "b", "v")]
        yield from _routine(seen.new_of(tree.funcname), taken)
    elif kind == "DefineStmt" and tree.kind.name == "OBJECT_AGGREGATE" and tree.args:
        yield from _routine(seen.new_of(tree.defnames), [one.argType for one in tree.args[0] or ()])
    elif kind in ("CreateEnumStmt", "CreateRangeStmt"):
        yield ("type", *seen.new_of(tree.typeName).key)
    elif kind == "CreateDomainStmt":
        yield ("type", *seen.new_of(tree.domainname).key)
    elif kind == "CompositeTypeStmt":
        yield ("type", *seen.new(tree.typevar).key)
    elif kind == "CreateTrigStmt":
        yield ("OBJECT_TRIGGER", *seen.name(tree.relation).key, tree.trigname)
    elif kind == "RuleStmt":
        yield ("OBJECT_RULE", *seen.name(tree.relation).key, tree.rulename)
    elif kind == "CreatePolicyStmt":
        yield ("OBJECT_POLICY", *seen.name(tree.table).key, tree.policy_name)
    elif kind == "CreateExtensionStmt":
        yield ("OBJECT_EXTENSION", tree.extname)
    elif kind == "CreateSeqStmt":
        yield ("relation", *seen.new(tree.sequence).key)
    elif kind == "CreateStmt":
        yield from _sequences(seen.new(tree.relation), tree.tableElts)
    elif kind == "AlterTableStmt":
        added = (one for one in tree.cmds if one.subtype.name == "AT_AddColumn" and not one.missing_ok)
        yield from _sequences(seen.name(tree.relation), [one.def_ for one in added])


def _sequences(table: Name, columns: Any) -> Iterator[ObjectKey]:
    """Those that PostgreSQL makes for columns, which it names so unless the name is taken."""
    for one in columns or ():
        if node(one) == "ColumnDef" and _is_numbered(one):
            yield ("relation", table.schema, joined(table.name, one.colname, "seq"))


def _is_numbered(column: Any) -> bool:
    identity = any(one.contype.name == "CONSTR_IDENTITY" for one in column.constraints or ())
    return identity or bool(column.typeName) and strings(column.typeName.names)[-1] in SERIALS


def absorb_objects(seen: Seen, tree: Any) -> None:
    """Take in what a statement makes and drops that is no table."""
    if node(tree) == "DropStmt":
        for one in dropped(seen, tree):
            if one.key not in seen.objects:
                seen.replaced.add(one.key)
            seen.objects.discard(one.key)
    if node(tree) == "CreateFunctionStmt" and _may_change_something(tree):
        seen.volatile.add(seen.new_of(tree.funcname).key)
    perhaps_old = getattr(tree, "replace", False) or getattr(tree, "if_not_exists", False)
    for key in made(seen, tree):
        seen.file.made.add(key)
        if not perhaps_old and key not in seen.replaced:
            seen.objects.add(key)


def _may_change_something(tree: Any) -> bool:
    """Whether a function that is made is volatile, as all are that do not say otherwise."""
    stated = [one.arg.sval for one in tree.options or () if one.defname == "volatility"]
    return stated not in (["immutable"], ["stable"])


def _routine(name: Name, taken: Iterable[Any]) -> Iterator[ObjectKey]:
    yield ("routine", *name.key)
    yield ("routine", *name.key, _signature(taken))


def _signature(types: Any) -> str:
    return ", ".join(map(text_of, types or ()))
