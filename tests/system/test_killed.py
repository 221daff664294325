# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A killed controller: the traffic returns by itself when the lease has run out, and the next run works."""

from __future__ import annotations

import time

from tests.system.fleet import AFTER_SWITCH, BALANCERS, BEFORE_SWITCH, OTHER, Fleet, now_us, wait_until

SLOW_SMOKE = '{"slipway_smoke_checks": [{"path": "/slow?ms=3000", "timeout": 10, "successes": 1, "deadline": 20}]}'
# Twice the smallest that is accepted, so that a busy computer reaches the switch in it; the test waits for its end.
LEASE_SECONDS = 60
# The agents look at the lease several times a second; the rest is room for a busy computer.
RETURN_SECONDS = LEASE_SECONDS + 10


def on_stable_slot(fleet: Fleet, slot: str) -> str:
    """What keeps the balancers from having all traffic on the slot, with no lease armed; empty for nothing."""
    for host, answer in fleet.ask_all(BALANCERS, "balancer").items():
        if answer["live"]["percents"] != {slot: 100, OTHER[slot]: 0} or answer["recorded"]["lease"]:
            return f"{host}: {answer['recorded']}"
    return ""


def test_after_the_switch_the_traffic_returns_when_the_lease_has_run_out(fleet: Fleet) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", SLOW_SMOKE, version=version, lease_seconds=str(LEASE_SECONDS))
        run.wait_for(AFTER_SWITCH)
        run.kill()
        assert on_stable_slot(fleet, OTHER[before["slot"]]) != ""
        assert set(fleet.served()) == {version}
        wait_until(lambda: on_stable_slot(fleet, before["slot"]), RETURN_SECONDS, "the traffic has returned")
        returned = now_us()
        time.sleep(2)
    measured.require_none_lost()
    assert measured.versions() == {before["version"], version}
    assert measured.versions(since_us=returned) == {before["version"]}
    fleet.recover()
    fleet.deploy(fleet.versions.fresh())


def test_before_the_switch_nothing_moves_and_the_same_deployment_resumes(fleet: Fleet) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", SLOW_SMOKE, version=version, lease_seconds=str(LEASE_SECONDS))
        run.wait_for(BEFORE_SWITCH)
        run.kill()
        left = fleet.ledger()
        refused = fleet.run("deploy", version=version)
        assert refused.code != 0
        assert "holds the lease for" in refused.reason()
        assert on_stable_slot(fleet, before["slot"]) == ""
        fleet.recover()
    measured.require_none_lost()
    assert measured.versions() == {before["version"]}
    assert left["unfinished"]["plan"]["to"]["version"] == version
    fleet.deploy(version, "-e", SLOW_SMOKE, lease_seconds=str(LEASE_SECONDS))
    assert fleet.ledger()["state"]["deployments"][-1]["id"] == left["unfinished"]["deployment"]
