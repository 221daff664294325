# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A flag as a JSON document: enabled, kill_switch, and rollout with strategy, percentage and user_segments.

Touches nothing. What else a document has stays in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.errors import InputError
from .model import EVERYBODY, FULL, KILL_SWITCH, OFF, STICKY, STRATEGIES, Flag, wanted


def document(flag: Flag, existing: Mapping[str, Any]) -> dict[str, Any]:
    """The document of a flag.

    :param existing: the one before; what is not about the rollout is kept.
    """
    rollout = existing.get("rollout")
    made = {
        **existing,
        "enabled": not flag.off_for_all,
        "kill_switch": flag.killed,
        "rollout": {
            **(rollout if isinstance(rollout, Mapping) else {}),
            "strategy": flag.strategy,
            "percentage": flag.percentage,
            "user_segments": list(flag.segments) or [EVERYBODY],
        },
    }
    _optional(made["rollout"], "tenants", dict(sorted(flag.tenants.items())), {})
    _optional(made["rollout"], "sticky", flag.sticky, STICKY)
    return made


def _optional(found: dict[str, Any], name: str, value: Any, default: Any) -> None:
    if value == default:
        found.pop(name, None)
    else:
        found[name] = value


def read_document(name: str, found: Any) -> Flag:
    """The flag that a document says, as who evaluates it understands it.

    :raises ValueError: it does not say one.
    """
    if not isinstance(found, Mapping):
        raise ValueError("it is no object")
    for key in ("enabled", "kill_switch"):
        if not isinstance(found.get(key, False), bool):
            raise ValueError(f"its {key} is neither true nor false")
    rollout = found.get("rollout") or {}
    if not isinstance(rollout, Mapping):
        raise ValueError("its rollout is no object")
    strategy = rollout.get("strategy") or (FULL if found.get("enabled") else OFF)
    if found.get("kill_switch") is True:
        return Flag(name, KILL_SWITCH)
    if strategy == KILL_SWITCH:
        return Flag(name, OFF)
    if strategy not in STRATEGIES:
        raise ValueError(f"its strategy is {strategy!r}")
    segments, tenants = rollout.get("user_segments") or [], rollout.get("tenants") or {}
    percentage = rollout.get("percentage")
    if isinstance(percentage, float) and percentage.is_integer():
        percentage = int(percentage)
    sound = isinstance(percentage, int) or percentage is None
    if not sound or not isinstance(segments, list) or not isinstance(tenants, Mapping):
        raise ValueError("its rollout is not of the form that is written here")
    flag = _checked(name, strategy, percentage, [str(one) for one in segments], tenants, rollout)
    return flag if found.get("enabled") is not False or flag.off_for_all else Flag(name, OFF)


def _checked(
    name: str,
    strategy: str,
    percentage: int | None,
    segments: list[str],
    tenants: Mapping[str, Any],
    rollout: Mapping[str, Any],
) -> Flag:
    sticky = str(rollout.get("sticky") or STICKY)
    try:
        return wanted(name, strategy, percentage=percentage, segments=segments, tenants=tenants, sticky=sticky)
    except InputError as exc:
        raise ValueError(exc.what) from exc
