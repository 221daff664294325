# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``running``: what was deployed runs on every host, and nothing is left half done. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator

from .._status.report import note_problems
from .model import Finding, Fleet, Looked, Scene

_SEE = "see status.yml"


def look(scene: Scene) -> Looked:
    """Look at the end of the deployment, and at what runs where."""
    fleets = {region: fleet for region, fleet in scene.deployed.fleets.items() if fleet.last or fleet.status}
    if not fleets:
        return Looked(skipped="nothing is known of a deployment")
    wanted = str(scene.variables.get("slipway_version") or "")
    return Looked([finding for region, fleet in fleets.items() for finding in _findings(region, fleet, wanted)])


def _findings(region: str, fleet: Fleet, wanted: str) -> Iterator[Finding]:
    place = region or "the application"
    last, status = fleet.last, fleet.status
    if last and last["result"] != "active":
        yield Finding(place, f"deployment {last['deployment']} has ended as {last['result']}", "deploy again")
    for left in last.get("by_hand", ()):
        yield Finding(place, f"it is left to do by hand: {left}", "do it")
    if last.get("left_out"):
        yield Finding(place, f"left out: {', '.join(last['left_out'])}", "repair them, then deploy again")
    if not status:
        return
    active = (status["active"] or {}).get("version", "")
    if wanted and active != wanted:
        yield Finding(place, f"{active or 'nothing'} is active, not {wanted}", "deploy it")
    lease = (status["ledger"] or {}).get("lease") or {}
    if lease.get("live"):
        yield Finding(place, f"deployment {lease['deployment']} is under way", "look again when it has ended")
    if (status["ledger"] or {}).get("parked"):
        what = f"deployment {status['ledger']['parked']['deployment']} is parked"
        yield Finding(place, what, "run it again to go on with it, or abort.yml")
    notes = set(note_problems(status["ledger"]))
    yield from (Finding(place, problem, _SEE) for problem in status["problems"] if problem not in notes)
