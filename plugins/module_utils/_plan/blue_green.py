# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blue-green: fill the spare slot, check it, move all traffic at once, keep the other slot for the way back.

Touches nothing.
"""

from __future__ import annotations

from typing import Any

from .._inputs.validate import Inputs
from . import undo
from .fleet import OTHER, Fleet
from .rollout import Course, Rollout, Step


class BlueGreen(Rollout):
    """The spare slot becomes active; where nothing runs in the active slot, that one is filled without a switch."""

    def course(self, fleet: Fleet, revision: str) -> Course:
        """Decide the slot, and which hosts lack the revision there."""
        stable = fleet.balancers[0].stable
        slot = OTHER[stable]
        if all(host.slots[stable].holds(revision) or host.slots[stable].idle(revision) for host in fleet.applications):
            slot = stable
        place = {host.name: not host.slots[slot].holds(revision) for host in fleet.applications}
        return Course(
            stable_slot=stable,
            slot=slot,
            place=place,
            percents_before={stable: 100, OTHER[stable]: 0},
            percents_after={slot: 100, OTHER[slot]: 0},
            changes=slot != stable or any(place.values()),
        )

    def steps(self, course: Course, inputs: Inputs) -> list[Step]:
        """All of it at once."""
        return [Step("switch", course.percents_after, inputs.bake)]

    def stages(self, course: Course, inputs: Inputs, handover: list[str]) -> list[dict[str, Any]]:
        """The stages of the playbooks, named as the ledger records them."""
        if not course.changes:
            return []
        batches = self.batches(course, inputs)
        parts = batches or self.steps(course, inputs)
        wanted = {
            "place": any(course.place.values()),
            "gate": not batches,
            "smoke": not batches and "smoke" not in inputs.skip,
            **dict.fromkeys([part.name for part in parts], True),
            "verify": True,
            "handover": bool(handover),
            "settle": True,
        }
        names = [name for name, needed in wanted.items() if needed]
        return undo.declared(names, [] if batches else [part.name for part in parts], [batch.name for batch in batches])
