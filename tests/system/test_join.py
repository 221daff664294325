# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts that join a fleet which serves, with the command that set the fleet up, and that leave it again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.system.fleet import Fleet, call, inventory_changed

NEW_APPLICATION, NEW_BALANCER = "app4", "lb3"


def joined(everything: dict[str, Any]) -> None:
    """The lab's inventory with a host more in each group."""
    address = "{{ slipway_lab_network }}."
    everything["children"]["application"]["hosts"][NEW_APPLICATION] = {"ansible_host": f"{address}24"}
    everything["children"]["balancers"]["hosts"][NEW_BALANCER] = {"ansible_host": f"{address}13"}


def test_hosts_join_and_leave_under_traffic(fleet: Fleet, tmp_path: Path) -> None:
    version = fleet.active()["version"]
    call("lab", "up", "--name", fleet.lab, "--hosts", f"{NEW_APPLICATION},{NEW_BALANCER}")
    larger = inventory_changed(tmp_path, joined)
    with fleet.traffic() as measured:
        shown = fleet.run("site", "--check", "--diff", *larger, version=version)
        assert shown.code == 0, f"{shown.log}: {shown.reason()}"
        assert fleet.served(fleet.own_address(NEW_BALANCER)) == {"status 000": 12}
        done = fleet.run("site", *larger, version=version)
        assert done.code == 0, f"{done.log}: {done.reason()}"
        assert set(fleet.served(fleet.own_address(NEW_BALANCER))) == {version}
        newer = fleet.versions.fresh()
        deployed = fleet.run("deploy", *larger, version=newer)
        assert deployed.code == 0, f"{deployed.log}: {deployed.reason()}"
        assert set(fleet.served(fleet.own_address(NEW_BALANCER))) == {newer}
        slot = fleet.active()["slot"]
        assert fleet.slot(NEW_APPLICATION, slot)["version"] == newer
        hosts = fleet.answering()
        refused = fleet.run("site", version=newer)
        assert refused.code != 0
        assert "would no longer be switched, but goes on serving" in refused.reason(), refused.reason()
        fleet.inside(NEW_BALANCER, "systemctl", "stop", "keepalived")
        fleet.act(NEW_BALANCER, "lb_switch", Path(larger[1]), open=False)
        left = fleet.run("site", version=newer)
        assert left.code == 0, f"{left.log}: {left.reason()}"
    measured.require_none_lost()
    assert hosts == {"app1", "app2", "app3", NEW_APPLICATION}
    assert fleet.answering() == {"app1", "app2", "app3"}
    fleet.require_active(newer)
