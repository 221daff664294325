# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A way back while a machine is dead: the others return, and the dead one serves nothing until it is placed again."""

from __future__ import annotations

from typing import Any

from tests.system.fleet import APPLICATION, BALANCERS, OTHER, Fleet, call, wait_until

DEAD = "app3"


def test_a_rollback_goes_on_without_a_dead_application_host(fleet: Fleet) -> None:
    first, second = fleet.versions.fresh(), fleet.versions.fresh()
    fleet.deploy(first)
    fleet.deploy(second)
    slot = fleet.active()["slot"]
    fleet.poweroff(DEAD)
    wait_until(lambda: "" if set(fleet.served()) == {second} else "still in rotation", 30, "the dead host is out")
    refused = fleet.run("deploy", version=fleet.versions.fresh())
    assert refused.code != 0
    assert f"cannot be reached: {DEAD} (application host)" in refused.reason()
    with fleet.traffic() as measured:
        done = fleet.run("rollback", rollback_to="previous")
        assert done.code == 0, f"{done.log}: {done.reason()}"
        assert f"Left out: {DEAD} (lost)" in done.output()
        call("lab", "start", "--name", fleet.lab, DEAD)
        wait_until(lambda: running_again(fleet), 60, f"{DEAD} runs what it ran")
        assert quarantined(fleet) == [f"blue-{DEAD}", f"green-{DEAD}"]
    measured.require_none_lost()
    assert measured.versions() == {first, second}
    assert set(fleet.served(count=30)) == {first}
    assert fleet.active() == {**fleet.active(), "version": first, "slot": OTHER[slot]}
    assert fleet.ledger()["state"]["left_out"] == [f"blue-{DEAD}", f"green-{DEAD}"]
    again(fleet, first)


def again(fleet: Fleet, first: str) -> None:
    """The next deployment takes the host back, in the slot that it fills there."""
    fleet.deploy(first)
    active = fleet.active()["slot"]
    assert quarantined(fleet) == [f"{OTHER[active]}-{DEAD}"]
    fleet.deploy(fleet.versions.fresh())
    assert quarantined(fleet) == []
    assert fleet.ledger()["state"]["left_out"] == []


def running_again(fleet: Fleet) -> str:
    """What is missing until the host that was dead runs as before."""
    slots: dict[str, Any] = fleet.ask(DEAD, "release")["slots"]
    return "" if any(held["running"] for held in slots.values()) else "nothing runs yet"


def quarantined(fleet: Fleet) -> list[str]:
    """Instances that every balancer keeps in quarantine."""
    found = [fleet.ask(host, "balancer")["recorded"]["servers"] for host in BALANCERS]
    assert all(servers == found[0] for servers in found), found
    assert set(found[0].values()) <= {"quarantine"}
    return sorted(found[0])


def test_a_stopped_worker_of_the_active_revision_is_started_by_the_same_version(nginx: Fleet) -> None:
    version = nginx.versions.fresh()
    nginx.deploy(version)
    slot = nginx.active()["slot"]
    unit = f"slipway-{nginx.app}-mailer@{slot}.service"
    nginx.inside("app2", "systemctl", "stop", unit)
    shown = nginx.run("status").output()
    assert f"app2 does not run mailer in slot {slot}" in shown
    done = nginx.deploy(version)
    assert "changed: [lb1 -> app2" in done.output() or "changed: [lb1 -> db1" in done.output()
    assert nginx.inside("app2", "systemctl", "is-active", unit).strip() == "active"
    assert nginx.active()["slot"] == slot
    assert "does not run mailer" not in nginx.run("status").output()
    assert all(nginx.slot(host, slot)["running"] for host in APPLICATION)
