# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wait for a migration in the background: however many parts it has, and however the migration ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.unit.running import play
from tools.environments import COLLECTIONS

HERE = {"ansible_connection": "local", "ansible_python_interpreter": "{{ ansible_playbook_python }}"}
INVENTORY = {"all": {"hosts": {"localhost": HERE}}}
PART = "Wait part | Ask for the end]"
DEEPER = "Wait | As often again]"
WAIT = {"name": "slipway.release.migrate", "tasks_from": "background", "public": True}


def waited(directory: Path, *commands: str, seconds: int = 60, **begun: Any) -> str:
    """What a play says that waits for one command after the other in parts of no length, and whether the last goes on.

    :param begun: keywords of the task that begins the last one.
    """
    wait: dict[str, Any] = {
        "block": [{"ansible.builtin.include_role": WAIT}],
        "always": [{"ansible.builtin.debug": {"msg": "goes on: {{ __migrate_goes_on }}"}}],
        "vars": {
            "slipway_app": "shop",
            "migrate_begun": "{{ __begun }}",
            "migrate_begun_host": "localhost",
            "migrate_begun_user": "",
            "migrate_begun_seconds": seconds,
            "migrate_lease_seconds": 30,
            "__migrate_slice": 0,
        },
    }
    tasks: list[dict[str, Any]] = []
    for command in commands:
        begin = {"ansible.builtin.command": {"cmd": command}, "async": 60, "poll": 0, "register": "__begun"}
        tasks += [begin, wait]
    tasks[-2].update(begun)
    book = [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]
    done = play(directory, book, INVENTORY, COLLECTIONS)
    return done.stdout + done.stderr


def test_a_long_one_is_waited_for_at_a_depth_that_hardly_grows(tmp_path: Path) -> None:
    said = waited(tmp_path, "sleep 6")
    assert "goes on: False" in said and "failed=0" in said, said
    parts, deeper = said.count(PART), said.count(DEEPER)
    assert parts >= 3 and 2**deeper - 1 == parts, said


def test_one_that_fails_is_known_to_have_ended(tmp_path: Path) -> None:
    said = waited(tmp_path, "false")
    assert "goes on: False" in said and "failed=1" in said, said


def test_one_of_which_nobody_is_left_is_not_waited_for_without_end(tmp_path: Path) -> None:
    said = waited(tmp_path, "sleep 30", seconds=2)
    assert "run the same again" in " ".join(said.split()) and "failed=1" in said, said


def test_one_that_was_not_begun_is_not_taken_for_the_one_before(tmp_path: Path) -> None:
    launch = {"ignore_errors": True, "become": True, "become_method": "ansible.builtin.su", "become_user": "nosuchuser"}
    said = waited(tmp_path, "true", "true", **launch)
    assert "it could not be begun on localhost" in " ".join(said.split()) and "failed=1" in said, said
