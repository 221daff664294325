# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backfills of a real server, with clients that write all the while. Touches a cluster of its own."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, LeaseError, StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import Session, SqlError
from ansible_collections.slipway.release.plugins.module_utils._migrate.errors import DatabaseError
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from tests.integration.migrate import clusters
from tests.integration.migrate.backfills import backfill, definition, fill, run, wait_for
from tests.integration.migrate.clusters import Cluster, Writers

ROWS = 50_000
MANY_ROWS = 1_000_000
LONGEST_WAIT = 2.0


def shop(rows: int) -> list[clusters.Transaction]:
    """Clients of the table ``item``: inserts, updates of one row, of two rows in either order, and reads."""

    def insert(cursor: Any, chance: random.Random) -> None:
        cursor.execute("INSERT INTO item (id, note, done, times) VALUES (nextval('item_new'), 'new', true, 1)")

    def update(cursor: Any, chance: random.Random) -> None:
        cursor.execute("UPDATE item SET note = 'changed' WHERE id = %s", (chance.randint(1, rows),))

    def update_two(cursor: Any, chance: random.Random) -> None:
        far, near = chance.randint(rows // 2 + 1, rows), chance.randint(1, rows // 2)
        for key in (far, near):
            cursor.execute("UPDATE item SET note = 'two' WHERE id = %s", (key,))
            time.sleep(0.01)

    def read(cursor: Any, chance: random.Random) -> None:
        cursor.execute("SELECT count(*) FROM item WHERE id BETWEEN %s AND %s", (1, 100))

    return [insert, update, update_two, read]


@pytest.mark.parametrize("rows", [ROWS, pytest.param(MANY_ROWS, marks=pytest.mark.exhaustive)])
def test_clients_go_on_while_every_row_is_changed_once(cluster: Cluster, rows: int) -> None:
    fill(cluster, rows)
    cluster.sql("DROP SEQUENCE IF EXISTS item_new")
    cluster.sql(f"CREATE SEQUENCE item_new START {rows + 1}")
    with Writers(cluster, shop(rows)) as writers:
        outcome = run(cluster, pause_ms=20, batch_size=2000)
    print(writers.report(f"{rows} rows in {outcome.tally.batches} batches"))
    assert writers.failed == []
    assert writers.done > 20
    assert writers.longest < LONGEST_WAIT
    assert outcome.after.state == "finished"
    assert cluster.value("SELECT count(*) FROM item WHERE done IS NOT TRUE OR times <> 1") == 0
    assert outcome.after.changed == rows


KEYS = {
    "text": ('k text COLLATE "C" PRIMARY KEY', "md5(g::text)", []),
    "text with marks": ("k text PRIMARY KEY", "'it''s %s \"' || g || chr(233)", []),
    "uuid": ("k uuid PRIMARY KEY", "md5(g::text)::uuid", []),
    "time": ("k timestamptz PRIMARY KEY", "timestamptz '2026-01-01' + g * interval '1.000001 s'", []),
    "numeric": ("k numeric(20, 4) PRIMARY KEY", "(g * 1.0001)::numeric(20, 4)", []),
    "float": ("k float8 PRIMARY KEY", "g / 3.0", []),
    "two": ("a text, b int, PRIMARY KEY (a, b)", "(g % 7)::text, g", []),
    "second in front": ("a int, b uuid, PRIMARY KEY (b, a)", "g % 5, md5(g::text)::uuid", []),
    "unique": ('"K %" bytea NOT NULL UNIQUE, id int', "decode(md5(g::text), 'hex'), g", ["K %"]),
}


@pytest.mark.parametrize("kind", KEYS)
def test_any_unique_key_orders_the_work(cluster: Cluster, kind: str) -> None:
    columns, values, key = KEYS[kind]
    cluster.sql("DROP TABLE IF EXISTS item, slipway_backfills")
    cluster.sql(f"CREATE TABLE item ({columns}, done boolean, times integer NOT NULL DEFAULT 0)")
    cluster.sql(f"INSERT INTO item SELECT {values} FROM generate_series(1, 3000) g")
    outcome = run(cluster, definition(key=key), batch_size=100, batch_max=170)
    assert outcome.tally.batches > 15
    assert cluster.sql("SELECT count(*), min(times), max(times) FROM item WHERE done") == [(3000, 1, 1)]


def test_a_run_whose_time_is_over_is_continued_by_the_next(cluster: Cluster) -> None:
    fill(cluster, 4000)
    outcomes = [run(cluster, pause_ms=300, batch_size=500, batch_max=500, time_limit=1) for _attempt in range(20)]
    states = [outcome.after.state for outcome in outcomes]
    assert states[0] == "running" and states[-1] == "finished"
    assert 0 < outcomes[0].tally.changed < 4000
    assert cluster.sql("SELECT min(times), max(times) FROM item") == [(1, 1)]
    assert outcomes[-1].changed is False


def test_rows_that_others_lock_are_left_out_and_done_later(cluster: Cluster) -> None:
    fill(cluster, 5000)
    client = psycopg2.connect(cluster.dsn)
    with client.cursor() as cursor:
        cursor.execute("UPDATE item SET note = 'held' WHERE id IN (7, 2222, 4999)")
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(run(cluster, batch_size=1000)))
        thread.start()
        wait_for(lambda: cluster.value("SELECT count(*) FROM item WHERE done") == 4997)
        wait_for(lambda: "3 rows are locked" in cluster.value("SELECT waiting FROM slipway_backfills"))
        cursor.execute("UPDATE item SET note = 'held' WHERE id = 1000")
        client.commit()
    thread.join()
    client.close()
    assert found[0].tally.left_out == 3
    assert found[0].after.state == "finished"
    assert cluster.sql("SELECT count(*) FROM item WHERE done AND times = 1") == [(5000,)]
    assert cluster.sql("SELECT count(*) FROM item WHERE note = 'held'") == [(4,)]


