# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two regions on one lab: one after the other, stopped by a failure, returned if wanted, resumed after a kill."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lab.operator import PlaybookRun, Running
from tests.system.databases import FILES, Database
from tests.system.fleet import (
    AFTER_SWITCH,
    DRAINING,
    RELEASES,
    Fleet,
    Measured,
    Versions,
    differences,
    inventory_changed,
    wait_until,
)

REGIONS = {"eu": ("lb1", "app1"), "us": ("lb2", "app2", "app3")}
BALANCER = {"eu": "lb1", "us": "lb2"}
PORTS = {"blue": 8101, "green": 8102}
BAKE = 3
US_BEGINS = "PLAY [Plan region us]"
# An application of its own, beside those that the other tests have on the same machines.
MALL: dict[str, Any] = {
    "slipway_app": "mall",
    "slipway_balancer": "nginx",
    "slipway_regions": list(REGIONS),
    "slipway_region_bake": BAKE,
    "slipway_virtual_address": "",
    "slipway_balancer_port": 8002,
    "slipway_preview_port": 8482,
    "slipway_agent_port": 8474,
    "slipway_status_port": 8475,
    "slipway_lease_seconds": 90,
    "slipway_lab_releases": str(RELEASES),
    "slipway_components": [
        {
            "name": "web",
            "kind": "http",
            "command": "/usr/bin/python3 -m shop",
            "ports": PORTS,
            "health": {"ready": "/health/ready"},
        }
    ],
}
FAILING_SMOKE = {"slipway_smoke_checks": [{"path": "/missing", "timeout": 2, "successes": 1, "deadline": 4}]}
SLOW_SMOKE = {"slipway_smoke_checks": [{"path": "/slow?ms=3000", "timeout": 10, "successes": 1, "deadline": 20}]}
# Long enough for the watch of another region to act before this fails.
LATE_FAILING_SMOKE = {"slipway_smoke_checks": [{"path": "/missing", "timeout": 2, "successes": 1, "deadline": 40}]}
# The same behind the other balancer, with ports of its own.
BAZAAR: dict[str, Any] = {
    **MALL,
    "slipway_app": "bazaar",
    "slipway_balancer": "haproxy",
    "slipway_balancer_port": 8003,
    "slipway_preview_port": 8483,
    "slipway_agent_port": 8476,
    "slipway_status_port": 8477,
    "slipway_components": [{**MALL["slipway_components"][0], "ports": {"blue": 8111, "green": 8112}}],
}


class Mall:
    """An application in two regions, seen as an operator and as users of each region see it."""

    def __init__(self, lab: str, versions: Versions, directory: Path, variables: dict[str, Any]) -> None:
        self.fleet = Fleet(lab, variables["slipway_balancer"], versions)
        self.versions = versions
        self.directory = directory
        self.variables = variables

    def run(self, playbook: str, *flags: str, **variables: Any) -> PlaybookRun:
        """Run a playbook to its end."""
        return self.start(playbook, *flags, **variables).finish()

    def start(self, playbook: str, *flags: str, **variables: Any) -> Running:
        """Start a playbook; ``variables`` without their prefix, but for those of a region alone, which has its name."""
        own = {region: variables.pop(region, {}) for region in REGIONS}
        directory = self.directory / f"inventory-{len(list(self.directory.iterdir()))}"
        directory.mkdir()
        inventory = inventory_changed(directory, lambda everything: add_regions(everything, own))
        given = {**self.variables, **{f"slipway_{name}": value for name, value in variables.items()}}
        return self.fleet.operator.start(playbook, {}, *inventory, "-e", json.dumps(given), *flags)

    def deploy(self, version: str, *flags: str, **variables: Any) -> PlaybookRun:
        """Deploy a version, and require that it is active in both regions."""
        done = self.run("deploy", *flags, version=version, **variables)
        assert done.code == 0, f"{done.log}: {done.reason()}"
        self.require_active(eu=version, us=version)
        return done

    def require_active(self, **wanted: str) -> None:
        """Ledgers and users of the regions see these versions, and nobody holds a lease."""
        for region, version in wanted.items():
            book = self.ledger(region)
            assert book["state"]["active"]["version"] == version, region
            assert book["lease"] is None, region
            assert self.fleet.served(self.address(region)) == {version: 12}, region

    def still_elsewhere(self, region: str, version: str) -> str:
        """What serves beside this version; empty for nothing."""
        served = self.fleet.served(self.address(region), count=3)
        return "" if served == {version: 3} else str(served)

    def address(self, region: str) -> str:
        """The application as users of a region reach it."""
        return f"http://{self.fleet.network}.{10 + int(BALANCER[region][-1])}:{self.variables['slipway_balancer_port']}"

    def ledger(self, region: str) -> dict[str, Any]:
        """What the ledger of a region says."""
        self.fleet.app = f"{self.variables['slipway_app']}@{region}"
        return self.fleet.ledger()

    def active(self, region: str) -> str:
        """The version that is active in a region."""
        return str(self.ledger(region)["state"]["active"]["version"])

    def snapshot(self, region: str) -> dict[str, Any]:
        """Files and processes of the machines of a region."""
        return self.fleet.ask_all(REGIONS[region], "snapshot")


