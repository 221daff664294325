# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deployments that fail after the switch, or with a slot that was there before: what is undone, what is left alone."""

from __future__ import annotations

import json
from typing import Any

import yaml

from tests.system.fleet import AFTER_SWITCH, APPLICATION, BALANCERS, LAB_INVENTORY, OTHER, Fleet, wait_until

SLOW_SMOKE = {"slipway_smoke_checks": [{"path": "/slow?ms=3000", "timeout": 10, "successes": 1, "deadline": 20}]}
FAILING_SMOKE = {"slipway_smoke_checks": [{"path": "/missing", "timeout": 2, "successes": 1, "deadline": 4}]}
REFUSED_AT_THE_END = {
    "slipway_hooks": [
        {"name": "refuse", "at": "before_settle", "hosts": "ledger", "timeout": 20, "command": "/bin/false"}
    ]
}
# Twice the smallest that is accepted, so that a busy computer reaches the switch in it; the test waits for its end.
LEASE_SECONDS = 60


def without_a_mailer_that_starts() -> dict[str, Any]:
    """The lab's components with a worker that systemd cannot execute, so that the handover fails."""
    variables = yaml.safe_load((LAB_INVENTORY / "group_vars" / "all.yml").read_text(encoding="utf-8"))
    broken = {"mailer": {"command": "/usr/bin/not-there"}}
    return {
        "slipway_components": [{**item, **broken.get(item["name"], {})} for item in variables["slipway_components"]]
    }


def require_consumers(fleet: Fleet, slot: str) -> None:
    """Workers run on every host and the singleton on the first, all in this slot."""
    assert fleet.consuming("mailer") == {host: [slot] for host in APPLICATION}
    assert fleet.consuming("clock") == {"app1": [slot]}


def web_processes(fleet: Fleet, slot: str) -> dict[str, int]:
    """Process ids of the http component in a slot, by host; 0 where it does not run."""
    answers = fleet.ask_all(APPLICATION, "release")
    return {host: answer["slots"][slot]["instances"]["web"]["pid"] or 0 for host, answer in answers.items()}


def stop_web(fleet: Fleet, slot: str, *hosts: str) -> None:
    """An operator, or a fault, stops the http component of a slot."""
    for host in hosts:
        fleet.inside(host, "systemctl", "stop", f"slipway-{fleet.app}-web@{slot}.service")


def test_a_failure_after_the_switch_loses_no_request_and_returns_the_workers(fleet: Fleet) -> None:
    before, version = fleet.active(), fleet.versions.fresh()
    require_consumers(fleet, before["slot"])
    with fleet.traffic() as measured:
        done = fleet.run("deploy", "-e", json.dumps(without_a_mailer_that_starts()), version=version)
    measured.require_none_lost()
    assert measured.versions() == {before["version"], version}
    assert done.code != 0
    assert "handover, start" in done.reason(), done.reason()
    fleet.require_active(before["version"])
    require_consumers(fleet, before["slot"])
    for host in APPLICATION:
        held = fleet.slot(host, OTHER[before["slot"]])
        assert (held["status"], held["running"]) == ("failed", False), host


def test_undo_never_forces_the_traffic_onto_a_dead_slot(nginx: Fleet) -> None:
    before, version = nginx.active(), nginx.versions.fresh()
    dead = before["slot"]
    given = {**SLOW_SMOKE, **without_a_mailer_that_starts()}
    run = nginx.start("deploy", "-e", json.dumps(given), version=version, lease_seconds=str(LEASE_SECONDS))
    run.wait_for(AFTER_SWITCH)
    stop_web(nginx, dead, *APPLICATION)
    done = run.finish()
    assert done.code != 0
    assert f"Slot {OTHER[dead]} keeps running" in done.reason(), done.reason()
    assert nginx.served(count=30) == {version: 30}
    for host in APPLICATION:
        nginx.inside(host, "systemctl", "start", f"slipway-{nginx.app}-web@{dead}.service")
    wait_until(lambda: not_returned(nginx, dead), LEASE_SECONDS + 10, "the traffic has returned by the lease")
    assert nginx.served(count=30) == {before["version"]: 30}
    nginx.deploy(nginx.versions.fresh())


def not_returned(fleet: Fleet, slot: str) -> str:
    """What keeps the balancers from having all traffic on the slot; empty for nothing."""
    lacking = [host for host in BALANCERS if fleet.percents(host) != {slot: 100, OTHER[slot]: 0}]
    return ", ".join(lacking)


def test_undo_stops_only_what_this_run_has_started(nginx: Fleet) -> None:
    previous = nginx.versions.fresh()
    nginx.deploy(previous)
    spare = nginx.active()["slot"]
    active = nginx.versions.fresh()
    nginx.deploy(active)
    stop_web(nginx, spare, "app2")
    before = web_processes(nginx, spare)
    assert [host for host, process in before.items() if not process] == ["app2"]
    done = nginx.run("rollback", "-e", json.dumps(FAILING_SMOKE), rollback_to="previous")
    assert done.code != 0
    assert f"{previous} is not active" in done.reason(), done.reason()
    assert web_processes(nginx, spare) == before
    kept = {host: nginx.slot(host, spare) for host in APPLICATION}
    assert {host: held["version"] for host, held in kept.items()} == dict.fromkeys(APPLICATION, previous)
    assert {host: held["status"] for host, held in kept.items()} == {
        "app1": "placed",
        "app2": "failed",
        "app3": "placed",
    }
    nginx.require_active(active)


def test_what_a_failure_stops_in_the_slot_that_serves_leaves_the_traffic_first(fleet: Fleet) -> None:
    active = fleet.active()
    instance = f"{active['slot']}-app3"
    stop_web(fleet, active["slot"], "app3")
    wait_until(lambda: "app3" if "app3" in fleet.answering() else "", 20, "the dead instance is out")
    with fleet.traffic() as measured:
        done = fleet.run("deploy", "-e", json.dumps(REFUSED_AT_THE_END), version=active["version"])
    measured.require_none_lost()
    assert done.code != 0
    assert "hook refuse" in done.reason(), done.reason()
    for answer in fleet.ask_all(BALANCERS, "balancer").values():
        assert answer["recorded"]["servers"] == {instance: "quarantine"}
    assert not fleet.slot("app3", active["slot"])["running"]
    fleet.deploy(active["version"])
    assert fleet.answering() == set(APPLICATION)
