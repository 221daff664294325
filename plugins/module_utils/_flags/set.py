# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sets one flag: refuses what would surprise, changes the store, and reads back what evaluators get.

Touches what the store keeps; in check mode nothing.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from .._common.errors import InputError, StateError, SystemFailure
from .._common.fence import Fence
from .base import Change, Provider, Unmanaged
from .evaluator import Evaluator
from .model import NAME, Flag

PAUSE = 0.2
LONGEST_VERIFY = 300


class Killed(StateError):
    """The flag was killed, and was not asked to be revived."""


@dataclass(frozen=True)
class Request:
    """What is asked for.

    :param revive: a flag that was killed may be something else again.
    :param verify: seconds within which evaluators must have it.
    """

    flag: Flag
    revive: bool = False
    verify: int = 30


def set_flag(
    provider: Provider,
    request: Request,
    evaluator: Evaluator | None = None,
    *,
    fence: Fence | None = None,
    check_mode: bool = False,
) -> dict[str, Any]:
    """Set a flag and see that it is what evaluators get.

    :param fence: of a deployment; what no deployment asks for has none.
    :raises SlipwayError: it is refused, cannot be written, or is not what evaluators get.
    """
    flag = request.flag
    provider.refuse(flag)
    _refuse_new(provider, flag)
    began = time.monotonic()
    with nullcontext() if fence is None or check_mode else fence.held():
        if fence:
            fence.check()
        change = provider.change(flag, lambda before: _allow(before, request, provider), dry=check_mode)
    return {
        "changed": change.written,
        "flag": change.after.to_dict(),
        "before": change.before.to_dict() if change.before else None,
        "users": "lose" if change.foreign else users(change.before, change.after),
        "store": provider.place(),
        "takes_effect": "at_once" if provider.capabilities.at_once else "on_restart",
        "verified": None if check_mode else verify(provider, request, change, evaluator, began),
        "warnings": warnings(provider, change),
    }


def _refuse_new(provider: Provider, flag: Flag) -> None:
    """Refuse to make a flag whose name is only good enough for one that is there.

    :raises InputError: it is not there.
    """
    if NAME.fullmatch(flag.name):
        return
    try:
        found = provider.find(flag.name)
    except (Unmanaged, SystemFailure):
        return
    if found is None:
        what = f"there is no flag {flag.name!r} in {provider.place()}, and none can have that name"
        raise InputError(what, where="name", remedy="correct the name")


def _allow(before: Flag | None, request: Request, provider: Provider) -> None:
    flag = request.flag
    if before is None:
        return
    if before.killed and not flag.killed and not request.revive:
        raise Killed(
            f"flag {flag.name} was killed",
            where=provider.place(),
            remedy="once its cause is gone, set it with revive: true (slipway_flags_revive=true in flags.yml)",
        )
    if before.drawn and flag.drawn and before.sticky != flag.sticky:
        raise StateError(
            f"the users of flag {flag.name} are drawn by {before.sticky}; by {flag.sticky} they would be others",
            where=provider.place(),
            remedy=f"set sticky to {before.sticky}, or set the flag to off before",
        )


def users(before: Flag | None, after: Flag) -> str:
    """What becomes of those who had the feature: ``keep`` when all have it on, ``lose`` when some may not."""
    if before is None or before.off_for_all or after.on_for_all:
        return "keep"
    grown = after.percentage >= before.percentage and (before.sticky == after.sticky or after.percentage == 100)
    wider = not after.segments or (bool(before.segments) and set(before.segments) <= set(after.segments))
    tenants = set(after.tenants_with(False)) <= set(before.tenants_with(False)) and (
        set(before.tenants_with(True)) <= set(after.tenants_with(True)) or after.on_for_all
    )
    return "keep" if grown and (wider or before.percentage == 0) and tenants else "lose"


def gains(before: Flag | None, after: Flag) -> bool:
    """Whether somebody may get the feature who does not have it; nobody knows who has one that is not understood."""
    return not after.off_for_all and (before is None or users(before=after, after=before) != "keep")


def verify(
    provider: Provider, request: Request, change: Change, evaluator: Evaluator | None, began: float
) -> dict[str, Any]:
    """Read back until evaluators get what was set.

    :raises SystemFailure: they do not in time.
    """
    after = change.after
    deadline = time.monotonic() + request.verify
    while True:
        complaint = _complaint(provider, change) or _evaluated(evaluator, after)
        if not complaint:
            by = evaluator.place() if evaluator else provider.place()
            return {"by": by, "elapsed_ms": int((time.monotonic() - began) * 1000)}
        if time.monotonic() >= deadline:
            raise SystemFailure(
                f"flag {after.name} was set, and after {request.verify} s {complaint}",
                where=evaluator.place() if evaluator else provider.place(),
                remedy="see who else writes it, and that those who evaluate it follow this store; then run again",
            )
        time.sleep(PAUSE)


def _complaint(provider: Provider, change: Change) -> str:
    after = change.after
    try:
        found = provider.seen(after.name)
    except (Unmanaged, SystemFailure) as exc:
        return exc.what
    if found is None:
        return "the store does not have it"
    if not found.same_users(after) or (
        provider.capabilities.marks and change.marked and found.killed is not after.killed
    ):
        return f"the store has {found.strategy} with {found.percentage} %"
    return ""


def _evaluated(evaluator: Evaluator | None, flag: Flag) -> str:
    try:
        return evaluator.complaint(flag) if evaluator else ""
    except SystemFailure as exc:
        return f"the evaluator fails: {exc.what}"


def warnings(provider: Provider, change: Change) -> list[str]:
    """What an operator must know beside the result."""
    place, after = provider.place(), change.after
    if not after.killed:
        return []
    said = []
    if provider.capabilities.to_do and change.written:
        said.append(f"{place}: {provider.capabilities.to_do}")
    if not change.marked and provider.capabilities.marks:
        said.append(f"{place}: the flag is only true or false there, so that it was killed is not remembered")
    if change.foreign:
        said.append(f"{place}: what flag {after.name} was is not understood, so who had the feature is not known")
    elif change.before is None:
        said.append(f"{place}: there was no flag {after.name}; see that its name is right")
    return said
