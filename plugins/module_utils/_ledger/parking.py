# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parking and approval: from the record of an unfinished deployment to the one after it. Touches nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .._common.errors import InputError, LeaseError, StateError
from .lease import Clock
from .parked import ISO, Parked
from .who import Who


def parked_of(opened: dict[str, Any] | None) -> Parked | None:
    """Where it is parked; ``None`` when it is not."""
    return Parked.from_record((opened or {}).get("parked"))


def park_of(plan: dict[str, Any], deployment: str, stage: str) -> dict[str, Any]:
    """What the plan says of parking at a stage.

    :raises InputError: it does not park there.
    """
    found = [park for park in plan.get("parks", []) if park["stage"] == stage]
    if not found:
        raise InputError(
            f"the plan of deployment {deployment} does not park at {stage!r}",
            where="stage",
            remedy="name a stage of the plan's parks",
        )
    return dict(found[0])


def with_park(
    opened: dict[str, Any], asked: dict[str, Any], stage: str, holder: str, time: Clock
) -> tuple[dict[str, Any], Parked]:
    """The record with the stage done and the deployment parked there, and how it is parked.

    :param asked: what the plan says of parking there.
    """
    done = [name for name in (asked["after"], stage) if name and name not in opened["committed"]]
    parked = Parked.at(stage, holder, asked["seconds"], asked["approval"], time)
    return {**opened, "committed": opened["committed"] + done, "parked": parked.record()}, parked


def to_approve(opened: dict[str, Any], deployment: str, stage: str, plan_digest: str, where: str) -> Parked:
    """What an approval of this deployment, stage and plan is for.

    :raises StateError: this is not what is parked, or it waits for no approval.
    """
    parked = parked_of(opened)
    found = (opened.get("deployment"), opened.get("digest"), parked.stage if parked else "")
    if parked is None or found != (deployment, plan_digest, stage):
        raise StateError(
            f"deployment {deployment} is not parked at {stage} with this plan",
            where=where,
            remedy="nothing was approved; look at it with status.yml",
        )
    if not parked.approval:
        raise StateError(
            f"deployment {deployment} waits for no approval at {stage}, but until {parked.until}",
            where=where,
            remedy="nothing was approved; run the same deployment again when its time has come",
        )
    return parked


def refuse_own(opened: dict[str, Any], parked: Parked, operator: str, where: str) -> None:
    """Refuse the approval of the user who has begun it, or has run it to there.

    :raises LeaseError: it is that one.
    """
    own = Who.read(operator)
    holders = sorted({parked.holder, opened.get("holder", parked.holder)})
    shared = next(filter(None, (own.shares_with(Who.read(holder)) for holder in holders)), "")
    if shared:
        raise LeaseError(
            f"{shared} has begun this deployment, or has run it to where it is parked",
            where=where,
            remedy="let another operator approve it; slipway_self_approval lets this one, and that is recorded",
        )


def has_approved(opened: dict[str, Any], stage: str, operator: str) -> bool:
    """Whether the operator has approved it already."""
    return any((item["stage"], item["operator"]) == (stage, operator) for item in opened.get("approvals", []))


def with_approval(
    opened: dict[str, Any], parked: Parked, operator: str, reason: str, time: Clock
) -> tuple[dict[str, Any], Parked]:
    """The record with the approval, and how it is parked then."""
    given = {"stage": parked.stage, "operator": operator, "reason": reason, "given": time.now().strftime(ISO)}
    approved = replace(parked, approved=True)
    return {**opened, "parked": approved.record(), "approvals": [*opened.get("approvals", []), given]}, approved


def refuse_waiting(opened: dict[str, Any] | None, time: Clock, where: str) -> None:
    """Refuse to go on with what is parked and waits.

    :raises StateError: it waits.
    """
    parked = parked_of(opened)
    waits = parked.waits_for(time) if parked else ""
    if parked and waits:
        raise StateError(
            f"the deployment is parked at {parked.stage} {waits}",
            where=where,
            remedy="nothing was changed; run it again then, or end it with abort.yml",
        )
