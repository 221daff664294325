# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A column is replaced while old and new applications write. Touches a cluster of its own."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import parse_limits
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write import steps
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.surroundings import look_around

from tests.integration.migrate.clusters import Cluster, Writers
from tests.integration.migrate.dual_writes import CENTS, backfill, change, make, phases

ROWS = 20_000
MANY_ROWS = 300_000
LONGEST_WAIT = 2.0


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
