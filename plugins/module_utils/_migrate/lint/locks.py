# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statement stops whom: the tables that existed before and that it locks. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..transactions import node
from .names import Name
from .seen import RELATIONS
from .subject import Subject
from .trees import walk

ACCESS_EXCLUSIVE = 8
SHARE = 5
_WEAK = frozenset(
    {
        "AT_AttachPartition",
        "AT_ClusterOn",
        "AT_DetachPartitionFinalize",
        "AT_DropCluster",
        "AT_ResetRelOptions",
        "AT_SetOptions",
        "AT_ResetOptions",
        "AT_SetRelOptions",
        "AT_SetStatistics",
        "AT_ValidateConstraint",
    }
    | {f"AT_{verb}Trig{which}" for verb in ("Enable", "Disable") for which in ("", "All", "User")}
    | {"AT_EnableAlwaysTrig", "AT_EnableReplicaTrig"}
)
_OF_TABLES = ("OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE")
_RENAMED_PARTS = ("OBJECT_COLUMN", "OBJECT_TABCONSTRAINT", *_OF_TABLES)


def exclusive(s: Subject) -> list[Name]:
    """The tables that it takes ACCESS EXCLUSIVE on."""
    return [name for name in _exclusive(s) if s.existed(name)]


def blocking(s: Subject) -> list[Name]:
    """The tables whose writes, or whose queries, it stops."""
    found = exclusive(s)
    if s.kind == "AlterTableStmt" or s.kind == "CreateTrigStmt" or s.kind == "IndexStmt" and not s.tree.concurrent:
        only_weak = s.kind == "AlterTableStmt" and all(_weak(one) for one in s.commands if not _foreign(one))
        if s.existed(s.table) and s.table not in found and not (only_weak and not any(map(_foreign, s.commands))):
            found.append(s.table)
    if s.kind == "LockStmt" and s.tree.mode >= SHARE:
        found += [name for name in map(s.seen.name, s.tree.relations) if s.existed(name)]
    found += [name for name in _referenced(s) if s.existed(name)]
    return list(dict.fromkeys(found))


def _referenced(s: Subject) -> Iterator[Name]:
    """The tables that new foreign keys lock beside their own."""
    if s.kind in ("CreateStmt", "AlterTableStmt"):
        for one in walk(s.tree):
            if node(one) == "Constraint" and one.contype.name == "CONSTR_FOREIGN":
                yield s.seen.name(one.pktable)


def alters_table(s: Subject) -> bool:
    """Whether it is an ALTER of a table, and not of an index, a view or a type."""
    return s.kind == "AlterTableStmt" and s.tree.objtype.name in (
        "OBJECT_TABLE",
        "OBJECT_FOREIGN_TABLE",
        "OBJECT_MATVIEW",
    )


def _exclusive(s: Subject) -> Iterator[Name]:
    tree, kind = s.tree, s.kind
    if alters_table(s):
        if not all(_weak(command) for command in s.commands):
            yield s.table
        for command in s.commands:
            if command.kind == "AT_AttachPartition":
                yield s.seen.name(command.node.def_.name)
    elif kind == "RuleStmt" or kind == "ViewStmt" and tree.replace:
        yield s.seen.name(tree.relation if kind == "RuleStmt" else tree.view)
    elif kind in ("CreatePolicyStmt", "AlterPolicyStmt"):
        yield s.seen.name(tree.table)
    elif (
        kind == "RenameStmt"
        and (tree.renameType.name in (*RELATIONS, *_RENAMED_PARTS))
        or kind == "AlterObjectSchemaStmt"
        and tree.objectType.name in RELATIONS
    ):
        yield s.table
    elif kind == "DropStmt" and not tree.concurrent:
        yield from _dropped(s)
    elif kind == "TruncateStmt" or kind == "LockStmt" and tree.mode == ACCESS_EXCLUSIVE:
        yield from map(s.seen.name, tree.relations)
    elif kind == "ClusterStmt" and tree.relation or kind == "RefreshMatViewStmt" and not tree.concurrent:
        yield s.table
    elif kind in ("CreateStmt", "CreateForeignTableStmt"):
        table = tree if kind == "CreateStmt" else tree.base
        yield from map(s.seen.name, table.inhRelations or () if table.partbound else ())


def _dropped(s: Subject) -> Iterator[Name]:
    kind = s.tree.removeType.name
    for parts in s.tree.objects:
        if kind in RELATIONS:
            yield s.seen.name_of(parts)
        elif kind in _OF_TABLES:
            yield s.seen.name_of(parts[:-1])
        elif kind == "OBJECT_INDEX":
            index = s.seen.name_of(parts)
            known = s.seen.indexes.get(index.key)
            found = s.file.catalog.table_of_index(*index.key) if s.file.catalog else None
            yield Name(*known) if known else Name(*found) if found else index


def _weak(command: Any) -> bool:
    """Whether an action leaves reads alone."""
    if command.kind == "AT_DetachPartition":
        return bool(command.node.def_.concurrent)
    return command.kind in _WEAK or _foreign(command)


def _foreign(command: Any) -> bool:
    return bool(command.kind == "AT_AddConstraint" and command.node.def_.contype.name == "CONSTR_FOREIGN")
