# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Indexes of the new column while others build them, too, or hold locks. Touches a cluster of its own."""

from __future__ import annotations

import threading

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import LeaseError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import parse_limits
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import SqlError
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write import steps

from tests.integration.migrate.backfills import wait_for
from tests.integration.migrate.clusters import Cluster
from tests.integration.migrate.dual_writes import backfill, change, make, phases


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
