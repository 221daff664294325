# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agents that the role tells a balancer to ask: each at the port that its own host gives it."""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path

from tests.unit.running import play
from tools.environments import TOP

ROLE = TOP / "roles" / "balancer"
HOSTS = {
    "lb1": {"slipway_address": "10.0.0.1", "slipway_agent_port": 8479},
    "lb2": {"slipway_address": "10.0.0.2", "slipway_agent_port": "{{ 8470 + 2 }}"},
    "lb3": {"slipway_address": "10.0.0.3"},
}


def test_each_peer_is_asked_at_its_own_port(tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    task = {"ansible.builtin.copy": {"content": "{{ balancer_agent | to_json }}", "dest": str(found), "mode": "0600"}}
    files = [str(ROLE / "vars" / "main.yml"), str(ROLE / "defaults" / "main" / "main.yml")]
    book = [{"hosts": "lb1", "gather_facts": False, "vars_files": files, "tasks": [task]}]
    local = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "support_ends": datetime.date(2027, 1, 31),
        "of_no_interest_here": "{{ lookup('ansible.builtin.file', '/nonexistent') }}",
    }
    inventory = {"all": {"vars": local, "children": {"balancers": {"hosts": HOSTS}}}}
    done = play(tmp_path, book, inventory)
    assert done.returncode == 0, done.stdout + done.stderr
    agent = json.loads(found.read_text(encoding="utf-8"))
    assert (agent["address"], int(agent["port"])) == ("10.0.0.1", 8479)
    assert agent["peers"] == ["10.0.0.2:8472", "10.0.0.3:8470"]
