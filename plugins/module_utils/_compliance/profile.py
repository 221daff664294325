# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One compliance profile, or several that were combined. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._common.errors import InputError
from .._inputs.reading import Reading

ENFORCEMENTS = ("none", "warn", "block")
METHODS = ("none", "hmac", "mask")
SEPARATIONS = ("author_approver", "approver_deployer", "author_deployer")
REQUEST_FIELDS = ("id", "justification", "risk", "author")
VARIABLE = "slipway_compliance"
DEFAULT_MAX_AGE = 604800
LONGEST_AGE = 366 * 86400

_NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}
_RETENTION: dict[str, Any] = {
    "days": {"type": "int", "default": 0},
    "at_hand_days": {"type": "int", "default": 0},
    "at_most_days": {"type": "int", "default": 0},
}
_REDACTION: dict[str, Any] = {
    "method": {"type": "str", "default": "none", "choices": list(METHODS)},
    "fields": _NAMES,
}
_APPROVALS: dict[str, Any] = {
    "groups": _NAMES,
    "ddl": _NAMES,
    "max_age": {"type": "int", "default": DEFAULT_MAX_AGE},
    "separate": {**_NAMES, "choices": list(SEPARATIONS)},
    "deployers": _NAMES,
}
SPEC: dict[str, Any] = {
    "name": {"type": "str", "required": True, "description": "Name of the profile."},
    "title": {"type": "str", "required": True, "description": "What the profile is of."},
    "enforcement": {"type": "str", "default": "block", "choices": list(ENFORCEMENTS)},
    "retention": {"type": "dict", "default": {}, "options": _RETENTION},
    "gates": _NAMES,
    "redaction": {"type": "dict", "default": {}, "options": _REDACTION},
    "change_request": {**_NAMES, "choices": list(REQUEST_FIELDS)},
    "approvals": {"type": "dict", "default": {}, "options": _APPROVALS},
    "region_required": {"type": "bool", "default": False},
    "root_cause_hours": {"type": "int", "default": 0},
}


@dataclass(frozen=True)
class Profile:
    """What is asked for.

    :param retention_days: how long the audit log is kept at least.
    :param at_hand_days: how much of it can be read at once.
    :param at_most_days: how long it may be kept; 0 for ever.
    :param gates: what must have passed before a deployment.
    :param redact: names of fields that are shown to nobody.
    :param redaction: how they are hidden.
    :param region_required: whether it must be said where data may be.
    :param root_cause_hours: when the note about a rollback is due; 0 for never.
    :param notes: what had to be decided between profiles that contradict each other.
    """

    name: str
    title: str
    enforcement: str
    retention_days: int
    at_hand_days: int
    at_most_days: int
    gates: tuple[str, ...]
    redact: tuple[str, ...]
    redaction: str
    change_request: tuple[str, ...]
    approving: tuple[str, ...]
    ddl: tuple[str, ...]
    approval_max_age: int
    separate: tuple[str, ...]
    deployers: tuple[str, ...]
    region_required: bool
    root_cause_hours: int
    notes: tuple[str, ...] = ()


def read_profile(given: Mapping[str, Any], source: str) -> Profile:
    """Read a profile.

    :param source: the name or the file, for messages.
    :raises InputError: the first thing that is wrong, with its place and a remedy.
    """
    where = f"{VARIABLE} ({source})"
    reading = Reading({where: {"type": "dict", "options": SPEC}}, {where: dict(given)}, {})
    if reading.problems:
        raise reading.problems[0]
    values = reading.values[where]
    retention = _filled(_RETENTION, values["retention"])
    redaction = _filled(_REDACTION, values["redaction"])
    approvals = _filled(_APPROVALS, values["approvals"])
    profile = Profile(
        name=values["name"],
        title=values["title"],
        enforcement=values["enforcement"],
        retention_days=retention["days"],
        at_hand_days=retention["at_hand_days"],
        at_most_days=retention["at_most_days"],
        gates=tuple(values["gates"]),
        redact=tuple(redaction["fields"]),
        redaction=redaction["method"],
        change_request=tuple(values["change_request"]),
        approving=tuple(approvals["groups"]),
        ddl=tuple(approvals["ddl"]),
        approval_max_age=approvals["max_age"],
        separate=tuple(approvals["separate"]),
        deployers=tuple(approvals["deployers"]),
        region_required=values["region_required"],
        root_cause_hours=values["root_cause_hours"],
    )
    _refuse_impossible(profile, where)
    return profile


def _refuse_impossible(profile: Profile, where: str) -> None:
    numbers = {
        "retention.days": profile.retention_days,
        "retention.at_hand_days": profile.at_hand_days,
        "retention.at_most_days": profile.at_most_days,
        "root_cause_hours": profile.root_cause_hours,
        "approvals.max_age": profile.approval_max_age - 1,
    }
    for option, number in numbers.items():
        if number < 0:
            raise InputError("it is too small", where=f"{where}.{option}", remedy="use a greater number")
    if profile.approval_max_age > LONGEST_AGE:
        raise InputError(
            "it is too great", where=f"{where}.approvals.max_age", remedy=f"use at most {LONGEST_AGE} seconds"
        )
    if profile.at_most_days and profile.at_most_days < max(profile.retention_days, profile.at_hand_days):
        raise InputError(
            "the audit log would have to be kept longer than it may",
            where=f"{where}.retention",
            remedy="let at_most_days be no less than days and at_hand_days",
        )
    if profile.redact and profile.redaction == "none":
        raise InputError("fields are named, but not how", where=f"{where}.redaction.method", remedy="use mask or hmac")


def _filled(options: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    return {**{name: option.get("default") for name, option in options.items()}, **given}
