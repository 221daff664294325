# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the slot that a deployment leaves stays warm, and which hosts have to hear of it. Touches nothing.

A host on which the slot to be used is or was kept warm for a time is visited, so that the time ends before anything
relies on the slot; so is one whose slot a boot would not start. In batches each host starts its slot anyway.
A slot that a rollback has started and stopped again has no keep-warm time any more, but is as cold as before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._inputs.validate import Inputs
from .fleet import Fleet
from .rollout import Batch, Course

COLD = "cold: it is started first"


def planned(inputs: Inputs, fleet: Fleet, course: Course, batches: Sequence[Batch]) -> dict[str, Any]:
    """What the plan says of it; nothing where a slot that was left runs on, or is stopped by its batch."""
    wanted = inputs.keep_warm and course.changes and not batches and not unable(inputs, fleet)
    return {"keep_warm": inputs.keep_warm} if wanted else {}


def unable(inputs: Inputs, fleet: Fleet) -> list[str]:
    """Why a way back keeps the slot that it leaves warm for ever; a deployment is refused instead."""
    if inputs.verb == "deploy" or not inputs.keep_warm:
        return []
    hosts = [host.name for host in fleet.applications if not host.can_keep_warm]
    return (
        [f"{', '.join(hosts)}: nothing there ends the keep-warm time of the slot that is left; run site.yml"]
        if hosts
        else []
    )


def hosts(
    inputs: Inputs, fleet: Fleet, course: Course, revision: str, batches: Sequence[Batch]
) -> dict[str, dict[str, Any]]:
    """Application host to whether its slot is filled, whether it is visited all the same, and whether it is cold."""
    slots = {host.name: host.slots[course.slot] for host in fleet.applications}
    kept = planned(inputs, fleet, course, batches)
    goes_back = bool(kept) and inputs.verb == "rollback"
    found: dict[str, dict[str, Any]] = {}
    for name, needed in course.place.items():
        slot = slots[name]
        relied_on = not needed and course.changes and not batches
        visited = relied_on and (bool(kept) or slot.timed or not slot.enabled)
        cold = needed and slot.rests(revision) and (slot.cold or goes_back)
        found[name] = {
            "place": needed,
            **({"visit": True} if visited else {}),
            **({"found": COLD} if cold else {}),
        }
    return found
