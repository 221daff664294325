# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles run hooks at every point that can be named, and cost nothing where there are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from ansible_collections.slipway.release.plugins.module_utils._inputs.spec import RUN_POINTS

from tools.environments import TOP

GOES_ON = ("on_undo", "after_settle")


def including(tasks: list[dict[str, Any]], conditions: tuple[str, ...] = ()) -> Iterator[tuple[dict[str, Any], str]]:
    """Each task that includes hooks, with all conditions that hold for it."""
    for task in tasks:
        wanted = task.get("when", [])
        here = (*conditions, *(wanted if isinstance(wanted, list) else [wanted]))
        for part in ("block", "rescue"):
            yield from including(task.get(part, []), here)
        if task.get("ansible.builtin.include_tasks") == "hooks.yml":
            yield task, " and ".join(str(condition) for condition in here)


def found() -> list[tuple[dict[str, Any], str]]:
    files = sorted((TOP / "roles" / "rollout" / "tasks").glob("*.yml"))
    return [pair for path in files for pair in including(yaml.safe_load(path.read_text(encoding="utf-8")))]


def test_every_point_is_come_to() -> None:
    assert {task["vars"]["__rollout_hook_at"] for task, _conditions in found()} == set(RUN_POINTS)


def test_nothing_is_included_without_a_hook_at_its_point() -> None:
    for task, conditions in found():
        assert f"'{task['vars']['__rollout_hook_at']}' in __rollout_hook_points" in conditions, task["name"]


def test_only_the_way_back_and_the_end_go_on_past_a_failure() -> None:
    judged = {
        task["vars"]["__rollout_hook_at"]: task["vars"]["__rollout_judged"]
        for task, _conditions in found()
        if "__rollout_judged" in task["vars"]
    }
    assert judged == dict.fromkeys(GOES_ON, False)
