# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Casts and expressions that every session, or not every one, understands alike. Touches a cluster of its own."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError

from tests.integration.migrate.clusters import Cluster
from tests.integration.migrate.dual_writes import backfill, change, make, phases

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
