# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lint says and what it is told: rules, findings, and the facts of a live database. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..directives import EXPAND

ERROR = "error"
WARNING = "warning"
OFF = "off"
SEVERITIES = (ERROR, WARNING, OFF)
SMALL = 1024 * 1024


@dataclass(frozen=True)
class Rule:
    """One thing that lint finds.

    :param severity: unless the operator says otherwise.
    :param why: what it does to whom; it follows the name of what was found and a colon.
    :param safe: the safe way, for people.
    :param by_size: the harm grows with the table, so that a small one makes an error a warning.
    """

    name: str
    severity: str
    why: str
    safe: str
    by_size: bool = False


@dataclass(frozen=True)
class Step:
    """One file of a safe rewrite.

    :param sql: its statements, each with its semicolon.
    :param transactional: whether the file runs in one transaction.
    :param phase: which phase it belongs to.
    """

    sql: str
    transactional: bool = True
    phase: str = EXPAND

    def shown(self, number: int) -> str:
        """The file with its directives."""
        mode = "" if self.transactional else "-- slipway:transaction off\n"
        return f"-- file {number}\n-- slipway:phase {self.phase}\n{mode}{self.sql}"


@dataclass(frozen=True)
class Finding:
    """One place of a migration that would hurt.

    :param line: in the file, from 1.
    :param column: in the line, in characters from 1.
    :param message: what it is and why it hurts.
    :param steps: the safe rewrite, file by file.
    """

    rule: str
    severity: str
    line: int
    column: int
    message: str
    steps: tuple[Step, ...] = ()

    @property
    def remedy(self) -> str:
        """The safe rewrite as SQL; empty where none can be written."""
        return "\n".join(step.shown(number) for number, step in enumerate(self.steps, 1))


@dataclass(frozen=True)
class Check:
    """A CHECK constraint of a table.

    :param expression: as ``pg_get_expr`` or the migration writes it.
    """

    name: str
    expression: str
    valid: bool


@dataclass(frozen=True)
class Index:
    """An index of a table; ``columns`` ends at the first expression."""

    name: str
    columns: tuple[str, ...]
    valid: bool = True
    unique: bool = False


@dataclass(frozen=True)
class Table:
    """What is known of a table of the live database.

    :param bytes: its size on disk with its partitions, without its indexes.
    :param columns: name to type as ``format_type`` writes it.
    :param collations: of the columns that have another one than their type.
    :param bound: the columns that a valid CHECK, or an index with an expression or a predicate, is about.
    :param partition_key: the columns of it; none of what is no column.
    :param default_partition: schema and name of it.
    :param referenced_by: qualified and quoted names of the tables with a foreign key to it.
    """

    bytes: int
    partitioned: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)
    collations: Mapping[str, str] = field(default_factory=dict)
    bound: frozenset[str] = frozenset()
    not_null: frozenset[str] = frozenset()
    checks: tuple[Check, ...] = ()
    indexes: tuple[Index, ...] = ()
    referenced_by: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()
    partition_key: frozenset[str] = frozenset()
    default_partition: tuple[str, str] | None = None


@dataclass(frozen=True)
class DataType:
    """What is known of a type.

    :param base: what a domain is made of, which is no domain itself; empty of other types.
    :param constrained: whether it is a domain with a constraint, its own or of its base.
    """

    base: str = ""
    constrained: bool = False


class Catalog(Protocol):
    """A live database, as far as lint asks."""

    def table(self, schema: str, name: str) -> Table | None:
        """The facts of a table, view or sequence; ``None`` when there is none of that name."""

    def table_of_index(self, schema: str, name: str) -> tuple[str, str] | None:
        """Schema and name of the table that an index belongs to; ``None`` when there is no such index."""

    def type(self, schema: str, name: str) -> DataType | None:
        """The facts of a type; ``None`` when there is none of that name."""

    def volatile(self, function: str) -> bool | None:
        """Whether any function of that name is volatile; ``None`` when there is none."""

    def unforeseeable(self, schemas: Sequence[str], function: str) -> bool | None:
        """Whether a function of that name may run any statement; ``None`` when these schemas have none."""
