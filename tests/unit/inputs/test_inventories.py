# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example inventories are accepted as Ansible reads them; nothing is connected to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLES = ("development", "dr", "production", "regions", "staging")


def validated(name: str, *flags: str) -> subprocess.CompletedProcess[str]:
    """What the first play of every playbook says of an inventory."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "playbooks/stages/inputs.yml", "-v"]
    command += ["-i", f"inventories/{name}", "-e", "deployment_verb=deploy", "-e", "slipway_version=1.4.2", *flags]
    environment = {**os.environ, "ANSIBLE_CONFIG": str(REPOSITORY / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    return subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_accepted(name: str) -> None:
    done = validated(name)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_example_is_tested() -> None:
    assert {path.name for path in (REPOSITORY / "inventories").iterdir()} == {*EXAMPLES, "lab"}


def test_regions_take_their_ledgers_and_addresses_from_their_groups() -> None:
    done = validated("regions")
    for host in ("db1.eu.example.net", "db1.us.example.net"):
        assert f"(item={host})" in done.stdout
    refused = validated("regions", "-e", "slipway_virtual_address=198.51.100.10")
    assert refused.returncode != 0
    assert "198.51.100.10 is that of eu and of us" in refused.stdout
