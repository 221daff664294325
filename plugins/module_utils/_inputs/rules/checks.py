# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of smoke checks. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..._checks.build import smoke_checks as built_checks
from ..._common.errors import InputError
from ..._gate.arguments import CHECK
from ..._gate.spec import parse
from ..edge import Unconvertible, convert_options
from .base import Context, problem


def smoke_checks(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each check asks for a path of the spare slot, with what else module health_gate takes of an HTTP check."""
    for index, check in enumerate(values["slipway_smoke_checks"]):
        path = check.get("path")
        where = f"slipway_smoke_checks[{index}]"
        if not isinstance(path, str) or not re.fullmatch(r"/\S*", path):
            yield problem(f"{path!r} is not a path", f"{where}.path", "add a path, such as {path: /health}")
        else:
            yield from _smoke_check(where, check)


def _smoke_check(where: str, check: Mapping[str, Any]) -> Iterator[InputError]:
    """What the gate itself would refuse, with the port of any balancer."""
    built = built_checks([check], 80, "")[0]
    remedy = "see the checks of module health_gate for what it takes"
    unknown = sorted(set(built) - set(CHECK))
    if unknown or "url" in check:
        name = "url" if "url" in check else unknown[0]
        yield problem("a smoke check has no such field", f"{where}.{name}", f"remove {name}; {remedy}")
        return
    if built["type"] != "http":
        yield problem("a smoke check is an HTTP check", where, "remove type")
        return
    try:
        parse([convert_options(CHECK, built)])
    except Unconvertible as exc:
        yield problem(str(exc), where, remedy)
    except InputError as exc:
        yield problem(exc.what, exc.where.replace("checks[0]", where), exc.remedy)
