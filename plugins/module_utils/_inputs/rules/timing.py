# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of deadlines and of the lease that outlasts them. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._common.backwards import WITHOUT_A_RELEASE
from ..._common.errors import InputError
from ..._release.order import seconds_to_hand_over
from ..spec import MIGRATE_POINT
from .base import A_DAY, IN_BATCHES, LONGEST_PAUSE, Context, problem

LONGEST_WARM = 30 * A_DAY


def durations(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Deadlines and counts are positive, and enough checks fit into their deadline."""
    for name in (
        "slipway_lease_seconds",
        "slipway_ready_deadline",
        "slipway_ready_interval",
        "slipway_ready_successes",
    ):
        if values[name] < 1:
            yield problem(f"{values[name]} is not positive", name, "give at least 1")
    if values["slipway_drain_deadline"] < 0:
        yield problem("it is negative", "slipway_drain_deadline", "give 0 or more seconds")
    for name in ("slipway_bake", "slipway_batch_pause", "slipway_region_bake"):
        if not 0 <= values[name] <= LONGEST_PAUSE:
            yield problem(f"{values[name]} is out of range", name, f"use 0 to {LONGEST_PAUSE} seconds")
    needed = values["slipway_ready_interval"] * (values["slipway_ready_successes"] - 1)
    if needed >= values["slipway_ready_deadline"] > 0:
        yield problem(
            f"the required successes alone take {needed} s",
            "slipway_ready_deadline",
            "raise it, or lower slipway_ready_interval or slipway_ready_successes",
        )


def lease(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The lease is renewed between tasks, so it must outlast the longest of them.

    In a batch, around hooks and between the hosts of a handover it is renewed once a third of it is gone, so the
    longest task must fit into the rest. A way back is not refused for a handover. While a command runs
    where the database is migrated it is renewed.
    """
    deadlines = {
        "slipway_ready_deadline": values["slipway_ready_deadline"],
        "slipway_drain_deadline": values["slipway_drain_deadline"],
        **{
            f"slipway_components[{index}].stop_timeout": component["stop_timeout"]
            for index, component in enumerate(values["slipway_components"])
        },
        "slipway_profile.seconds": values["slipway_profile"].get("seconds", 0),
        **{
            f"slipway_hooks[{index}].timeout": hook["timeout"]
            for index, hook in enumerate(values["slipway_hooks"])
            if hook["at"] != MIGRATE_POINT or hook.get("url")
        },
    }
    by_thirds = values["slipway_rollout"] in IN_BATCHES or values["slipway_hooks"]
    needed = {name: (seconds * 3 // 2 if by_thirds else seconds, seconds) for name, seconds in deadlines.items()}
    handover = seconds_to_hand_over(values["slipway_components"]) if context.verb not in WITHOUT_A_RELEASE else 0
    needed["the handover of slipway_components on a host"] = (handover * 3 // 2, handover)
    name, (least, longest) = max(needed.items(), key=lambda item: item[1])
    if 0 < values["slipway_lease_seconds"] <= least:
        yield problem(
            f"{values['slipway_lease_seconds']} s do not outlast {name}, which is {longest} s",
            "slipway_lease_seconds",
            f"give more than {least} seconds",
        )


def keep_warm(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The old slot outlasts whatever may lead requests back to it by itself, and with the lease those still in it.

    A way back is not refused for it. What bakes is not settled yet, so that the time has not begun.
    """
    seconds = values["slipway_keep_warm"]
    if not 0 <= seconds <= LONGEST_WARM:
        yield problem(f"{seconds} is out of range", "slipway_keep_warm", f"use 0 to {LONGEST_WARM} seconds")
    elif seconds and values["slipway_rollout"] not in IN_BATCHES and context.verb not in WITHOUT_A_RELEASE:
        outlasted = {
            "slipway_watch.seconds": values["slipway_watch"].get("seconds", A_DAY),
            "slipway_lease_seconds": values["slipway_lease_seconds"],
        }
        name, longest = max(outlasted.items(), key=lambda item: item[1])
        if seconds <= longest:
            yield problem(
                f"{seconds} s do not outlast {name}, which is {longest} s: the old slot would be stopped while it may "
                "still get requests",
                "slipway_keep_warm",
                f"give more than {longest} seconds, or lower {name}; 0 keeps the slot warm for ever",
            )
