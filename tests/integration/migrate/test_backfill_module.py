# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""pg_backfill and pg_dual_write as Ansible runs them. Touches a cluster of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.modules import pg_backfill, pg_dual_write, pg_migrate

from tests.integration.migrate.backfills import fill
from tests.integration.migrate.clusters import Cluster
from tests.unit.running import module_output, module_result

PASSWORD = "canary-4f1d"
BACKFILL: dict[str, Any] = {
    "name": "one",
    "table": "item",
    "set": {"done": True, "times": "times + 1"},
    "where": "done IS NOT TRUE",
    "pause_ms": 0,
}


def test_a_backfill_is_announced_done_and_not_done_again(cluster: Cluster) -> None:
    fill(cluster, 3000)
    given = {**BACKFILL, "dsn": cluster.dsn}
    announced = module_result(pg_backfill, **given, _ansible_check_mode=True, _ansible_diff=True)
    assert (announced["changed"], announced["state"], announced["rows_estimated"]) == (True, "would_run", 3000)
    assert announced["diff"]["before"] == {"state": "absent"}
    assert announced["diff"]["after"]["state"] == "finished"
    assert cluster.value("SELECT to_regclass('slipway_backfills') IS NULL")
    first = module_result(pg_backfill, **given)
    assert (first["changed"], first["state"], first["rows_changed"], first["verified"]) == (
        True,
        "finished",
        3000,
        True,
    )
    assert first["diff"]["after"]["rows_changed"] == 3000
    for check in (False, True):
        again = module_result(pg_backfill, **given, _ansible_check_mode=check)
        assert (again["changed"], again["state"], again["rows_changed"]) == (False, "finished", 0)
        assert again["verified"] is True
        assert again["diff"]["before"] == again["diff"]["after"]
    assert cluster.sql("SELECT min(times), max(times) FROM item") == [(1, 1)]


def test_a_run_whose_time_is_over_is_no_failure(cluster: Cluster) -> None:
    fill(cluster, 3000)
    result = module_result(
        pg_backfill, **{**BACKFILL, "pause_ms": 300, "batch_size": 100, "batch_max": 100}, dsn=cluster.dsn, time_limit=1
    )
    assert (result["changed"], result["state"], result["verified"]) == (True, "to_be_continued", False)
    assert 0 < result["rows_changed"] < 3000
    assert result["seconds_left"] > 0


def test_rows_that_are_to_be_done_after_the_end_are_announced_and_done(cluster: Cluster) -> None:
    fill(cluster, 3000)
    given = {**BACKFILL, "dsn": cluster.dsn}
    module_result(pg_backfill, **given)
    for _round in range(7):
        cluster.sql("UPDATE item SET done = NULL WHERE id IN (17, 2900)")
        announced = module_result(pg_backfill, **given, _ansible_check_mode=True)
        assert (announced["changed"], announced["state"], announced["verified"]) == (True, "would_run", False)
        assert cluster.sql("SELECT state FROM slipway_backfills") == [("finished",)]
        again = module_result(pg_backfill, **given)
        found = (again["changed"], again["state"], again["rows_changed"], again["verified"])
        assert found == (True, "finished", 2, True)
    assert cluster.sql("SELECT count(*), max(times) FROM item WHERE done") == [(3000, 8)]
    assert cluster.sql("SELECT state, changed FROM slipway_backfills") == [("finished", 3014)]


def test_what_no_statement_finds_in_its_time_is_looked_for_in_batches(cluster: Cluster) -> None:
    fill(cluster, 600)
    slow = "CASE WHEN pg_sleep(0.001) IS NULL THEN true ELSE done IS NOT TRUE END"
    given = {**BACKFILL, "where": slow, "dsn": cluster.dsn, "batch_size": 100, "batch_max": 100, "pause_ms": 100}
    given = {**given, "target_ms": 300, "statement_timeout_ms": 400}
    module_result(pg_backfill, **given)
    hurried = module_result(pg_backfill, **given, time_limit=1)
    assert (hurried["changed"], hurried["state"], hurried["verified"]) == (False, "finished", False)
    again = module_result(pg_backfill, **given)
    assert (again["changed"], again["rows_changed"], again["verified"]) == (False, 0, True)
    cluster.sql("UPDATE item SET done = NULL WHERE id = 590")
    again = module_result(pg_backfill, **given)
    assert (again["changed"], again["rows_changed"], again["verified"]) == (True, 1, True)