def add_regions(everything: dict[str, Any], own: dict[str, dict[str, Any]]) -> None:
    """Give the lab's inventory two regions, with variables of their own."""
    children = {region: {"hosts": dict.fromkeys(hosts), "vars": own[region]} for region, hosts in REGIONS.items()}
    everything["children"]["slipway_regions"] = {"children": children}


def set_up(lab: str, versions: Versions, directory: Path, variables: dict[str, Any]) -> Mall:
    """The application, with a first release in both regions."""
    found = Mall(lab, versions, directory, variables)
    if not all(found.ledger(region)["state"]["active"] for region in REGIONS):
        done = found.run("site", version=versions.fresh())
        assert done.code == 0, f"{done.log}: {done.reason()}"
    return found


@pytest.fixture(scope="module")
def behind_nginx(lab: str, versions: Versions, tmp_path_factory: pytest.TempPathFactory) -> Mall:
    """The application behind nginx."""
    return set_up(lab, versions, tmp_path_factory.mktemp("regions"), MALL)


@pytest.fixture
def mall(behind_nginx: Mall) -> Mall:
    """The same, with one version active in both regions."""
    if behind_nginx.active("eu") != behind_nginx.active("us"):
        behind_nginx.deploy(behind_nginx.versions.fresh(), region_bake=0)
    return behind_nginx


def first_answer(measured: Measured, version: str) -> int:
    """When the first request that this version answered was sent, in microseconds."""
    return min(int(request["start_us"]) for request in measured.requests if request["version"] == version)


def last_answer(measured: Measured, version: str) -> int:
    """When the last request that this version answered was sent, in microseconds."""
    return max(int(request["start_us"]) for request in measured.requests if request["version"] == version)


def deployments(mall: Mall, region: str) -> list[str]:
    """The deployments of a region that have ended."""
    return [entry["id"] for entry in mall.ledger(region)["state"]["deployments"]]


def test_a_release_goes_region_by_region_and_the_first_one_bakes(mall: Mall) -> None:
    before, version = mall.active("eu"), mall.versions.fresh()
    with mall.fleet.traffic(50, mall.address("eu")) as eu, mall.fleet.traffic(50, mall.address("us")) as us:
        mall.deploy(version)
    eu.require_none_lost()
    us.require_none_lost()
    assert eu.versions() == us.versions() == {before, version}
    assert first_answer(us, version) - last_answer(eu, before) >= BAKE * 1_000_000


def test_the_first_region_migrates_the_database_for_all(mall: Mall, database: Database) -> None:
    database.write(FILES)
    runner = {"name": "runner", "at": "migrate", "command": f"sh -c 'echo once >> {database.files}.log'"}
    mall.deploy(mall.versions.fresh(), region_bake=0, **names(database), hooks=[runner])
    assert database.applied() == ["1", "2"]
    first, second = (mall.ledger(region)["state"]["deployments"][-1] for region in REGIONS)
    assert database.rows("SELECT DISTINCT deployment, token FROM slipway_migrations") == [(first["id"], first["token"])]
    assert "migrate" in first["committed"] and "migrate" not in second["committed"]
    assert Path(f"{database.files}.log").read_text(encoding="utf-8") == "once\n"


