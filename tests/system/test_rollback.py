# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ways back under live traffic, and releases that are bad on purpose."""

from __future__ import annotations

import pytest

from tests.system.fleet import APPLICATION, OTHER, PLACING, Fleet, now_us

PLACED = "changed: [app"


def placed_hosts(output: str) -> int:
    """On how many hosts the run placed something."""
    task = output.split(PLACING)[1].split("TASK [")[0]
    return task.count(PLACED)


def test_rollbacks_to_previous_to_an_older_version_and_to_the_latest_good_one(fleet: Fleet) -> None:
    first, second, third = (fleet.versions.fresh() for _number in range(3))
    for version in (first, second, third):
        fleet.deploy(version)
    with fleet.traffic() as measured:
        to_previous = fleet.run("rollback", rollback_to="previous")
        assert to_previous.code == 0, to_previous.reason()
        fleet.require_active(second)
        assert placed_hosts(to_previous.output()) == 0
        to_older = fleet.run("rollback", rollback_to=first)
        assert to_older.code == 0, to_older.reason()
        fleet.require_active(first)
        assert placed_hosts(to_older.output()) == len(APPLICATION)
    measured.require_none_lost()
    assert measured.versions() == {first, second, third}


def test_the_latest_good_version_is_none_that_was_rolled_back_from(nginx: Fleet) -> None:
    good, bad = nginx.versions.fresh(), nginx.versions.fresh()
    nginx.deploy(good)
    nginx.deploy(bad)
    assert nginx.run("rollback", rollback_to="previous").code == 0
    nginx.require_active(good)
    done = nginx.run("rollback", rollback_to="latest_good")
    assert done.code == 0, done.reason()
    assert nginx.active()["version"] not in (good, bad)


def test_a_rollback_to_an_unknown_version_is_refused(nginx: Fleet) -> None:
    before = nginx.active()
    done = nginx.run("rollback", rollback_to="9.9.9")
    assert done.code != 0
    assert "slipway_rollback_to" in done.reason()
    assert "9.9.9 has never been active" in done.reason()
    assert "choose one of" in done.reason()
    assert nginx.active() == before
    assert nginx.ledger()["lease"] is None


STEPS = '{"slipway_rollout": "%s", "slipway_canary_steps": [{"percent": 50, "pause": 0}]}'


@pytest.mark.parametrize("rollout", ["blue_green", "canary"])
def test_after_a_finished_deployment_one_run_brings_the_traffic_back(
    fleet: Fleet, rollout: str, figures: list[str]
) -> None:
    before, version = fleet.active()["version"], fleet.versions.fresh()
    fleet.deploy(version, "-e", STEPS % rollout)
    with fleet.traffic() as measured:
        began = now_us()
        done = fleet.run("rollback", "-e", STEPS % rollout)
    assert done.code == 0, f"{done.log}: {done.reason()}"
    fleet.require_active(before)
    measured.require_none_lost()
    back = min(request["end_us"] for request in measured.requests if request["version"] == before)
    assert measured.versions(since_us=began) == {before, version}
    seconds = (back - began) / 1e6
    figures.append(f"rollback after a finished {rollout}, {fleet.balancer}: traffic back after {seconds:.1f} s")


@pytest.mark.parametrize("release", ["2.0.0-neverstarts", "2.0.0-neverready"])
def test_a_release_that_never_serves_leaves_everything_where_it_was(fleet: Fleet, release: str) -> None:
    before = fleet.active()
    with fleet.traffic() as measured:
        done = fleet.run("deploy", version=fleet.versions.built(release), ready_deadline="8")
    measured.require_none_lost()
    assert measured.versions() == {before["version"]}
    assert done.code != 0
    assert f"{release} is not active" in done.reason()
    assert "stage slots: fail: app1 failed (web on app1: " in done.reason()
    fleet.require_active(before["version"])
    for host in APPLICATION:
        held = fleet.slot(host, OTHER[before["slot"]])
        assert (held["status"], held["running"]) == ("failed", False)


def test_a_release_that_is_ready_late_becomes_active_within_its_deadline(nginx: Fleet) -> None:
    before = nginx.active()
    with nginx.traffic() as measured:
        done = nginx.run("deploy", version=nginx.versions.built("2.0.0-slowready"), ready_deadline="60")
        assert done.code == 0, done.reason()
    measured.require_none_lost()
    assert measured.versions() == {before["version"], "2.0.0-slowready"}
    nginx.require_active("2.0.0-slowready")
    nginx.deploy(nginx.versions.fresh())
