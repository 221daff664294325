# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of how the traffic moves: steps, batches, and what a move may lose. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._balancer.config import MATCH_VALUE, MATCHED_BY, STICKY_NAME
from ..._common.address import shown
from ..._common.errors import InputError
from ..batches import SIZE
from ..spec import APPROVAL_POINTS
from .base import LONGEST_PARK, LONGEST_PAUSE, Context, problem


def canary_steps(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The share grows from step to step, and the last step leaves something to stable.

    Nobody but matched requests reaches a step at 0 %, with which a canary can only begin.
    """
    before = 0
    for number, step in enumerate(values["slipway_canary_steps"]):
        where = f"slipway_canary_steps[{number}]"
        if step["percent"] == 0 and number == 0:
            if not values["slipway_canary_match"]:
                yield problem("nobody reaches a step at 0 %", where, "set slipway_canary_match, or use 1 to 99")
        elif not 1 <= step["percent"] <= 99:
            yield problem(f"percent {step['percent']} is no share", where, "use 1 to 99; all traffic follows by itself")
        elif step["percent"] <= before:
            yield problem(
                f"percent {step['percent']} does not follow {before}", where, "order the steps by growing percent"
            )
        if not 0 <= step["pause"] <= LONGEST_PAUSE:
            yield problem(f"pause {step['pause']} is out of range", where, f"use 0 to {LONGEST_PAUSE} seconds")
        if not 0 <= step.get("park", 0) <= LONGEST_PARK:
            yield problem(f"park {step['park']} is out of range", where, f"use 0 to {LONGEST_PARK} seconds")
        before = step["percent"]


def approvals(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each is a point that every rollout comes to."""
    for index, point in enumerate(values["slipway_approvals"]):
        if point not in APPROVAL_POINTS:
            yield problem(
                f"{point!r} is no point of an approval",
                f"slipway_approvals[{index}]",
                f"use {' or '.join(APPROVAL_POINTS)}; a step of a canary has its own, approval: true",
            )


def canary_match(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """They are written into the balancers' configuration."""
    for index, match in enumerate(values["slipway_canary_match"]):
        where = f"slipway_canary_match[{index}]"
        by = [name for name in MATCHED_BY if match[name]]
        if len(by) != 1:
            yield problem(
                f"it names {' and '.join(by) or 'neither a header nor a cookie'}", where, "name one of the two"
            )
        for name in by:
            if not STICKY_NAME[name].fullmatch(match[name]):
                joint = {"cookie": "_", "header": "-"}[name]
                yield problem(
                    f"{match[name]!r} is not the name of a {name}",
                    f"{where}.{name}",
                    f"use letters, digits and {joint}, beginning with a letter",
                )
        if not match["values"]:
            yield problem("it is empty", f"{where}.values", "give at least one value")
        for value in match["values"]:
            if not MATCH_VALUE.fullmatch(value):
                yield problem(
                    f"{value!r} cannot be matched",
                    f"{where}.values",
                    "use at most 64 letters, digits, '.', '_' and '-', beginning with a letter or a digit",
                )


def batches(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Every entry is a number of hosts or a percentage of them."""
    if not values["slipway_batches"]:
        yield problem("it is empty", "slipway_batches", "give at least one size, such as [1]")
    for index, text in enumerate(values["slipway_batches"]):
        if not SIZE.fullmatch(text):
            yield problem(f"{text!r} is no size", f"slipway_batches[{index}]", "use a number of hosts, or 1% to 100%")


def loss_budget(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The meter can do it, and it stays a small share of what a balancer serves."""
    budget = values["slipway_loss_budget"]
    ranges = {"rate": (0, 1000), "before": (0, 60), "after": (0, 60), "max_lost": (0, 1_000_000)}
    for name, (low, high) in ranges.items():
        if not low <= budget.get(name, low) <= high:
            yield problem(f"{budget[name]} is out of range", f"slipway_loss_budget.{name}", f"use {low} to {high}")
    if budget.get("path") and not budget["path"].startswith("/"):
        yield problem(f"{shown(budget['path'])!r} is no path", "slipway_loss_budget.path", "begin it with /")
