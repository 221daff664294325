# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about what is dropped, or takes other things with it, and is no table. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ...directives import CONTRACT
from ..names import quoted
from ..objects import IN_SCHEMAS, OF_TABLES, ROUTINES, TYPES, Mentioned, dropped
from ..place import Command
from ..rewrites import step
from ..subject import Hit, Subject

_ELSEWHERE = ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE", "OBJECT_SCHEMA", "OBJECT_INDEX")
_USED = frozenset(
    (*IN_SCHEMAS, *ROUTINES, *TYPES, *OF_TABLES)
    + ("OBJECT_EXTENSION", "OBJECT_OPERATOR", "OBJECT_COLLATION", "OBJECT_CAST", "OBJECT_PUBLICATION")
    + ("OBJECT_FOREIGN_SERVER", "OBJECT_EVENT_TRIGGER")
)
_WORDS = {"MATVIEW": "MATERIALIZED VIEW", "FOREIGN SERVER": "SERVER", "FDW": "FOREIGN DATA WRAPPER"}


def drop(s: Subject) -> Iterator[Hit]:
    """DROP of what is no table, before the contract."""
    kind = s.tree.removeType.name
    if s.file.phase == CONTRACT or kind in _ELSEWHERE:
        return
    cascades = s.tree.behavior.name == "DROP_CASCADE" and kind not in OF_TABLES
    old = [one for one in dropped(s.seen, s.tree) if existed(s, one)]
    if not old or not cascades and kind not in _USED:
        return
    words = kind[len("OBJECT_") :].replace("_", " ")
    names = ", ".join(filter(None, (one.shown for one in old)))
    what = " ".join(filter(None, ("DROP", _WORDS.get(words, words), names, "CASCADE" if cascades else "")))
    again = tuple(one.key for one in old) if s.file.transactional and not cascades else ()
    yield before_contract(s, "drop-cascade" if cascades else "drop-object", what, again)


def existed(s: Subject, one: Mentioned) -> bool:
    """Whether others may be using it."""
    if one.key in s.seen.objects or one.name.schema in s.seen.schemas:
        return False
    catalog = s.file.catalog
    if one.kind in (*IN_SCHEMAS, *OF_TABLES):
        return s.existed(one.name)
    if one.kind in TYPES:
        return one.name.key not in s.seen.types and (not catalog or catalog.type(*one.name.key) is not None)
    if one.kind in ROUTINES:
        return not catalog or catalog.volatile(one.name.name) is not None
    return True


def before_contract(s: Subject, rule: str, what: str, again: tuple[tuple[str, ...], ...] = ()) -> Hit:
    """What belongs to the contract.

    :param again: no finding when the file makes all of these.
    """
    steps = (step(s, s.text, phase=CONTRACT),)
    return Hit(rule, 0, f"{what} in the phase {s.file.phase}", steps, unless_made=again)


def drop_owned(s: Subject) -> Iterator[Hit]:
    """DROP OWNED before the contract."""
    if s.file.phase != CONTRACT:
        yield before_contract(s, "drop-cascade", "DROP OWNED, which names nothing of what it drops,")


def drop_role(s: Subject) -> Iterator[Hit]:
    """DROP ROLE before the contract."""
    if s.file.phase != CONTRACT:
        names = ", ".join(quoted(one.rolename) for one in s.tree.roles if one.rolename)
        yield before_contract(s, "drop-object", f"DROP ROLE {names}")


def drop_subscription(s: Subject) -> Iterator[Hit]:
    """DROP SUBSCRIPTION before the contract."""
    if s.file.phase != CONTRACT:
        yield before_contract(s, "drop-object", f"DROP SUBSCRIPTION {quoted(s.tree.subname)}")


def constraint_dropped(s: Subject, command: Command) -> Iterator[Hit]:
    """DROP CONSTRAINT ... CASCADE, which drops foreign keys of other tables."""
    if s.file.phase != CONTRACT and command.node.behavior.name == "DROP_CASCADE":
        what = f"DROP CONSTRAINT {command.node.name} of {s.table.sql()} CASCADE in the phase {s.file.phase}"
        steps = (step(s, f"{s.on_table} {command.text}", phase=CONTRACT),)
        yield Hit("drop-cascade", command.start, what, steps)


def attributes(s: Subject) -> Iterator[Hit]:
    """ALTER TYPE ... DROP, and ALTER, ATTRIBUTE."""
    if s.tree.objtype.name != "OBJECT_TYPE":
        return
    name = s.seen.type_of_relation(s.tree.relation)
    if name.key in s.seen.types or name.schema in s.seen.schemas:
        return
    for command in s.commands:
        attribute = f"{name.sql()}.{command.node.name}"
        if command.kind == "AT_DropColumn" and s.file.phase != CONTRACT:
            what = f"DROP ATTRIBUTE of {attribute} in the phase {s.file.phase}"
            steps = (step(s, f"ALTER TYPE {name.sql()} {command.text}", phase=CONTRACT),)
            yield Hit("drop-column", command.start, what, steps)
        elif command.kind == "AT_AlterColumnType":
            add = f"ALTER TYPE {name.sql()} ADD ATTRIBUTE {quoted(f'{command.node.name}_new')} text"
            yield Hit("type-change", command.start, f"another type for {attribute}", (step(s, add),))