def test_a_client_never_is_the_victim_of_a_deadlock(cluster: Cluster) -> None:
    """It locks a late row, waits for an early one that a batch has changed, and the batch comes to the late one."""
    fill(cluster, 3000)
    cluster.sql(
        "CREATE OR REPLACE FUNCTION slow(n bigint) RETURNS boolean LANGUAGE plpgsql AS "
        "$$ BEGIN IF n = 1500 THEN PERFORM pg_sleep(0.5); END IF; RETURN true; END $$"
    )
    slow = definition(set={"done": "public.slow(id)", "times": "times + 1"})
    client = psycopg2.connect(cluster.dsn)
    found: list[Any] = []
    thread = threading.Thread(
        target=lambda: found.append(run(cluster, slow, batch_size=3000, target_ms=1500, statement_timeout_ms=3000))
    )
    with client.cursor() as cursor:
        cursor.execute("UPDATE item SET note = 'late' WHERE id = 2900")
        thread.start()
        wait_for(lambda: cluster.value("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"))
        cursor.execute("UPDATE item SET note = 'early' WHERE id = 5")
        client.commit()
    thread.join()
    client.close()
    assert found[0].tally.retries >= 1
    assert cluster.sql("SELECT count(*), min(times), max(times) FROM item WHERE done") == [(3000, 1, 1)]
    assert cluster.sql("SELECT note FROM item WHERE id IN (5, 2900) ORDER BY id") == [("early",), ("late",)]


