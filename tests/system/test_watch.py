# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After the run the balancers watch: a release that turns bad is taken back with no further run, on all of them."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest

from tests.system.fleet import APPLICATION, BALANCERS, OTHER, Fleet, wait_until

TURNS_BAD = "2.0.0-turnsbad"
SOURCES = {"nginx": "nginx_log", "haproxy": "haproxy"}
TOLD = "/var/tmp/returned.log"
PATIENCE = 600


def watching(fleet: Fleet, errors_after: int, **watch: Any) -> list[str]:
    """Flags for a watch of errors, which begin so many seconds after the start, and a hook on the balancers."""
    errors = {
        "name": "errors",
        "type": SOURCES[fleet.balancer],
        "interval": 2,
        "window": 10,
        "least_requests": 50,
        "failure_condition": "canary.error_rate > 5",
        "failure_limit": 1,
    }
    line = f"""sh -c 'echo "$SLIPWAY_HOOK $SLIPWAY_VERSION $SLIPWAY_REASON" >> {TOLD}'"""
    hook = {"name": "tell", "at": "on_return", "hosts": "balancers", "command": line, "timeout": 10}
    behaviour = json.dumps({"errors_after": errors_after})
    variables = {
        "slipway_watch": {"seconds": 3600, "interval": 2, **watch},
        "slipway_analysis": [errors],
        "slipway_hooks": [hook],
        "slipway_config": {"SHOP_STATE": "state", "SHOP_GRACE": "1", "SHOP_BEHAVIOUR": behaviour},
    }
    return ["-e", json.dumps(variables)]


def watch_on(fleet: Fleet, host: str) -> dict[str, Any]:
    return dict(fleet.ask(host, "balancer")["watch"])


def not_back(fleet: Fleet, slot: str) -> str:
    """What keeps the balancers from having all traffic on the slot again; empty for nothing."""
    return ", ".join(host for host in BALANCERS if fleet.percents(host) != {slot: 100, OTHER[slot]: 0})


def told(fleet: Fleet) -> dict[str, str]:
    """What the hook has written, by balancer."""
    found = {host: fleet.inside(host, "sh", "-c", f"cat {TOLD} 2>/dev/null || true") for host in BALANCERS}
    return {host: text for host, text in found.items() if text}


@pytest.mark.parametrize("errors_after", [180])
def test_a_release_that_turns_bad_after_the_run_is_taken_back_without_another_run(
    fleet: Fleet, errors_after: int
) -> None:
    good = fleet.versions.fresh()
    fleet.deploy(good)
    slot = fleet.active()["slot"]
    for host in BALANCERS:
        fleet.inside(host, "rm", "-f", TOLD)
    bad = fleet.versions.built(TURNS_BAD)
    with fleet.traffic():
        done = fleet.deploy(bad, *watching(fleet, errors_after))
        ended = time.monotonic()
        assert "watch" in fleet.ledger()["plans"][fleet.ledger()["state"]["deployments"][-1]["id"]]
        for host in BALANCERS:
            shown = watch_on(fleet, host)
            assert shown["kept"] and shown["armed"]["slot"] == OTHER[slot], host
        wait_until(lambda: not_back(fleet, slot), PATIENCE, "the traffic has returned by itself")
        print(f"{fleet.balancer}: back {time.monotonic() - ended:.0f} s after a run of {done.seconds:.0f} s")
        assert set(fleet.served(count=30)) == {good}
    require_told_once(fleet)
    require_shown(fleet, slot, good)
    go_on(fleet, slot)


def require_told_once(fleet: Fleet) -> None:
    """The balancer with the traffic has judged, the other one has followed, and one hook has run."""
    outcomes = {host: watch_on(fleet, host)["outcome"] for host in BALANCERS}
    results = {host: outcome["result"] for host, outcome in outcomes.items()}
    assert sorted(results.values()) == ["followed", "returned"], outcomes
    first = next(host for host, result in results.items() if result == "returned")
    assert (outcomes[first]["metric"], outcomes[first]["verdict"]) == ("errors", "fail")
    assert "canary.error_rate" in outcomes[first]["samples"][-1]["detail"]
    assert list(told(fleet)) == [first]
    assert told(fleet)[first].startswith(f"on_return {TURNS_BAD} "), told(fleet)
    assert "errors" in told(fleet)[first]


