# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An operator ends a deployment, whether its controller lives or not: the traffic returns, nothing is lost."""

from __future__ import annotations

from typing import Any

from tests.system.fleet import APPLICATION, BALANCERS, LEDGER, OTHER, PLACING, STOPPING, WATCHING, Fleet

REASON = "users report errors"
HALF_FOR_LONG = '{"slipway_rollout": "canary", "slipway_canary_steps": [{"percent": 50, "pause": 600}]}'
ONE_BY_ONE = '{"slipway_rollout": "rolling", "slipway_batch_pause": 0}'


def require_returned(fleet: Fleet, before: dict[str, Any], version: str, deployment: str) -> None:
    """Everything is as it was, nothing of the version runs, and the ledger says how that came."""
    book = fleet.ledger()
    last = book["state"]["deployments"][-1]
    assert (last["id"], last["result"]) == (deployment, "aborted")
    assert REASON in last["reason"]
    assert (book["lease"], book["unfinished"]) == (None, None)
    fleet.require_active(before["version"])
    assert fleet.active()["slot"] == before["slot"]
    assert set(fleet.consuming("mailer")) == set(APPLICATION)
    for host in APPLICATION:
        held = fleet.slot(host, OTHER[before["slot"]])
        assert not (held["running"] and held["version"] == version), host
    for host, answer in fleet.ask_all(BALANCERS, "balancer").items():
        assert answer["recorded"]["servers"] == {}, host


def test_a_canary_whose_controller_lives_is_ended_by_another(fleet: Fleet) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", HALF_FOR_LONG, version=version)
        run.wait_for(WATCHING)
        deployment = fleet.ledger()["unfinished"]["deployment"]
        ended = fleet.run("abort", reason=REASON)
        assert ended.code == 0, ended.reason()
        require_returned(fleet, before, version, deployment)
        first = run.finish()
    assert first.code != 0
    assert "Another run has taken over" in first.reason()
    measured.require_none_lost()
    assert measured.versions() == {before["version"], version}
    require_returned(fleet, before, version, deployment)
    fleet.deploy(version)


def test_a_rolling_whose_controller_was_killed_in_a_batch_returns_every_host(fleet: Fleet) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", ONE_BY_ONE, version=version)
        run.wait_for("batch 2 of 3")
        run.wait_for(STOPPING)
        run.kill()
        deployment = fleet.ledger()["unfinished"]["deployment"]
        ended = fleet.run("abort", reason=REASON)
    assert ended.code == 0, ended.reason()
    measured.require_none_lost()
    require_returned(fleet, before, version, deployment)
    fleet.deploy(fleet.versions.fresh())


def test_one_whose_slots_are_being_filled_is_ended_and_a_lost_host_is_named(nginx: Fleet) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    with nginx.traffic() as measured:
        run = nginx.start("deploy", version=version)
        run.wait_for(PLACING)
        run.kill()
        deployment = nginx.ledger()["unfinished"]["deployment"]
        nginx.poweroff("app3")
        incomplete = nginx.run("abort", reason=REASON)
        assert incomplete.code != 0
        assert "app3" in incomplete.reason()
        assert "Run abort.yml again" in incomplete.reason()
        nginx.recover()
        ended = nginx.run("abort", reason=REASON)
    assert ended.code == 0, ended.reason()
    assert measured.versions() == {before["version"]}
    require_returned(nginx, before, version, deployment)


def test_without_a_deployment_there_is_nothing_to_abort(nginx: Fleet) -> None:
    before = nginx.snapshot()
    refused = nginx.run("abort", reason=REASON)
    assert refused.code != 0
    assert f"ledger on {LEDGER}: no deployment is under way" in refused.reason()
    assert nginx.snapshot() == before


def test_a_released_lease_lets_the_same_deployment_go_on_at_once(nginx: Fleet) -> None:
    version = nginx.versions.fresh()
    run = nginx.start("deploy", "-e", HALF_FOR_LONG, version=version)
    run.wait_for(WATCHING)
    run.kill()
    assert nginx.ledger()["lease"]["live"]
    assert nginx.run("release_lease", reason="its controller was switched off").code == 0
    left = nginx.ledger()
    assert left["lease"] is None
    resumed = nginx.start("deploy", "-e", HALF_FOR_LONG, version=version)
    resumed.wait_for(WATCHING)
    assert nginx.ledger()["lease"]["deployment"] == left["unfinished"]["deployment"]
    resumed.kill()
    assert nginx.run("abort", reason=REASON).code == 0
