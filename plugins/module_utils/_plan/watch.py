# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch after a deployment, and what an earlier one has returned. Touches nothing.

There is a watch only where another revision stays warm that the traffic could return to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._inputs.validate import Inputs
from .fleet import Fleet
from .rollout import Batch, Course


def planned(
    inputs: Inputs, fleet: Fleet, course: Course, active: Mapping[str, Any] | None, batches: Sequence[Batch]
) -> dict[str, Any]:
    """What the plan says of it; nothing where nobody watches and nothing was returned."""
    made: dict[str, Any] = {"returned": dict(fleet.returned)} if fleet.returned else {}
    if (
        inputs.verb == "deploy"
        and inputs.watch["seconds"] > 0
        and course.slot != course.stable_slot
        and active
        and not batches
    ):
        made["watch"] = {**inputs.watch, "return_to": course.percents_before}
    return made


def relied_on(watched: Mapping[str, Any], parked: Mapping[str, Any]) -> bool:
    """Whether a plan with these parts has traffic that only a watch returns."""
    return "watch" in watched or any(park["hold"] for park in parked.get("parks", []))
