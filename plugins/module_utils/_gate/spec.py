# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the options of ``health_gate`` to checks.

Touches nothing. Adding a type of check means one more file with a probe, and one more line in ``PROBES``.
"""

from __future__ import annotations

from typing import Any, Callable

from .._common.errors import InputError
from .command import CommandProbe
from .http import CREDENTIAL_HEADER, HttpProbe
from .model import Check, Probe, Timing
from .options import Options
from .sql import SqlProbe
from .tcp import TcpProbe
from .unit import UnitProbe

PROBES: dict[str, Callable[[Options], Probe]] = {
    "http": HttpProbe.from_options,
    "tcp": TcpProbe.from_options,
    "command": CommandProbe.from_options,
    "unit": UnitProbe.from_options,
    "sql": SqlProbe.from_options,
}
MOST_CHECKS = 256
A_DAY = 86400


def parse(raw: list[dict[str, Any]]) -> list[Check]:
    """All checks of one call.

    :param raw: the option ``checks``.
    :raises InputError: names the field and the remedy; nothing has been asked yet.
    """
    refuse_too_many(raw, "checks")
    checks: list[Check] = []
    for index, item in enumerate(raw):
        options = Options(item, f"checks[{index}]")
        name = unique(options, {other.name for other in checks})
        checks.append(_check(name, options))
    return checks


def refuse_too_many(raw: list[dict[str, Any]], where: str) -> None:
    """Refuse more entries of an option than one call should have threads.

    :raises InputError: says so.
    """
    if len(raw) > MOST_CHECKS:
        raise InputError(
            f"has {len(raw)} entries, more than {MOST_CHECKS}", where=where, remedy="spread them over several calls"
        )


def unique(options: Options, names: set[str]) -> str:
    """The name of an entry.

    :param names: of earlier entries.
    :raises InputError: it has none, or that of an earlier one.
    """
    name = options.text("name")
    if name in names:
        raise options.refuse("name", f"'{name}' is the name of an earlier one", "give each a name of its own")
    return name


def credentials(raw: list[dict[str, Any]]) -> set[str]:
    """Values of headers that look like credentials, so that not even the refusal of them shows one."""
    return {
        str(value)
        for check in raw
        for name, value in (check.get("headers") or {}).items()
        if CREDENTIAL_HEADER.search(str(name))
    }


def _check(name: str, options: Options) -> Check:
    kind = options.choice("type", tuple(PROBES))
    timing = _timing(options)
    probe = PROBES[kind](options)
    options.done(f"a check of type {kind}")
    return Check(name, kind, probe, timing)


def _timing(options: Options) -> Timing:
    timing = Timing(
        budget_ms=options.number("budget_ms", Timing.budget_ms, 0, A_DAY * 1000),
        timeout=options.number("timeout", Timing.timeout, 1, A_DAY),
        interval=options.number("interval", Timing.interval, 0, A_DAY),
        successes=options.number("successes", Timing.successes, 1, 10000),
        startup=options.number("startup", Timing.startup, 0, A_DAY),
        deadline=options.number("deadline", Timing.deadline, 1, A_DAY),
        failures=options.number("failures", Timing.failures, 0, 10000),
    )
    if timing.budget_ms > timing.timeout * 1000:
        raise options.refuse(
            "budget_ms", "is longer than the timeout and could never matter", "raise the timeout, or lower the budget"
        )
    if timing.startup >= timing.deadline:
        raise options.refuse("startup", "is not shorter than the deadline", "raise the deadline, or lower startup")
    if (timing.successes - 1) * timing.interval >= timing.deadline:
        raise options.refuse(
            "deadline",
            f"is too short for {timing.successes} successes, {timing.interval} s apart",
            f"raise it above {(timing.successes - 1) * timing.interval} s, or ask for fewer successes",
        )
    return timing
