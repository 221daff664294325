# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns that are replaced in tests: the table, the change, and its phases."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import parse_limits
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import Session
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write import triggers
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.change import Change, parse
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.phases import Phases, settings
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.surroundings import look_around
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from tests.integration.migrate.backfills import run
from tests.integration.migrate.clusters import Cluster

LIMITS = parse_limits({"pause_ms": 0, "retry_deadline": 20})
CENTS = {"new_type": "bigint", "forward": "({value} * 100)::bigint", "backward": "({value} / 100.0)::numeric(10, 2)"}


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
