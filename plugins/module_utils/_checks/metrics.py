# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of one step of a rollout, from those that an operator has written.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._analysis.expression import names_in
from .._analysis.prometheus_series import PROMETHEUS
from .._analysis.sides import CANARY, PLACEHOLDER, STABLE
from .._analysis.spec import JUDGE

TRAFFIC = ("haproxy", "nginx_log", JUDGE)
CONDITIONS = ("success_condition", "failure_condition")
ASKED = ("query", "url", "path")
NOBODY_TO_COMPARE = "it compares with the stable side, which has no traffic at 100 %"


def step_metrics(
    metrics: Sequence[Mapping[str, Any]], plan: Mapping[str, Any], step: Mapping[str, Any], deployment: str
) -> list[dict[str, Any]]:
    """Each metric with what the rollout knows: how often it fits into the step, and which slot is the canary.

    Where one slot has all the traffic, that is the canary, and a metric that names the stable side is left out. A judge
    must pass in the last watched step before that.

    :param plan: the plan of the deployment.
    :param step: a step or a batch of the plan, with how long it is watched and the slot percents meanwhile.
    :param deployment: identifier of the deployment, whose steps are judged together.
    """
    whole = _whole(plan, step)
    looks = {"step": step["name"], "deployment": deployment, "must_pass": _is_last_to_compare(plan, step)}
    return [
        _step_metric({**_fitted(metric, step["seconds"]), **metric}, plan, whole, looks if _judges(metric) else {})
        for metric in metrics
    ]


def pre_metrics(metrics: Sequence[Mapping[str, Any]], plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each metric as it is measured before the traffic moves: the new slot is the canary, and stable is what serves.

    Before the first release, and where nothing is to be switched, there is no stable side.
    """
    alone = plan["from"] is None or plan["slot"] == plan["stable_slot"]
    sides = {CANARY: plan["slot"]} if alone else {STABLE: plan["stable_slot"], CANARY: plan["slot"]}
    return [_in_sides({**({"slots": sides} if _knows_slots(metric) else {}), **metric}, alone) for metric in metrics]


def needed(metric: Mapping[str, Any]) -> int:
    """Seconds until the last measurement of a metric is due, its ``count`` known."""
    count = int(metric.get("count", 1))
    between = count if metric["type"] in TRAFFIC else count - 1
    return int(metric.get("initial_delay", 0)) + int(metric.get("interval", 0)) * between


def _fitted(metric: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    interval = int(metric.get("interval", 0))
    return {"count": max(1, (seconds - int(metric.get("initial_delay", 0))) // interval)} if interval else {}


def _judges(metric: Mapping[str, Any]) -> bool:
    return bool(metric["type"] == JUDGE)


def _is_at_the_balancer(metric: Mapping[str, Any]) -> bool:
    return metric["type"] in TRAFFIC and metric.get("from") != PROMETHEUS


def _knows_slots(metric: Mapping[str, Any]) -> bool:
    """Whether it is measured by slot: traffic always is, other metrics where what they ask names the slot."""
    return metric["type"] in TRAFFIC or any(PLACEHOLDER in str(metric.get(field) or "") for field in ASKED)


def _whole(plan: Mapping[str, Any], step: Mapping[str, Any]) -> str:
    """The slot that has all the traffic; empty when both have some, as where the override leads some to the canary."""
    percents = step.get("into", step)["percents"]
    whole = next((str(slot) for slot, percent in percents.items() if percent == 100), "")
    return "" if plan.get("override") and whole == plan["stable_slot"] else whole


def _is_last_to_compare(plan: Mapping[str, Any], step: Mapping[str, Any]) -> bool:
    """No later step is watched in which both slots have traffic."""
    steps = list(plan.get("batches" if "into" in step else "steps") or [])
    places = [place for place, one in enumerate(steps) if one["name"] == step["name"]]
    later = steps[places[0] + 1 :] if places else []
    return all(_whole(plan, one) or not one["seconds"] for one in later)


def _step_metric(
    metric: dict[str, Any], plan: Mapping[str, Any], whole: str, looks: Mapping[str, Any]
) -> dict[str, Any]:
    sides = {CANARY: whole} if whole else {STABLE: plan["stable_slot"], CANARY: plan["slot"]}
    known: dict[str, Any] = {"app": plan["app"]} if _is_at_the_balancer(metric) else {}
    known.update({"slots": sides} if _knows_slots(metric) else {})
    return _in_sides({**known, **looks, **metric}, bool(whole))


def _in_sides(made: dict[str, Any], alone: bool) -> dict[str, Any]:
    """The metric where the canary is alone, or is not."""
    if not alone or "slots" not in made:
        return made
    if _judges(made) or any(STABLE in names_in(str(made.get(condition) or "")) for condition in CONDITIONS):
        return {**made, "skip": NOBODY_TO_COMPARE}
    return {**made, "slots": {side: slot for side, slot in made["slots"].items() if side != STABLE}}
