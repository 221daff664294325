# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about rows: all of them changed, deleted or read, and what no longer looks after them. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ...directives import CONTRACT
from ...transactions import node
from ..model import Step
from ..place import Command
from ..rewrites import step
from ..subject import Hit, Subject
from ..trees import function_name, text_of_constant, walk

REPLICATION_ROLE = "session_replication_role"
_IDENTITIES = {"n": "NOTHING", "f": "FULL"}
_NO_VALUE = {
    "AT_ColumnDefault": "DROP DEFAULT",
    "AT_DropIdentity": "DROP IDENTITY",
    "AT_DropExpression": "DROP EXPRESSION",
}


def every_row(s: Subject) -> Iterator[Hit]:
    """UPDATE and DELETE without a WHERE, also inside of a WITH."""
    inside = [(one.ctequery, one.location) for one in (s.tree.withClause.ctes if s.tree.withClause else ())]
    for tree, place in [(s.tree, 0), *inside]:
        word = {"UpdateStmt": "UPDATE", "DeleteStmt": "DELETE"}.get(node(tree))
        table = s.seen.name(tree.relation) if word else None
        if table and tree.whereClause is None and s.existed(table):
            sized = table if word == "UPDATE" else None
            yield Hit("every-row", place, f"{word} of every row of {table.sql()}", (), sized)


def truncate(s: Subject) -> Iterator[Hit]:
    """TRUNCATE before the contract."""
    names = [name.sql() for name in map(s.seen.name, s.tree.relations) if s.existed(name)]
    if names and s.file.phase != CONTRACT:
        what = f"TRUNCATE {', '.join(names)} in the phase {s.file.phase}"
        yield Hit("truncate", 0, what, (step(s, f"TRUNCATE {', '.join(names)}", phase=CONTRACT),))


def default_dropped(s: Subject, command: Command) -> Iterator[Hit]:
    """DROP DEFAULT, IDENTITY or EXPRESSION before the contract."""
    if s.file.phase != CONTRACT and (command.kind != "AT_ColumnDefault" or command.node.def_ is None):
        what = f"{_NO_VALUE[command.kind]} of {s.table.sql()}.{command.node.name} in the phase {s.file.phase}"
        yield Hit("drop-default", command.start, what, _in_contract(s, command))


def triggers_off(s: Subject, command: Command) -> Iterator[Hit]:
    """DISABLE TRIGGER, or RULE, before the contract."""
    if s.file.phase != CONTRACT:
        what = f"{' '.join(command.text.upper().split()[:2])} of {s.table.sql()} in the phase {s.file.phase}"
        yield Hit("triggers-off", command.start, what, _in_contract(s, command))


def row_security(s: Subject, command: Command) -> Iterator[Hit]:
    """ENABLE and FORCE ROW LEVEL SECURITY before the contract."""
    if s.file.phase != CONTRACT:
        what = f"ROW LEVEL SECURITY of {s.table.sql()} in the phase {s.file.phase}"
        yield Hit("row-security", command.start, what, _in_contract(s, command))


def _in_contract(s: Subject, command: Command) -> tuple[Step, ...]:
    return (step(s, f"{s.on_table} {command.text}", phase=CONTRACT),)


def replica_identity(s: Subject, command: Command) -> Iterator[Hit]:
    """REPLICA IDENTITY NOTHING and FULL."""
    identity = _IDENTITIES.get(str(command.node.def_.identity_type))
    if identity:
        what = f"REPLICA IDENTITY {identity} of {s.table.sql()}"
        yield Hit("replica-identity", command.start, what, (step(s, f"{s.on_table} REPLICA IDENTITY DEFAULT"),))


def replication_role(s: Subject) -> Iterator[Hit]:
    """SET session_replication_role = replica, for which triggers and foreign keys are off, before the contract."""
    place = _place_of_replica(s)
    if place is not None and s.file.phase != CONTRACT:
        what = f"{REPLICATION_ROLE} is set to replica in the phase {s.file.phase}"
        yield Hit("triggers-off", place, what, (step(s, s.text, phase=CONTRACT),))


def _place_of_replica(s: Subject) -> int | None:
    if s.kind == "SelectStmt":
        return next((int(one.location) for one in walk(s.tree) if _calls_for_replica(one)), None)
    return 0 if any(map(_sets_replica, _settings(s))) else None


def _settings(s: Subject) -> list[Any]:
    """The ``VariableSetStmt`` of a statement, or of what it makes."""
    if s.kind in ("CreateFunctionStmt", "AlterFunctionStmt"):
        options = s.tree.options if s.kind == "CreateFunctionStmt" else s.tree.actions
        return [one.arg for one in options or () if one.defname == "set"]
    return [s.tree if s.kind == "VariableSetStmt" else s.tree.setstmt]


def _sets_replica(setting: Any) -> bool:
    return str(setting.name).lower() == REPLICATION_ROLE and _words(setting.args) == ["replica"]


def _calls_for_replica(call: Any) -> bool:
    named = node(call) == "FuncCall" and function_name(call) == "set_config"
    return named and _words(call.args)[:2] == [REPLICATION_ROLE, "replica"]


def _words(values: Any) -> list[str]:
    """Constants in lower case, as PostgreSQL compares names and values of settings; empty in place of others."""
    return [text_of_constant(one).lower() for one in values or ()]
