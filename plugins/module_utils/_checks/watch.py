# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option ``watch`` of ``lb_switch``, from the plan and from what an operator has written.

Touches nothing. What may be secret goes as JSON text, which is masked as a whole, and not word by word.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .._analysis.arguments import METRIC
from .._analysis.spec import JUDGE, MOST_LOOKS, MOST_MEASUREMENTS
from .._gate.arguments import CHECK
from .._hooks.facts import hook_facts
from .._inputs.edge import convert_options
from .metrics import TRAFFIC, step_metrics

ON_RETURN = "on_return"
BETWEEN = 60


def watch_option(
    plan: Mapping[str, Any],
    deployment: str,
    metrics: Sequence[Mapping[str, Any]],
    checks: Sequence[Mapping[str, Any]],
    hooks: Sequence[Mapping[str, Any]],
) -> dict[str, Any] | None:
    """What the balancers are asked to watch once the deployment has ended; ``None`` where the plan has no watch.

    :param checks: checks of the public address; commands are left out, since the watch would run them as root.
    :param hooks: all hooks of the operator; those of the plan at this point are run by the balancer.
    """
    wanted = plan.get("watch")
    if not wanted:
        return None
    return _option(plan, deployment, wanted, plan["percents"]["after"], metrics, checks, hooks)


def hold_option(
    plan: Mapping[str, Any],
    deployment: str,
    stage: str,
    metrics: Sequence[Mapping[str, Any]],
    checks: Sequence[Mapping[str, Any]],
    hooks: Sequence[Mapping[str, Any]],
) -> dict[str, Any] | None:
    """What the balancers are asked to watch while the deployment is parked; ``None`` where nothing is held.

    :param stage: where it is parked.
    """
    park = next(park for park in plan["parks"] if park["stage"] == stage)
    if not park["hold"]:
        return None
    held = _option(plan, deployment, park["hold"], park["percents"], metrics, checks, hooks)
    return {**held, "at_end": "return"}


def _option(
    plan: Mapping[str, Any],
    deployment: str,
    wanted: Mapping[str, Any],
    percents: Mapping[str, int],
    metrics: Sequence[Mapping[str, Any]],
    checks: Sequence[Mapping[str, Any]],
    hooks: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    planned = {hook["name"] for hook in plan.get("hooks", []) if hook["at"] == ON_RETURN}
    told = [_hook(hook) for hook in hooks if hook["name"] in planned]
    judged = watch_metrics(metrics, plan, percents, wanted["window"], deployment)
    texts = {
        "metrics": [convert_options(METRIC, metric) for metric in judged],
        "checks": [convert_options(CHECK, dict(check)) for check in checks if check["type"] == "http"],
        "hooks": told,
    }
    return {
        "deployment": deployment,
        "slot": plan["slot"],
        **{name: wanted[name] for name in ("return_to", "seconds", "interval", "failures", "on_error")},
        "facts": hook_facts(plan, deployment, ON_RETURN, {}),
        **{name: json.dumps(_plain(found), sort_keys=True) for name, found in texts.items() if found},
    }


def watch_metrics(
    metrics: Sequence[Mapping[str, Any]],
    plan: Mapping[str, Any],
    percents: Mapping[str, int],
    window: int,
    deployment: str,
) -> list[dict[str, Any]]:
    """The metrics that make sense at these percents, each judged by what it measured in the last ``window`` seconds.

    Those of traffic look at the requests of that time. A metric with a count or a window of its own keeps it.
    """
    step = {"name": "watch", "percents": percents, "seconds": window}
    timed = [{**metric, "interval": int(metric.get("interval") or 0) or BETWEEN} for metric in metrics]
    fitted = [{**_windowed(metric, window), **metric} for metric in timed]
    made = step_metrics(fitted, plan, step, deployment)
    return [{**metric, "count": min(metric["count"], _most(metric))} for metric in made if not metric.get("skip")]


def _most(metric: Mapping[str, Any]) -> int:
    return MOST_LOOKS if metric["type"] == JUDGE else MOST_MEASUREMENTS


def _windowed(metric: Mapping[str, Any], window: int) -> dict[str, Any]:
    counts = metric["type"] in TRAFFIC and metric["type"] != JUDGE
    return {"window": max(window, int(metric["interval"]))} if counts else {}


def _hook(hook: Mapping[str, Any]) -> dict[str, Any]:
    names = ("name", "command", "url", "headers", "user")
    return {**{name: hook[name] for name in names if hook.get(name)}, "timeout": int(hook.get("timeout", 60))}


def _plain(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Without what was not given."""
    return [{name: value for name, value in one.items() if value is not None} for one in found]
