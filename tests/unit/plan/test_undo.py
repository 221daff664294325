# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How stages are undone: what the plan declares is what the role does, and one source says what is left to do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan
from ansible_collections.slipway.release.plugins.module_utils._plan.undo import ORDER, way_back

from tests.unit.plan.made import document, fleet_of, inputs_for

TASKS = Path(__file__).parents[3] / "roles" / "rollout" / "tasks" / "undo.yml"
DONE_BY = {
    "Undo | Start what batches have stopped": "restart",
    "Undo | Return the traffic": "return",
    "Undo | Return workers": "hand_back",
    "Undo | Stop the slot": "stop",
}
PLAN = {
    "slot": "green",
    "stable_slot": "blue",
    "hosts": {"app1": {"place": True}, "app2": {"place": True}, "app3": {"place": True, "found": "cold"}},
}
NOTHING: dict[str, Any] = {
    "result": "failed",
    "unreturned": [],
    "not_back": [],
    "stopped": [],
    "unstopped": [],
    "not_handed_back": [],
    "stops": ["app1"],
    "half": False,
    "hooks": [],
}


def parts() -> list[tuple[str, dict[str, Any]]]:
    """What the role does on its way back that is declared for a stage, in its order."""
    tasks = yaml.safe_load(TASKS.read_text(encoding="utf-8"))
    return [(part, task) for task in tasks for name, part in DONE_BY.items() if task["name"].startswith(name)]


@pytest.mark.parametrize(
    ("rollout", "undone"),
    [
        ("blue_green", {"place": ["stop"], "switch": ["return"], "handover": ["hand_back"]}),
        ("rolling", {"place": ["stop"], "batch 1 of 2": ["restart", "return"], "handover": ["hand_back"]}),
        ("simple", {"place": ["stop"], "restart": ["restart", "return"]}),
    ],
)
def test_the_plan_declares_how_each_stage_is_undone(rollout: str, undone: dict[str, list[str]]) -> None:
    made = plan(inputs_for("1.1", rollout=rollout), document("1.1"), fleet_of("1.0", None)).plan
    found = {stage["name"]: stage["undo"] for stage in made["stages"]}
    assert {name: found[name] for name in undone} == undone
    assert {name for name in found if not found[name]} <= {"gate", "smoke", "verify", "settle"}


def test_the_role_undoes_everything_that_is_declared_in_the_declared_order() -> None:
    assert tuple(part for part, _task in parts()) == ORDER


def test_every_part_of_the_way_back_goes_on_past_a_failure() -> None:
    for part, task in parts():
        included = "ansible.builtin.include_tasks" in task
        judged = [value for key, value in task.get("vars", {}).items() if key.endswith("judged")]
        assert judged == [False] if included else task["failed_when"] is False, part


def test_nothing_is_left_to_do_where_everything_was_undone() -> None:
    assert way_back(PLAN, {**NOTHING, "stopped": ["app1", "app2"]}) == {
        "done": ["The traffic is on slot blue.", "Slot green is stopped and marked failed on app1, app2."],
        "by_hand": [],
    }


@pytest.mark.parametrize(
    ("found", "sentences"),
    [
        (
            {"unreturned": ["lb2"], "stops": []},
            [
                "The traffic could not be read back from lb2.",
                "Slot green keeps running until they return by their own lease.",
            ],
        ),
        ({"not_back": ["app3"]}, ["Hosts app3 do not serve, slot blue is not ready there."]),
        ({"half": True}, ["Nothing returns by itself: run the same again, it goes on with the way back."]),
        ({"half": True, "result": "aborted"}, ["Run abort.yml again: it goes on with the way back."]),
        ({"unstopped": ["app2"]}, ["It was not stopped on app2; the next deployment overwrites it."]),
        ({"not_handed_back": ["app1"]}, ["Workers were not handed back on app1."]),
        ({"hooks": ["a", "b"]}, ["Hooks failed: a; b."]),
    ],
)
def test_what_is_left_is_said(found: dict[str, Any], sentences: list[str]) -> None:
    assert way_back(PLAN, {**NOTHING, **found})["by_hand"] == sentences


def test_what_was_cold_before_is_only_stopped_again() -> None:
    assert way_back(PLAN, {**NOTHING, "stopped": ["app1", "app3"]})["done"][1:] == [
        "Slot green is stopped and marked failed on app1.",
        "Slot green is stopped on app3.",
        "It was cold, and the next rollback chooses it again unless slipway_rollback_to names another one.",
    ]


def test_what_was_aborted_is_not_marked() -> None:
    told = way_back(PLAN, {**NOTHING, "result": "aborted", "stopped": ["app1"]})
    assert told["done"][1] == "Slot green is stopped on app1."
