# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules about indexes. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator

from ...transactions import has_option
from ..model import Step
from ..names import Name, joined, quoted
from ..subject import Hit, Subject

MOST_COLUMNS = 3


def create(s: Subject) -> Iterator[Hit]:
    """CREATE INDEX that stops writes, or that PostgreSQL refuses on a partitioned table."""
    facts = s.facts(s.table)
    partitioned = bool(facts and facts.partitioned)
    only_parent = not s.tree.relation.inh and (not facts or partitioned)
    if only_parent or not s.existed(s.table) or s.tree.concurrent and not partitioned:
        return
    if partitioned:
        what = f"CREATE INDEX on all partitions of {s.table.sql()} at once"
        if s.tree.concurrent:
            what = f"CREATE INDEX CONCURRENTLY, which partitioned tables refuse; on {s.table.sql()} without"
        yield Hit("index-create", 0, what, _by_partition(s), s.table)
    else:
        yield Hit(
            "index-create",
            0,
            f"CREATE INDEX on {s.table.sql()} without CONCURRENTLY",
            (Step(f"{concurrent(s)};", transactional=False),),
            s.table,
        )


def index_name(s: Subject) -> str:
    """The name that the index has or gets."""
    columns = [element.name or "expr" for element in s.tree.indexParams]
    return str(s.tree.idxname or joined(s.table.name, *columns, "idx"))


def concurrent(s: Subject) -> str:
    """The same CREATE INDEX with CONCURRENTLY, IF NOT EXISTS and a name."""
    start = s.source.behind("INDEX")
    on = s.source.find("ON", start=start) or 0
    return f"{s.text[:start]} CONCURRENTLY IF NOT EXISTS {quoted(index_name(s))} {s.text[on:]}"


def _by_partition(s: Subject) -> tuple[Step, ...]:
    """ON ONLY the parent, CONCURRENTLY on each partition, then ATTACH."""
    facts = s.facts(s.table)
    partitions = list(facts.partitions if facts else ()) or [s.table.beside(f"{s.table.name}_PARTITION").sql()]
    start = s.source.behind("INDEX")
    unique = s.text[:start]
    on = s.source.find("ON", start=start) or 0
    rest = s.text[_behind_relation(s) :]
    parent = index_name(s)
    only = f"{unique} IF NOT EXISTS {quoted(parent)} {s.text[on : on + 2]} ONLY {s.table.sql()}{rest};"
    children = [joined(partition.replace('"', "").replace(".", "_"), parent) for partition in partitions]
    builds = [
        f"{unique} CONCURRENTLY IF NOT EXISTS {quoted(child)} ON {partition}{rest};"
        for child, partition in zip(children, partitions)
    ]
    parent_sql = s.table.beside(parent).sql()
    attaches = [f"ALTER INDEX {parent_sql} ATTACH PARTITION {s.table.beside(child).sql()};" for child in children]
    return (Step(only), Step("\n".join(builds), transactional=False), Step("\n".join(attaches)))


def _behind_relation(s: Subject) -> int:
    tokens = [token for token in s.source.tokens if token.start >= s.tree.relation.location]
    last = 2 if s.tree.relation.schemaname else 0
    return int(tokens[last].end) + 1


def drop(s: Subject) -> Iterator[Hit]:
    """DROP INDEX that stops everybody."""
    if s.tree.removeType.name != "OBJECT_INDEX" or s.tree.concurrent:
        return
    names = [name for name in map(s.seen.name_of, s.tree.objects) if s.index_existed(name)]
    if names:
        sql = "\n".join(f"DROP INDEX CONCURRENTLY IF EXISTS {name.sql()};" for name in names)
        steps = (Step(sql, transactional=False, phase=s.file.phase),)
        what = f"DROP INDEX {', '.join(name.sql() for name in names)} without CONCURRENTLY"
        yield Hit("index-drop", 0, what, steps, _table_of(s, names[0]))


def _table_of(s: Subject, index: Name) -> Name | None:
    found = s.file.catalog.table_of_index(index.schema, index.name) if s.file.catalog else None
    return Name(*found) if found else None


def reindex(s: Subject) -> Iterator[Hit]:
    """REINDEX that stops writes."""
    if has_option(s.tree.params, "concurrently"):
        return
    kind = s.tree.kind.name.replace("REINDEX_OBJECT_", "")
    if s.tree.relation is None:
        target = quoted(s.tree.name) if s.tree.name else ""
        step = Step(f"REINDEX {kind} CONCURRENTLY {target};".replace(" ;", ";"), transactional=False)
        steps = () if kind == "SYSTEM" else (step,)
        yield Hit("reindex", 0, f"REINDEX {kind} {target}".rstrip() + " without CONCURRENTLY", steps)
        return
    name = s.table
    if s.index_existed(name) if kind == "INDEX" else s.existed(name):
        steps = (Step(f"REINDEX {kind} CONCURRENTLY {name.sql()};", transactional=False, phase=s.file.phase),)
        table = name if kind == "TABLE" else _table_of(s, name)
        yield Hit("reindex", 0, f"REINDEX {kind} {name.sql()} without CONCURRENTLY", steps, table)


def wide(s: Subject) -> Iterator[Hit]:
    """An index of many columns that no constraint asks for."""
    if s.tree.unique or len(s.tree.indexParams) <= MOST_COLUMNS:
        return
    columns = [element.name for element in s.tree.indexParams]
    what = f"an index on {len(columns)} columns of {s.table.sql()}"
    if all(columns):
        kept, read = columns[:MOST_COLUMNS], columns[MOST_COLUMNS:]
        name = joined(s.table.name, *kept, "idx")
        sql = (
            f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {quoted(name)} ON {s.table.sql()} "
            f"({', '.join(map(quoted, kept))}) INCLUDE ({', '.join(map(quoted, read))});"
        )
        yield Hit("wide-index", 0, what, (Step(sql, transactional=False),))
    else:
        yield Hit("wide-index", 0, what)
