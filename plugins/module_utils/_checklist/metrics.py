# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``metrics``: errors and latency stay within their limits, and are not worse than before. Touches nothing.

They are those that the deployment has measured, and what the watch has judged since.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .model import Finding, Fleet, Looked, Scene

_REMEDY = "see deployment_report.yml; roll back if users suffer"


def look(scene: Scene) -> Looked:
    """Look at each region."""
    fleets = {region: fleet for region, fleet in scene.deployed.fleets.items() if _measured(fleet)}
    if not fleets:
        return Looked(skipped="nothing was measured: slipway_profile, slipway_loss_budget or slipway_watch does")
    limits = scene.options["after"]
    return Looked([finding for region, fleet in fleets.items() for finding in _findings(region, fleet, limits)])


def _measured(fleet: Fleet) -> bool:
    return bool(fleet.last.get("sent") or fleet.last.get("profile") or list(_judged(fleet)))


def _findings(region: str, fleet: Fleet, limits: Mapping[str, Any]) -> Iterator[Finding]:
    place = region or "the application"
    profile = fleet.last.get("profile") or {}
    for where, counted in (("as the traffic moved", fleet.last), ("in the profile", profile)):
        sent, lost = counted.get("sent") or 0, counted.get("lost") or 0
        if sent and lost * 100 >= sent * limits["errors_below"]:
            what = f"{lost} of {sent} requests have failed {where}, not less than {limits['errors_below']} %"
            yield Finding(place, what, _REMEDY)
    p95 = (profile.get("latency_us") or {}).get("p95", 0)
    if p95 >= limits["p95_below"] * 1000:
        yield Finding(place, f"p95 is {p95 / 1000:.0f} ms, not less than {limits['p95_below']} ms", _REMEDY)
    if profile.get("verdict") == "fail":
        yield Finding(place, f"the profile has failed: {profile['reason']}", _REMEDY)
    for host, one in _judged(fleet):
        if one["verdict"] != "pass":
            what = f"the watch on {host} judges {one['name']} as {one['verdict']}: {one['reason']}"
            yield Finding(place, what, _REMEDY, fails=one["verdict"] == "fail")


def _judged(fleet: Fleet) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for host, balancer in fleet.status.get("balancers", {}).items():
        for one in (balancer["watch"].get("armed") or {}).get("judged", []):
            yield host, one
