# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a deployment parks, and what a run that finds it parked does: wait, go on, or go back.

Touches nothing. Plans and requests without a park are what they were before there were any.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .._balancer.watch import LONGEST
from .._inputs.spec import BEFORE_MIGRATIONS
from .._inputs.validate import Inputs
from .fleet import Fleet
from .rollout import Batch, Course, Park, Rollout, Step

BEFORE_TRAFFIC = "before_traffic"
BEFORE_SETTLE = "before_settle"
# Of plans that park: versions that know nothing of it refuse the recorded ones.
SCHEMA = 2


def planned(
    inputs: Inputs,
    course: Course,
    chosen: Rollout,
    steps: Sequence[Step],
    batches: Sequence[Batch],
    *,
    migrates: bool = False,
) -> dict[str, Any]:
    """What the plan says of it. A rollback does not wait; what moves no traffic waits before it migrates alone.

    :param migrates: files of migrations are due.
    """
    if inputs.verb == "rollback":
        return {}
    of_steps = {park.stage: park for park in chosen.parks(inputs)}
    parks = [_park(Park(BEFORE_MIGRATIONS, 0, True), "", course.percents_before, None)] if migrates else []
    if course.slot != course.stable_slot:
        parks += _of_traffic(inputs, course, of_steps, steps, batches)
    wanted = [park for park in parks if park["stage"] in {*inputs.approvals, *of_steps}]
    return {"schema": SCHEMA, "parks": wanted} if wanted else {}


def _of_traffic(
    inputs: Inputs, course: Course, of_steps: Mapping[str, Park], steps: Sequence[Step], batches: Sequence[Batch]
) -> list[dict[str, Any]]:
    """Every place where traffic that moves could wait."""
    hold = {**inputs.watch, "seconds": LONGEST, "return_to": course.percents_before} if not batches else None
    last = [part.name for part in (batches or steps)][-1]
    return [
        _park(Park(BEFORE_TRAFFIC, 0, True), "", course.percents_before, None),
        *(_park(of_steps[step.name], "", step.percents, hold) for step in steps if step.name in of_steps),
        _park(Park(BEFORE_SETTLE, 0, True), last, course.percents_after, hold),
    ]


def asked(inputs: Inputs) -> dict[str, Any]:
    """What the request says of the points at which every rollout waits for an approval."""
    return {"approvals": sorted(inputs.approvals)} if inputs.approvals and inputs.verb != "rollback" else {}


def steps_asked(inputs: Inputs) -> list[dict[str, Any]]:
    """The canary's steps as the request says them: without options that earlier versions did not have."""
    new = ("approval", "park")
    return [{name: value for name, value in step.items() if name not in new or value} for step in inputs.canary_steps]


def found(fleet: Fleet, unfinished: Mapping[str, Any]) -> dict[str, Any]:
    """What a run makes of an unfinished deployment that is parked, as values of ``Planned``; nothing of another one."""
    parked = unfinished.get("parked")
    if not parked:
        return {}
    back = _way_back(fleet, unfinished, parked["stage"])
    if back:
        return {"way_back": back}
    return {"parked": {**parked, "deployment": unfinished["deployment"]}} if parked["waits_for"] else {}


def _way_back(fleet: Fleet, unfinished: Mapping[str, Any], stage: str) -> str:
    """Why it can only go back: a balancer does not give its slot any more what it had when it was parked."""
    plan, deployment = unfinished["plan"], unfinished["deployment"]
    percents = next(park["percents"] for park in plan["parks"] if park["stage"] == stage)
    slot = plan["slot"]
    returned = [
        balancer.name
        for balancer in fleet.balancers
        if balancer.percents[slot] < percents[slot] or balancer.has_returned(deployment)
    ]
    return f"{', '.join(returned)} returned the traffic while it was parked at {stage}" if returned else ""


def _park(park: Park, after: str, percents: Mapping[str, int], hold: Mapping[str, Any] | None) -> dict[str, Any]:
    """A park of the plan.

    :param after: stage that is done when it comes to this one, where nothing else records that.
    :param percents: those of the traffic meanwhile.
    :param hold: how the balancers watch it; ``None`` where nothing is held that could return.
    """
    return {
        "stage": park.stage,
        "after": after,
        "seconds": park.seconds,
        "approval": park.approval,
        "percents": dict(percents),
        "hold": hold and dict(hold),
    }
