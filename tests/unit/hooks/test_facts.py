# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hook is told at each point, with the plan of a canary and that of a rolling."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._hooks.facts import environment, hook_facts
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan

from tests.unit.plan.made import document, fleet_of, identifier, inputs_for


def planned(**changes: Any) -> dict[str, Any]:
    return plan(inputs_for("1.1", **changes), document("1.1", **changes), fleet_of("1.0", None)).plan


def test_everything_is_told() -> None:
    assert hook_facts(planned(), "d1", "on_undo", {}, " it  failed\nthere. ") == {
        "app": "shop",
        "verb": "deploy",
        "version": "1.1",
        "revision": identifier("1.1"),
        "from_version": "1.0",
        "deployment": "d1",
        "hook": "on_undo",
        "step": "",
        "slot": "green",
        "percent": 0,
        "reason": "it failed there.",
    }


@pytest.mark.parametrize(
    ("at", "percent"),
    [("before_slots", 0), ("before_traffic", 0), ("before_settle", 100), ("after_settle", 100), ("on_undo", 0)],
)
def test_the_percent_is_what_the_slot_has_then(at: str, percent: int) -> None:
    assert hook_facts(planned(), "d1", at, {})["percent"] == percent


@pytest.mark.parametrize(
    ("changes", "parts", "expected"),
    [
        (
            {"rollout": "canary", "canary_steps": [{"percent": 25}]},
            "steps",
            [("canary at 25 %", 25), ("canary at 100 %", 100)],
        ),
        ({"rollout": "rolling"}, "batches", [("batch 1 of 2", 50), ("batch 2 of 2", 100)]),
        ({"rollout": "simple"}, "batches", [("restart", 100)]),
    ],
)
def test_after_a_step_its_name_and_share_are_told(
    changes: dict[str, Any], parts: str, expected: list[tuple[str, int]]
) -> None:
    made = planned(**changes)
    told = [hook_facts(made, "d1", "after_step", step) for step in made[parts]]
    assert [(facts["step"], facts["percent"]) for facts in told] == expected


def test_before_the_first_release_there_was_no_version() -> None:
    first = plan(inputs_for("1.0"), document("1.0"), fleet_of(None, None)).plan
    assert hook_facts(first, "d1", "before_slots", {})["from_version"] == ""


def test_the_environment_has_the_names_that_are_documented() -> None:
    told = environment(hook_facts(planned(), "d1", "before_slots", {}))
    names = "APP VERB VERSION REVISION FROM_VERSION DEPLOYMENT HOOK STEP SLOT PERCENT REASON"
    assert list(told) == [f"SLIPWAY_{name}" for name in names.split()]
    assert told["SLIPWAY_PERCENT"] == "0"
