# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What both columns hold after old and new applications have written. Touches a cluster of its own."""

from __future__ import annotations

import pytest

from tests.integration.migrate.clusters import Cluster
from tests.integration.migrate.dual_writes import CENTS, backfill, change, make, phases

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
