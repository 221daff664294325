# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Backfills wait for replicas, for WAL that piles up and for a vacuum. Touches a cluster and its streaming replica."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError

from tests.integration.migrate import clusters
from tests.integration.migrate.backfills import backfill, definition, fill, wait_for
from tests.integration.migrate.clusters import Cluster

ROWS = 30_000


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A running server."""
    with clusters.cluster(wal_level="replica", max_wal_senders="5", autovacuum_max_workers="2") as running:
        yield running


@pytest.fixture
def replica(cluster: Cluster) -> Iterator[Cluster]:
    """A streaming replica that has replayed everything."""
    with clusters.directory() as made:
        standby = cluster.standby(made)
        try:
            wait_for(lambda: cluster.value("SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'") == 1)
            yield standby
        finally:
            standby.stop()


class Running:
    """A backfill in a thread, its outcome or its error."""

    def __init__(self, cluster: Cluster, **limits: int) -> None:
        self._backfill = backfill(cluster, definition(), batch_size=1000, batch_max=1000, **limits)
        self.found: Any = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.found = self._backfill.run()
        except StateError as exc:
            self.found = exc

    def end(self) -> Any:
        """What came of it."""
        self._thread.join(timeout=60)
        return self.found


def waits_for(cluster: Cluster, said: str) -> str:
    """What the record says it waits for, once that is this."""
    there = "SELECT to_regclass('slipway_backfills') IS NOT NULL"
    wait_for(lambda: cluster.value(there))

    def waiting() -> str:
        found = cluster.sql("SELECT waiting FROM slipway_backfills")
        return str(found[0][0]) if found and said in found[0][0] else ""

    return str(wait_for(waiting))


def done(cluster: Cluster) -> int:
    """Rows that are done."""
    return int(cluster.value("SELECT count(*) FROM item WHERE done"))


def test_it_waits_for_a_replica_that_does_not_replay(cluster: Cluster, replica: Cluster) -> None:
    fill(cluster, ROWS)
    caught_up = "SELECT bool_and(replay_lsn >= pg_current_wal_lsn()) FROM pg_stat_replication"
    wait_for(lambda: cluster.value(caught_up))
    replica.sql("SELECT pg_wal_replay_pause()")
    running = Running(cluster, max_replica_lag_mb=1, pause_ms=50)
    said = waits_for(cluster, "lags")
    before = done(cluster)
    time.sleep(2)
    assert 0 < before == done(cluster) < ROWS
    replica.sql("SELECT pg_wal_replay_resume()")
    outcome = running.end()
    assert outcome.after.state == "finished" and done(cluster) == ROWS
    assert outcome.tally.held_up["replica_lag"] >= 2
    print(f"held up by '{said}' for {outcome.tally.held_up['replica_lag']:.0f} s after {before} rows")


def test_it_waits_for_a_replica_that_replays_late(cluster: Cluster, replica: Cluster) -> None:
    replica.sql("ALTER SYSTEM SET recovery_min_apply_delay = '1500ms'")
    replica.sql("SELECT pg_reload_conf()")
    fill(cluster, ROWS)
    running = Running(cluster, max_replica_lag_ms=500, max_replica_lag_mb=0, pause_ms=50)
    waits_for(cluster, "lags")
    replica.sql("ALTER SYSTEM RESET recovery_min_apply_delay")
    replica.sql("SELECT pg_reload_conf()")
    outcome = running.end()
    assert outcome.after.state == "finished" and done(cluster) == ROWS
    assert outcome.tally.held_up["replica_lag"] >= 1


def test_a_role_that_cannot_see_the_lag_is_refused(cluster: Cluster, replica: Cluster) -> None:
    fill(cluster, 10)
    cluster.sql("CREATE ROLE blind LOGIN")
    cluster.sql("ALTER TABLE item OWNER TO blind; GRANT CREATE ON SCHEMA public TO blind")
    dsn = cluster.dsn.replace("user=postgres", "user=blind")
    with pytest.raises(StateError, match="may not see the lag") as caught:
        backfill(cluster, definition(), dsn=dsn).run()
    assert "GRANT pg_monitor" in caught.value.remedy
    cluster.sql("GRANT pg_monitor TO blind")
    assert backfill(cluster, definition(), dsn=dsn).run().after.state == "finished"
    cluster.sql("DROP OWNED BY blind CASCADE; DROP ROLE blind")


def test_it_waits_for_a_slot_and_in_the_end_gives_up(cluster: Cluster) -> None:
    fill(cluster, ROWS)
    cluster.sql("CHECKPOINT")
    cluster.sql("SELECT pg_create_physical_replication_slot('lost', true)")
    try:
        running = Running(cluster, max_wal_backlog_mb=2, pause_ms=150, throttle_deadline=2)
        assert "slot lost retains" in waits_for(cluster, "slot")
        failure = running.end()
        assert (
            isinstance(failure, StateError) and "slot lost" in failure.message() and "drop the slot" in failure.remedy
        )
        assert 0 < done(cluster) < ROWS
    finally:
        cluster.sql("SELECT pg_drop_replication_slot('lost')")
    assert backfill(cluster, definition(), max_wal_backlog_mb=2).run().after.state == "finished"
    assert cluster.sql("SELECT min(times), max(times) FROM item") == [(1, 1)]


def test_it_waits_for_what_the_archive_has_not_got() -> None:
    with clusters.cluster(archive_mode="on", archive_command="'false'") as cluster:
        fill(cluster, ROWS)
        for _segment in range(3):
            cluster.sql("SELECT pg_switch_wal()")
            cluster.sql("CREATE TABLE IF NOT EXISTS other (id int); DROP TABLE other")
        running = Running(cluster, max_wal_backlog_mb=33, pause_ms=10)
        assert "are not archived" in waits_for(cluster, "archived")
        assert done(cluster) == 0
        cluster.sql("ALTER SYSTEM SET archive_command = 'true'")
        cluster.sql("SELECT pg_reload_conf()")
        assert running.end().after.state == "finished"


def test_it_waits_for_a_vacuum_that_prevents_wraparound(cluster: Cluster) -> None:
    fill(cluster, ROWS)
    cluster.sql(
        "ALTER TABLE item SET (autovacuum_freeze_max_age = 100000, autovacuum_vacuum_cost_delay = 100, "
        "autovacuum_vacuum_cost_limit = 20)"
    )
    cluster.sql(
        "CREATE OR REPLACE PROCEDURE use_up(n int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP "
        "PERFORM pg_current_xact_id(); COMMIT; END LOOP; END $$"
    )
    use_up(cluster, 101_000)
    wait_for(
        lambda: cluster.value(
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%autovacuum:%item%to prevent wraparound%'"
            " AND backend_type = 'autovacuum worker'"
        ),
        60,
    )
    running = Running(cluster, pause_ms=10)
    assert "to prevent wraparound" in waits_for(cluster, "autovacuum")
    assert done(cluster) < ROWS
    cluster.sql("ALTER TABLE item SET (autovacuum_vacuum_cost_delay = 0)")
    cluster.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'autovacuum worker'")
    outcome = running.end()
    assert outcome.after.state == "finished"
    assert outcome.tally.held_up["vacuum"] >= 1


def use_up(cluster: Cluster, transactions: int) -> None:
    """Let this many transaction identifiers pass."""
    connection = cluster.connect()
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = off")
        cursor.execute("CALL use_up(%s)", (transactions,))
    connection.close()
