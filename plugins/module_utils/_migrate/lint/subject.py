# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A statement as the rules see it: its tree and text, the file it is in, and what existed before. Touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..statements import Statement
from ..transactions import node
from .model import Catalog, Step, Table
from .names import Name
from .place import Command, Source
from .seen import ObjectKey, Seen


@dataclass(frozen=True)
class File:
    """How a file runs.

    :param version: major version of the server.
    :param timeouts: whether whoever runs it sets lock_timeout and statement_timeout.
    """

    transactional: bool
    phase: str
    version: int
    timeouts: bool = True
    catalog: Catalog | None = None


@dataclass(frozen=True)
class Hit:
    """What a check has found.

    :param offset: in the text of the statement.
    :param what: what is there; the rule's ``why`` follows.
    :param table: whose size counts.
    :param unless_made: no finding when the file makes all of these.
    :param beside_ddl: no finding when the file stops nobody.
    """

    rule: str
    offset: int
    what: str
    steps: tuple[Step, ...] = ()
    table: Name | None = None
    unless_made: tuple[ObjectKey, ...] = ()
    beside_ddl: bool = False


class Subject:
    """One statement, with what was before it."""

    def __init__(self, statement: Statement, file: File, seen: Seen) -> None:
        self.statement = statement
        self.file = file
        self.seen = seen
        self.source = Source(statement)

    @property
    def text(self) -> str:
        """As written, without the semicolon."""
        return self.statement.text

    @property
    def tree(self) -> Any:
        """Node of ``pglast.ast``."""
        return self.statement.tree

    @cached_property
    def kind(self) -> str:
        """The name of the tree's class."""
        return node(self.tree)

    @cached_property
    def commands(self) -> list[Command]:
        """The actions of an ALTER TABLE; none of other statements."""
        return self.source.commands(self.tree) if self.kind == "AlterTableStmt" else []

    @cached_property
    def table(self) -> Name:
        """The relation that the statement names."""
        new = self.kind in ("CreateStmt", "CreateForeignTableStmt")
        return (self.seen.new if new else self.seen.name)(self.tree.relation)

    @cached_property
    def on_table(self) -> str:
        """``ALTER TABLE`` and the name."""
        return f"ALTER TABLE {self.table.sql()}"

    def facts(self, name: Name) -> Table | None:
        """What the live database knows of a table."""
        return self.file.catalog.table(name.schema, name.name) if self.file.catalog else None

    def existed(self, name: Name) -> bool:
        """Whether others may be using the relation: it is not of this change, and the live database has it."""
        if self.seen.made(name):
            return False
        return self.file.catalog is None or self.facts(name) is not None

    def index_existed(self, index: Name) -> bool:
        """Whether an index is on a table that others may be using."""
        table = self.seen.indexes.get(index.key)
        if table is not None:
            return self.existed(Name(*table))
        if index.schema in self.seen.schemas:
            return False
        return self.file.catalog is None or self.file.catalog.table_of_index(index.schema, index.name) is not None
