# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has been seen: of the whole change, which objects it makes; of one file, what it holds. Touches nothing.

Keeps names and never trees, so that memory is bound by the number of objects that a change makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..transactions import node
from .model import Catalog, DataType
from .names import TEMPORARY, Name, strings
from .trees import Said
from .types import text_of

Key = tuple[str, str]
ObjectKey = tuple[str, ...]
BUILT_IN = "pg_catalog"
RELATIONS = ("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_FOREIGN_TABLE")


@dataclass
class FileSeen:
    """What one file has done so far.

    :ivar holder: table and line of the first ACCESS EXCLUSIVE lock on a table that existed before.
    :ivar altered: line and actions of the last ALTER by table.
    :ivar made: what it makes, new or in place of what was there.
    :ivar not_valid: constraints added without being checked, by table and name.
    :ivar timeouts: what the file itself has set, and whether that is a limit.
    :ivar ddl: whether it stops anybody.
    """

    holder: tuple[Name, int] | None = None
    altered: dict[Key, tuple[int, str]] = field(default_factory=dict)
    not_valid: set[tuple[Key, str]] = field(default_factory=set)
    made: set[ObjectKey] = field(default_factory=set)
    timeouts: dict[str, bool] = field(default_factory=dict)
    timeouts_reported: bool = False
    ddl: bool = False