def names(database: Database) -> dict[str, Any]:
    """Its variables, without their prefix."""
    return {name.removeprefix("slipway_"): value for name, value in database.variables.items()}


def test_a_rollback_takes_the_last_region_first(mall: Mall) -> None:
    version = mall.versions.fresh()
    before = mall.active("eu")
    mall.deploy(version, region_bake=0)
    with mall.fleet.traffic(50, mall.address("eu")) as eu, mall.fleet.traffic(50, mall.address("us")) as us:
        done = mall.run("rollback")
    assert done.code == 0, done.reason()
    mall.require_active(eu=before, us=before)
    eu.require_none_lost()
    us.require_none_lost()
    assert last_answer(us, version) < first_answer(eu, before)


def test_a_rollback_of_one_region_leaves_the_other_alone_and_a_deployment_completes_the_order(mall: Mall) -> None:
    before, version = mall.active("us"), mall.versions.fresh()
    mall.deploy(version, region_bake=0)
    snapshot, ended = mall.snapshot("eu"), deployments(mall, "eu")
    done = mall.run("rollback", region="us")
    assert done.code == 0, done.reason()
    mall.require_active(eu=version, us=before)
    assert differences(snapshot, mall.snapshot("eu")) == []
    mall.deploy(version)
    assert deployments(mall, "eu") == ended


def test_a_failure_in_the_first_region_keeps_the_others_untouched(mall: Mall) -> None:
    before = mall.active("us")
    bad = mall.versions.built("2.0.0-neverready")
    snapshot, ended = mall.snapshot("us"), deployments(mall, "us")
    done = mall.run("deploy", version=bad, ready_deadline=8)
    assert done.code != 0
    assert "eu has failed: 2.0.0-neverready is not active" in done.reason(), done.reason()
    assert "us was not touched" in done.reason()
    assert differences(snapshot, mall.snapshot("us")) == []
    assert deployments(mall, "us") == ended
    mall.require_active(eu=before, us=before)


def test_a_lost_balancer_in_the_first_region_keeps_the_others_untouched(mall: Mall) -> None:
    before = mall.active("us")
    ended = deployments(mall, "us")
    mall.fleet.link(BALANCER["eu"], "down")
    try:
        done = mall.run("deploy", version=mall.versions.fresh())
    finally:
        mall.fleet.link(BALANCER["eu"], "up")
    assert done.code != 0
    assert "eu has failed: inventory: cannot be reached: lb1 (balancer)" in done.reason(), done.reason()
    assert deployments(mall, "us") == ended
    mall.require_active(us=before)


def test_a_balancer_that_is_lost_during_the_first_region_keeps_the_others_untouched(mall: Mall) -> None:
    before, version = mall.active("us"), mall.versions.fresh()
    ended = deployments(mall, "us")
    run = mall.start("deploy", "-e", json.dumps(SLOW_SMOKE), version=version)
    run.wait_for(AFTER_SWITCH)
    mall.fleet.link(BALANCER["eu"], "down")
    try:
        done = run.finish()
    finally:
        mall.fleet.link(BALANCER["eu"], "up")
    assert done.code != 0
    assert "us was not touched" in done.reason(), done.reason()
    assert deployments(mall, "us") == ended
    mall.require_active(us=before)
    wait_until(lambda: mall.still_elsewhere("eu", before), 120, "the traffic of eu has returned by the lease")
    mall.run("release_lease", reason="the tests go on")


def test_a_failure_in_the_second_region_leaves_the_first_where_it_is(mall: Mall) -> None:
    before, version = mall.active("us"), mall.versions.fresh()
    done = mall.run("deploy", us=FAILING_SMOKE, version=version)
    assert done.code != 0
    assert f"us has failed: {version} is not active" in done.reason(), done.reason()
    assert f"eu is left as it is, on {version}" in done.reason(), done.reason()
    mall.require_active(eu=version, us=before)
    ended = deployments(mall, "eu")
    mall.deploy(version)
    assert deployments(mall, "eu") == ended


