# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator asked for, as the evidence keeps it: every variable, of what may be secret only the names.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common import address
from .._inputs.reading import PREFIX
from .._inputs.spec import SPEC
from .._inputs.validate import Inputs
from .plain import plain

# Of what other modules describe, only that which holds no secret and no address with one.
METRIC = (
    "name",
    "type",
    "interval",
    "initial_delay",
    "count",
    "success_condition",
    "failure_condition",
    "failure_limit",
    "inconclusive_limit",
    "consecutive_failure_limit",
    "consecutive_error_limit",
    "consecutive_success_limit",
    "dry_run",
    "least_requests",
    "from",
    "compare",
    "spacing",
    "level",
    "power",
    "must_pass",
)
SMOKE = ("path", "where", "status", "timeout", "interval", "successes", "deadline", "budget_ms")
LISTED = {"slipway_analysis": METRIC, "slipway_pre_analysis": METRIC, "slipway_smoke_checks": SMOKE}


def shown(inputs: Inputs) -> dict[str, Any]:
    """Variable, without its prefix, to its value."""
    made = {}
    for name, declared in SPEC.items():
        field = name[len(PREFIX) :]
        value = getattr(inputs, field, None)
        if name in LISTED:
            made[field] = [_only(LISTED[name], item) for item in value or []]
        else:
            made[field] = _shown(declared, value)
    hosts = {"application_hosts": inputs.application_hosts, "balancer_hosts": inputs.balancer_hosts}
    return dict(plain({**made, **hosts}))


def _shown(declared: Mapping[str, Any], value: Any) -> Any:
    if declared.get("no_log"):
        return None if declared.get("elements") == "str" else _names(value)
    options = declared.get("options")
    if options and isinstance(value, list):
        return [_options(options, item) for item in value]
    if options and isinstance(value, Mapping):
        return _options(options, value)
    if isinstance(value, (Mapping, list)):
        return _names(value)
    return _without_secrets(value) if isinstance(value, str) else value


def _options(options: Mapping[str, Any], value: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _shown(declared, value.get(name)) for name, declared in options.items() if value.get(name) is not None
    }


def _names(value: Any) -> Any:
    """What is there, not what it says: names of a mapping, texts of a list, names of what a list holds."""
    if isinstance(value, Mapping):
        return sorted(str(name) for name in value)
    if isinstance(value, list):
        return [str(item.get("name", "")) if isinstance(item, Mapping) else item for item in value]
    return None


def _only(names: tuple[str, ...], item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _without_secrets(item[name]) if isinstance(item[name], str) else item[name]
        for name in names
        if item.get(name) is not None
    }


def _without_secrets(text: str) -> str:
    """A text, which may be an address."""
    return address.shown(text) if "://" in text or text.startswith("/") else text
