# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of one step of a rollout, from those that an operator has written.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TRAFFIC = ("haproxy", "nginx_log")


def step_metrics(metrics: Sequence[Mapping[str, Any]], plan: Mapping[str, Any], seconds: int) -> list[dict[str, Any]]:
    """Each metric with what the rollout knows: how often it fits into the step, and which slot is the canary.

    :param seconds: how long the step is watched.
    """
    return [{**_known(metric, plan, seconds), **metric} for metric in metrics]


def _known(metric: Mapping[str, Any], plan: Mapping[str, Any], seconds: int) -> dict[str, Any]:
    interval = int(metric.get("interval", 0))
    known: dict[str, Any] = (
        {"count": max(1, (seconds - int(metric.get("initial_delay", 0))) // interval)} if interval else {}
    )
    if metric["type"] in TRAFFIC:
        known["app"] = plan["app"]
    if metric["type"] in TRAFFIC and plan["slot"] != plan["stable_slot"]:
        known["slots"] = {"stable": plan["stable_slot"], "canary": plan["slot"]}
    return known