def test_a_locked_table_is_waited_for_up_to_a_deadline(cluster: Cluster) -> None:
    fill(cluster, 1000)
    client = psycopg2.connect(cluster.dsn)
    with client.cursor() as cursor:
        cursor.execute("SELECT 1")
        client.commit()
        run(cluster, time_limit=1, batch_size=100, batch_max=100, pause_ms=300)
        cursor.execute("LOCK TABLE item IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(SqlError) as caught:
            run(cluster, retry_deadline=1)
        assert caught.value.sqlstate == "55P03"
        client.commit()
    client.close()
    assert run(cluster).after.state == "finished"


def test_one_works_and_the_other_is_told(cluster: Cluster) -> None:
    fill(cluster, 5000)
    first = backfill(cluster, definition(), batch_size=100, batch_max=100, pause_ms=100)
    thread = threading.Thread(target=first.run)
    thread.start()
    wait_for(lambda: cluster.value("SELECT count(*) FROM item WHERE done") > 0)
    with pytest.raises(LeaseError) as caught:
        run(cluster, definition(name="two"), lock_deadline=0.3)
    thread.join()
    assert "backend" in caught.value.message() and "public.item" in caught.value.message()
    assert cluster.sql("SELECT count(*), max(times) FROM item WHERE done") == [(5000, 1)]
    assert cluster.sql("SELECT name, state FROM slipway_backfills") == [("one", "finished")]


def test_progress_is_visible_to_others(cluster: Cluster) -> None:
    fill(cluster, 5000)
    thread = threading.Thread(target=backfill(cluster, definition(), batch_size=100, batch_max=100, pause_ms=50).run)
    thread.start()
    there = "SELECT to_regclass('slipway_backfills') IS NOT NULL"
    wait_for(lambda: cluster.value(there))
    query = "SELECT scanned, rate, seconds_left, state, rows FROM slipway_backfills WHERE scanned > 1000"
    scanned, rate, left, state, rows = wait_for(lambda: cluster.sql(query))[0]
    thread.join()
    assert (state, rows) == ("running", 5000)
    assert 100 < rate < 5000
    assert left == pytest.approx((rows - scanned) / rate)


def test_what_stays_to_be_done_is_refused_at_once(cluster: Cluster) -> None:
    fill(cluster, 500)
    with pytest.raises(StateError, match="500 of 500 rows still match"):
        run(cluster, definition(set={"times": "times + 1"}))
    assert cluster.value("SELECT max(times) FROM item") == 0


def test_a_changed_definition_is_refused(cluster: Cluster) -> None:
    fill(cluster, 500)
    run(cluster)
    with pytest.raises(StateError, match="where was"):
        run(cluster, definition(where="done IS NULL"))
    assert run(cluster).changed is False


def test_a_row_that_cannot_be_changed_is_named_and_those_before_it_are_done(cluster: Cluster) -> None:
    fill(cluster, 3000)
    cluster.sql("UPDATE item SET note = CASE WHEN id = 1717 THEN 'seven' ELSE id::text END")
    number = definition(set={"done": "true", "times": "note::int"})
    with pytest.raises(SqlError) as caught:
        run(cluster, number, batch_size=1000)
    assert "row (1717)" in caught.value.message()
    assert cluster.value("SELECT count(*) FROM item WHERE done") == 1716
    cluster.sql("UPDATE item SET note = '7' WHERE id = 1717")
    assert run(cluster, number).after.state == "finished"
    assert cluster.value("SELECT count(*) FROM item WHERE times = CASE id WHEN 1717 THEN 7 ELSE id END") == 3000


def test_a_batch_that_takes_too_long_is_made_smaller(cluster: Cluster) -> None:
    fill(cluster, 4000)
    slow = definition(set={"done": "pg_sleep(0.0005) IS NOT NULL", "times": "times + 1"})
    outcome = run(cluster, slow, batch_size=4000, target_ms=100, statement_timeout_ms=300, batch_min=10)
    assert outcome.tally.retries > 0
    assert outcome.after.batches > 5
    assert cluster.sql("SELECT min(times), max(times) FROM item") == [(1, 1)]


def test_rows_inserted_behind_the_cursor_are_found_by_another_pass(cluster: Cluster) -> None:
    fill(cluster, 2000)
    cluster.sql("DELETE FROM item WHERE id BETWEEN 100 AND 120")
    thread = threading.Thread(target=backfill(cluster, definition(), batch_size=200, batch_max=200, pause_ms=100).run)
    thread.start()
    wait_for(lambda: cluster.value("SELECT count(*) FROM item WHERE done") > 600)
    cluster.sql("INSERT INTO item (id) SELECT g FROM generate_series(100, 120) g")
    thread.join()
    assert cluster.sql("SELECT count(*), max(times) FROM item WHERE done") == [(2000, 1)]
    assert cluster.sql("SELECT sweep, found FROM slipway_backfills") == [(3, 0)]


@pytest.mark.parametrize("where", ["pause", "statement"])
def test_a_backend_that_somebody_ends_ends_the_run(cluster: Cluster, where: str) -> None:
    fill(cluster, 5000)
    what = {
        "pause": definition(),
        "statement": definition(set={"done": "pg_sleep(0.0005) IS NOT NULL", "times": "times + 1"}),
    }[where]
    limits = {"pause_ms": 1000} if where == "pause" else {"target_ms": 2000, "statement_timeout_ms": 5000}
    found: list[StateError] = []

    def work() -> None:
        try:
            run(cluster, what, batch_size=500, batch_max=500, **limits)
        except StateError as exc:
            found.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(lambda: cluster.value("SELECT count(*) FROM item WHERE done") > 600)
    cluster.sql("SELECT pg_terminate_backend(pid) FROM slipway_backfills")
    thread.join(20)
    assert not thread.is_alive()
    assert "somebody has ended" in found[0].what
    assert "goes on where it was" in found[0].remedy
    assert run(cluster, what).after.state == "finished"
    assert cluster.sql("SELECT count(*), min(times), max(times) FROM item WHERE done") == [(5000, 1, 1)]


def test_a_server_that_is_restarted_is_waited_for(cluster: Cluster) -> None:
    fill(cluster, 5000)
    found: list[Any] = []
    slow = backfill(cluster, definition(), batch_size=200, batch_max=200, pause_ms=50)
    thread = threading.Thread(target=lambda: found.append(slow.run()))
    thread.start()
    wait_for(lambda: cluster.value("SELECT count(*) FROM item WHERE done") > 600)
    cluster.restart()
    thread.join()
    assert found[0].tally.retries >= 1
    assert cluster.sql("SELECT count(*), min(times), max(times) FROM item WHERE done") == [(5000, 1, 1)]


def test_a_batch_that_makes_the_server_crash_is_not_sent_for_ever(cluster: Cluster) -> None:
    fill(cluster, 1000)
    poisoned = backfill(cluster, definition(), batch_size=100, batch_max=100)
    crashes = []

    def connect(settings: dict[str, str]) -> Session:
        session = Session(Access(cluster.dsn), "backfill test", settings)
        really = session.rows

        def rows(query: str, values: Any = ()) -> Any:
            if "UPDATE" in query and "slipway_changed" in query and "EXPLAIN" not in query and "300" in values:
                crashes.append(session.pid)
                os.kill(session.pid, signal.SIGKILL)
            return really(query, values)

        session.rows = rows  # type: ignore[method-assign]
        return session

    poisoned.connect = connect
    with pytest.raises(DatabaseError, match="lost 3 times without a batch") as caught:
        poisoned.run()
    assert len(crashes) == 3
    assert "crash" in caught.value.remedy
    wait_for(lambda: up(cluster))
    assert cluster.sql("SELECT count(*), max(times) FROM item WHERE done") == [(200, 1)]
    assert run(cluster).after.state == "finished"


def up(cluster: Cluster) -> bool:
    """The server takes connections."""
    with suppress(psycopg2.Error):
        return bool(cluster.value("SELECT true"))
    return False


REFUSED = {
    "no table": ({"table": "nothing"}, InputError, "there is no such table"),
    "no column": ({"set": {"nothing": "1"}}, DatabaseError, "nothing"),
    "no SQL": ({"where": "done IS"}, DatabaseError, "syntax error"),
    "no such key": ({"key": ["note"]}, InputError, "has no unique index"),
    "view": ({"table": "item_view"}, InputError, "is no table"),
    "nullable key": ({"table": "nullable", "key": ["k"]}, InputError, "NULL allowed"),
    "descending": ({"table": "backwards", "key": ["k"]}, InputError, "not in the columns' own order"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_refused_with_nothing_touched(cluster: Cluster, case: str) -> None:
    given, error, said = REFUSED[case]
    fill(cluster, 10)
    cluster.sql("DROP TABLE IF EXISTS nullable, backwards CASCADE")
    cluster.sql("CREATE OR REPLACE VIEW item_view AS SELECT * FROM item")
    cluster.sql("CREATE TABLE nullable (k int UNIQUE, done boolean, times int)")
    cluster.sql(
        "CREATE TABLE backwards (k int NOT NULL, done boolean, times int); CREATE UNIQUE INDEX ON backwards (k DESC)"
    )
    with pytest.raises(error, match=said) as caught:
        run(cluster, definition(**given))
    assert "Remedy" in caught.value.message()
    assert cluster.value("SELECT to_regclass('slipway_backfills') IS NULL")
    cluster.sql("DROP VIEW item_view")


def test_a_preview_touches_nothing(cluster: Cluster) -> None:
    fill(cluster, 10)
    outcome = backfill(cluster, definition()).preview()
    assert outcome.before is None and outcome.after.rows == 10
    assert cluster.value("SELECT to_regclass('slipway_backfills') IS NULL")


def test_a_role_without_rights_is_told(cluster: Cluster) -> None:
    fill(cluster, 10)
    cluster.sql("DROP ROLE IF EXISTS reader")
    cluster.sql("CREATE ROLE reader LOGIN")
    cluster.sql("GRANT SELECT ON item TO reader")
    with pytest.raises(DatabaseError) as caught:
        run(cluster, dsn=cluster.dsn.replace("user=postgres", "user=reader"))
    assert "permission denied" in caught.value.message() and "grant" in caught.value.remedy.lower()
    cluster.sql("DROP OWNED BY reader; DROP ROLE reader")


def test_partitions_are_one_table(cluster: Cluster) -> None:
    cluster.sql("DROP TABLE IF EXISTS item, slipway_backfills CASCADE")
    cluster.sql(
        "CREATE TABLE item (id int PRIMARY KEY, done boolean, times int NOT NULL DEFAULT 0) PARTITION BY RANGE (id)"
    )
    for first in (0, 1000, 2000):
        cluster.sql(f"CREATE TABLE item_{first} PARTITION OF item FOR VALUES FROM ({first}) TO ({first + 1000})")
    cluster.sql("INSERT INTO item SELECT generate_series(0, 2999)")
    run(cluster, batch_size=700)
    assert cluster.sql("SELECT count(*), max(times) FROM item WHERE done") == [(3000, 1)]
