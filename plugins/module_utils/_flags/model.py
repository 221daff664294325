# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is wanted of a feature flag, in one form for every store. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from .._common.errors import InputError

OFF, CANARY, GRADUAL, FULL, KILL_SWITCH = STRATEGIES = ["off", "canary", "gradual", "full", "kill_switch"]
EVERYBODY = "all"
STICKY = "targetingKey"
NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9_])?")
NAME_OF_OTHERS = re.compile(r"[^\s\x00-\x1f\x7f\"'\\]{1,200}")


@dataclass(frozen=True)
class Flag:
    """One boolean flag, and who has it.

    :param percentage: share of those in the segments who have it, always the same users, and more as it grows.
    :param segments: names of user segments; everybody when empty.
    :param tenants: tenants for whom it is on or off whatever the rest says, except for ``kill_switch``.
    :param sticky: what the share is drawn by; another one draws other users.
    """

    name: str
    strategy: str
    percentage: int = 0
    segments: tuple[str, ...] = ()
    tenants: Mapping[str, bool] = field(default_factory=dict)
    sticky: str = STICKY

    def tenants_with(self, on: bool) -> list[str]:
        """The tenants for whom it is on, or off, whatever the rest says."""
        return sorted(tenant for tenant, value in self.tenants.items() if value is on)

    @property
    def killed(self) -> bool:
        """Nobody has it until it is revived."""
        return self.strategy == KILL_SWITCH

    @property
    def off_for_all(self) -> bool:
        """Nobody has it, no tenant either."""
        return self.percentage == 0 and not self.tenants_with(True)

    @property
    def on_for_all(self) -> bool:
        """Everybody has it, every tenant too."""
        return self.percentage == 100 and not self.segments and not self.tenants_with(False)

    @property
    def drawn(self) -> bool:
        """Some of the users are drawn, by ``sticky``."""
        return 0 < self.percentage < 100

    def same_users(self, other: Flag) -> bool:
        """Whether both give the feature to the same users."""
        return _reach(self) == _reach(other)

    def to_dict(self) -> dict[str, Any]:
        """The form that modules return."""
        return {
            "name": self.name,
            "strategy": self.strategy,
            "percentage": self.percentage,
            "segments": list(self.segments),
            "tenants": dict(sorted(self.tenants.items())),
            "sticky": self.sticky,
        }


def _reach(flag: Flag) -> tuple[Any, ...]:
    if flag.off_for_all or flag.on_for_all:
        return (flag.percentage,)
    segments = flag.segments if flag.percentage else ()
    return flag.percentage, segments, dict(flag.tenants), flag.sticky if flag.drawn else ""


def wanted(
    name: str,
    strategy: str,
    *,
    percentage: int | None = None,
    segments: Iterable[str] = (),
    tenants: Mapping[str, Any] | None = None,
    sticky: str = STICKY,
    where: str = "",
) -> Flag:
    """The flag that an operator asks for.

    :param percentage: of ``canary``, 100 when omitted, or of ``gradual``, which must have it.
    :param where: how messages name this place, with a dot at its end; empty for a module's own options.
    :raises InputError: what is asked for contradicts itself.
    """
    if not (NAME_OF_OTHERS if strategy == KILL_SWITCH else NAME).fullmatch(name):
        what = f"{name!r} is no name of a flag"
        remedy = "use at most 100 letters, digits, '.', '-' and '_', with a letter or digit at the start"
        raise InputError(what, where=f"{where}name", remedy=remedy)
    if strategy not in STRATEGIES:
        raise InputError(
            f"{strategy!r} is no strategy", where=f"{where}strategy", remedy=f"use {', '.join(STRATEGIES)}"
        )
    named = _segments(segments, where)
    share = _percentage(strategy, percentage, where)
    if named and strategy not in (CANARY, GRADUAL):
        raise InputError(f"{strategy} has no segments", where=f"{where}segments", remedy="remove them")
    if strategy == CANARY and not named:
        remedy = "name them, or use gradual for a share of all users"
        raise InputError(
            "a canary is for segments of the users, and none is named", where=f"{where}segments", remedy=remedy
        )
    overrides = _tenants(tenants or {}, where)
    if overrides and strategy == KILL_SWITCH:
        raise InputError("a kill switch has no exception", where=f"{where}tenants", remedy="remove them")
    if not sticky or re.search(r"[\s\x00-\x1f]", sticky):
        raise InputError(f"{sticky!r} names nothing", where=f"{where}sticky", remedy="name a field such as userId")
    return Flag(name, strategy, share, named, overrides, sticky)


def _percentage(strategy: str, given: int | None, where: str) -> int:
    place = f"{where}percentage"
    fixed = {OFF: 0, KILL_SWITCH: 0, FULL: 100}.get(strategy)
    if fixed is not None:
        if given not in (None, fixed):
            remedy = f"remove it, or use {GRADUAL}"
            raise InputError(f"{strategy} has {fixed} %, not {given}", where=place, remedy=remedy)
        return fixed
    if given is None:
        if strategy == CANARY:
            return 100
        raise InputError("it is missing", where=place, remedy="say which share of the users has the feature")
    if not 0 <= given <= 100:
        raise InputError(f"{given} is no percentage", where=place, remedy="use 0 to 100")
    return given


def _segments(given: Iterable[str], where: str) -> tuple[str, ...]:
    names = sorted(set(given))
    if "" in names:
        raise InputError("a segment has no name", where=f"{where}segments", remedy="name it, or remove it")
    if EVERYBODY not in names:
        return tuple(names)
    if len(names) > 1:
        what = f"'{EVERYBODY}' is beside other segments"
        raise InputError(what, where=f"{where}segments", remedy=f"name '{EVERYBODY}' alone, or remove it")
    return ()


def _tenants(given: Mapping[str, Any], where: str) -> dict[str, bool]:
    for tenant, value in given.items():
        if not isinstance(value, bool) or not tenant:
            what = f"the override of {tenant!r} is neither true nor false"
            raise InputError(what, where=f"{where}tenants", remedy="write it as 'tenant: true' or 'tenant: false'")
    return {str(tenant): value for tenant, value in given.items()}
