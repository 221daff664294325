# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines lost in the middle of a deployment: the verdict says so, the traffic stays, the lease is released.

Every loss is a pulled plug under live traffic. After the machine's return a deployment works without help.
"""

from __future__ import annotations

from typing import Any

import pytest

from lab.operator import PlaybookRun
from tests.system.fleet import (
    AFTER_SWITCH,
    APPLICATION,
    BALANCERS,
    BEFORE_SWITCH,
    GATING,
    LEDGER,
    OTHER,
    PLACING,
    Fleet,
    Measured,
)

# interval * fall + timeout of the balancers' health checks, in which a dead machine is taken out, with room for a busy
# computer; and the longest requests of the meter, which can be in flight on it.
OUT_OF_ROTATION_US = (1 * 2 + 1 + 3) * 1_000_000
IN_FLIGHT_US = 11 * 1_000_000
SLOW_SMOKE = '{"slipway_smoke_checks": [{"path": "/slow?ms=3000", "timeout": 10, "successes": 1, "deadline": 20}]}'
# keepalived gives the address to the other balancer after three missed advertisements.
TAKEOVER_US = 8 * 1_000_000


def require_failed(fleet: Fleet, done: PlaybookRun, before: dict[str, Any], *words: str) -> None:
    """The run failed with these words in its verdict, and nothing is active but what was."""
    assert done.code != 0
    for word in ("is not active", *words):
        assert word in done.reason(), f"{done.log}: {done.reason()}"
    ledger = fleet.ledger()
    assert ledger["state"]["active"] == before
    assert ledger["lease"] is None
    assert ledger["unfinished"] is None
    last = ledger["state"]["deployments"][-1]
    assert last["result"] == "failed"
    assert all(word in last["reason"] for word in words), last["reason"]


def require_traffic_stayed(fleet: Fleet, slot: str, *, without: tuple[str, ...] = ()) -> None:
    """Every balancer that is there sends everything to the slot."""
    for host in (name for name in BALANCERS if name not in without):
        assert fleet.percents(host) == {slot: 100, OTHER[slot]: 0}


def require_marked(fleet: Fleet, slot: str, *, without: tuple[str, ...] = ()) -> None:
    """The slot of the failed deployment is stopped and marked on every host that is there."""
    for host in (name for name in APPLICATION if name not in without):
        held = fleet.slot(host, slot)
        assert (held["status"], held["running"]) == ("failed", False), host


def require_only_in_flight_lost(measured: Measured, lost_at_us: int) -> None:
    """What failed began when the machine may still have been in rotation, and nothing afterwards."""
    for request in measured.lost:
        assert lost_at_us - IN_FLIGHT_US <= request["start_us"] <= lost_at_us + OUT_OF_ROTATION_US, request
    assert measured.summary["total"]["ok"] > 50 * max(1, len(measured.lost))


def require_next_deployment_works(fleet: Fleet) -> None:
    """After everything is back, a new version becomes active."""
    fleet.recover()
    fleet.deploy(fleet.versions.fresh())


@pytest.mark.parametrize("moment", [GATING, pytest.param(PLACING, marks=pytest.mark.exhaustive)])
def test_one_application_host_lost_while_the_slots_are_filled(fleet: Fleet, moment: str) -> None:
    before = fleet.active()
    with fleet.traffic() as measured:
        run = fleet.start("deploy", version=fleet.versions.built("2.0.0-slowready"))
        run.wait_for(moment)
        lost_at = fleet.poweroff("app2")
        done = run.finish()
    require_failed(fleet, done, before, "app2 lost")
    require_traffic_stayed(fleet, before["slot"])
    require_only_in_flight_lost(measured, lost_at)
    assert measured.versions() == {before["version"]}
    require_marked(fleet, OTHER[before["slot"]], without=("app2",))
    require_next_deployment_works(fleet)


def test_all_application_hosts_lost_while_the_slots_are_filled(nginx: Fleet) -> None:
    before = nginx.active()
    with nginx.traffic() as measured:
        run = nginx.start("deploy", version=nginx.versions.built("2.0.0-slowready"))
        run.wait_for(GATING)
        nginx.poweroff(*APPLICATION)
        done = run.finish()
    require_failed(nginx, done, before, *(f"{host} lost" for host in APPLICATION))
    require_traffic_stayed(nginx, before["slot"])
    # The negative control of every zero in this file: with nobody left to answer, the meter sees losses.
    assert len(measured.lost) > 100
    require_next_deployment_works(nginx)


def test_a_balancer_lost_before_the_switch(fleet: Fleet) -> None:
    before = fleet.active()
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", SLOW_SMOKE, version=fleet.versions.fresh())
        run.wait_for(BEFORE_SWITCH)
        lost_at = fleet.poweroff("lb2")
        done = run.finish()
    require_failed(fleet, done, before, "lb2 lost")
    require_traffic_stayed(fleet, before["slot"], without=("lb2",))
    assert measured.versions() == {before["version"]}
    require_lost_by_takeover_alone(measured, lost_at)
    require_next_deployment_works(fleet)


def test_a_balancer_lost_between_switch_and_settlement(fleet: Fleet) -> None:
    before = fleet.active()
    version = fleet.versions.fresh()
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", SLOW_SMOKE, version=version)
        run.wait_for(AFTER_SWITCH)
        lost_at = fleet.poweroff("lb2")
        done = run.finish()
    require_failed(fleet, done, before, "lb2 lost")
    require_traffic_stayed(fleet, before["slot"], without=("lb2",))
    assert measured.versions() == {before["version"], version}
    require_lost_by_takeover_alone(measured, lost_at)
    require_next_deployment_works(fleet)


def require_lost_by_takeover_alone(measured: Measured, lost_at_us: int) -> None:
    """The dead balancer may have had the address: what failed began before the other one took it."""
    for request in measured.lost:
        assert lost_at_us - IN_FLIGHT_US <= request["start_us"] <= lost_at_us + TAKEOVER_US, request


def test_the_ledger_host_lost_before_the_switch(nginx: Fleet) -> None:
    before = nginx.active()
    with nginx.traffic() as measured:
        run = nginx.start("deploy", version=nginx.versions.built("2.0.0-slowready"), lease_seconds="31")
        run.wait_for(GATING)
        nginx.poweroff(LEDGER)
        done = run.finish()
    measured.require_none_lost()
    assert measured.versions() == {before["version"]}
    assert done.code != 0
    assert LEDGER in done.reason(), done.reason()
    assert "is not active" in done.reason()
    require_traffic_stayed(nginx, before["slot"])
    require_marked(nginx, OTHER[before["slot"]])
    require_next_deployment_works(nginx)


def test_the_ledger_host_lost_after_the_switch(nginx: Fleet) -> None:
    before = nginx.active()
    version = nginx.versions.fresh()
    with nginx.traffic() as measured:
        run = nginx.start("deploy", "-e", SLOW_SMOKE, version=version, lease_seconds="31")
        run.wait_for(AFTER_SWITCH)
        nginx.poweroff(LEDGER)
        done = run.finish()
    measured.require_none_lost()
    assert measured.versions() == {before["version"], version}
    assert done.code != 0
    assert LEDGER in done.reason(), done.reason()
    require_traffic_stayed(nginx, before["slot"])
    require_next_deployment_works(nginx)
