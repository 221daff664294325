# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the watch after the run, and of the hooks that it runs. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._common.errors import InputError
from .base import A_DAY, LONGEST_PAUSE, Context, problem

RANGES = {"seconds": (0, LONGEST_PAUSE), "interval": (1, 3600), "failures": (1, 1000), "window": (1, A_DAY)}
ON_RETURN = "on_return"
LONGEST_HOOK = 100


def watch(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each number can be kept by the service on the balancers."""
    for name, (low, high) in RANGES.items():
        given = values["slipway_watch"].get(name)
        if given is not None and not low <= given <= high:
            yield problem(f"{given} is out of range", f"slipway_watch.{name}", f"use {low} to {high}")


def hooks_on_return(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Nobody but the balancers is there when the traffic returns after the run, and they do not wait for long."""
    for index, hook in enumerate(values["slipway_hooks"]):
        where = f"slipway_hooks[{index}]"
        if hook["at"] != ON_RETURN:
            continue
        if hook["hosts"] != "balancers":
            yield problem(
                f"it runs after the run has ended, when there is no {hook['hosts']} to run it on",
                f"{where}.hosts",
                "set hosts: balancers; the balancer that returns the traffic runs it",
            )
        if hook["timeout"] > LONGEST_HOOK:
            yield problem(
                f"{hook['timeout']} s are too long for {ON_RETURN}", f"{where}.timeout", f"use 1 to {LONGEST_HOOK}"
            )
