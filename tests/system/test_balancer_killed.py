# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Of two balancers one is killed in mid-switch: what it had recorded, and did not do yet, is never served."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest

from tests.system.conftest import prepared
from tests.system.fleet import BALANCERS, BEFORE_SWITCH, OTHER, Fleet, Versions, call, wait_until
from tests.system.test_balancer_down import is_open, require_converged, watched

SLOW_SMOKE = '{"slipway_smoke_checks": [{"path": "/slow?ms=3000", "timeout": 10, "successes": 1, "deadline": 20}]}'
KEPT = "servers.kept"


@pytest.fixture
def haproxy(lab: str, versions: Versions, fleets: dict[str, Fleet]) -> Iterator[Fleet]:
    """A settled application behind HAProxy."""
    found = prepared("haproxy", lab, versions, fleets)
    found.recover()
    yield found
    found.recover()


def directory(fleet: Fleet) -> str:
    """Where a balancer records its state."""
    return f"/var/lib/slipway/balancer/{fleet.app}"


def stop_in_mid_switch(fleet: Fleet, host: str) -> None:
    """The next switch of a balancer stops after its state is recorded: the file it reads next is a pipe."""
    here = directory(fleet)
    fleet.inside(host, "sh", "-c", f"cd {here} && mv servers.state {KEPT} && mkfifo servers.state")


def put_back(fleet: Fleet, host: str) -> None:
    """The file in its place again, for the start of the machine; the switch still waits for the pipe."""
    here = directory(fleet)
    fleet.inside(host, "mv", "-f", f"{here}/{KEPT}", f"{here}/servers.state")


def recorded_percents(fleet: Fleet, host: str) -> dict[str, int]:
    """The percents in a balancer's record."""
    percents: dict[str, int] = json.loads(fleet.inside(host, "cat", f"{directory(fleet)}/state.json"))["percents"]
    return percents


def not_recorded(fleet: Fleet, host: str, percents: dict[str, int]) -> str:
    """The percents in the record when they are others; empty for nothing."""
    found = recorded_percents(fleet, host)
    return "" if found == percents else str(found)


def routed(fleet: Fleet, host: str) -> str:
    """The map file, which HAProxy starts from, and with which its running worker still agrees."""
    return fleet.inside(host, "cat", f"{directory(fleet)}/slots.map")


def test_one_that_is_killed_in_mid_switch_ends_with_the_state_of_the_other(haproxy: Fleet) -> None:
    before = haproxy.active()
    stable, spare = before["slot"], OTHER[before["slot"]]
    version = haproxy.versions.fresh()
    route = routed(haproxy, "lb2")
    with haproxy.traffic(address=haproxy.own_address("lb1")) as measured:
        run = haproxy.start("deploy", "-e", SLOW_SMOKE, version=version)
        run.wait_for(BEFORE_SWITCH)
        stop_in_mid_switch(haproxy, "lb2")
        wait_until(lambda: not_recorded(haproxy, "lb2", {spare: 100, stable: 0}), 60, "lb2 has recorded the switch")
        wait_until(lambda: not_recorded(haproxy, "lb1", {spare: 100, stable: 0}), 60, "lb1 has switched")
        assert routed(haproxy, "lb2") == route, "lb2 has recorded the switch and not done it"
        put_back(haproxy, "lb2")
        haproxy.poweroff("lb2")
        done = run.finish()
        with watched(haproxy) as answers:
            call("lab", "start", "--name", haproxy.lab, "lb2")
            wait_until(lambda: is_open(haproxy), 120, "lb2 opens")
            time.sleep(3)
    assert done.code != 0
    assert "lb2 lost" in done.reason(), done.reason()
    measured.require_none_lost()
    assert measured.versions() == {before["version"], version}, "lb1 had switched, and has returned"
    require_converged(haproxy, before["version"], answers)
    assert {host: haproxy.percents(host) for host in BALANCERS} == dict.fromkeys(BALANCERS, {stable: 100, spare: 0})
    haproxy.recover()
    haproxy.deploy(haproxy.versions.fresh())