def test_a_failure_in_the_second_region_returns_the_first_if_wanted(mall: Mall) -> None:
    before, version = mall.active("us"), mall.versions.fresh()
    with mall.fleet.traffic(50, mall.address("eu")) as eu:
        done = mall.run("deploy", us=FAILING_SMOKE, version=version, regions_on_failure="return", region_bake=0)
    assert done.code != 0
    assert f"us has failed: {version} is not active" in done.reason(), done.reason()
    assert f"eu has returned to {before}" in done.reason(), done.reason()
    mall.require_active(eu=before, us=before)
    eu.require_none_lost()
    assert eu.versions() == {before, version}


def test_a_region_that_was_changed_in_batches_goes_back_in_batches(mall: Mall) -> None:
    before, version = mall.active("us"), mall.versions.fresh()
    rolling = {"slipway_rollout": "rolling", "slipway_batches": [1]}
    wanted = {"regions": ["us", "eu"], "regions_on_failure": "return", "region_bake": 0}
    done = mall.run("deploy", us=rolling, eu=FAILING_SMOKE, version=version, **wanted)
    assert done.code != 0
    assert f"eu has failed: {version} is not active" in done.reason(), done.reason()
    assert f"us has returned to {before}" in done.reason(), done.reason()
    mall.require_active(eu=before, us=before)


def test_what_the_watch_has_returned_meanwhile_is_not_returned_once_more(mall: Mall) -> None:
    before, version = mall.active("us"), mall.versions.fresh()
    watch = {"seconds": 600, "interval": 2}
    wanted = {"regions_on_failure": "return", "region_bake": 0, "watch": watch}
    run = mall.start("deploy", us=LATE_FAILING_SMOKE, version=version, **wanted)
    run.wait_for("PLAY [Move the traffic of region us]")
    ended = deployments(mall, "eu")
    slot = mall.ledger("eu")["state"]["active"]["slot"]
    mall.fleet.inside("app1", "systemctl", "stop", f"slipway-mall-web@{slot}.service")
    wait_until(lambda: mall.still_elsewhere("eu", before), 35, "the watch has returned the traffic of eu")
    done = run.finish()
    assert done.code != 0
    assert f"eu had left it before, and stays on {before}" in done.reason(), done.reason()
    assert deployments(mall, "eu") == ended
    assert mall.fleet.served(mall.address("eu")) == {before: 12}
    mall.require_active(us=before)


def come_to(run: Running, text: str) -> None:
    """Wait until the run prints this in the second region."""
    run.wait_for(US_BEGINS)
    wait_until(
        lambda: "" if text in run.log.read_text(encoding="utf-8").partition(US_BEGINS)[2] else "not yet", 120, text
    )


@pytest.mark.parametrize("moment", [pytest.param(DRAINING, marks=pytest.mark.exhaustive), AFTER_SWITCH])
def test_a_region_that_loses_all_its_balancers_fails_and_the_one_before_it_returns(mall: Mall, moment: str) -> None:
    before, version = mall.active("us"), mall.versions.fresh()
    run = mall.start("deploy", us=SLOW_SMOKE, version=version, regions_on_failure="return", region_bake=0)
    come_to(run, moment)
    mall.fleet.link(BALANCER["us"], "down")
    try:
        done = run.finish()
    finally:
        mall.fleet.link(BALANCER["us"], "up")
    assert done.code != 0
    assert f"us has failed: {version} is not active" in done.reason(), done.reason()
    assert f"eu has returned to {before}" in done.reason(), done.reason()
    mall.require_active(eu=before)
    wait_until(lambda: mall.still_elsewhere("us", before), 120, "the traffic of us has returned by the lease")
    mall.run("release_lease", region="us", reason="the tests go on")


