# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lint claims, on a real server: what is flagged locks or writes anew what others use, and its safe twin does not.

Makes databases on the server of the tests.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.live import LiveCatalog
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.run import lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.seen import Seen
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.table import BY_NAME
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access, Session
from ansible_collections.slipway.release.plugins.module_utils._migrate.statements import statements
from ansible_collections.slipway.release.plugins.module_utils._migrate.trial import Trial, try_file

from tests.fixtures.migrate.cases import FACTS, SCHEMA, TYPES, Case, Pair, pairs

from .scene import strongest
from .server import USER, Database, Server

PAIRS = list(pairs())
NUMBERS = itertools.count(1)
EXCLUSIVE = {
    "constraint-valid",
    "drop-column",
    "drop-not-null",
    "drop-table",
    "exclusion",
    "index-drop",
    "locks-held",
    "multi-alter",
    "partition-default",
    "partition-detach",
    "pk",
    "rename",
    "serial-add",
    "set-not-null",
    "stored-generated",
    "truncate-cascade",
    "type-change",
    "unique",
    "validate-same-txn",
    "volatile-default",
}
REWRITES = {"serial-add", "stored-generated", "type-change", "volatile-default"}
READS = {"constraint-valid", "partition-attach", "partition-default", "set-not-null", "validate-same-txn"}
# Reads the rows, to check them or to build indexes, and leaves them as they are.
ONLY_READS = ("type-change: only ", "pk: from an index, ", "pk: from an index of")
DOMAINS = "a domain"
# What lint cannot know is no claim.
UNKNOWN = (
    "nobody knows",
    "nothing is known",
    "a schema",
    "a value of an enum",
    "a type",
    "rename: a function",
    "rename: a role",
    "as a constraint",
    "pk: with the column",
)
New = Callable[[], Database]


@pytest.fixture(scope="module")
def new(server: Server) -> Iterator[New]:
    """Makes databases with the schema of the cases."""
    template = server.create("lint_template")
    template.sql(SCHEMA.read_text(encoding="utf-8"))

    def make() -> Database:
        name = f"lint_{next(NUMBERS)}"
        Database(server, USER).sql(f"CREATE DATABASE {name} TEMPLATE {template.name}")
        return Database(server, name)

    yield make
    server.drop(template)


@pytest.fixture
def scratch(new: New, server: Server) -> Iterator[Database]:
    """One of them."""
    database = new()
    yield database
    server.drop(database)


def tried(database: Database, case: Case) -> Trial:
    return try_file(Access(dsn=database.dsn()), statements(case.sql), transactional=case.directives.transaction)


def major(database: Database) -> int:
    return int(database.one("SHOW server_version_num")) // 10000


def skip_if_newer(database: Database, *cases: Case) -> None:
    if major(database) < max(case.server for case in cases):
        pytest.skip("the case is about a newer server")


def claimed(rules: set[str]) -> list[Pair]:
    return [pair for pair in PAIRS if pair.rule in rules and not any(word in pair.name for word in UNKNOWN)]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_every_safe_twin_runs_and_writes_no_table_anew(scratch: Database, pair: Pair) -> None:
    skip_if_newer(scratch, *pair.safe)
    tables = {row[0] for row in scratch.sql("SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r'")}
    for case in pair.safe:
        trial = tried(scratch, case)
        assert not trial.rewritten or pair.rule in ("drop-table", "truncate", "truncate-cascade"), pair.name
        if BY_NAME[pair.rule].by_size:
            assert "ShareLock" not in [mode for name, mode in strongest(trial).items() if name in tables]


@pytest.mark.parametrize("pair", claimed(EXCLUSIVE), ids=lambda pair: pair.name)
def test_what_is_said_to_stop_every_query_takes_access_exclusive(scratch: Database, pair: Pair) -> None:
    skip_if_newer(scratch, *pair.bad)
    modes = [mode for case in pair.bad for mode in strongest(tried(scratch, case)).values()]
    assert "AccessExclusiveLock" in modes


@pytest.mark.parametrize(
    "pair",
    [one for one in claimed(REWRITES) if not one.name.startswith(ONLY_READS)]
    + [one for one in claimed({"full-rewrite"}) if DOMAINS in one.name],
    ids=lambda pair: pair.name,
)
def test_what_is_said_to_write_the_table_anew_does(scratch: Database, pair: Pair) -> None:
    skip_if_newer(scratch, *pair.bad)
    assert [name for case in pair.bad for name in tried(scratch, case).rewritten]


def rows_read_under_exclusive(database: Database, cases: tuple[Case, ...]) -> int:
    """Rows of tables that were read while ACCESS EXCLUSIVE was held on them."""
    read = 0
    with closing(psycopg2.connect(database.dsn())) as connection, connection.cursor() as cursor:
        for case in cases:
            for statement in statements(case.sql):
                if not statement.transactional:
                    _run_alone(connection, cursor, statement.text)
                    continue
                before = _reads(cursor)
                cursor.execute(statement.text)
                cursor.execute(
                    "SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid() "
                    "AND locktype = 'relation' AND mode = 'AccessExclusiveLock'"
                )
                held = {row[0] for row in cursor.fetchall()}
                read += sum(rows - before.get(name, 0) for name, rows in _reads(cursor).items() if name in held)
                if not case.directives.transaction:
                    connection.commit()
            connection.commit()
    return read


