# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about new partitions, for which PostgreSQL reads rows. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from ..model import Step
from ..names import Name, joined, quoted
from ..place import Command
from ..rewrites import step
from ..subject import Hit, Subject
from ..trees import Said, constant, is_null, said_in_text, walk

_LIST, _RANGE = "l", "r"
_MIDNIGHT = re.compile(r"([ T]00:00)?(:00(\.0+)?)?([+-]\d\d(:\d\d)?)?")


def attach(s: Subject, command: Command) -> Iterator[Hit]:
    """ATTACH PARTITION of a table whose rows no CHECK vouches for, or whose indexes are missing."""
    child = s.seen.name(command.node.def_.name)
    what = f"ATTACH PARTITION {child.sql()} to {s.table.sql()}"
    yield from _beside_default(s, s.table, command.node.def_.bound, command.start, what)
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
    if table.partbound:
        parent = s.seen.name(table.inhRelations[0])
        what = f"{s.seen.new(table.relation).sql()} becomes a partition of {parent.sql()}"
        place = s.source.find("PARTITION", "OF") or 0
        yield from _beside_default(s, parent, table.partbound, place, what)


def _beside_default(s: Subject, parent: Name, bounds: Any, place: int, what: str) -> Iterator[Hit]:
    facts = s.facts(parent) if s.existed(parent) else None
    if not facts or not facts.default_partition or facts.default_partition in s.seen.no_partitions:
        return
    other = Name(*facts.default_partition, parent.written)
    if s.existed(other) and not _keeps_out(s, other, facts.partition_key, bounds):
        what = f"{what}, and no valid CHECK keeps the new bounds out of the default partition {other.sql()}"
        yield Hit("partition-default", place, what, _kept_out(s, other, facts.partition_key, bounds), other)


def _bounded(s: Subject, table: Name, key: frozenset[str]) -> bool:
    """Whether a valid CHECK is about all columns of a partition key."""
    return any(one.bounded >= key for one in _valid_checks(s, table))


def _keeps_out(s: Subject, table: Name, key: frozenset[str], bounds: Any) -> bool:
    """Whether a valid CHECK speaks of these bounds: of all columns of the key, and of every value, NULL too."""
    wanted = [*(bounds.listdatums or ()), *(bounds.lowerdatums or ()), *(bounds.upperdatums or ())]
    values = set(filter(None, (constant(one) for datum in wanted for one in walk(datum))))
    nulls = any(map(is_null, wanted))
    return any(
        (one.bounded >= key or nulls and not values)
        and (not nulls or one.known >= key)
        and all(any(_is_written(value, other) for other in one.values) for value in values)
        for one in _valid_checks(s, table)
    )


def _valid_checks(s: Subject, table: Name) -> list[Said]:
    facts = s.facts(table)
    found = [said_in_text(one.expression) for one in (facts.checks if facts else ()) if one.valid]
    return [*found, *s.seen.checked.get(table.key, [])]


def _is_written(value: str, other: str) -> bool:
    """Whether two constants are the same, a day also when PostgreSQL has written its midnight behind it."""
    return other == value or other.startswith(value) and bool(_MIDNIGHT.fullmatch(other, len(value)))


def _kept_out(s: Subject, other: Name, key: frozenset[str], bounds: Any) -> tuple[Step, ...]:
    """The statement behind a CHECK of the default partition, where one can be written."""
    condition = _outside(s, quoted(*key), bounds) if len(key) == 1 else ""
    if not condition:
        return ()
    table = f"ALTER TABLE {other.sql()}"
    name = quoted(joined(other.name, "without", "new"))
    return (
        step(s, f"{table} ADD CONSTRAINT {name} CHECK ({condition}) NOT VALID"),
        step(s, f"{table} VALIDATE CONSTRAINT {name}"),
        step(s, s.text),
        step(s, f"{table} DROP CONSTRAINT {name}"),
    )


def _outside(s: Subject, column: str, bounds: Any) -> str:
    """True of what is not between the bounds of a partition; empty when everything is."""
    start = s.source.find("FOR", "VALUES") or 0
    if bounds.strategy == _LIST:
        return _not_listed(column, s.source.items("IN", start), bounds.listdatums)
    if bounds.strategy != _RANGE:
        return ""
    low, high = s.source.inside("FROM", start), s.source.inside("TO", start)
    below = [f"{column} < {low}"] if low.upper() != "MINVALUE" else []
    above = [f"{column} >= {high}"] if high.upper() != "MAXVALUE" else []
    return " OR ".join([*below, *above])


def _not_listed(column: str, values: Sequence[str], datums: Sequence[Any]) -> str:
    """True of what is not in a list; NOT IN alone is never true beside NULL."""
    known = [value for value, datum in zip(values, datums) if not is_null(datum)]
    without = [f"{column} NOT IN ({', '.join(known)})"] if known else []
    return " AND ".join([f"{column} IS NOT NULL", *without] if len(known) < len(datums) else without)
