# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of smoke checks. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..._checks.build import PREVIEW, WHERE
from ..._checks.build import smoke_checks as built_checks
from ..._common.address import shown
from ..._common.errors import InputError
from ..._gate.arguments import CHECK
from ..._gate.spec import parse
from ..._hooks import spec as hook_spec
from ..edge import Unconvertible, convert_options
from .base import IN_BATCHES, Context, problem

BUILT = ("argv", "environment", "url")


def smoke_checks(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each check asks for a path or runs a command, with what else module health_gate takes of such a check."""
    for index, check in enumerate(values["slipway_smoke_checks"]):
        where = f"slipway_smoke_checks[{index}]"
        yield from _where(f"{where}.where", check.get("where", WHERE[-1]), values["slipway_rollout"])
        problems = list(_asked(where, check))
        yield from problems or _smoke_check(where, check)


def _where(where: str, value: Any, rollout: str) -> Iterator[InputError]:
    if value not in WHERE:
        yield problem(f"{value!r} is no address", where, f"use one of {', '.join(WHERE)}")
    elif value == PREVIEW and rollout in IN_BATCHES:
        yield problem(f"{rollout} has no preview address, so it would never be made", where, "use public, or remove it")


def _asked(where: str, check: Mapping[str, Any]) -> Iterator[InputError]:
    """It has either a path or a command."""
    path = check.get("path")
    if "command" in check:
        if path is not None:
            yield problem("a smoke check has either a path or a command", f"{where}.command", "give one of them")
        try:
            hook_spec.parse({"command": check["command"]}, where)
        except InputError as exc:
            yield exc
    elif not isinstance(path, str) or not re.fullmatch(r"/\S*", path):
        remedy = "add a path, such as {path: /health}, or a command"
        yield problem(f"{shown(str(path))!r} is not a path", f"{where}.path", remedy)


def _smoke_check(where: str, check: Mapping[str, Any]) -> Iterator[InputError]:
    """What the gate itself would refuse, with the port of any balancer."""
    built = built_checks([check], 80, "")[0]
    remedy = "see the checks of module health_gate for what it takes"
    unknown = [name for name in BUILT if name in check] + sorted(set(built) - set(CHECK))
    if unknown:
        name = unknown[0]
        yield problem("a smoke check has no such field", f"{where}.{name}", f"remove {name}; {remedy}")
        return
    if "type" in check and built["type"] != "http":
        yield problem("a smoke check is an HTTP check or a command", where, "remove type")
        return
    try:
        parse([convert_options(CHECK, built)])
    except Unconvertible as exc:
        yield problem(str(exc), where, remedy)
    except InputError as exc:
        yield problem(exc.what, exc.where.replace("checks[0]", where), exc.remedy)