@pytest.mark.exhaustive
def test_a_release_goes_region_by_region_behind_haproxy(
    lab: str, versions: Versions, tmp_path_factory: pytest.TempPathFactory
) -> None:
    bazaar = set_up(lab, versions, tmp_path_factory.mktemp("haproxy"), BAZAAR)
    before, version = bazaar.active("eu"), versions.fresh()
    with bazaar.fleet.traffic(50, bazaar.address("eu")) as eu, bazaar.fleet.traffic(50, bazaar.address("us")) as us:
        bazaar.deploy(version)
    eu.require_none_lost()
    us.require_none_lost()
    assert eu.versions() == us.versions() == {before, version}
    assert first_answer(us, version) - last_answer(eu, before) >= BAKE * 1_000_000


def test_a_run_killed_in_the_second_region_is_resumed_there(mall: Mall) -> None:
    version = mall.versions.fresh()
    run = mall.start("deploy", us=SLOW_SMOKE, version=version, region_bake=0)
    run.wait_for("PLAY [Move the traffic of region us]")
    run.kill()
    left, ended = mall.ledger("us")["unfinished"]["deployment"], deployments(mall, "eu")
    mall.require_active(eu=version)
    assert mall.run("release_lease", region="us", reason="the controller was killed").code == 0
    mall.deploy(version, us=SLOW_SMOKE, region_bake=0)
    assert deployments(mall, "eu") == ended
    assert deployments(mall, "us")[-1] == left


def test_a_resumed_run_that_fails_returns_what_the_killed_one_had_changed(mall: Mall) -> None:
    before, version = mall.active("eu"), mall.versions.fresh()
    run = mall.start("deploy", us=FAILING_SMOKE, version=version, region_bake=0)
    run.wait_for("PLAY [Move the traffic of region us]")
    run.kill()
    mall.require_active(eu=version)
    assert mall.run("release_lease", region="us", reason="the controller was killed").code == 0
    done = mall.run("deploy", us=FAILING_SMOKE, version=version, region_bake=0, regions_on_failure="return")
    assert done.code != 0
    assert f"eu has returned to {before}" in done.reason(), done.reason()
    mall.require_active(eu=before, us=before)


def test_an_abort_ends_what_is_under_way_and_leaves_finished_regions(mall: Mall) -> None:
    before, version = mall.active("us"), mall.versions.fresh()
    run = mall.start("deploy", us=SLOW_SMOKE, version=version, region_bake=0)
    run.wait_for("PLAY [Move the traffic of region us]")
    run.kill()
    done = mall.run("abort", reason="users report errors")
    assert done.code == 0, done.reason()
    assert f"{version} was aborted in us; nothing was under way in eu" in done.output()
    mall.require_active(eu=version, us=before)
    refused = mall.run("abort", reason="users report errors")
    assert refused.code != 0
    assert "there is nothing to abort" in refused.reason()


def test_check_mode_shows_the_plan_of_every_region_and_changes_nothing(mall: Mall) -> None:
    snapshots = {region: mall.snapshot(region) for region in REGIONS}
    version = mall.versions.fresh()
    done = mall.run("deploy", "--check", "--diff", version=version)
    assert done.code == 0, done.reason()
    for region in REGIONS:
        assert f"mall in {region}: deploy {version}" in done.output()
        assert f"{region} would get {version}" in done.output()
        assert differences(snapshots[region], mall.snapshot(region)) == []


def test_the_status_has_a_report_of_each_region(mall: Mall, tmp_path: Path) -> None:
    version = mall.active("eu")
    done = mall.run("status", status_file=str(tmp_path / "status.json"))
    assert done.code == 0, done.reason()
    shown = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    assert list(shown["regions"]) == list(REGIONS)
    assert shown["problems"] == []
    for region, hosts in REGIONS.items():
        report = shown["regions"][region]
        assert report["active"]["version"] == version
        assert {*report["balancers"], *(row["host"] for row in report["instances"])} == set(hosts)


def test_a_region_that_is_none_is_refused_before_anything_is_touched(mall: Mall) -> None:
    before = {region: mall.ledger(region) for region in REGIONS}
    done = mall.run("deploy", "-e", json.dumps({"slipway_regions": ["eu", "slipway_regions"]}), version="1.0.0")
    assert done.code != 0
    assert "slipway_regions" in done.reason(), done.reason()
    assert {region: mall.ledger(region) for region in REGIONS} == before
