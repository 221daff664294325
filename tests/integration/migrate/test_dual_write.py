# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A column is replaced while old and new applications write. Touches a cluster of its own."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, LeaseError, StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import parse_limits
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import Session, SqlError
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write import steps, triggers
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.change import Change, parse
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.phases import Phases, settings
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.surroundings import look_around
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from tests.integration.migrate import clusters
from tests.integration.migrate.backfills import run, wait_for
from tests.integration.migrate.clusters import Cluster, Writers

ROWS = 20_000
MANY_ROWS = 300_000
LONGEST_WAIT = 2.0
LIMITS = parse_limits({"pause_ms": 0, "retry_deadline": 20})


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A running server."""
    with clusters.cluster() as running:
        yield running


@contextmanager
def phases(cluster: Cluster, change: Change) -> Iterator[Phases]:
    """The phases of a change, with a session of their own."""
    session = Session(Access(cluster.dsn), "dual write test", settings(LIMITS))
    try:
        yield Phases(session, change, LIMITS)
    finally:
        session.close()


def change(**given: Any) -> Change:
    """Of the column ``total`` of ``orders`` to ``cents``, unless something else is given."""
    return parse({"schema": "public", "table": "orders", "column": "total", "new_column": "cents", **given})


CENTS = {"new_type": "bigint", "forward": "({value} * 100)::bigint", "backward": "({value} / 100.0)::numeric(10, 2)"}


def make(cluster: Cluster, column: str = "total numeric(10, 2)", rows: int = 0) -> None:
    """The table ``orders``."""
    cluster.sql("DROP TABLE IF EXISTS orders, customers, slipway_backfills CASCADE")
    for (function,) in cluster.sql("SELECT oid::regprocedure::text FROM pg_proc WHERE proname LIKE 'slipway%'"):
        cluster.sql(f"DROP FUNCTION {function}")
    cluster.sql("CREATE TABLE customers (id int PRIMARY KEY)")
    cluster.sql("INSERT INTO customers SELECT generate_series(1, 100)")
    cluster.sql(f"CREATE TABLE orders (id bigserial PRIMARY KEY, {column}, note text)")
    if rows:
        cluster.sql(f"INSERT INTO orders (total) SELECT g % 1000 FROM generate_series(1, {rows}) g")
        cluster.sql("ANALYZE orders")


def backfill(cluster: Cluster, phases: Phases) -> None:
    """Run that of the change."""
    around = look_around(phases.session, phases.change)
    assert around is not None
    assert run(cluster, triggers.backfill(phases.change, around)).after.state == "finished"


# what the application does to a row (1, total 5.00, cents 500), and what both columns then are
WRITES = {
    "old insert": ("INSERT INTO orders (id, total) VALUES (2, 7.25)", 2, ("7.25", 725)),
    "new insert": ("INSERT INTO orders (id, cents) VALUES (2, 725)", 2, ("7.25", 725)),
    "both insert": ("INSERT INTO orders (id, total, cents) VALUES (2, 7.25, 725)", 2, ("7.25", 725)),
    "both insert, contradicting": ("INSERT INTO orders (id, total, cents) VALUES (2, 1, 725)", 2, ("7.25", 725)),
    "neither insert": ("INSERT INTO orders (id) VALUES (2)", 2, (None, None)),
    "old update": ("UPDATE orders SET total = 7.25", 1, ("7.25", 725)),
    "new update": ("UPDATE orders SET cents = 725", 1, ("7.25", 725)),
    "both update": ("UPDATE orders SET total = 1, cents = 725", 1, ("7.25", 725)),
    "old to null": ("UPDATE orders SET total = NULL", 1, (None, None)),
    "new to null": ("UPDATE orders SET cents = NULL", 1, (None, None)),
    "other column": ("UPDATE orders SET note = 'x'", 1, ("5.00", 500)),
    "all columns as they were, one changed": ("UPDATE orders SET total = 7.25, cents = cents", 1, ("7.25", 725)),
    "upsert": (
        "INSERT INTO orders (id, total) VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET cents = 725",
        1,
        ("7.25", 725),
    ),
}


@pytest.mark.parametrize("case", WRITES)
def test_each_column_follows_the_other(cluster: Cluster, case: str) -> None:
    write, key, expected = WRITES[case]
    make(cluster)
    cluster.sql("INSERT INTO orders (id, total) VALUES (1, 5)")
    with phases(cluster, change(**CENTS)) as both:
        both.expand()
        backfill(cluster, both)
        cluster.sql(write)
        assert both.consistency().disagreeing == 0
    assert cluster.sql("SELECT total::text, cents FROM orders WHERE id = %s", (key,)) == [expected]


def test_a_default_of_the_old_column_gives_way_to_the_new_one(cluster: Cluster) -> None:
    make(cluster, "total int NOT NULL DEFAULT 3")
    with phases(cluster, change()) as both:
        both.expand()
        cluster.sql("INSERT INTO orders (cents) VALUES (9)")
        cluster.sql("INSERT INTO orders (note) VALUES ('neither')")
        assert cluster.sql("SELECT total, cents FROM orders ORDER BY id") == [(9, 9), (3, 3)]
        both.migrate()
        both.contract()
    cluster.sql("INSERT INTO orders (note) VALUES ('afterwards')")
    assert cluster.value("SELECT cents FROM orders WHERE note = 'afterwards'") == 3


def test_values_that_lose_something_on_the_way_stay_as_they_were_written(cluster: Cluster) -> None:
    """A date becomes a time: the time of day that a new application writes survives what others do to the row."""
    make(cluster, "total date")
    days = {
        "new_type": "timestamptz",
        "forward": "{value}::timestamp AT TIME ZONE 'UTC'",
        "backward": "({value} AT TIME ZONE 'UTC')::date",
    }
    with phases(cluster, change(**days)) as both:
        both.expand()
        cluster.sql("INSERT INTO orders (id, cents) VALUES (1, '2026-11-22 10:30+00')")
        cluster.sql("UPDATE orders SET note = 'x'")
        backfill(cluster, both)
        query = "SELECT total::text, (cents AT TIME ZONE 'UTC')::text FROM orders"
        assert cluster.sql(query) == [("2026-11-22", "2026-11-22 10:30:00")]
        cluster.sql("UPDATE orders SET total = '2026-11-23'")
        assert cluster.sql(query) == [("2026-11-23", "2026-11-23 00:00:00")]


def test_the_backfill_leaves_the_old_column_as_it_is(cluster: Cluster) -> None:
    make(cluster, "total text")
    cluster.sql("INSERT INTO orders (total) VALUES ('007'), ('7'), (NULL)")
    with phases(cluster, change(new_type="int")) as both:
        both.expand()
        backfill(cluster, both)
    assert cluster.sql("SELECT total, cents FROM orders ORDER BY id") == [("007", 7), ("7", 7), (None, None)]


@pytest.mark.parametrize("rows", [ROWS, pytest.param(MANY_ROWS, marks=pytest.mark.exhaustive)])
def test_all_phases_while_old_and_new_applications_write(cluster: Cluster, rows: int) -> None:
    make(cluster, "total numeric(10, 2) NOT NULL DEFAULT 0, customer int REFERENCES customers", rows)
    cluster.sql("CREATE INDEX orders_total ON orders (total DESC, id)")
    ready, over = threading.Event(), threading.Event()

    def old(cursor: Any, chance: random.Random) -> None:
        if over.is_set():
            return
        cursor.execute("INSERT INTO orders (total) VALUES (%s)", (chance.randint(1, 999),))
        cursor.execute("UPDATE orders SET total = %s WHERE id = %s", (chance.randint(1, 999), chance.randint(1, rows)))

    def new(cursor: Any, chance: random.Random) -> None:
        if not ready.is_set():
            return
        cursor.execute("INSERT INTO orders (cents) VALUES (%s)", (chance.randint(1, 99999),))
        cursor.execute("UPDATE orders SET cents = %s WHERE id = %s", (chance.randint(1, 9999), chance.randint(1, rows)))

    def reader(cursor: Any, chance: random.Random) -> None:
        cursor.execute("SELECT count(*) FROM orders WHERE id < 100")

    with Writers(cluster, [old, old, new, new, reader]) as writers, phases(cluster, change(**CENTS)) as both:
        both.expand()
        ready.set()
        backfill(cluster, both)
        taken = [step.sql.split(" ON ")[0] for step in both.migrate()]
        assert both.consistency().disagreeing == 0
        over.set()
        time.sleep(0.3)
        both.contract()
        time.sleep(0.2)
    print(writers.report(f"{rows} rows, all phases"))
    assert len(taken) == 5
    assert writers.failed == []
    assert writers.done > 50
    assert writers.longest < LONGEST_WAIT
    columns = cluster.sql(
        "SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0"
        " AND NOT attisdropped ORDER BY attnum"
    )
    assert columns == [("id", True), ("customer", False), ("note", False), ("cents", True)]
    assert cluster.value("SELECT count(*) FROM pg_proc WHERE proname LIKE 'slipway%'") == 0


def test_indexes_and_constraints_are_copied(cluster: Cluster) -> None:
    make(cluster, "total int NOT NULL UNIQUE REFERENCES customers ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED")
    cluster.sql("CREATE UNIQUE INDEX two ON orders (note DESC NULLS LAST, total) INCLUDE (id) WITH (fillfactor = 70)")
    cluster.sql("CREATE INDEX hashed ON orders USING hash (total)")
    cluster.sql("INSERT INTO orders (total) SELECT generate_series(1, 50)")
    with phases(cluster, change(new_type="bigint")) as both:
        both.expand()
        with pytest.raises(StateError, match="disagree in 50 of 50 rows, such as those with key"):
            both.migrate()
        backfill(cluster, both)
        assert len(both.migrate()) == 10
        assert both.migrate() == []
        both.contract()
        assert both.contract() == []
    indexes = [
        row[0] for row in cluster.sql("SELECT indexdef FROM pg_indexes WHERE tablename = 'orders' ORDER BY indexname")
    ]
    columns = "(note DESC NULLS LAST, cents) INCLUDE (id)"
    assert indexes == [
        "CREATE INDEX hashed_cents ON public.orders USING hash (cents)",
        "CREATE UNIQUE INDEX orders_pkey ON public.orders USING btree (id)",
        "CREATE UNIQUE INDEX orders_total_key_cents ON public.orders USING btree (cents)",
        f"CREATE UNIQUE INDEX two_cents ON public.orders USING btree {columns} WITH (fillfactor='70')",
    ]
    constraints = cluster.sql(
        "SELECT conname, pg_get_constraintdef(oid), convalidated FROM pg_constraint"
        " WHERE conrelid = 'orders'::regclass AND contype IN ('f', 'u', 'c') ORDER BY conname"
    )
    foreign = "FOREIGN KEY (cents) REFERENCES customers(id) ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"
    assert constraints == [
        ("orders_total_fkey_cents", foreign, True),
        ("orders_total_key_cents", "UNIQUE (cents)", True),
    ]


def test_an_index_that_was_broken_off_is_built_again(cluster: Cluster) -> None:
    make(cluster, "total int", 100)
    cluster.sql("CREATE INDEX orders_total ON orders (total)")
    with phases(cluster, change()) as both:
        both.expand()
        backfill(cluster, both)
        cluster.sql("CREATE INDEX orders_total_cents ON orders (cents)")
        cluster.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_total_cents'::regclass")
        both.migrate()
    assert cluster.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'orders_total_cents'::regclass")


def test_a_run_leaves_the_index_that_another_one_builds(cluster: Cluster) -> None:
    make(cluster, "total int", 100)
    cluster.sql("CREATE INDEX orders_total ON orders (total)")
    client = psycopg2.connect(cluster.dsn)
    with phases(cluster, change()) as first:
        first.expand()
        backfill(cluster, first)
        with client.cursor() as cursor:
            cursor.execute("UPDATE orders SET note = 'open' WHERE id = 1")
        thread = threading.Thread(target=first.migrate)
        thread.start()
        built = "SELECT oid::int8 FROM pg_class WHERE relname = 'orders_total_cents'"
        (number,) = wait_for(lambda: cluster.sql(built))[0]
        with phases(cluster, change()) as second:
            second.lock_deadline = 0.3
            with pytest.raises(LeaseError, match="another runner"):
                second.migrate()
            assert second.migrate(dry=True) != []
        client.commit()
        client.close()
        thread.join(20)
        assert not thread.is_alive()
    assert cluster.sql(built) == [(number,)]
    with phases(cluster, change()) as second:
        assert second.migrate() == []


def test_a_valid_index_is_never_dropped(cluster: Cluster) -> None:
    """Another one has built it after it was looked for."""
    make(cluster, "total int", 100)
    cluster.sql("CREATE INDEX orders_total ON orders (total)")
    with phases(cluster, change()) as both:
        both.expand()
        backfill(cluster, both)
        is_done, built = both._is_done, []

        def built_meanwhile(step: steps.Step) -> bool:
            found = is_done(step)
            if step.index and not built:
                cluster.sql(step.sql)
                built.append(cluster.value("SELECT 'orders_total_cents'::regclass::oid::int8"))
            return found

        both._is_done = built_meanwhile  # type: ignore[method-assign]
        both.migrate()
    assert built == [cluster.value("SELECT 'orders_total_cents'::regclass::oid::int8")]


def test_no_statement_waits_for_ever_when_none_is_to_be_tried_again(cluster: Cluster) -> None:
    make(cluster, "total int", 100)
    cluster.sql("CREATE INDEX orders_total ON orders (total)")
    client = psycopg2.connect(cluster.dsn)
    with phases(cluster, change()) as both:
        both.expand()
        backfill(cluster, both)
        both.limits = parse_limits({"pause_ms": 0, "retry_deadline": 0})
        with client.cursor() as cursor:
            cursor.execute("LOCK TABLE orders IN SHARE UPDATE EXCLUSIVE MODE")
            watchdog = threading.Timer(8, client.close)
            watchdog.start()
            with pytest.raises(SqlError) as caught:
                both.migrate()
            watchdog.cancel()
            client.rollback()
        assert caught.value.sqlstate == "55P03"
        assert both.migrate() != []
    client.close()


def test_a_sequence_of_the_old_column_goes_over_to_the_new_one(cluster: Cluster) -> None:
    make(cluster, "total serial")
    with phases(cluster, change(new_type="bigint")) as both:
        both.expand()
        cluster.sql("INSERT INTO orders (note) VALUES ('one')")
        both.migrate()
        both.contract()
    cluster.sql("INSERT INTO orders (note) VALUES ('two')")
    assert cluster.sql("SELECT cents FROM orders ORDER BY id") == [(1,), (2,)]


def test_rights_and_owner(cluster: Cluster) -> None:
    make(cluster, "total int")
    cluster.sql("DROP ROLE IF EXISTS shop_owner; DROP ROLE IF EXISTS shop_app; DROP ROLE IF EXISTS shop_reader")
    cluster.sql("CREATE ROLE shop_owner; CREATE ROLE shop_app LOGIN; CREATE ROLE shop_reader")
    cluster.sql("ALTER TABLE orders OWNER TO shop_owner")
    cluster.sql("GRANT INSERT (total), UPDATE (total), SELECT ON orders TO shop_app")
    cluster.sql("GRANT USAGE ON SEQUENCE orders_id_seq TO shop_app; GRANT SELECT (total) ON orders TO shop_reader")
    with phases(cluster, change(new_type="bigint")) as both:
        both.expand()
    found = cluster.sql(
        "SELECT pg_get_userbyid(proowner), proacl::text, prosecdef, proconfig FROM pg_proc"
        " WHERE proname LIKE 'slipway_dual%'"
    )
    assert found == [("shop_owner", "{shop_owner=X/shop_owner}", False, ["search_path=pg_catalog, pg_temp"])]
    assert cluster.value("SELECT has_column_privilege('shop_reader', 'orders', 'cents', 'SELECT')")
    application = psycopg2.connect(cluster.dsn.replace("user=postgres", "user=shop_app"))
    with application, application.cursor() as cursor:
        cursor.execute("CREATE FUNCTION pg_temp.int8(int) RETURNS bigint LANGUAGE sql AS 'SELECT 666::bigint'")
        cursor.execute("INSERT INTO orders (total) VALUES (5)")
        cursor.execute("UPDATE orders SET cents = 6")
    application.close()
    assert cluster.sql("SELECT total, cents FROM orders") == [(6, 6)]
    cluster.sql("DROP OWNED BY shop_owner, shop_app, shop_reader CASCADE; DROP ROLE shop_owner, shop_app, shop_reader")


def test_names_that_need_quotes(cluster: Cluster) -> None:
    cluster.sql('DROP SCHEMA IF EXISTS "My ""Shop%" CASCADE; CREATE SCHEMA "My ""Shop%"')
    table = '"My ""Shop%"."Or\'der $slipway$ {value}"'
    cluster.sql(f'CREATE TABLE {table} ("the id" int PRIMARY KEY, "select" int NOT NULL UNIQUE)')
    cluster.sql(f"INSERT INTO {table} SELECT g, g FROM generate_series(1, 10) g")
    odd = parse(
        {"schema": 'My "Shop%', "table": "Or'der $slipway$ {value}", "column": "select", "new_column": 'from "%s\\'}
    )
    with phases(cluster, odd) as both:
        both.expand()
        cluster.sql(f"INSERT INTO {table} VALUES (11, 11)")
        backfill(cluster, both)
        assert both.consistency().rows == 11
        both.migrate()
        both.contract()
    assert cluster.sql(f'SELECT count(*), sum("from ""%s\\") FROM {table}') == [(11, 66)]


REFUSED = {
    "generated": ("total int GENERATED ALWAYS AS (1) STORED", "", "generated column"),
    "identity": ("total int GENERATED ALWAYS AS IDENTITY", "", "identity column"),
    "generated from": ("total int, twice int GENERATED ALWAYS AS (total * 2) STORED", "", "generated from it"),
    "check": ("total int CHECK (total > 0)", "", "CHECK constraint"),
    "referred to": ("total int UNIQUE", "CREATE TABLE lines (total int REFERENCES orders (total))", "refers to it"),
    "partial index": ("total int", "CREATE INDEX ON orders (id) WHERE total > 0", "an expression, a condition"),
    "expression index": ("total int", "CREATE INDEX ON orders ((total + 1))", "an expression, a condition"),
    "operator class": ("total text", "CREATE INDEX ON orders (total text_pattern_ops)", "an operator class"),
    "exclusion": ("total int, EXCLUDE USING btree (total WITH =)", "", "exclusion"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_copied_is_refused(cluster: Cluster, case: str) -> None:
    column, statement, said = REFUSED[case]
    cluster.sql("DROP TABLE IF EXISTS lines")
    make(cluster, column)
    if statement:
        cluster.sql(statement)
    with phases(cluster, change()) as both, pytest.raises(StateError, match=said) as caught:
        both.expand()
    assert "handled" in caught.value.remedy
    assert (
        cluster.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'cents'")
        == 0
    )


def test_what_is_handled_is_left_to_the_operator(cluster: Cluster) -> None:
    make(cluster, "total int CONSTRAINT positive CHECK (total > 0)")
    with phases(cluster, change(handled=["positive"])) as both:
        assert both.expand() != []


ZONED = {"new_type": "timestamptz"}
AT_UTC = "{value} AT TIME ZONE 'UTC'"
UNSETTLED = {
    "timestamp": ("timestamp", ZONED, "forward", "AT TIME ZONE 'UTC'"),
    "the way back": ("timestamptz", {"new_type": "timestamp"}, "forward", "AT TIME ZONE 'UTC'"),
    "array": ("timestamp[]", {"new_type": "timestamptz[]"}, "forward", "AT TIME ZONE"),
    "date": ("date", ZONED, "forward", "::timestamp AT TIME ZONE 'UTC'"),
    "text to date": ("text", {"new_type": "date"}, "forward", "to_date"),
    "varchar to date": ("varchar(20)", {"new_type": "date"}, "forward", "to_date"),
    "expression": ("timestamp", {**ZONED, "forward": "{value}", "backward": AT_UTC}, "forward", "AT TIME ZONE"),
    "backward": (
        "timestamp",
        {**ZONED, "forward": AT_UTC, "backward": "{value}::timestamp"},
        "backward",
        "AT TIME ZONE",
    ),
    "comparison": (
        "timestamp",
        {**ZONED, "forward": AT_UTC, "backward": AT_UTC, "same": "{old} = {new}"},
        "same",
        "AT TIME ZONE",
    ),
    "other rows": (
        "int",
        {"forward": "(SELECT max(c.id) FROM public.customers c WHERE c.id = {value})", "backward": "{value}"},
        "forward",
        "handled",
    ),
}


@pytest.mark.parametrize("case", UNSETTLED)
def test_what_depends_on_the_session_is_refused_until_it_is_handled(cluster: Cluster, case: str) -> None:
    kind, given, way, remedy = UNSETTLED[case]
    make(cluster, f"total {kind}")
    with phases(cluster, change(**given)) as both, pytest.raises(StateError, match="not immutable") as caught:
        both.expand()
    assert f"'{way}'" in caught.value.remedy and remedy in caught.value.remedy
    assert cluster.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'slipway_probe%'") == 0
    with phases(cluster, change(**given, handled=["forward", "backward", "same"])) as both:
        assert both.expand() != []


def test_the_cast_that_is_refused_is_named(cluster: Cluster) -> None:
    make(cluster, "total timestamp(3)")
    said = "cast from timestamp without time zone to timestamp with time zone"
    with phases(cluster, change(**ZONED)) as both, pytest.raises(StateError, match=said):
        both.expand()


SETTLED = {
    "number": ("numeric(10, 2)", {"new_type": "bigint"}),
    "text to number": ("varchar(10)", {"new_type": "bigint"}),
    "text to json": ("text", {"new_type": "jsonb"}),
    "longer": ("varchar(10)", {"new_type": "varchar(20)"}),
    "array": ("int[]", {"new_type": "bigint[]"}),
    "text to enum": ("text", {"new_type": "public.state"}),
    "enum to text": ("public.state", {"new_type": "text"}),
    "renamed": ("timestamptz", {}),
}


@pytest.mark.parametrize("case", SETTLED)
def test_casts_that_every_session_does_alike_are_taken(cluster: Cluster, case: str) -> None:
    kind, given = SETTLED[case]
    cluster.sql("DROP TABLE IF EXISTS orders; DROP TYPE IF EXISTS state; CREATE TYPE state AS ENUM ('new', 'paid')")
    make(cluster, f"total {kind}")
    with phases(cluster, change(**given)) as both:
        assert both.expand() != []


def test_applications_in_any_time_zone_mean_the_same_time(cluster: Cluster) -> None:
    make(cluster, "total timestamp")
    cluster.sql("INSERT INTO orders (total) VALUES ('2026-11-22 08:00')")
    with phases(cluster, change(**ZONED, forward=AT_UTC, backward=AT_UTC)) as both:
        both.expand()
        cluster.sql("SET timezone = 'Europe/Berlin'; INSERT INTO orders (total) VALUES ('2026-11-22 12:00')")
        cluster.sql("SET timezone = 'Asia/Tokyo'; INSERT INTO orders (cents) VALUES ('2026-11-22 13:00Z')")
        backfill(cluster, both)
        both.migrate()
        query = "SELECT total::text, (cents AT TIME ZONE 'UTC')::text FROM orders ORDER BY id"
        assert cluster.sql(query) == [(f"2026-11-22 {hour}:00:00",) * 2 for hour in ("08", "12", "13")]
        both.contract()
    assert cluster.value("SELECT count(*) FROM orders") == 3


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
def test_a_default_of_another_type_than_the_old_column_still_means_the_same(cluster: Cluster, zone: str) -> None:
    """``now()`` has a time zone, the old column has none, and the expression is meant for the old column."""
    make(cluster, "total timestamp DEFAULT now()")
    with phases(cluster, change(**ZONED, forward=AT_UTC, backward=AT_UTC)) as both:
        both.expand()
        both.migrate()
        both.contract()
    meant = "(now()::timestamp AT TIME ZONE 'UTC')"
    insert = f"SET timezone = '{zone}'; INSERT INTO orders (note) VALUES ('x') RETURNING cents = {meant}"
    assert cluster.value(insert)


def test_the_primary_key_is_refused(cluster: Cluster) -> None:
    make(cluster)
    with phases(cluster, change(column="id")) as both, pytest.raises(StateError, match="primary key"):
        both.expand()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"column": "nothing"}, InputError),
        ({"new_type": "nothing"}, InputError),
        ({"new_type": "point"}, SqlError),
        ({"forward": "nothing({value})", "backward": "{value}"}, SqlError),
        ({"table": "nothing"}, InputError),
    ],
)
def test_what_the_server_does_not_understand_is_refused_before_anything_is_made(
    cluster: Cluster, given: dict[str, Any], error: type[Exception]
) -> None:
    make(cluster, "total int")
    with phases(cluster, change(**given)) as both, pytest.raises(error):
        both.expand()
    assert cluster.value("SELECT count(*) FROM pg_proc WHERE proname LIKE 'slipway%'") == 0


def test_the_contract_is_refused_while_rows_disagree_or_something_uses_the_column(cluster: Cluster) -> None:
    make(cluster, "total int", 3000)
    with phases(cluster, change()) as both:
        with pytest.raises(StateError, match="run phase expand|is not there"):
            both.contract()
        both.expand()
        backfill(cluster, both)
        both.migrate()
        cluster.sql("SET session_replication_role = replica; UPDATE orders SET cents = 5000 WHERE id IN (17, 2900)")
        found = both.consistency()
        assert (found.rows, found.disagreeing, found.examples) == (3000, 2, [["17"], ["2900"]])
        with pytest.raises(StateError, match=r"disagree in 2 of 3000 rows, such as those with key \(17\); \(2900\)"):
            both.contract()
        cluster.sql("UPDATE orders SET total = 1, cents = 1 WHERE id IN (17, 2900)")
        cluster.sql("CREATE VIEW totals AS SELECT total FROM orders")
        with pytest.raises(StateError, match="still used by rule .* on view totals|still used by .*totals"):
            both.contract()
        cluster.sql("DROP VIEW totals")
        assert both.contract() != []


def test_the_consistency_check_holds_no_old_snapshot(cluster: Cluster) -> None:
    make(cluster, "total int", 3000)
    slow = parse_limits({"batch_size": 200, "batch_max": 200, "pause_ms": 50})
    with phases(cluster, change()) as both:
        both.expand()
        both.limits = slow
        thread = threading.Thread(target=both.consistency)
        began = time.monotonic()
        thread.start()
        ages = []
        while thread.is_alive():
            ages.append(
                cluster.value(
                    "SELECT coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0) FROM "
                    "pg_stat_activity WHERE application_name LIKE '%dual write%'"
                )
            )
            time.sleep(0.02)
        thread.join()
        took = time.monotonic() - began
    assert len(ages) > 10 and max(ages) < took / 3


def test_the_files_do_the_same(cluster: Cluster) -> None:
    structures = []
    for by_files in (True, False):
        make(cluster, "total int NOT NULL DEFAULT 4 UNIQUE REFERENCES customers")
        cluster.sql("INSERT INTO orders (total) SELECT generate_series(1, 50)")
        with phases(cluster, change(new_type="bigint")) as both:
            around = look_around(both.session, both.change)
            assert around is not None
            files = steps.files(both.change, around)
            both_ways = [psql(cluster, files["expand"])] if by_files else [both.expand()]
            if by_files:
                assert "disagree" in psql(cluster, files["contract"], fails=True)
            backfill(cluster, both)
            for phase in ("migrate", "contract"):
                both_ways.append(psql(cluster, files[phase]) if by_files else getattr(both, phase)())
        structures.append(cluster.sql(STRUCTURE))
    assert structures[0] == structures[1]


STRUCTURE = """
SELECT attname::text, format_type(atttypid, atttypmod), attnotnull::text, pg_get_expr(adbin, adrelid) FROM pg_attribute
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped
UNION ALL SELECT indexname, indexdef, '', '' FROM pg_indexes WHERE tablename = 'orders'
UNION ALL SELECT conname, pg_get_constraintdef(oid), convalidated::text, ''
FROM pg_constraint WHERE conrelid = 'orders'::regclass
UNION ALL SELECT tgname, pg_get_triggerdef(oid), '', ''
FROM pg_trigger WHERE tgrelid = 'orders'::regclass AND NOT tgisinternal
ORDER BY 1, 2
"""


def psql(cluster: Cluster, text: str, *, fails: bool = False) -> str:
    """Run the text of a file; what the server said."""
    single = [] if "transaction off" in text else ["--single-transaction"]
    command = ["psql", cluster.dsn, "-X", "-q", "-v", "ON_ERROR_STOP=1", *single]
    made = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (made.returncode != 0) == fails, made.stderr
    return made.stderr


def test_a_phase_killed_anywhere_is_done_by_the_next_run(cluster: Cluster) -> None:
    """The backend is ended at each statement of the phases in turn."""
    for number in range(14):
        make(cluster, "total int NOT NULL UNIQUE REFERENCES customers")
        cluster.sql("INSERT INTO orders (total) SELECT generate_series(1, 50)")
        for phase in ("expand", "backfill", "migrate", "contract"):
            for left in (number, 1000):
                with phases(cluster, change(new_type="bigint")) as both:
                    if phase == "backfill":
                        backfill(cluster, both)
                        continue
                    _break_after(cluster, both, left)
                    try:
                        getattr(both, phase)()
                    except SqlError:
                        assert left == number
        assert cluster.sql(
            "SELECT attname::text FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0"
            " AND NOT attisdropped ORDER BY 1"
        ) == [("cents",), ("id",), ("note",)]
        assert cluster.value("SELECT count(*) FROM orders WHERE cents = id") == 50


def _break_after(cluster: Cluster, both: Phases, left: int) -> None:
    """End the session's backend before its next statement but so many."""
    run_really, state = both.session.run, {"left": left}

    def counted(statements: str) -> None:
        if state["left"] == 0:
            cluster.sql("SELECT pg_terminate_backend(%s, 5000)", (both.session.pid,))
        state["left"] -= 1
        run_really(statements)

    both.session.run = counted  # type: ignore[method-assign]
