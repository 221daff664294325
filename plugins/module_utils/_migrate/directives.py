# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration says about itself: comments at its top that begin with ``slipway:``. Touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from .._common.errors import InputError

EXPAND, MIGRATE, CONTRACT = "expand", "migrate", "contract"
PHASES = (EXPAND, MIGRATE, CONTRACT)
KNOWN = "phase, transaction, lock_timeout, statement_timeout, placeholders, allow and undo"
_UNITS = {"ms": 1, "s": 1_000, "min": 60_000, "h": 3_600_000}
_DIRECTIVE = re.compile(r"\s*--\s*slipway:\s*(?P<name>\S*)\s*(?P<value>.*?)\s*")


@dataclass(frozen=True)
class Directives:
    """What the top of a file says.

    :param lock_timeout: milliseconds; ``None`` when the file does not say.
    :param statement_timeout: milliseconds; ``None`` when the file does not say.
    :param waivers: reasons by rule of the lint.
    """

    phase: str = EXPAND
    transaction: bool = True
    placeholders: bool = True
    lock_timeout: int | None = None
    statement_timeout: int | None = None
    waivers: dict[str, str] = field(default_factory=dict)


def directive_in(line: str) -> tuple[str, str] | None:
    """Name and value of the directive that a line is; ``None`` when it is none."""
    found = _DIRECTIVE.fullmatch(line.rstrip("\n"))
    return (found["name"], found["value"]) if found else None


def with_directive(known: Directives, name: str, value: str, where: str) -> Directives:
    """``known`` and one directive more.

    :raises InputError: it is unknown, or has no such value.
    """
    if name == "phase":
        return replace(known, phase=_one_of(value, PHASES, where))
    if name in ("transaction", "placeholders"):
        on = _one_of(value, ("on", "off"), where) == "on"
        return replace(known, transaction=on) if name == "transaction" else replace(known, placeholders=on)
    if name == "lock_timeout":
        return replace(known, lock_timeout=milliseconds(value, where))
    if name == "statement_timeout":
        return replace(known, statement_timeout=milliseconds(value, where))
    if name == "allow":
        return replace(known, waivers={**known.waivers, **_waiver(value, where)})
    raise InputError(f"the directive 'slipway:{name}' is unknown", where=where, remedy=f"known are {KNOWN}")


def milliseconds(value: str, where: str) -> int:
    """A duration with its unit.

    :raises InputError: it is none, or it is 0, which PostgreSQL takes for no limit.
    """
    found = re.fullmatch(r"(\d+)\s*(ms|s|min|h)", value)
    if not found or int(found[1]) == 0:
        raise InputError(
            f"'{value}' is no duration", where=where, remedy="write a number above 0 and ms, s, min or h, such as 500ms"
        )
    return int(found[1]) * _UNITS[found[2]]


def _one_of(value: str, choices: tuple[str, ...], where: str) -> str:
    if value not in choices:
        raise InputError(f"'{value}' is not one of {', '.join(choices)}", where=where, remedy="write one of them")
    return value


def _waiver(value: str, where: str) -> dict[str, str]:
    rule, _colon, reason = value.partition(":")
    if not re.fullmatch(r"[a-z0-9-]+", rule.strip()) or not reason.strip():
        raise InputError(
            "a waiver needs a rule and a reason",
            where=where,
            remedy="write '-- slipway:allow RULE: why it is safe here'",
        )
    return {rule.strip(): reason.strip()}
