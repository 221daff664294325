# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shares of the traffic that a plan goes through, and the slices in which a share is watched."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan
from ansible_collections.slipway.release.plugins.module_utils._plan.slices import watch_slices

from tests.unit.plan.made import BALANCERS, document, fleet_of, inputs_for, proven

TESTERS = [{"header": "X-Canary", "values": ["always"]}]
TWO_STEPS = [{"percent": 5, "pause": 30}, {"percent": 40}]


def planned(version: str, live: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return plan(inputs_for(version, **changes), document(version, **changes), live).plan


def test_blue_green_is_one_step() -> None:
    made = planned("1.1", fleet_of("1.0", None), bake=60)
    assert made["steps"] == [
        {"name": "switch", "percents": {"blue": 0, "green": 100}, "seconds": 60, "after": "gate"},
    ]


def test_a_canary_goes_up_its_steps_and_each_is_recorded_before_the_next() -> None:
    made = planned("1.1", fleet_of("1.0", None), rollout="canary", canary_steps=TWO_STEPS, bake=7)
    assert made["steps"] == [
        {"name": "canary at 5 %", "percents": {"blue": 95, "green": 5}, "seconds": 30, "after": "gate"},
        {"name": "canary at 40 %", "percents": {"blue": 60, "green": 40}, "seconds": 0, "after": "canary at 5 %"},
        {"name": "canary at 100 %", "percents": {"blue": 0, "green": 100}, "seconds": 7, "after": "canary at 40 %"},
    ]
    names = [stage["name"] for stage in made["stages"]]
    assert names == [
        "place",
        "gate",
        "smoke",
        *(step["name"] for step in made["steps"]),
        "verify",
        "handover",
        "settle",
    ]


def test_the_first_release_has_nobody_to_share_with() -> None:
    made = planned("1.0", fleet_of(None, None), rollout="canary", canary_steps=TWO_STEPS)
    assert [step["percents"] for step in made["steps"]] == [{"blue": 100, "green": 0}]


def test_a_rollback_of_a_canary_moves_all_traffic_at_once() -> None:
    live = fleet_of("1.0", "1.1", stable="green", history=(proven("1.0"), proven("1.1")))
    inputs = inputs_for(verb="rollback", rollback_to="previous", rollout="canary", canary_steps=TWO_STEPS)
    assert [step["percents"] for step in plan(inputs, None, live).plan["steps"]] == [{"blue": 100, "green": 0}]


def test_nothing_to_do_has_no_steps() -> None:
    assert planned("1.0", fleet_of("1.0", None), rollout="canary")["steps"] == []


def test_other_steps_are_another_request_but_only_for_a_canary() -> None:
    def request(**changes: Any) -> str:
        return str(planned("1.1", fleet_of("1.0", None), **changes)["request"])

    assert request(rollout="canary", canary_steps=TWO_STEPS) != request(rollout="canary")
    assert request(canary_steps=TWO_STEPS) == request()
    assert request(bake=5) != request()


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        ({}, {"path": "/health/ready", "rate": 50, "before": 1, "after": 1, "max_lost": 0}),
        ({"path": "/", "rate": 9}, {"path": "/", "rate": 9, "before": 1, "after": 1, "max_lost": 0}),
        ({"rate": 0}, None),
    ],
)
def test_the_budget_of_a_move_is_whole_or_none(budget: dict[str, Any], expected: dict[str, Any] | None) -> None:
    assert planned("1.1", fleet_of("1.0", None), loss_budget=budget)["loss_budget"] == expected


def test_a_rollback_has_no_budget_that_could_undo_it() -> None:
    live = fleet_of("1.0", "1.1", stable="green", history=(proven("1.0"), proven("1.1")))
    assert plan(inputs_for(verb="rollback", rollback_to="previous"), None, live).plan["loss_budget"] is None


@pytest.mark.parametrize(
    ("seconds", "lease", "lengths"),
    [
        (0, 300, []),
        (1, 300, [1]),
        (100, 300, [100]),
        (250, 300, [100, 100, 50]),
        (250, 3600, [100, 100, 50]),
        (2, 1, [1, 1]),
    ],
)
def test_a_slice_is_at_most_a_third_of_a_lease_and_never_long(seconds: int, lease: int, lengths: list[int]) -> None:
    slices = watch_slices(seconds, lease)
    assert [part["seconds"] for part in slices] == lengths
    assert [part["first"] for part in slices] == [True] * bool(lengths) + [False] * (len(lengths) - 1)
    assert [part["last"] for part in slices] == [False] * (len(lengths) - 1) + [True] * bool(lengths)
    assert [part["deadline"] for part in slices[:-1]] == [0] * (len(slices) - 1 if slices else 0)


@pytest.mark.parametrize(("lease", "grace"), [(900, 30), (300, 30), (60, 20), (6, 2)])
def test_the_last_slice_ends_soon_after_its_time_and_before_the_lease(lease: int, grace: int) -> None:
    last = watch_slices(250, lease)[-1]
    assert last["deadline"] - last["seconds"] == grace


def matching(live: dict[str, Any]) -> dict[str, Any]:
    for host in BALANCERS:
        live[host]["balancer"]["match"] = TESTERS
    return live


def test_testers_reach_a_canary_from_its_first_step() -> None:
    steps = [{"percent": 0, "pause": 30}, {"percent": 40}]
    changes = {"rollout": "canary", "canary_steps": steps, "canary_match": TESTERS}
    made = planned("1.1", matching(fleet_of("1.0", None)), **changes)
    assert made["override"] is True
    first = {"name": "canary at 0 %", "percents": {"blue": 100, "green": 0}, "seconds": 30, "after": "gate"}
    assert made["steps"][0] == first
    assert "override" not in planned("1.1", matching(fleet_of("1.0", None)), canary_match=TESTERS)
    assert "override" not in planned("1.0", matching(fleet_of(None, None)), **changes)
    assert "override" not in planned("1.0", matching(fleet_of("1.0", None)), **changes)


def test_a_balancer_that_matches_something_else_is_refused_before_anything_is_touched() -> None:
    live = matching(fleet_of("1.0", None))
    live["lb2"]["balancer"]["match"] = []
    with pytest.raises(StateError, match="does not match the requests") as refused:
        planned("1.1", live, rollout="canary", canary_match=TESTERS)
    assert refused.value.where == "lb2" and "site.yml" in refused.value.remedy


def test_other_testers_are_another_request_and_none_are_what_they_were() -> None:
    def request(**changes: Any) -> str:
        live = matching(fleet_of("1.0", None)) if changes.get("canary_match") else fleet_of("1.0", None)
        return str(planned("1.1", live, rollout="canary", **changes)["request"])

    assert request(canary_match=TESTERS) != request() == request(canary_match=[])


def test_a_profile_is_planned_where_it_is_wanted_and_never_for_a_rollback():
    live = fleet_of("1.0", None)
    assert "profile" not in planned("1.1", live)
    made = planned("1.1", live, profile={"seconds": 5, "max_ratio": "1.5"})["profile"]
    assert made == {"seconds": 5, "rate": 50, "path": "/health/ready", "max_ratio": "1.5", "on_exceeded": "warn"}
