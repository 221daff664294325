# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances that a deployment took out, of lost hosts among others, stay out until another one has gated them again.

Touches nothing. The ledger remembers them, so that what an operator took out by hand stays out.
"""

from __future__ import annotations

from collections.abc import Sequence

from .fleet import Fleet
from .rollout import Batch, Course


def servers(fleet: Fleet, course: Course, batches: Sequence[Batch]) -> dict[str, dict[str, str]]:
    """Instance to the state that every balancer is asked for: with the switch, when it is settled, and in an undo.

    The other slot of a lost host follows at the end: until then a failure returns the traffic to it. What a failure
    stops in the slot that serves is taken out first.
    """
    switch = {f"{course.slot}-{host}": "quarantine" for host in fleet.lost}
    switch.update(dict.fromkeys(_admitted(fleet, course.slot), "ready"))
    other = course.stable_slot if course.stable_slot != course.slot else ""
    return {
        "switch": switch,
        "settle": {f"{other}-{host}": "quarantine" for host in fleet.lost if other},
        "undo": {
            **{f"{course.slot}-{host}": "ready" for batch in batches for host in batch.hosts},
            **dict.fromkeys(_stopped_beside_others(course), "quarantine"),
        },
    }


def _stopped_beside_others(course: Course) -> list[str]:
    """Instances that a failure stops in the slot that serves, where others of it go on serving."""
    stopped = [host for host, placed in course.place.items() if placed]
    beside = course.slot == course.stable_slot and len(stopped) < len(course.place)
    return [f"{course.slot}-{host}" for host in stopped] if beside else []


def changes(fleet: Fleet, course: Course) -> bool:
    """Whether a host that has come back is to take traffic again."""
    return bool(_admitted(fleet, course.slot))


def _admitted(fleet: Fleet, slot: str) -> list[str]:
    here = {f"{slot}-{host.name}" for host in fleet.applications}
    return sorted(here & fleet.left_out)
