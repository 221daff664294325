# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""SSH configuration and inventory of labs. Touches nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from lab import access, machine
from lab.plan import Plan

PLAN = Plan("shop", 7, ("lb1", "app1", "app2"))


def test_inventory_groups_the_machines() -> None:
    inventory = yaml.safe_load(access.inventory(PLAN))["all"]
    assert inventory["children"] == {
        "balancers": {"hosts": {"lb1": {"ansible_host": "10.213.7.11"}}},
        "application": {
            "hosts": {"app1": {"ansible_host": "10.213.7.21"}, "app2": {"ansible_host": "10.213.7.22"}},
        },
        "databases": {"hosts": {}},
    }
    assert inventory["vars"]["ansible_user"] == "deploy"
    assert inventory["vars"]["slipway_lab_virtual_address"] == "10.213.7.10"


@pytest.mark.skipif(shutil.which("ssh") is None, reason="needs the SSH client")
@pytest.mark.parametrize("destination", ["app1", "10.213.7.21"])
def test_ssh_uses_the_labs_key_and_hosts_for_names_and_addresses(tmp_path: Path, destination: str) -> None:
    configuration = tmp_path / "ssh_config"
    configuration.write_text(access.ssh_config(PLAN), encoding="utf-8")
    argv = ["ssh", "-G", "-F", str(configuration), destination]
    lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
    assert "hostname 10.213.7.21" in lines
    assert "user deploy" in lines
    assert f"identityfile {PLAN.directory}/id_ed25519" in lines
    assert f"userknownhostsfile {PLAN.directory}/known_hosts" in lines


def test_known_hosts_cover_names_and_addresses() -> None:
    assert access.known_hosts(PLAN, "ssh-ed25519 KEY").splitlines()[0] == "lb1,10.213.7.11 ssh-ed25519 KEY"


def test_machines_know_each_other_and_those_to_come() -> None:
    lines = machine.hosts_file(PLAN).splitlines()
    assert {"10.213.7.21 app1", "10.213.7.39 db9", "10.213.7.1 controller", "10.213.7.10 virtual"} <= set(lines)
