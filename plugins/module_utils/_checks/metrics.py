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
from .._analysis.sides import CANARY, STABLE

TRAFFIC = ("haproxy", "nginx_log")
CONDITIONS = ("success_condition", "failure_condition")
NOBODY_TO_COMPARE = "it compares with the stable side, which has no traffic at 100 %"


def step_metrics(
    metrics: Sequence[Mapping[str, Any]], plan: Mapping[str, Any], seconds: int, percents: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Each metric with what the rollout knows: how often it fits into the step, and which slot is the canary.

    Where one slot has all the traffic, that is the canary, and a metric that names the stable side is left out.

    :param seconds: how long the step is watched.
    :param percents: slot percents of the step.
    """
    whole = next((slot for slot, percent in percents.items() if percent == 100), "")
    return [_step_metric({**_fitted(metric, seconds), **metric}, plan, whole) for metric in metrics]


def needed(metric: Mapping[str, Any]) -> int:
    """Seconds until the last measurement of a metric is due, its ``count`` known."""
    count = int(metric.get("count", 1))
    between = count if metric["type"] in TRAFFIC else count - 1
    return int(metric.get("initial_delay", 0)) + int(metric.get("interval", 0)) * between


def _fitted(metric: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    interval = int(metric.get("interval", 0))
    return {"count": max(1, (seconds - int(metric.get("initial_delay", 0))) // interval)} if interval else {}


def _step_metric(metric: dict[str, Any], plan: Mapping[str, Any], whole: str) -> dict[str, Any]:
    sides = {CANARY: whole} if whole else {STABLE: plan["stable_slot"], CANARY: plan["slot"]}
    known: dict[str, Any] = {"app": plan["app"], "slots": sides} if metric["type"] in TRAFFIC else {}
    made = {**known, **metric}
    if not whole or "slots" not in made:
        return made
    if any(STABLE in names_in(str(made.get(condition) or "")) for condition in CONDITIONS):
        return {**made, "skip": NOBODY_TO_COMPARE}
    return {**made, "slots": {side: slot for side, slot in made["slots"].items() if side != STABLE}}
