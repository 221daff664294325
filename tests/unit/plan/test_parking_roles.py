# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roles park at every stage that a plan can name, before the hooks of that point, and cost nothing elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jinja2
import pytest
import yaml
from ansible.plugins.filter.mathstuff import difference

from tools.environments import TOP

ROLE = TOP / "roles" / "rollout"
TASKS = ROLE / "tasks"


def tasks_of(name: str) -> list[dict[str, Any]]:
    return list(flat(yaml.safe_load((TASKS / name).read_text(encoding="utf-8"))))


def flat(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for task in tasks:
        yield task
        for part in ("block", "rescue"):
            yield from flat(task.get(part, []))


def including(name: str, what: str) -> list[tuple[int, dict[str, Any]]]:
    return [
        (place, task) for place, task in enumerate(tasks_of(name)) if task.get("ansible.builtin.include_tasks") == what
    ]


def test_every_stage_is_parked_at_only_where_the_plan_says_so() -> None:
    found = {
        (path.name, task["vars"]["__rollout_park"]): task["when"]
        for path in TASKS.glob("*.yml")
        for _place, task in including(path.name, "park.yml")
    }
    assert found == {
        ("before_migrate.yml", "before_migrations"): "'before_migrations' in __rollout_parks",
        ("gate.yml", "before_traffic"): "'before_traffic' in __rollout_parks",
        ("batches.yml", "before_traffic"): "'before_traffic' in __rollout_parks",
        ("step.yml", "{{ __rollout_step.name }}"): "__rollout_step.name in __rollout_parks",
        ("settle.yml", "before_settle"): "'before_settle' in __rollout_parks",
    }


def test_hooks_of_a_point_run_after_its_approval_and_those_of_a_step_before() -> None:
    for name in ("gate.yml", "batches.yml", "settle.yml"):
        (parks,), hooks = including(name, "park.yml"), including(name, "hooks.yml")
        assert parks[0] < hooks[-1][0], name
    (park,), (hooks,) = including("step.yml", "park.yml"), including("step.yml", "hooks.yml")
    assert hooks[0] < park[0]


def test_the_balancers_hold_before_the_ledger_lets_go_and_nothing_follows_the_end() -> None:
    tasks = tasks_of("park.yml")
    hold, record = (
        next(place for place, task in enumerate(tasks) if f"slipway.release.{module}" in task)
        for module in ("lb_switch", "ledger")
    )
    assert hold < record
    assert tasks[-1]["ansible.builtin.meta"] == "end_play"


def test_the_lease_is_armed_before_anything_of_a_parked_deployment_is_judged() -> None:
    names = [task["name"] for task in tasks_of("traffic.yml")]
    assert names.index("Traffic | Take up what was parked") < names.index("Traffic | Gate")


def holds(conditions: list[str], committed: list[str]) -> bool:
    """What Ansible makes of the conditions in a run of this deployment."""
    environment = jinja2.Environment(autoescape=False)
    environment.filters["difference"] = lambda one, other: list(difference(environment, one, other))
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    known: dict[str, Any] = {
        "__deployment_plan": {"committed": committed},
        "rollout_pre_analysis": [{"name": "errors"}],
        "rollout_plan": {"verb": "deploy"},
    }
    begun = variables["__rollout_traffic_begun"].strip("{} ")
    known["__rollout_traffic_begun"] = environment.compile_expression(begun)(**known)
    return all(environment.compile_expression(condition)(**known) for condition in conditions)


@pytest.mark.parametrize(
    ("committed", "again"),
    [([], True), (["before_traffic"], True), (["gate"], False), (["before_traffic", "gate", "canary at 10 %"], False)],
)
def test_what_is_judged_before_the_traffic_is_judged_again_after_an_approval_and_not_once_it_moves(
    committed: list[str], again: bool
) -> None:
    ((_place, task),) = including("gate.yml", "pre_analysis.yml")
    assert holds(task["when"], committed) == again


def test_the_preview_address_is_asked_again_whenever_a_deployment_goes_on() -> None:
    gate = next(task for task in tasks_of("gate.yml") if "preview address" in task["name"])
    assert "when" not in gate
    assert (
        "smoke_checks" in (ROLE / "vars" / "main.yml").read_text(encoding="utf-8").split("__rollout_public_checks")[0]
    )
