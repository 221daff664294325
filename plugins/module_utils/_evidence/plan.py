# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as the evidence keeps it, and as people see it. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.address import shown

MEASURED = ("loss_budget", "profile")


def plan_shown(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan, with the names of what its revision has in the environment, but not the values."""
    made = with_addresses_shown(plan)
    revision = made.get("revision")
    if not isinstance(revision, Mapping):
        return made
    components = [_without_values(item, "environment") for item in revision.get("components", [])]
    made["revision"] = {**_without_values(revision, "config"), **({"components": components} if components else {})}
    return made


def with_addresses_shown(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan in which no path has a query."""
    made = dict(plan)
    for name in MEASURED:
        if made.get(name):
            made[name] = {**made[name], "path": shown(made[name]["path"])}
    revision = made.get("revision")
    if isinstance(revision, Mapping) and revision.get("components"):
        made["revision"] = {**revision, "components": [_healthy(item) for item in revision["components"]]}
    if made.get("leaving"):
        made["leaving"] = {host: [_healthy(item) for item in items] for host, items in made["leaving"].items()}
    return made


def _healthy(component: Mapping[str, Any]) -> dict[str, Any]:
    paths = component.get("health")
    shown_paths = {name: shown(path) for name, path in paths.items()} if paths else paths
    return {**component, **({"health": shown_paths} if "health" in component else {})}


def _without_values(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    held = document.get(name)
    return {**document, name: sorted(held)} if isinstance(held, Mapping) else dict(document)
