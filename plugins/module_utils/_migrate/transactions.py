# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which statements PostgreSQL 12 and newer refuse inside a transaction block. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Protocol

_ALWAYS = frozenset(
    {
        "AlterSystemStmt",
        "CreateSubscriptionStmt",
        "CreateTableSpaceStmt",
        "CreatedbStmt",
        "DropSubscriptionStmt",
        "DropTableSpaceStmt",
        "DropdbStmt",
    }
)
_CANDIDATE = re.compile(r"(?:alter|cluster|create|discard|drop|reindex|vacuum)\b", re.IGNORECASE)
_SETTING = re.compile(r"(?:re)?set\b", re.IGNORECASE)
_OUTER_BLOCK = frozenset({"TRANS_STMT_SAVEPOINT", "TRANS_STMT_RELEASE", "TRANS_STMT_ROLLBACK_TO"})

REFUSED_IN_TRANSACTION = frozenset({"25001", "2D000"})
"""SQLSTATEs of what only the server knows: a partitioned table, a procedure that commits."""


class Parsed(Protocol):
    """A statement with its tree."""

    @property
    def text(self) -> str:
        """As written."""

    @property
    def tree(self) -> Any:
        """Node of ``pglast.ast``."""


def runs_in_transaction(statement: Parsed) -> bool:
    """Whether PostgreSQL accepts it inside a transaction block."""
    return not _CANDIDATE.match(statement.text) or not _refuses_transaction(statement.tree)


def controls_transaction(statement: Parsed) -> bool:
    """Whether it begins or ends a transaction, which is the runner's to do."""
    tree = statement.tree if re.match(r"[A-Za-z]+", statement.text) and _may_control(statement.text) else None
    return tree is not None and node(tree) == "TransactionStmt" and tree.kind.name not in _OUTER_BLOCK


def _may_control(text: str) -> bool:
    return bool(re.match(r"(?:begin|start|commit|end|rollback|abort|prepare)\b", text, re.IGNORECASE))


def node(tree: Any) -> str:
    """The name of a node's class."""
    return str(tree.__class__.__name__)


def _refuses_transaction(tree: Any) -> bool:
    name = node(tree)
    if name in _ALWAYS:
        return True
    refuses: dict[str, Callable[[], Any]] = {
        "IndexStmt": lambda: tree.concurrent,
        "DropStmt": lambda: tree.concurrent,
        "ReindexStmt": lambda: _reindexes_outside(tree),
        "AlterTableStmt": lambda: any(_detaches_concurrently(command) for command in tree.cmds),
        "AlterDatabaseStmt": lambda: has_option(tree.options, "tablespace"),
        "AlterSubscriptionStmt": lambda: _changes_subscription_outside(tree),
        "VacuumStmt": lambda: tree.is_vacuumcmd,
        "ClusterStmt": lambda: tree.relation is None,
        "DiscardStmt": lambda: tree.target.name == "DISCARD_ALL",
    }
    return name in refuses and bool(refuses[name]())


def is_setting(statement: Parsed) -> bool:
    """Whether it sets something of the session, which a resumed run needs again."""
    return bool(_SETTING.match(statement.text)) and node(statement.tree) == "VariableSetStmt"


def lets_others_work(statement: Parsed) -> bool:
    """Whether others read and write while a statement outside of transactions waits for its locks."""
    tree = statement.tree
    lets: dict[str, Callable[[], Any]] = {
        "IndexStmt": lambda: tree.concurrent,
        "DropStmt": lambda: tree.concurrent,
        "ReindexStmt": lambda: has_option(tree.params, "concurrently"),
        "VacuumStmt": lambda: tree.is_vacuumcmd and not has_option(tree.options, "full"),
    }
    name = node(tree)
    return name in lets and bool(lets[name]())


def _changes_subscription_outside(tree: Any) -> bool:
    kind = tree.kind.name.replace("ALTER_SUBSCRIPTION_", "")
    if kind.endswith("_PUBLICATION"):
        options = {option.defname: option.arg for option in tree.options or ()}
        return "refresh" not in options or not _off(options["refresh"])
    if kind == "OPTIONS":
        return any(option.defname in ("failover", "two_phase") for option in tree.options or ())
    return bool(kind == "REFRESH")


def _reindexes_outside(tree: Any) -> bool:
    if tree.kind.name in ("REINDEX_OBJECT_SCHEMA", "REINDEX_OBJECT_SYSTEM", "REINDEX_OBJECT_DATABASE"):
        return True
    return has_option(tree.params, "concurrently")


def has_option(options: Any, name: str) -> bool:
    """Whether an option is there that is not switched off."""
    return any(option.defname == name and not _off(option.arg) for option in options or ())


def _off(value: Any) -> bool:
    if value is None:
        return False
    plain = getattr(value, "sval", getattr(value, "boolval", getattr(value, "ival", None)))
    return str(plain).lower() in ("false", "off", "0")


def _detaches_concurrently(command: Any) -> bool:
    if command.subtype.name not in ("AT_DetachPartition", "AT_DetachPartitionFinalize"):
        return False
    return bool(command.subtype.name == "AT_DetachPartition" and command.def_.concurrent)