def _run_alone(connection: psycopg2.extensions.connection, cursor: psycopg2.extensions.cursor, statement: str) -> None:
    connection.commit()
    connection.autocommit = True
    cursor.execute(statement)
    connection.autocommit = False


def _reads(cursor: psycopg2.extensions.cursor) -> dict[str, int]:
    cursor.execute("SELECT relid::regclass::text, seq_tup_read FROM pg_stat_xact_user_tables")
    return dict(cursor.fetchall())


@pytest.mark.parametrize(
    "pair",
    claimed(READS) + [one for one in claimed({"type-change", "pk"}) if one.name.startswith(ONLY_READS)],
    ids=lambda pair: pair.name,
)
def test_what_is_said_to_read_all_rows_does_and_its_twin_does_not(new: New, server: Server, pair: Pair) -> None:
    bad, safe = new(), new()
    skip_if_newer(bad, *pair.bad)
    assert rows_read_under_exclusive(bad, pair.bad) > 0
    assert rows_read_under_exclusive(safe, pair.safe) == 0
    server.drop(bad)
    server.drop(safe)


@pytest.mark.parametrize("pair", claimed({"partition-default"}), ids=lambda pair: pair.name)
def test_the_rewrite_for_a_default_partition_reads_no_rows(scratch: Database, pair: Pair) -> None:
    seen = Seen()
    *before, last = pair.bad
    for case in before:
        case.findings(seen)
    (finding,) = last.findings(seen)
    made = [statement.text for statement in statements(last.sql)][:-1]
    for sql in (*(case.sql for case in before), *made):
        scratch.sql(sql)
    assert rows_read_under_exclusive(scratch, tuple(Case(step.sql, ()) for step in finding.steps)) == 0


def test_an_index_without_concurrently_stops_writes(scratch: Database) -> None:
    trial = tried(scratch, Case("CREATE INDEX i ON orders (customer_id);", ()))
    assert strongest(trial)["orders"] == "ShareLock"


def test_a_foreign_key_stops_writes_to_both_tables(scratch: Database) -> None:
    trial = tried(scratch, Case("ALTER TABLE orders ADD FOREIGN KEY (shop_id) REFERENCES shops;", ()))
    assert [strongest(trial)[name] for name in ("orders", "shops")] == ["ShareRowExclusiveLock"] * 2


def test_the_facts_that_the_cases_are_judged_by_are_those_of_the_database(scratch: Database) -> None:
    with Session(Access(dsn=scratch.dsn()), "test") as session:
        catalog = LiveCatalog(session)
        for name, facts in FACTS.items():
            found = catalog.table(*name)
            assert found is not None
            assert dataclasses.replace(found, bytes=facts.bytes) == facts, name
        for name, kind in TYPES.items():
            assert catalog.type(*name) == kind, name
        assert catalog.type("public", "nothing") is None
        assert catalog.table("public", "nothing") is None
        assert catalog.table_of_index("public", "orders_shop_idx") == ("public", "orders")
        assert catalog.table_of_index("app", "orders_shop_idx") is None
        volatile = [catalog.volatile(name) for name in ("fixed", "shifting", "random", "now", "no_such_function")]
        assert volatile == [False, True, True, False, None]
        everywhere = ["pg_catalog", "app", "public"]
        calls = [
            (everywhere, "fixed"),
            (everywhere, "shifting"),
            (["public"], "shifting"),
            (["app"], "shifting"),
            (everywhere, "random"),
            (everywhere, "max"),
        ]
        assert [catalog.unforeseeable(*call) for call in calls] == [False, True, True, None, False, False]


def test_a_function_is_looked_up_where_a_call_finds_it(scratch: Database) -> None:
    volatile = "CREATE FUNCTION {}.{}(text) RETURNS int LANGUAGE sql VOLATILE AS 'SELECT 1'"
    for schema, name in (("archive", "count"), ("archive", "fill"), ("public", "count"), ("public", "clean")):
        scratch.sql(volatile.format(schema, name))
    cases = {
        "SELECT count(*), count(id) FROM orders": [],
        "SELECT fill('x')": [],
        "SELECT archive.fill('x')": ["opaque"],
        "SELECT public.count('x')": ["opaque"],
        "SELECT clean('x')": ["opaque"],
        "SET search_path = archive; SELECT fill('x')": ["opaque"],
    }
    with Session(Access(dsn=scratch.dsn()), "test") as session:
        catalog = LiveCatalog(session)
        found = {
            sql: [
                one.rule
                for one in lint(
                    statements(f"{sql};"),
                    transactional=True,
                    phase="expand",
                    waivers={},
                    severities={},
                    server_version=15,
                    catalog=catalog,
                )
            ]
            for sql in cases
        }
    assert found == cases


def test_sizes_are_those_of_the_table_and_its_partitions(scratch: Database) -> None:
    with Session(Access(dsn=scratch.dsn()), "test") as session:
        catalog = LiveCatalog(session)
        sizes = [catalog.table("public", name) for name in ("orders", "tiny", "events", "paid_orders")]
    orders, tiny, events, view = [one.bytes if one else -1 for one in sizes]
    assert orders > 1024 * 1024 > tiny > 0 == view
    assert events == scratch.one("SELECT pg_table_size('events_2025') + pg_table_size('events_2026')")