class Seen:
    """What a change has made so far; give the same one to each file of a change.

    :param schema: where new objects without a schema belong.
    :param more: where else names without a schema are looked up.
    :ivar no_partitions: what it has detached or dropped.
    :ivar volatile: the functions and procedures it makes that may change something.
    """

    def __init__(self, schema: str = "public", more: Sequence[str] = ()) -> None:
        self._default_path = (schema, *more)
        self._path = self._default_path
        self._catalog: Catalog | None = None
        self.relations: set[Key] = set()
        self.types: set[Key] = set()
        self.objects: set[ObjectKey] = set()
        self.replaced: set[ObjectKey] = set()
        self.domains: dict[Key, DataType] = {}
        self.schemas: set[str] = set()
        self.no_partitions: set[Key] = set()
        self.volatile: set[Key] = set()
        self.indexes: dict[Key, Key] = {}
        self.index_columns: dict[Key, list[tuple[str, ...]]] = {}
        self.columns_of_index: dict[Key, tuple[str, ...]] = {}
        self.not_null: set[tuple[Key, str]] = set()
        self.never_null: dict[tuple[Key, str], str] = {}
        self.checks: dict[tuple[Key, str], Said] = {}
        self.checked: dict[Key, list[Said]] = {}
        self.promised: dict[tuple[Key, str], set[str]] = {}
        self.file = FileSeen()

    def begin_file(self, catalog: Catalog | None = None) -> None:
        """Forget what belongs to one file.

        :param catalog: says in which schema of the search path a name is.
        """
        self.file = FileSeen()
        self._path = self._default_path
        self._catalog = catalog

    def search(self, schemas: Sequence[str]) -> None:
        """Names are looked up elsewhere from here on; none for where they are by default."""
        self._path = tuple(schemas) or self._default_path

    def new(self, relation: Any) -> Name:
        """Of the ``RangeVar`` of what is being made."""
        return Name(relation.schemaname or self._path[0], relation.relname, bool(relation.schemaname))

    def name(self, relation: Any) -> Name:
        """Of a ``RangeVar``; a name without a schema is a temporary table's before it is another's."""
        if relation.schemaname:
            return Name(relation.schemaname, relation.relname, True)
        return self._found(relation.relname, self._has_relation)

    def name_of(self, parts: Any) -> Name:
        """Of the ``String`` nodes of a table, a view or an index."""
        *schema, name = strings(parts)
        return Name(schema[-1], name, True) if schema else self._found(name, self._has_relation)

    def new_of(self, parts: Any) -> Name:
        """Of the ``String`` nodes of what is being made."""
        *schema, name = strings(parts)
        return Name(schema[-1] if schema else self._path[0], name, bool(schema))

    def type_of(self, parts: Any) -> Name:
        """Of the ``String`` nodes of a type."""
        *schema, name = strings(parts)
        return Name(schema[-1], name, True) if schema else self._found(name, self._has_type, BUILT_IN)

    def type_of_relation(self, relation: Any) -> Name:
        """Of the ``RangeVar`` of a composite type."""
        written = Name(relation.schemaname or "", relation.relname, True)
        return written if relation.schemaname else self._found(relation.relname, self._has_type)

    def routine_of(self, parts: Any) -> Name:
        """Of the ``String`` nodes of a function or procedure."""
        *schema, name = strings(parts)
        if schema:
            return Name(schema[-1], name, True)
        return self._found(name, lambda key: ("routine", *key) in self.objects or key in self.volatile)

    def schemas_of_routines(self) -> list[str]:
        """Where functions and procedures without a schema are looked up."""
        return [BUILT_IN, *(schema for schema in self._path if schema != TEMPORARY)]

    def data_type(self, type_name: Any) -> DataType:
        """What is known of the type that a ``TypeName`` names."""
        name = self.type_of(type_name.names)
        if name.schema == BUILT_IN or type_name.arrayBounds:
            return DataType()
        return self._known_type(name.key)

    def domain(self, name: Name, base: Any, constrained: bool) -> None:
        """A domain was made of the type that the ``TypeName`` names."""
        self.types.add(name.key)
        below = self.data_type(base)
        self.domains[name.key] = DataType(below.base or text_of(base), constrained or below.constrained)

    def constrain(self, name: Name) -> None:
        """A domain has got a constraint."""
        self.domains[name.key] = replace(self._known_type(name.key), constrained=True)

    def _known_type(self, key: Key) -> DataType:
        if key in self.domains or key in self.types or not self._catalog:
            return self.domains.get(key, DataType())
        return self._catalog.type(*key) or DataType()

    def _found(self, name: str, has: Callable[[Key], bool], *first: str) -> Name:
        """The first of the search path that is there, or where a new one would be."""
        there = (schema for schema in (TEMPORARY, *first, *self._path) if has((schema, name)))
        lasting = (schema for schema in self._path if schema != TEMPORARY)
        return Name(next(there, None) or next(lasting, TEMPORARY), name)

    def _has_relation(self, key: Key) -> bool:
        if key in self.relations or key in self.indexes:
            return True
        if not self._catalog or key[0] == TEMPORARY:
            return False
        return self._catalog.table(*key) is not None or self._catalog.table_of_index(*key) is not None

    def _has_type(self, key: Key) -> bool:
        if key in self.types or not self._catalog or key[0] == TEMPORARY:
            return key in self.types
        return self._catalog.type(*key) is not None

    def made(self, name: Name) -> bool:
        """Whether this change has made the relation."""
        own = name.key in self.relations or ("relation", *name.key) in self.objects
        return own or name.schema == TEMPORARY or name.schema in self.schemas

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
        begins = tuple(columns)
        self.index_columns.setdefault(table.key, []).append(begins)
        if name:
            self.columns_of_index[(table.schema, name)] = begins
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
        name = seen.new(relation)
        if relation.relpersistence == "t" or relation.schemaname == TEMPORARY:
            name = Name(TEMPORARY, relation.relname)
        if kind == "ViewStmt":
            seen.file.made.add(("relation", *name.key))
            if tree.replace or ("relation", *name.key) in seen.replaced:
                continue
        seen.make(name)
    if kind == "IndexStmt":
        columns = [element.name for element in tree.indexParams]
        stop = columns.index(None) if None in columns else len(columns)
        seen.index(seen.name(tree.relation), tree.idxname, columns[:stop])
    if kind == "DropStmt" and tree.removeType.name in RELATIONS:
        for parts in tree.objects:
            seen.no_partitions.add(seen.name_of(parts).key)
            seen.drop(seen.name_of(parts))
    if kind == "AlterTableStmt":
        for one in tree.cmds:
            if one.subtype.name == "AT_DetachPartition":
                seen.no_partitions.add(seen.name(one.def_.name).key)


def _others(seen: Seen, tree: Any) -> None:
    kind = node(tree)
    if kind == "CreateEnumStmt":
        seen.types.add(seen.new_of(tree.typeName).key)
    elif kind == "CreateDomainStmt":
        kinds = {one.contype.name for one in tree.constraints or ()}
        constrained = bool(kinds & {"CONSTR_CHECK", "CONSTR_NOTNULL"})
        seen.domain(seen.new_of(tree.domainname), tree.typeName, constrained)
    elif kind == "AlterDomainStmt" and tree.subtype in ("C", "O"):
        seen.constrain(seen.type_of(tree.typeName))
    elif kind == "CompositeTypeStmt":
        seen.types.add(seen.new(tree.typevar).key)
    elif kind == "CreateSchemaStmt" and tree.schemaname and not tree.if_not_exists:
        seen.schemas.add(tree.schemaname)
    elif kind == "VariableSetStmt" and tree.name == "search_path":
        words = [getattr(getattr(one, "val", None), "sval", "") for one in tree.args or ()]
        schemas = [schema.strip(' "') for word in words for schema in word.split(",")]
        seen.search([schema for schema in schemas if schema not in ("", "$user")])


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