def require_shown(fleet: Fleet, slot: str, good: str) -> None:
    """The status says what happened, also that the workers are still those of the release that was taken back."""
    shown = fleet.run("status").output()
    assert "the watch has returned the traffic of deployment" in shown
    assert f"{good} (revision" in shown and f"is active in slot {slot}" in shown
    assert f"runs mailer, clock in the spare slot {OTHER[slot]}" in shown or "runs mailer in the spare slot" in shown
    assert fleet.consuming("mailer") == {host: [OTHER[slot]] for host in APPLICATION}


def go_on(fleet: Fleet, slot: str) -> None:
    """The next deployment works, records the return, and has the workers; nothing leads back to what was returned."""
    following = fleet.versions.fresh()
    fleet.deploy(following)
    assert fleet.active()["slot"] == OTHER[slot]
    assert fleet.consuming("mailer") == {host: [OTHER[slot]] for host in APPLICATION}
    state = fleet.ledger()["state"]
    assert [entry["result"] for entry in state["deployments"]][-2:] == ["returned", "active"]
    assert not any(item["good"] for item in state["proven"] if item["version"] == TURNS_BAD)
    refused = fleet.run("rollback", rollback_to=TURNS_BAD)
    assert refused.code != 0
    assert "the watch has returned the traffic from" in refused.reason()


def test_without_a_watch_nobody_takes_it_back(fleet: Fleet) -> None:
    """The negative control of the test above; then a rollback has to."""
    good = fleet.versions.fresh()
    fleet.deploy(good)
    bad = fleet.versions.built(TURNS_BAD)
    with fleet.traffic():
        unwatched = json.dumps({"slipway_watch": {"seconds": 0}, "slipway_bake": 0, "slipway_analysis": []})
        deployed = fleet.run("deploy", *watching(fleet, 0), "-e", unwatched, version=bad)
        assert deployed.code == 0, deployed.reason()
        threading.Event().wait(30)
        slot = fleet.active()["slot"]
        assert not_back(fleet, slot) == ""
        assert [watch_on(fleet, host)["armed"] for host in BALANCERS] == [None, None]
    done = fleet.run("rollback", rollback_to="previous")
    assert done.code == 0, done.reason()
    assert set(fleet.served()) == {good}


def test_a_run_that_begins_ends_the_watch_and_another_is_armed_by_it(nginx: Fleet) -> None:
    first, second = nginx.versions.fresh(), nginx.versions.fresh()
    nginx.deploy(first)
    nginx.deploy(second)
    armed = watch_on(nginx, "lb1")["armed"]
    assert armed["deployment"] == nginx.ledger()["state"]["deployments"][-1]["id"]
    nginx.deploy(second)
    assert watch_on(nginx, "lb1")["armed"]["deployment"] == armed["deployment"], "a run that changes nothing"
    done = nginx.run("rollback", rollback_to="previous")
    assert done.code == 0, done.reason()
    wait_until(lambda: str(watch_on(nginx, "lb1")["armed"] or ""), 10, "nothing leads back to what was rolled back")
    assert watch_on(nginx, "lb1")["outcome"] is None


def test_a_slot_that_the_traffic_has_returned_to_meanwhile_is_not_overwritten(fleet: Fleet) -> None:
    """As when the watch of a bad release fires while its fix is on the way; here an operator moves the traffic."""
    good, bad = fleet.versions.fresh(), fleet.versions.fresh()
    fleet.deploy(good)
    slot = fleet.active()["slot"]
    fleet.deploy(bad)
    slow = {"name": "slow", "at": "before_slots", "hosts": "ledger", "timeout": 50, "command": "sleep 40"}
    with fleet.traffic() as measured:
        run = fleet.start("deploy", "-e", json.dumps({"slipway_hooks": [slow]}), version=fleet.versions.fresh())
        run.wait_for("Hook | Run it")
        for host in BALANCERS:
            fleet.act(host, "lb_switch", percents={slot: 100, OTHER[slot]: 0}, stable=slot)
        done = run.finish()
        assert done.code != 0
        assert f"slot {slot} has got traffic since the plan was made" in done.reason(), done.reason()
        assert set(fleet.served()) == {good}
    measured.require_none_lost()
    for host in APPLICATION:
        held = fleet.slot(host, slot)
        assert (held["version"], held["status"], held["running"]) == (good, "placed", True), host
    fleet.deploy(fleet.versions.fresh())
