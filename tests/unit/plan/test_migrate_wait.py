# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for a migration in the background: however many parts it has, and however the migration ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.running import play

HERE = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
INVENTORY = {"all": {"hosts": {"localhost": HERE}}}
PART = "Wait part | Ask for the end]"
DEEPER = "Wait | As often again]"
WAIT = {"name": "slipway.release.migrate", "tasks_from": "wait", "public": True}


def waited(directory: Path, command: str) -> str:
    """What a play says that waits for a command in parts of no length, and then whether it still goes on."""
    wait: dict[str, Any] = {
        "block": [{"ansible.builtin.include_role": WAIT}],
        "always": [{"ansible.builtin.debug": {"msg": "goes on: {{ __migrate_goes_on }}"}}],
        "vars": {"migrate_database": {}, "__migrate_slice": 0},
    }
    begin = {"ansible.builtin.command": {"cmd": command}, "async": 60, "poll": 0, "register": "__migrate_begun"}
    first = {"ansible.builtin.set_fact": {"__migrate_parts": 1}}
    tasks = [begin, first, wait]
    done = play(directory, [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], INVENTORY)
    return done.stdout + done.stderr


def test_a_long_one_is_waited_for_at_a_depth_that_hardly_grows(tmp_path: Path) -> None:
    said = waited(tmp_path, "sleep 6")
    assert "goes on: False" in said and "failed=0" in said, said
    parts, deeper = said.count(PART), said.count(DEEPER)
    assert parts >= 3 and 2**deeper - 1 == parts, said


def test_one_that_fails_is_known_to_have_ended(tmp_path: Path) -> None:
    said = waited(tmp_path, "false")
    assert "goes on: False" in said and "failed=1" in said, said
