# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs where in an application with regions: one report a region, in their order. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import report as fleet


def report(app: str, live: Mapping[str, Mapping[str, Any]], regions: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The state of an application over its regions, or over the whole fleet when it has none.

    :param live: host to what ``host_info`` returned there, or to ``{"unreachable": true}``.
    :param regions: region to its hosts, in the order in which they are deployed.
    """
    if not regions:
        return fleet.report(app, live)
    parts = {region: fleet.report(app, _live_of(region, live, regions)) for region in regions}
    return {
        "schema": fleet.SCHEMA,
        "app": app,
        "regions": parts,
        "problems": [f"{region}: {problem}" for region, part in parts.items() for problem in part["problems"]],
    }


def lines(made: Mapping[str, Any]) -> list[str]:
    """The report as lines for a terminal."""
    if "regions" not in made:
        return fleet.lines(made)
    return [line for region, part in made["regions"].items() for line in (f"REGION {region}", *fleet.lines(part), "")]


def _live_of(
    region: str, live: Mapping[str, Mapping[str, Any]], regions: Mapping[str, Sequence[str]]
) -> dict[str, Mapping[str, Any]]:
    """The hosts of a region, the host of its ledger, and lost ones that could be that."""
    placed = {host for hosts in regions.values() for host in hosts}
    found: dict[str, Mapping[str, Any]] = {}
    for host, info in live.items():
        ledger = (info.get("ledgers") or {}).get(region)
        if ledger is not None:
            own = {part: value for part, value in info.items() if part != "ledgers"} if host in regions[region] else {}
            found[host] = {**own, "ledger": ledger}
        elif host in regions[region] or (info.get("unreachable") and host not in placed):
            found[host] = info
    return found
