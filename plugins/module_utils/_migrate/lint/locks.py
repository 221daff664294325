# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statement stops whom: the tables that existed before and that it locks. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .names import Name
from .seen import RELATIONS
from .subject import Subject

ACCESS_EXCLUSIVE = 8
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
    return found


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
    elif (
        kind == "RenameStmt"
        and (tree.renameType.name in RELATIONS or tree.renameType.name == "OBJECT_COLUMN")
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
    elif kind == "CreateStmt" and tree.partbound:
        yield from map(s.seen.name, tree.inhRelations)


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
