# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an event says: who did what to what, when, with which outcome. Touches nothing but the clock.

The core is that of CADF: id, time, action, outcome, initiator, target, observer; an intent is followed by an outcome
that names it in ``correlation``.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from typing import Any

from .._common.canonical import canonical
from .._common.clock import utc
from .._common.errors import InputError
from .levels import FULL, METADATA

STAGES = INTENT, OUTCOME = "intent", "outcome"
PENDING = "pending"
OUTCOMES = ("success", "failure", "refused", "unknown", PENDING)
LOG = "audit.log"
TEXTS = (
    "type",
    "operation",
    "action",
    "result",
    "target",
    "observer",
    "environment",
    "version",
    "commit",
    "strategy",
    "change_request",
    "deployment",
    "correlation",
    "id",
)
NUMBERS = ("duration_ms", "token")
FIELDS = ("time", "stage", "outcome", "initiator", "compliance_profiles", *TEXTS, *NUMBERS, "details")
_KNOWN = frozenset(FIELDS)
_REQUIRED = ("type", "operation")


def event(fields: Mapping[str, Any], level: str = FULL) -> dict[str, Any]:
    """A whole event; fields that are not given, or empty, are left out.

    :param fields: those of FIELDS but ``time``, which is now.
    :param level: ``metadata`` leaves ``details`` out.
    :raises InputError: a field is missing or unknown.
    """
    if not fields.keys() <= _KNOWN:
        unknown = min(fields.keys() - _KNOWN)
        raise InputError(
            f"an event has no field {unknown}",
            where=f"events: {unknown}",
            remedy="put it into details",
        )
    if fields.get("type") == LOG:
        raise InputError(f"the type {LOG} is that of the log itself", where="events: type", remedy="choose another")
    return _whole(fields, level)


def _whole(fields: Mapping[str, Any], level: str) -> dict[str, Any]:
    given = {name: value for name, value in fields.items() if value or isinstance(value, (int, float))}
    for name in _REQUIRED:
        if name not in given:
            raise InputError("an event needs it", where=f"events: {name}", remedy="give it")
    stage = given.get("stage", OUTCOME)
    if stage not in STAGES or given.get("outcome", PENDING) not in OUTCOMES:
        raise InputError(
            "an event has no such stage or outcome",
            where="events: stage, outcome",
            remedy=f"the stage is one of {', '.join(STAGES)}, the outcome one of {', '.join(OUTCOMES)}",
        )
    made = {
        "action": given["operation"],
        "observer": socket.gethostname(),
        **given,
        "id": given.get("id") or uuid.uuid4().hex,
        "time": utc(),
        "stage": stage,
        "outcome": PENDING if stage == INTENT else given.get("outcome", "unknown"),
    }
    if level == METADATA:
        made.pop("details", None)
    return made


def refuse_ambiguous(made: Mapping[str, Any]) -> None:
    """Refuse what has no canonical form, naming the field; the log itself does so before it writes.

    :raises InputError: such as a float, which JSON readers may not agree on.
    """
    try:
        canonical(dict(made))
    except (ValueError, TypeError, RecursionError):
        for name, value in made.items():
            _refuse_field(name, value)
        raise


def _refuse_field(name: str, value: Any) -> None:
    try:
        canonical({name: value})
    except (ValueError, TypeError, RecursionError) as exc:
        reason = "it has half of a surrogate pair" if isinstance(exc, UnicodeEncodeError) else str(exc)
        raise InputError(
            f"the event cannot be recorded: {reason}",
            where=f"events: {name}",
            remedy="write numbers with a fraction as text or in smaller units, and keys in ASCII",
        ) from None


def of_log(operation: str, **details: Any) -> dict[str, Any]:
    """An event of the log about itself."""
    return _whole({"type": LOG, "operation": operation, "outcome": "success", "details": details}, FULL)