@pytest.mark.parametrize("dsn", ["password={0} port=1 host=127.0.0.1", "postgresql://me:{0}@127.0.0.1:1/x"])
def test_a_password_comes_out_nowhere(dsn: str) -> None:
    for module, given in ((pg_backfill, BACKFILL), (pg_dual_write, DUAL)):
        said = module_output(module, **{**given, "dsn": dsn.format(PASSWORD)})
        assert "failed" in said and "Remedy" in said
        assert PASSWORD not in said


def test_a_refusal_says_where_and_what_to_do(cluster: Cluster) -> None:
    result = module_result(pg_backfill, **{**BACKFILL, "table": "nothing", "dsn": cluster.dsn})
    assert result["failed"] and result["error"]["kind"] == "input"
    assert "nothing" in result["error"]["where"] and "case matters" in result["error"]["remedy"]


DUAL: dict[str, Any] = {"table": "orders", "column": "total", "new_column": "cents", "new_type": "bigint"}


def test_the_phases_of_a_dual_write(cluster: Cluster) -> None:
    cluster.sql("DROP TABLE IF EXISTS orders, slipway_backfills")
    cluster.sql("CREATE TABLE orders (id int PRIMARY KEY, total int NOT NULL)")
    cluster.sql("INSERT INTO orders SELECT g, g FROM generate_series(1, 100) g")
    given = {**DUAL, "dsn": cluster.dsn}

    def phase(name: str, *, check: bool = False) -> dict[str, Any]:
        return module_result(pg_dual_write, **given, phase=name, pause_ms=0, _ansible_check_mode=check)

    planned = phase("plan")
    assert (planned["changed"], planned["standing"]) == (False, "absent")
    assert set(planned["files"]) == {"expand", "migrate", "contract"}
    assert phase("expand", check=True)["standing"] == "expanded"
    assert phase("plan")["standing"] == "absent"
    expanded = phase("expand")
    assert (expanded["changed"], expanded["standing"], phase("expand")["changed"]) == (True, "expanded", False)
    assert phase("check")["disagreeing"] == 100
    refused = phase("migrate")
    assert refused["failed"] and "disagree in 100 of 100 rows" in refused["msg"]
    filled = expanded["backfill"]
    assert module_result(pg_backfill, **filled, table="orders", dsn=cluster.dsn)["rows_changed"] == 100
    checked = phase("check")
    assert (checked["rows"], checked["disagreeing"], checked["examples"]) == (100, 0, [])
    assert len(phase("migrate", check=True)["statements"]) == 4
    assert len(phase("migrate")["statements"]) == 4
    assert phase("migrate")["changed"] is False
    assert phase("contract", check=True)["standing"] == "contracted"
    assert (phase("contract")["changed"], phase("contract")["changed"]) == (True, False)
    assert cluster.sql("SELECT count(*), sum(cents) FROM orders") == [(100, 5050)]


def test_the_files_run_as_migrations_and_the_lint_has_nothing_against_them(cluster: Cluster, tmp_path: Path) -> None:
    cluster.sql("DROP TABLE IF EXISTS orders, customers, slipway_backfills CASCADE")
    cluster.sql("CREATE TABLE customers (id int PRIMARY KEY); INSERT INTO customers SELECT generate_series(1, 50)")
    cluster.sql("CREATE TABLE orders (id serial PRIMARY KEY, total int NOT NULL DEFAULT 4 UNIQUE REFERENCES customers)")
    cluster.sql("INSERT INTO orders (total) SELECT generate_series(1, 50)")
    planned = module_result(pg_dual_write, **DUAL, dsn=cluster.dsn)
    phases = ["expand", "migrate", "contract"]
    for number, phase in enumerate(phases):
        (tmp_path / f"00{number}_{phase}.sql").write_text(planned["files"][phase], encoding="utf-8")
        done = module_result(pg_migrate, path=str(tmp_path), dsn=cluster.dsn, phases=phases[: number + 1])
        assert (done.get("msg"), done["changed"], done["findings"]) == (None, True, [])
        if phase == "expand":
            module_result(pg_backfill, **planned["backfill"], table="orders", dsn=cluster.dsn)
    assert cluster.sql("SELECT count(*), sum(cents) FROM orders") == [(50, 1275)]
    cluster.sql("DROP TABLE orders, customers CASCADE")
