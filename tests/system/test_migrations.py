# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments that migrate a database: before any slot, once, and never past what a release needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.system.controllers import run_by
from tests.system.databases import FILES, Database
from tests.system.fleet import LEASE_SECONDS, OTHER, Fleet, differences

BEGUN = "Wait part | Ask for the end"
APPROVED = "before_migrations"
DROP = {"003_drop.sql": "-- slipway:phase contract\nALTER TABLE orders DROP COLUMN total;"}


def ranged(least: int, most: int) -> list[str]:
    """Flags for a release that works with these schemas."""
    return ["-e", json.dumps({"slipway_schema_range": {"min": least, "max": most}})]


def slots(fleet: Fleet) -> dict[str, Any]:
    """What is in the slots of all application hosts."""
    return {f"{host} {slot}": fleet.slot(host, slot) for host in fleet.application for slot in OTHER}


def require_refused(done: Any, *said: str) -> None:
    """The run failed and said so."""
    text = " ".join(done.output().split())
    assert done.code != 0 and all(words in text for words in said), done.reason()


def test_a_deployment_migrates_once_before_its_slots_with_its_token(nginx: Fleet, database: Database) -> None:
    database.write(FILES)
    version = nginx.versions.fresh()
    checked = nginx.run("deploy", *database.flags, *ranged(2, 2), "--check", version=version)
    assert checked.code == 0 and database.applied() == [], checked.reason()
    with nginx.traffic() as measured:
        done = nginx.deploy(version, *database.flags, *ranged(2, 2))
    measured.require_none_lost()
    assert database.applied() == ["1", "2"]
    output = done.output()
    assert output.index("Migrate | Apply what adds") < output.index("Slots | Place the revision")
    last = nginx.ledger()["state"]["deployments"][-1]
    assert last["committed"][0] == "migrate"
    ((deployment, token),) = database.rows("SELECT DISTINCT deployment, token FROM slipway_migrations")
    assert (deployment, token) == (last["id"], last["token"])
    before = nginx.snapshot()
    assert nginx.run("deploy", *database.flags, *ranged(2, 2), version=version).code == 0
    assert differences(before, nginx.snapshot()) == []


def test_a_migration_that_fails_leaves_slots_and_traffic_and_the_next_run_goes_on(
    nginx: Fleet, database: Database
) -> None:
    database.write({**FILES, "003_fails.sql": "SELECT none FROM orders;"})
    before, version = nginx.active(), nginx.versions.fresh()
    held = slots(nginx)
    with nginx.traffic() as measured:
        done = nginx.run("deploy", *database.flags, version=version)
        said = ("the database was not migrated", "003_fails.sql", "Neither slots nor traffic were touched")
        require_refused(done, *said)
    measured.require_none_lost()
    assert measured.versions() == {before["version"]}
    assert nginx.active() == before and slots(nginx) == held
    assert nginx.ledger()["state"]["deployments"][-1]["result"] == "failed" and nginx.ledger()["lease"] is None
    assert database.applied() == ["1", "2"]
    database.write({"003_fails.sql": "SELECT id FROM orders;"})
    nginx.deploy(version, *database.flags)
    assert database.applied() == ["1", "2", "3"]


def test_a_killed_controller_leaves_a_migration_that_ends_and_the_next_run_waits_for_it(
    nginx: Fleet, database: Database
) -> None:
    slow = "INSERT INTO orders SELECT count(*) + 1, '1' FROM orders;\nSELECT pg_sleep(20);"
    database.write({**FILES, "003_slow.sql": slow})
    version = nginx.versions.fresh()
    run = nginx.start("deploy", *database.flags, version=version)
    run.wait_for(BEGUN)
    run.kill()
    held = slots(nginx)
    nginx.act("db1", "ledger", command="release", reason="its controller is gone")
    nginx.deploy(version, *database.flags)
    assert database.applied() == ["1", "2", "3"]
    assert database.rows("SELECT count(*) FROM orders") == [(1,)], "it was applied twice"
    assert slots(nginx) != held


