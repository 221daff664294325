# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The slot that a deployment leaves is stopped after its time, and never while it takes traffic or may be needed."""

from __future__ import annotations

import json
import time

from tests.system.fleet import APPLICATION, BALANCERS, OTHER, Fleet, wait_until

# The least that is longer than the lease of the tests; nothing else may return traffic without a watch.
SECONDS = 91
UNWATCHED = ["-e", json.dumps({"slipway_watch": {"seconds": 0}})]
# Looks come every half minute: until the time begins, and until it is seen that it is over.
LOOK = 40
COLD = "cold: it is started first"


def set_up(fleet: Fleet) -> None:
    """What ends the time is installed on the application hosts."""
    version = fleet.active()["version"]
    done = fleet.run("site", *UNWATCHED, version=version, keep_warm=str(SECONDS))
    assert done.code == 0, f"{done.log}: {done.reason()}"


def deploy_and_leave(fleet: Fleet, version: str) -> str:
    """Deploy with a keep-warm time; the slot that was left."""
    slot: str = fleet.active()["slot"]
    fleet.deploy(version, *UNWATCHED, keep_warm=str(SECONDS))
    assert fleet.active()["slot"] == OTHER[slot]
    return slot


def statuses(fleet: Fleet, slot: str) -> dict[str, str]:
    """What each host says of the keep-warm time of a slot."""
    answers = fleet.ask_all(APPLICATION, "release")
    return {host: (answer["slots"][slot]["warm"] or {}).get("status", "none") for host, answer in answers.items()}


def not_everywhere(fleet: Fleet, slot: str, status: str) -> str:
    """Hosts that do not say this; empty for none."""
    return ", ".join(f"{host} {found}" for host, found in statuses(fleet, slot).items() if found != status)


def wait_for(fleet: Fleet, slot: str, status: str, seconds: float) -> None:
    wait_until(lambda: not_everywhere(fleet, slot, status), seconds, f"slot {slot} is {status}")


def require_running(fleet: Fleet, slot: str, version: str) -> None:
    for host, answer in fleet.ask_all(APPLICATION, "release").items():
        held = answer["slots"][slot]
        assert (held["version"], held["status"], held["running"]) == (version, "placed", True), host


def test_it_is_stopped_after_its_time_and_a_rollback_starts_it_first(fleet: Fleet, figures: list[str]) -> None:
    set_up(fleet)
    first, second = fleet.versions.fresh(), fleet.versions.fresh()
    fleet.deploy(first)
    with fleet.traffic() as measured:
        slot = deploy_and_leave(fleet, second)
        began = time.monotonic()
        wait_for(fleet, slot, "warm", LOOK)
        require_running(fleet, slot, first)
        assert "kept warm until" in fleet.run("status").output()
        wait_for(fleet, slot, "cold", SECONDS + LOOK)
        lasted = time.monotonic() - began
        assert lasted >= SECONDS - 1
        for host, answer in fleet.ask_all(APPLICATION, "release").items():
            held = answer["slots"][slot]
            assert (held["version"], held["status"], held["running"]) == (first, "placed", False), host
            assert held["drift"] == [], host
        shown = fleet.run("status").output()
        assert "no, cold" in shown, shown
        assert not [line for line in shown.splitlines() if "PROBLEM" in line and f"slot {slot}" in line], shown
        planned = fleet.run("rollback", "--check", "--diff", *UNWATCHED, rollback_to="previous")
        assert planned.code == 0 and COLD in planned.output()
        done = fleet.run("rollback", *UNWATCHED, rollback_to="previous")
        assert done.code == 0, f"{done.log}: {done.reason()}"
        fleet.require_active(first)
        assert COLD in done.output()
    measured.require_none_lost()
    assert measured.versions() == {first, second}
    what = f"cold after {lasted:.0f} s, rollback from cold {done.seconds:.0f} s"
    figures.append(f"keep-warm time of {SECONDS} s, {fleet.balancer}: {what}")


def test_a_deployment_before_the_time_is_over_ends_it(nginx: Fleet) -> None:
    set_up(nginx)
    second, third = nginx.versions.fresh(), nginx.versions.fresh()
    with nginx.traffic() as measured:
        slot = deploy_and_leave(nginx, second)
        wait_for(nginx, slot, "warm", LOOK)
        nginx.deploy(third)
        assert nginx.active()["slot"] == slot
        wait_for(nginx, slot, "none", 5)
        time.sleep(SECONDS + LOOK)
        require_running(nginx, slot, third)
        require_running(nginx, OTHER[slot], second)
    measured.require_none_lost()


def test_a_rollback_before_the_time_is_over_finds_it_running_and_it_stays_so(nginx: Fleet) -> None:
    set_up(nginx)
    first = nginx.active()["version"]
    slot = deploy_and_leave(nginx, nginx.versions.fresh())
    wait_for(nginx, slot, "warm", LOOK)
    with nginx.traffic() as measured:
        done = nginx.run("rollback", rollback_to="previous")
        assert done.code == 0, f"{done.log}: {done.reason()}"
        assert COLD not in done.output()
        nginx.require_active(first)
        time.sleep(SECONDS + LOOK)
        require_running(nginx, slot, first)
    measured.require_none_lost()


def test_traffic_that_has_returned_without_a_run_keeps_it(nginx: Fleet) -> None:
    """As a watch returns it; here an operator does."""
    set_up(nginx)
    first = nginx.active()["version"]
    slot = deploy_and_leave(nginx, nginx.versions.fresh())
    wait_for(nginx, slot, "warm", LOOK)
    with nginx.traffic() as measured:
        for host in BALANCERS:
            nginx.act(host, "lb_switch", percents={slot: 100, OTHER[slot]: 0}, stable=slot)
        time.sleep(SECONDS + LOOK)
        require_running(nginx, slot, first)
        assert set(nginx.served()) == {first}
    measured.require_none_lost()
    nginx.deploy(nginx.versions.fresh())


def test_a_host_that_was_booted_begins_its_time_anew(nginx: Fleet) -> None:
    set_up(nginx)
    slot = deploy_and_leave(nginx, nginx.versions.fresh())
    wait_for(nginx, slot, "warm", LOOK)
    until = nginx.slot("app1", slot)["warm"]["until"]
    nginx.poweroff("app1")
    nginx.recover()
    wait_until(lambda: "" if nginx.slot("app1", slot)["running"] else "not yet", 20, "a boot starts what is still warm")
    wait_until(lambda: "" if nginx.slot("app1", slot)["warm"]["until"] else "not yet", LOOK + 20, "its time has begun")
    assert nginx.slot("app1", slot)["warm"]["until"] > until
    wait_for(nginx, slot, "cold", SECONDS + LOOK)
    nginx.poweroff("app1")
    nginx.recover()
    assert not nginx.slot("app1", slot)["running"], "a boot starts nothing that is cold"
