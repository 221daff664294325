# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which check looks at which statement. Touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ..locks import alters_table
from ..place import Command
from ..subject import Hit, Subject
from . import (
    columns,
    constraints,
    definitions,
    indexes,
    objects,
    partitions,
    renames_and_drops,
    rights,
    rows,
    transactions,
)

Check = Callable[[Subject], Iterator[Hit]]
ActionCheck = Callable[[Subject, Command], Iterator[Hit]]

EVERY: tuple[Check, ...] = (transactions.in_transaction, transactions.robust, transactions.timeouts)
OF_STATEMENT: dict[str, tuple[Check, ...]] = {
    "IndexStmt": (indexes.create, indexes.wide, definitions.duplicates),
    "DropStmt": (indexes.drop, renames_and_drops.drop, objects.drop),
    "ReindexStmt": (indexes.reindex,),
    "RenameStmt": (renames_and_drops.rename,),
    "AlterObjectSchemaStmt": (renames_and_drops.set_schema,),
    "AlterEnumStmt": (renames_and_drops.enum_value,),
    "DropOwnedStmt": (objects.drop_owned,),
    "DropRoleStmt": (objects.drop_role,),
    "DropSubscriptionStmt": (objects.drop_subscription,),
    "DropdbStmt": (renames_and_drops.drop_database,),
    "TruncateStmt": (rows.truncate, renames_and_drops.truncate),
    "TransactionStmt": (transactions.nesting,),
    "DoStmt": (transactions.opaque,),
    "ExecuteStmt": (transactions.opaque,),
    "CallStmt": (transactions.opaque,),
    "AlterExtensionStmt": (transactions.opaque,),
    "UpdateStmt": (rows.every_row, transactions.bulk, definitions.duplicates),
    "DeleteStmt": (
        rows.every_row,
        transactions.bulk,
    ),
    "MergeStmt": (
        rows.every_row,
        transactions.bulk,
    ),
    "InsertStmt": (rows.every_row, transactions.bulk, definitions.duplicates),
    "CreateStmt": (definitions.types, definitions.duplicates, partitions.partition_made),
    "CreateForeignTableStmt": (partitions.partition_made,),
    "AlterTableStmt": (
        definitions.types,
        definitions.duplicates,
        transactions.multi_alter,
        objects.attributes,
        definitions.index_moved,
        rights.owner_of_relation,
    ),
    "GrantStmt": (rights.revoked,),
    "GrantRoleStmt": (rights.role_revoked,),
    "AlterOwnerStmt": (rights.owner,),
    "ReassignOwnedStmt": (rights.reassigned,),
    "VariableSetStmt": (rows.replication_role,),
    "AlterRoleSetStmt": (rows.replication_role,),
    "AlterDatabaseSetStmt": (rows.replication_role,),
    "CreateFunctionStmt": (rows.replication_role,),
    "AlterFunctionStmt": (rows.replication_role,),
    "CreateDomainStmt": (definitions.domain_created,),
    "AlterDomainStmt": (definitions.domain_altered,),
    "ClusterStmt": (definitions.full_rewrite,),
    "VacuumStmt": (definitions.full_rewrite,),
    "RefreshMatViewStmt": (definitions.full_rewrite,),
    "AlterTableMoveAllStmt": (definitions.moved,),
    "SelectStmt": (
        rows.every_row,
        rows.replication_role,
        transactions.bulk_inside,
        transactions.opaque_call,
    ),
}
OF_ACTION: dict[str, ActionCheck] = {
    "AT_AddColumn": columns.added,
    "AT_AlterColumnType": columns.type_changed,
    "AT_SetExpression": columns.expression_changed,
    "AT_DropNotNull": columns.drop_not_null,
    "AT_AddConstraint": constraints.added,
    "AT_AlterConstraint": constraints.altered,
    "AT_SetNotNull": constraints.set_not_null,
    "AT_ValidateConstraint": constraints.validate,
    "AT_DropConstraint": objects.constraint_dropped,
    "AT_DropColumn": renames_and_drops.drop_column,
    "AT_ColumnDefault": rows.default_dropped,
    "AT_DropIdentity": rows.default_dropped,
    "AT_DropExpression": rows.default_dropped,
    "AT_DisableTrig": rows.triggers_off,
    "AT_DisableTrigAll": rows.triggers_off,
    "AT_DisableTrigUser": rows.triggers_off,
    "AT_EnableReplicaTrig": rows.triggers_off,
    "AT_DisableRule": rows.triggers_off,
    "AT_EnableReplicaRule": rows.triggers_off,
    "AT_EnableRowSecurity": rows.row_security,
    "AT_ForceRowSecurity": rows.row_security,
    "AT_AttachPartition": partitions.attach,
    "AT_ReplicaIdentity": rows.replica_identity,
    "AT_DetachPartition": renames_and_drops.detach,
    "AT_SetLogged": definitions.rewritten,
    "AT_SetUnLogged": definitions.rewritten,
    "AT_SetTableSpace": definitions.rewritten,
    "AT_SetAccessMethod": definitions.rewritten,
}
MORE_THAN_LOCKS_HELD = frozenset({"backfill-with-ddl", "every-row", "validate-same-txn", "multi-alter"})
DATA = frozenset({"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt"})


def hits(s: Subject) -> Iterator[Hit]:
    """All that the rules find in one statement."""
    found: list[Hit] = []
    for check in (*EVERY, *OF_STATEMENT.get(s.kind, ())):
        found += check(s)
    if s.kind not in DATA:
        found += definitions.names(s)
    if alters_table(s) and s.existed(s.table):
        for command in s.commands:
            look = OF_ACTION.get(command.kind)
            found += look(s, command) if look else ()
    yield from found
    if not MORE_THAN_LOCKS_HELD & {hit.rule for hit in found if s.seen.file.ddl or not hit.beside_ddl}:
        yield from transactions.locks_held(s)
