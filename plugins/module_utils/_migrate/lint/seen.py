# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has been seen: of the whole change, which objects it makes; of one file, what it holds. Touches nothing.

Keeps names and never trees, so that memory is bound by the number of objects that a change makes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..transactions import node
from .names import TEMPORARY, Name, strings

Key = tuple[str, str]
RELATIONS = ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE")


@dataclass
class FileSeen:
    """What one file has done so far.

    :ivar holder: table and line of the first ACCESS EXCLUSIVE lock on a table that existed before.
    :ivar altered: line and actions of the last ALTER by table.
    :ivar not_valid: constraints added without being checked, by table and name.
    :ivar timeouts: what the file itself has set, and whether that is a limit.
    :ivar ddl: whether it stops anybody.
    """

    holder: tuple[Name, int] | None = None
    altered: dict[Key, tuple[int, str]] = field(default_factory=dict)
    not_valid: set[tuple[Key, str]] = field(default_factory=set)
    views: set[Key] = field(default_factory=set)
    timeouts: dict[str, bool] = field(default_factory=dict)
    timeouts_reported: bool = False
    ddl: bool = False


class Seen:
    """What a change has made so far; give the same one to each file of a change.

    :param schema: where names without a schema belong.
    """

    def __init__(self, schema: str = "public") -> None:
        self.schema = schema
        self.default_schema = schema
        self.relations: set[Key] = set()
        self.types: set[Key] = set()
        self.schemas: set[str] = set()
        self.indexes: dict[Key, Key] = {}
        self.index_columns: dict[Key, list[tuple[str, ...]]] = {}
        self.never_null: dict[tuple[Key, str], str] = {}
        self.promised: dict[tuple[Key, str], set[str]] = {}
        self.file = FileSeen()

    def begin_file(self) -> None:
        """Forget what belongs to one file."""
        self.file = FileSeen()
        self.schema = self.default_schema

    def name(self, relation: Any) -> Name:
        """Of a ``RangeVar``; a name without a schema is a temporary table's before it is another's."""
        if relation.schemaname:
            return Name(relation.schemaname, relation.relname, True)
        if (TEMPORARY, relation.relname) in self.relations:
            return Name(TEMPORARY, relation.relname)
        return Name(self.schema, relation.relname)

    def name_of(self, parts: Any) -> Name:
        """Of a list of ``String`` nodes."""
        *schema, name = strings(parts)
        if schema:
            return Name(schema[-1], name, True)
        temporary = (TEMPORARY, name) in self.relations
        return Name(TEMPORARY if temporary else self.schema, name)

    def made(self, name: Name) -> bool:
        """Whether this change has made the relation."""
        return name.schema == TEMPORARY or name.schema in self.schemas or name.key in self.relations

    def make(self, name: Name) -> None:
        """A relation is there that was not before."""
        self.relations.add(name.key)

    def drop(self, name: Name) -> None:
        """A relation of this change is gone."""
        self.relations.discard(name.key)

    def move(self, old: Name, new: Name) -> None:
        """A relation has another name."""
        if old.key in self.relations:
            self.drop(old)
            self.make(new)

    def index(self, table: Name, name: str | None, columns: Iterable[str]) -> None:
        """An index was made."""
        self.index_columns.setdefault(table.key, []).append(tuple(columns))
        if name:
            self.indexes[(table.schema, name)] = table.key


def created(tree: Any) -> list[Any]:
    """The ``RangeVar`` of each relation that a statement makes."""
    kind = node(tree)
    if kind in ("CreateStmt", "CreateForeignTableStmt"):
        return [(tree.base if kind == "CreateForeignTableStmt" else tree).relation]
    if kind == "CreateTableAsStmt":
        return [tree.into.rel]
    if kind == "SelectStmt" and tree.intoClause:
        return [tree.intoClause.rel]
    if kind == "ViewStmt":
        return [tree.view]
    if kind == "CreateSchemaStmt":
        return [one for element in tree.schemaElts or () for one in created(element)]
    return []


def absorb(seen: Seen, tree: Any) -> None:
    """Take in what a statement makes, renames and drops."""
    _relations(seen, tree)
    _others(seen, tree)
    _renames(seen, tree)


def _relations(seen: Seen, tree: Any) -> None:
    kind = node(tree)
    for relation in created(tree):
        name = seen.name(relation)
        if relation.relpersistence == "t" or relation.schemaname == TEMPORARY:
            name = Name(TEMPORARY, relation.relname)
        if kind == "ViewStmt":
            seen.file.views.add(name.key)
            if tree.replace:
                continue
        seen.make(name)
    if kind == "IndexStmt":
        columns = [element.name for element in tree.indexParams]
        stop = columns.index(None) if None in columns else len(columns)
        seen.index(seen.name(tree.relation), tree.idxname, columns[:stop])
    if kind == "DropStmt" and tree.removeType.name in RELATIONS:
        for parts in tree.objects:
            seen.drop(seen.name_of(parts))


def _others(seen: Seen, tree: Any) -> None:
    kind = node(tree)
    if kind in ("CreateEnumStmt", "CreateDomainStmt"):
        seen.types.add(seen.name_of(tree.typeName if kind == "CreateEnumStmt" else tree.domainname).key)
    elif kind == "CompositeTypeStmt":
        seen.types.add(seen.name(tree.typevar).key)
    elif kind == "CreateSchemaStmt" and tree.schemaname and not tree.if_not_exists:
        seen.schemas.add(tree.schemaname)
    elif kind == "VariableSetStmt" and tree.name == "search_path":
        first = tree.args[0] if tree.args else None
        value = getattr(getattr(first, "val", None), "sval", None)
        seen.schema = value.split(",")[0].strip(' "') if value else seen.default_schema


def _renames(seen: Seen, tree: Any) -> None:
    kind = node(tree)
    if kind == "RenameStmt" and tree.renameType.name in RELATIONS:
        old = seen.name(tree.relation)
        seen.move(old, old.beside(tree.newname))
    elif kind == "RenameStmt" and tree.renameType.name == "OBJECT_SCHEMA" and tree.subname in seen.schemas:
        seen.schemas.add(tree.newname)
    elif kind == "AlterObjectSchemaStmt" and tree.objectType.name in RELATIONS:
        old = seen.name(tree.relation)
        seen.move(old, Name(tree.newschema, old.name, True))
