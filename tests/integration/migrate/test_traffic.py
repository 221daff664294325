# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations of all kinds while clients work: none of their transactions fails, and none waits for long.

Touches a cluster of its own. Prints how many migrations of each kind there were, what the clients did, and the longest
blocked statement.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg2
import pytest
from ansible_collections.slipway.release.plugins.modules import pg_backfill, pg_dual_write, pg_migrate

from tests.integration.migrate import clusters, shop
from tests.integration.migrate.clusters import Cluster, Writers
from tests.integration.migrate.scene import has
from tests.integration.migrate.traffic import CENTS, Pgbench, Release, Watch

LONGEST_RUN = 2400
LONGEST_BLOCKED = 3.0
DUAL_WRITES: dict[str, dict[str, Any]] = {
    "type change": {
        "table": "orders",
        "column": "total",
        "new_column": "cents",
        "new_type": "bigint",
        "forward": "{value}::bigint * 100",
        "backward": "({value} / 100)::int",
        "same": "{old} = {new} / 100",
    },
    "column renamed": {"table": "orders", "column": "note", "new_column": "remark"},
}
FILL = {"name": "fill", "table": "orders", "set": {"filled": "id % 7"}, "where": "filled IS NULL"}


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A running server."""
    with clusters.cluster(max_connections="60", deadlock_timeout="'1s'") as running:
        yield running


def run(module: ModuleType, **arguments: Any) -> dict[str, Any]:
    """A module in a process of its own, as Ansible runs it; it must not fail."""
    assert module.__file__
    done = subprocess.run(
        [sys.executable, module.__file__],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
        timeout=LONGEST_RUN,
        check=False,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    assert not result.get("failed"), result["msg"]
    return result


class Shop:
    """The shop, its migrations, and what was done to it.

    :param rounds: how often each kind of migration comes.
    """

    def __init__(self, cluster: Cluster, directory: Path, rows: int, rounds: int) -> None:
        self.cluster = cluster
        self.rows = rows
        self.directory = directory
        with psycopg2.connect(cluster.dsn) as connection:
            connection.cursor().execute(shop.base(rows, rounds))
        connection.close()
        cluster.sql("VACUUM ANALYZE")
        planned = {kind: run(pg_dual_write, **given, dsn=cluster.dsn) for kind, given in DUAL_WRITES.items()}
        self.backfills = [{**one["backfill"], "table": "orders"} for one in planned.values()] + [FILL]
        self.changes = shop.changes(rounds, {kind: one["files"] for kind, one in planned.items()})
        for name, text in self.changes.files.items():
            (directory / name).write_text(text, encoding="utf-8")
        self.applied: list[str] = []
        self.filled: dict[str, int] = {}

    def migrate(self, *phases: str) -> None:
        """Run what is due in these phases."""
        done = run(pg_migrate, path=str(self.directory), dsn=self.cluster.dsn, phases=list(phases))["done"]
        self.applied += [Path(one["file"]).name for one in done]

    def fill(self) -> None:
        """Run all backfills."""
        for one in self.backfills:
            self.filled[one["name"]] = run(pg_backfill, **one, dsn=self.cluster.dsn)["rows_changed"]


@pytest.mark.parametrize(
    ("rows", "rounds", "least"), [(5_000, 1, 30), pytest.param(1_000_000, 7, 200, marks=pytest.mark.exhaustive)]
)
def test_no_client_fails_while_all_kinds_of_migrations_run(
    cluster: Cluster, tmp_path: Path, rows: int, rounds: int, least: int
) -> None:
    made = Shop(cluster, tmp_path, rows, rounds)
    release, watch, pgbench = Release(rows), Watch(cluster), Pgbench(cluster, rows)
    with Writers(cluster, release.transactions()) as writers, watch.looking(), pgbench.running():
        made.migrate("expand")
        made.fill()
        made.migrate("expand", "migrate")
        release.replace()
        made.migrate("expand", "migrate", "contract")
    print(
        f"{len(made.applied)} migrations: {', '.join(f'{count} {kind}' for kind, count in made.changes.kinds.items())}"
    )
    print(f"rows filled by backfills: {made.filled}")
    print(writers.report("own clients"))
    print(f"pgbench: {pgbench.done} transactions, {len(pgbench.failed)} runs with a failure")
    print(f"longest blocked statement: {watch.longest}")
    assert writers.failed == []
    assert pgbench.failed == []
    assert len(made.applied) == len(made.changes.files) >= least
    assert sorted(made.applied) == sorted(made.changes.files)
    assert len(made.filled) == len(made.backfills) and all(made.filled.values())
    assert made.filled[FILL["name"]] >= rows, "no client fills this column"
    assert all(release.written[column] for column in ("total", "cents")), "both releases have written"
    assert writers.done > 10 * len(release.transactions())
    assert watch.longest.seconds < LONGEST_BLOCKED
    require_what_was_meant(made, release)


def require_what_was_meant(made: Shop, release: Release) -> None:
    """Structure and data are those that the migrations and the clients have made."""
    sql = made.cluster.sql
    assert sql("SELECT DISTINCT state FROM slipway_migrations") == [("applied",)]
    assert sql("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid") == []
    assert sql("SELECT conname FROM pg_constraint WHERE NOT convalidated") == [("filled_there",)]
    assert sql("SELECT count(*) FROM orders") == [(made.rows + len(release.inserted),)]
    assert sql("SELECT sum(orders) FROM account") == [(len(release.inserted),)]
    columns = "SELECT attname FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attnum > 0 AND NOT attisdropped"
    found = {name for (name,) in sql(columns)}
    assert {"cents", "remark"} < found and not {"total", "note"} & found
    assert sql("SELECT count(*) FROM orders WHERE filled IS NULL") == [(0,)]
    wrong = [row for row in sql("SELECT id, cents, remark FROM orders") if row[1:] != meant(row[0], release)]
    assert wrong == []


def meant(order: int, release: Release) -> tuple[int, str]:
    """The cents and the remark of an order, by what the clients have written."""
    if order in release.inserted:
        return release.inserted[order], "own"
    cents = shop.total_of(order) * CENTS["total"] + release.changed[order]
    return cents, "new" if order in release.changed else f"note {order}"


def test_what_waits_and_what_fails_is_seen(cluster: Cluster) -> None:
    """The measurements of the test above, with a migration as it must not be."""
    cluster.sql(shop.base(rows=1_000, rounds=1))
    release, watch, pgbench = Release(1_000), Watch(cluster), Pgbench(cluster, 1_000)
    careless = psycopg2.connect(f"{cluster.dsn} application_name='slipway.release careless'")
    with closing(careless), Writers(cluster, release.transactions()) as writers, watch.looking(), pgbench.running():
        careless.cursor().execute("LOCK TABLE orders; SELECT pg_sleep(1); ALTER TABLE orders DROP COLUMN total")
        careless.commit()
        careless.cursor().execute("ALTER TABLE events RENAME TO happenings")
        careless.commit()
    assert watch.longest.seconds > 0.5 and "TABLE" in watch.longest.behind, watch.longest
    assert any('"total" of relation "orders" does not exist' in text for text in writers.failed)
    assert bool(pgbench.failed) is has("pgbench")
