# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of the old column the new one gets. Touches a cluster of its own."""

from __future__ import annotations

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.change import parse

from tests.integration.migrate.clusters import Cluster
from tests.integration.migrate.dual_writes import backfill, change, make, phases


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
