# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns flags of one store back to what they were, each by itself, and within a given time.

Touches what the store keeps; in check mode nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from .._audit.operation import UNCHANGED, Auditor
from .._common.errors import SlipwayError
from .base import Provider
from .model import wanted
from .set import Killed, Request, set_flag

LATE = "no time was left"
KILLED = "killed"


def restore(
    provider: Provider, flags: Iterable[Mapping[str, Any]], seconds: int, audit: Auditor, *, check_mode: bool = False
) -> dict[str, Any]:
    """Turn each flag back; one that cannot be does not keep the others from it.

    :param flags: as they were, with the options of ``flag_set``.
    :param seconds: after which no other flag is begun.
    :returns: whether anything ``changed``; names of flags that are ``restored``, and of those that were ``killed``
        meanwhile and stay so; and what is ``left``, each with its ``name`` and ``why``.
    """
    until = time.monotonic() + seconds
    made: dict[str, Any] = {"changed": False, "restored": [], KILLED: [], "left": []}
    for flag in flags:
        name = str(flag["name"])
        if time.monotonic() >= until:
            made["left"].append({"name": name, "why": LATE})
            continue
        try:
            result = _one(provider, flag, audit, check_mode=check_mode)
        except SlipwayError as exc:
            made["left"].append({"name": name, "why": exc.message()})
        else:
            made["changed"] = made["changed"] or result == "changed"
            made[KILLED if result == KILLED else "restored"].append(name)
    return made


def _one(provider: Provider, flag: Mapping[str, Any], audit: Auditor, *, check_mode: bool) -> str:
    """What became of it: ``changed``, ``unchanged`` or ``killed``."""
    details = {"strategy": flag["strategy"], "percentage": flag.get("percentage")}
    with audit.operation("flag", "restore", target=str(flag["name"]), details=details) as act:
        try:
            request = Request(wanted(**{name: value for name, value in flag.items() if value is not None}), verify=0)
            changed = set_flag(provider, request, check_mode=check_mode)["changed"]
            act.result = "changed" if changed else UNCHANGED
        except Killed:
            act.result = KILLED
    return act.result
