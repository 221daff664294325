# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of metrics: each is what the module takes, and fits the steps that it decides. Touches nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ..._analysis import spec as metric_spec
from ..._analysis.arguments import METRIC
from ..._analysis.factory import SOURCES
from ..._checks.metrics import TRAFFIC, needed, pre_metrics, step_metrics
from ..._common.backwards import WITHOUT_A_RELEASE
from ..._common.errors import InputError
from ..edge import Unconvertible, convert_options
from .base import A_DAY, IN_BATCHES, Context, problem

PLAN = {"app": "app", "slot": "green", "stable_slot": "blue", "from": {}}


def analysis(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each metric is what the module takes once the rollout has added what it knows, and fits the steps it decides."""
    metrics = values["slipway_analysis"]
    watched = _watched(values, context.verb)
    for index, metric in enumerate(metrics):
        where = f"slipway_analysis[{index}]"
        if metric.get("type") == metric_spec.JUDGE:
            yield from _metric(where, metric, _in_step, _shared(watched))
            yield from _judged(where, metric, values["slipway_rollout"], _shared(watched), context.verb)
        else:
            yield from _metric(where, metric, _in_step, watched)
    if metrics and not watched and not _watched_after(values) and context.verb not in WITHOUT_A_RELEASE:
        yield problem(
            "no step is watched, so nothing would be measured",
            "slipway_analysis",
            "set slipway_bake, slipway_watch, slipway_batch_pause, or the pause of a step in slipway_canary_steps",
        )


def _watched_after(values: dict[str, Any]) -> bool:
    """Whether the watch after the run measures any of them; it has one slot, and so nobody to compare it with."""
    if values["slipway_rollout"] in IN_BATCHES or not values["slipway_watch"].get("seconds", 1):
        return False
    return any(metric.get("type") and not _alone(metric).get("skip") for metric in values["slipway_analysis"])


def _alone(metric: Mapping[str, Any]) -> dict[str, Any]:
    try:
        step = {"name": "watch", "percents": {"blue": 0, "green": 100}, "seconds": A_DAY}
        return step_metrics([metric], PLAN, step, "deployment")[0]
    except (ValueError, InputError):
        return {}


def pre_analysis(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each metric is what the module takes, has its numbers without traffic, and is decided in half of the lease."""
    for index, metric in enumerate(values["slipway_pre_analysis"]):
        where = f"slipway_pre_analysis[{index}]"
        if metric.get("type") in TRAFFIC:
            others = ", ".join(source for source in SOURCES if source not in TRAFFIC)
            yield problem("it measures traffic, of which the new slot has none yet", f"{where}.type", f"use {others}")
            continue
        problems = list(_metric(where, metric, _before, {}))
        yield from problems or _decided(where, metric, values["slipway_lease_seconds"])
    if values["slipway_pre_analysis"] and values["slipway_rollout"] in IN_BATCHES:
        yield problem(
            f"with {values['slipway_rollout']} nothing runs in the new slot before its hosts change over",
            "slipway_pre_analysis",
            "use slipway_analysis",
        )


def _decided(where: str, metric: Mapping[str, Any], lease: int) -> Iterator[InputError]:
    need = needed(metric)
    if need > lease // 2 > 0:
        remedy = f"lower its interval, count or initial_delay, or set slipway_lease_seconds to at least {2 * need}"
        yield problem(f"it is decided after {need} s, more than half of the lease", where, remedy)


def _watched(values: dict[str, Any], verb: str) -> dict[str, int]:
    """The variables that say how long steps are watched, with their seconds; a rollback has no steps of a canary."""
    rollout = values["slipway_rollout"]
    names = ["slipway_bake", "slipway_batch_pause"] if rollout == "rolling" else ["slipway_bake"]
    lengths = {name: values[name] for name in names}
    if rollout == "canary" and verb not in WITHOUT_A_RELEASE:
        steps = enumerate(values["slipway_canary_steps"])
        lengths.update({f"slipway_canary_steps[{index}].pause": step["pause"] for index, step in steps})
    return {name: seconds for name, seconds in lengths.items() if seconds > 0}


def _shared(watched: Mapping[str, int]) -> dict[str, int]:
    """Those of steps in which both slots have traffic."""
    return {name: seconds for name, seconds in watched.items() if name != "slipway_bake"}


def _judged(
    where: str, metric: Mapping[str, Any], rollout: str, shared: Mapping[str, int], verb: str
) -> Iterator[InputError]:
    """The judge compares, so it needs a watched step in which both slots have traffic, and not too many looks."""
    lasting = {"canary": "the pause of a step in slipway_canary_steps", "rolling": "slipway_batch_pause"}
    if rollout in lasting and not shared and verb not in WITHOUT_A_RELEASE:
        yield problem("no step is watched in which it could compare", where, f"set {lasting[rollout]}, or remove it")
    interval = str(metric.get("interval", ""))
    if interval.isdecimal() and int(interval):
        looks = sum(seconds // int(interval) for seconds in shared.values())
        if looks > metric_spec.MOST_LOOKS:
            least = -(-sum(shared.values()) // metric_spec.MOST_LOOKS)
            yield problem(
                f"it would look {looks} times in all steps, more than {metric_spec.MOST_LOOKS}",
                f"{where}.interval",
                f"raise it to at least {least} seconds",
            )


def _metric(
    where: str,
    metric: Mapping[str, Any],
    build: Callable[[Mapping[str, Any]], dict[str, Any]],
    watched: Mapping[str, int],
) -> Iterator[InputError]:
    """What the module itself would refuse.

    :param build: adds to the metric what the rollout knows.
    """
    if not metric.get("type"):
        yield problem("it is not set", f"{where}.type", f"use one of {', '.join(SOURCES)}")
        return
    try:
        built = build(metric)
        unknown = sorted(set(built) - set(METRIC))
        if unknown:
            yield problem("a metric has no such field", f"{where}.{unknown[0]}", f"remove {unknown[0]}, or correct it")
            return
        metric_spec.parse([convert_options(METRIC, {**built, "count": metric.get("count", 1)})])
        yield from _fits(where, metric, watched)
    except (Unconvertible, ValueError) as exc:
        yield problem(str(exc), where, "see the metrics of module health_gate for what it takes")
    except InputError as exc:
        yield problem(exc.what, exc.where.replace("metrics[0]", where), exc.remedy)


def _before(metric: Mapping[str, Any]) -> dict[str, Any]:
    return pre_metrics([metric], PLAN)[0]


def _in_step(metric: Mapping[str, Any], seconds: int = A_DAY) -> dict[str, Any]:
    step = {"name": "canary at 10 %", "percents": {"blue": 90, "green": 10}, "seconds": seconds}
    return step_metrics([metric], PLAN, step, "deployment")[0]


def _fits(where: str, metric: Mapping[str, Any], watched: Mapping[str, int]) -> Iterator[InputError]:
    """What a metric needs must fit into every step that it is to decide, or it would be undecided there."""
    if not watched:
        return
    name, seconds = min(watched.items(), key=lambda item: item[1])
    need = needed(_in_step(metric, seconds))
    if need > seconds:
        fitting = ", leave count out" if "count" in metric else ""
        yield problem(
            f"it is decided after {need} s, and {name} is {seconds} s",
            where,
            f"lower its interval or initial_delay{fitting}, or set {name} to at least {need}",
        )
    longest, most = max(watched.items(), key=lambda item: item[1])
    count = int(_in_step(metric, most).get("count", 1))
    if count > metric_spec.MOST_MEASUREMENTS:
        yield problem(
            f"it would be measured {count} times in the {most} s of {longest}",
            f"{where}.interval",
            f"raise it to at least {-(-most // metric_spec.MOST_MEASUREMENTS)} seconds",
        )
