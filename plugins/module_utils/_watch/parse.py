# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a watch judges, from what is recorded of it; what this host cannot judge or run is refused with a remedy.

Touches nothing.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .._analysis import spec as metric_spec
from .._analysis.model import Metric
from .._balancer.watch import WatchRequest
from .._common.errors import StateError
from .._gate import spec as check_spec
from .._gate.model import Check, Timing
from .._hooks import spec as hook_spec
from .._hooks.command import Command
from .._hooks.model import Action

DRIVER = "psycopg2"


@dataclass(frozen=True)
class Hook:
    """What is run after a return.

    :param timeout: seconds.
    """

    name: str
    action: Action
    timeout: int


@dataclass(frozen=True)
class Judged:
    """Everything of a watch that is judged, and what is run after a return."""

    metrics: list[Metric]
    checks: list[Check]
    hooks: list[Hook]


def parse(request: WatchRequest) -> Judged:
    """Read a request.

    :raises InputError: names the field and the remedy.
    """
    metrics, _left_out = metric_spec.without_skipped(request.metrics)
    checks = [_once(check) for check in check_spec.parse(request.checks)]
    return Judged(metric_spec.parse(metrics), checks, [_hook(raw) for raw in request.hooks])


def refuse_missing_driver(request: WatchRequest) -> None:
    """Refuse a source that this host cannot ask, before nobody notices that it never answers.

    :raises StateError: names the metric and the remedy.
    """
    lacking = [str(raw["name"]) for raw in [*request.metrics, *request.checks] if needs_driver(raw)]
    if lacking and not has_driver():
        raise StateError(
            f"{', '.join(lacking)} cannot be judged here: {DRIVER} is not installed",
            where="watch",
            remedy=f"install python3-{DRIVER} on this host, or leave that metric out of slipway_analysis",
        )


def needs_driver(raw: Mapping[str, Any]) -> bool:
    """Whether a metric or a check asks PostgreSQL."""
    return raw.get("type") == "sql" and not raw.get("database") and not raw.get("skip")


def has_driver() -> bool:
    """Whether this host can ask PostgreSQL."""
    return importlib.util.find_spec(DRIVER) is not None


def secrets(hooks: Sequence[Mapping[str, Any]]) -> set[str]:
    """What is secret of hooks."""
    found = {str(hook["url"]) for hook in hooks if hook.get("url")}
    return found | {str(value) for hook in hooks for value in (hook.get("headers") or {}).values()}


def _once(check: Check) -> Check:
    """A check of which one attempt is made at a time; the watch counts those that fail in a row."""
    timing = Timing(budget_ms=check.timing.budget_ms, timeout=check.timing.timeout, successes=1, failures=1)
    return replace(check, timing=replace(timing, deadline=timing.timeout + 1))


def _hook(raw: Mapping[str, Any]) -> Hook:
    name = str(raw["name"])
    action = hook_spec.parse(raw, f"hook {name}")
    user = raw.get("user")
    if user and isinstance(action, Command):
        action = Command(["runuser", "-u", str(user), "--", *action.argv])
    return Hook(name, action, int(raw["timeout"]))
