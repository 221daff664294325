# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Canary: as blue-green, but the traffic moves in steps, and each is watched before the next.

Touches nothing.
"""

from __future__ import annotations

from .._inputs.validate import Inputs
from .blue_green import BlueGreen
from .fleet import OTHER
from .rollout import Course, Park, Step


class Canary(BlueGreen):
    """The steps that the operator gave, then all traffic; where nothing is to be switched, all at once."""

    def steps(self, course: Course, inputs: Inputs) -> list[Step]:
        """One step a percent; a rollback does not wait."""
        if not _in_steps(course, inputs):
            return super().steps(course, inputs)
        return [_step(course.slot, step["percent"], step["pause"]) for step in inputs.canary_steps] + [
            _step(course.slot, 100, inputs.bake)
        ]

    def parks(self, inputs: Inputs) -> list[Park]:
        """The steps that the operator wants to look at, or to last longer than a run."""
        return [
            Park(_name(step["percent"]), step["park"], step["approval"])
            for step in inputs.canary_steps
            if step["park"] or step["approval"]
        ]

    def override(self, course: Course, inputs: Inputs) -> bool:
        """Where there are steps, and the operator has said what is matched."""
        return bool(inputs.canary_match) and _in_steps(course, inputs)


def _in_steps(course: Course, inputs: Inputs) -> bool:
    return course.slot != course.stable_slot and inputs.verb != "rollback"


def _step(slot: str, percent: int, seconds: int) -> Step:
    return Step(_name(percent), {slot: percent, OTHER[slot]: 100 - percent}, seconds)


def _name(percent: int) -> str:
    return f"canary at {percent} %"
