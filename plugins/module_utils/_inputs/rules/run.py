# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of a single run: where a rollback leads, and what needs a reason. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._common.errors import InputError
from ..spec import SKIPPABLE
from .base import VERSION, Context, problem

REASONED = ("abort", "approve", "release_lease")


def rollback_to(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Whether the version is kept is seen in the plan."""
    if not VERSION.fullmatch(values["slipway_rollback_to"]):
        yield problem(
            f"{values['slipway_rollback_to']!r} is malformed",
            "slipway_rollback_to",
            "use previous, latest_good or a version",
        )


def reasons(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """What is forced or skipped is recorded with its reason."""
    for index, stage in enumerate(values["slipway_skip"]):
        if stage not in SKIPPABLE:
            yield problem(
                f"{stage!r} cannot be skipped", f"slipway_skip[{index}]", f"use one of {', '.join(SKIPPABLE)}"
            )
    reason = values["slipway_reason"]
    for name in ("slipway_adopt_ledger", "slipway_force", "slipway_skip"):
        if values[name] and not reason.strip():
            yield problem(f"{name} needs a reason", "slipway_reason", f"say why, or remove {name}")
    if context.verb in REASONED and not reason.strip():
        yield problem(f"{context.verb}.yml needs a reason", "slipway_reason", "say why, it is recorded")
    if len(reason) > 500 or "\n" in reason:
        yield problem("it is longer than a line of 500 characters", "slipway_reason", "shorten it")


def root_cause(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """A root cause is told of a deployment."""
    if context.verb != "root_cause":
        return
    for name in ("slipway_deployment", "slipway_root_cause"):
        if not values[name].strip():
            yield problem("it is not set", name, "say which deployment it was, and why")
