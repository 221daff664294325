# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files for Prometheus and Grafana that come with the collection, read for tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from tests.unit.conftest import TOP

RULES = TOP / "monitoring" / "slipway-alerts.yml"
DASHBOARD = TOP / "monitoring" / "slipway-dashboard.json"
PAGE = TOP / "docs" / "alerts.md"
# What Grafana puts in the place of its variables.
VARIABLES = {"$__rate_interval": "5m", "$__range_s": "604800", "$__range": "7d", "$app": "shop"}


def dashboard() -> dict[str, Any]:
    """The dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def dashboard_expressions() -> list[str]:
    """Every query of it, as Grafana has them."""
    return list(_expressions(dashboard()))


def _expressions(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("expr"), str):
            yield part["expr"]
        for value in part.values():
            yield from _expressions(value)
    elif isinstance(part, list):
        for value in part:
            yield from _expressions(value)


def plain(expression: str) -> str:
    """A query without Grafana's variables."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def metrics_of(expression: str) -> set[str]:
    """Names of metrics in a query: words with an underscore that are neither functions, labels nor text."""
    bare = re.sub(r"\{[^}]*\}|\"[^\"]*\"|(?:by|on|without|ignoring) \([^)]*\)", " ", plain(expression))
    words = re.findall(r"[a-z][a-z0-9_A-Z]*_[a-zA-Z0-9_]*[a-zA-Z0-9]\b(?!\s*\()", bare)
    return set(words) - {"group_left", "group_right"}