def test_a_release_that_the_database_does_not_fit_is_refused_when_it_is_planned(
    nginx: Fleet, database: Database
) -> None:
    database.write({**FILES, **DROP})
    old, new = nginx.versions.fresh(), nginx.versions.fresh()
    before = nginx.ledger()
    lacking = nginx.run("deploy", *database.flags, *ranged(9, 9), version=old)
    require_refused(lacking, "does not fit the database: it needs schema 9")
    assert nginx.ledger() == before and database.applied() == []
    nginx.deploy(old, *database.flags, *ranged(1, 2))
    nginx.deploy(new, *database.flags, *ranged(2, 9))
    contract = nginx.run("migrate", *database.flags, migrate_phase="contract")
    require_refused(contract, f"holds {old}, and after this it works up to schema 2")
    assert database.applied() == ["1", "2"] and nginx.ledger()["lease"] is None
    forced = nginx.run("migrate", *database.flags, migrate_phase="contract", force="true", reason="no way back needed")
    assert forced.code == 0 and database.applied() == ["1", "2", "3"], forced.reason()
    back = nginx.run("rollback", *database.flags, rollback_to=old)
    require_refused(back, f"version {old} does not fit the database", "slipway_migrate_action=undo")
    nginx.require_active(new)


def test_it_waits_for_an_approval_before_anything_is_touched(nginx: Fleet, database: Database, tmp_path: Path) -> None:
    database.write(FILES)
    version, held = nginx.versions.fresh(), slots(nginx)
    flags = [*database.flags, "-e", json.dumps({"slipway_approvals": [APPROVED]})]
    done = nginx.run("deploy", *flags, version=version)
    assert done.code == 0 and f"is parked at {APPROVED}" in " ".join(done.output().split()), done.reason()
    assert database.applied() == [] and slots(nginx) == held and nginx.ledger()["lease"] is None
    with run_by(nginx, "bob", tmp_path):
        assert nginx.run("approve", reason="the files look good").code == 0
    nginx.deploy(version, *flags)
    assert database.applied() == ["1", "2"]


def test_an_abort_of_what_waits_for_it_touches_no_slot(nginx: Fleet, database: Database) -> None:
    database.write(FILES)
    version, held = nginx.versions.fresh(), slots(nginx)
    flags = [*database.flags, "-e", json.dumps({"slipway_approvals": [APPROVED]})]
    assert nginx.run("deploy", *flags, version=version).code == 0
    done = nginx.run("abort", *flags, reason="not today")
    assert done.code == 0, done.reason()
    assert slots(nginx) == held and database.applied() == []
    assert nginx.ledger()["unfinished"] is None


def test_a_skip_applies_nothing_and_is_recorded(nginx: Fleet, database: Database) -> None:
    database.write(FILES)
    skipping = ["-e", json.dumps({"slipway_skip": ["migrations"], "slipway_reason": "by hand today"})]
    nginx.deploy(nginx.versions.fresh(), *database.flags, *skipping)
    assert database.applied() == []


def runner(command: str, timeout: int) -> list[str]:
    """Flags for another runner of migrations, on the ledger host."""
    hook = {"name": "runner", "at": "migrate", "hosts": "ledger", "command": command, "timeout": timeout}
    return ["-e", json.dumps({"slipway_hooks": [hook]})]


def test_another_runner_may_take_longer_than_the_lease(nginx: Fleet) -> None:
    version = nginx.versions.fresh()
    lease = int(LEASE_SECONDS)
    nginx.deploy(version, *runner(f"sh -c 'sleep {lease + 15}; date > /tmp/migrated-{version}'", lease + 60))
    assert nginx.inside("db1", "cat", f"/tmp/migrated-{version}")
    assert nginx.ledger()["state"]["deployments"][-1]["committed"][0] == "migrate"


def test_another_runner_that_fails_leaves_slots_and_traffic(nginx: Fleet) -> None:
    before, held = nginx.active(), slots(nginx)
    done = nginx.run("deploy", *runner("sh -c 'echo no such revision; exit 3'", 20), version=nginx.versions.fresh())
    require_refused(
        done,
        "the database was not migrated",
        "hook runner on db1",
        "no such revision",
        "Neither slots nor traffic were touched",
    )
    assert nginx.active() == before and slots(nginx) == held
    assert nginx.ledger()["state"]["deployments"][-1]["result"] == "failed" and nginx.ledger()["lease"] is None
