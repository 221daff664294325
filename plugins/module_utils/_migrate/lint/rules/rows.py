# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about rows: all of them changed, deleted or read, and what no longer looks after them. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ...directives import CONTRACT
from ...transactions import node
from ..model import Step
from ..names import Name
from ..place import Command
from ..rewrites import step
from ..subject import Hit, Subject
from ..trees import columns_bounded_in_text, function_name, walk

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


def attach(s: Subject, command: Command) -> Iterator[Hit]:
    """ATTACH PARTITION of a table whose rows no CHECK vouches for, or whose indexes are missing."""
    child = s.seen.name(command.node.def_.name)
    what = f"ATTACH PARTITION {child.sql()} to {s.table.sql()}"
    if not command.node.def_.bound.is_default:
        yield from _beside_default(s, s.table, command.start, what)
    if not s.existed(child):
        return
    parent, facts = s.facts(s.table), s.facts(child)
    if not _bounded(s, child, parent.partition_key if parent else frozenset()):
        yield Hit("partition-attach", command.start, f"{what} without a valid CHECK of its bounds", (), child)
    have = {one.columns for one in (facts.indexes if facts else ()) if one.valid}
    have |= set(s.seen.index_columns.get(child.key, ()))
    lacking = [one.name for one in (parent.indexes if parent else ()) if one.columns not in have]
    if lacking:
        what += f", which has no index like {', '.join(lacking)}, so that is built"
        yield Hit("partition-attach", command.start, what, (), child)


def partition_made(s: Subject) -> Iterator[Hit]:
    """CREATE TABLE ... PARTITION OF a table with a default partition."""
    table = s.tree if s.kind == "CreateStmt" else s.tree.base
    if table.partbound and not table.partbound.is_default:
        parent = s.seen.name(table.inhRelations[0])
        what = f"{s.seen.new(table.relation).sql()} becomes a partition of {parent.sql()}"
        yield from _beside_default(s, parent, s.source.find("PARTITION", "OF") or 0, what)


def _beside_default(s: Subject, parent: Name, place: int, what: str) -> Iterator[Hit]:
    facts = s.facts(parent) if s.existed(parent) else None
    if not facts or not facts.default_partition or facts.default_partition in s.seen.no_partitions:
        return
    other = Name(*facts.default_partition, parent.written)
    if s.existed(other) and not _bounded(s, other, facts.partition_key):
        what = f"{what}, and no valid CHECK keeps the new bounds out of the default partition {other.sql()}"
        yield Hit("partition-default", place, what, (), other)


def _bounded(s: Subject, table: Name, key: frozenset[str]) -> bool:
    """Whether a valid CHECK is about all columns of a partition key."""
    facts = s.facts(table)
    checked = [columns_bounded_in_text(one.expression) for one in (facts.checks if facts else ()) if one.valid]
    return any(columns >= key for columns in [*checked, *s.seen.checked.get(table.key, [])])


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
    if s.kind != "SelectStmt":
        setting = s.tree if s.kind == "VariableSetStmt" else s.tree.setstmt
        values = [getattr(one.val, "sval", "") for one in setting.args or ()]
        return 0 if setting.name == REPLICATION_ROLE and values == ["replica"] else None
    for one in walk(s.tree):
        if node(one) == "FuncCall" and function_name(one) == "set_config":
            values = [getattr(getattr(value, "val", None), "sval", "") for value in one.args or ()]
            if values[:2] == [REPLICATION_ROLE, "replica"]:
                return int(one.location)
    return None
