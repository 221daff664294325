# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back from a deployment that is under way or was left unfinished: its own recorded plan, to be undone.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.errors import StateError
from .._inputs.validate import Inputs
from . import refuse
from .fleet import Fleet, read_fleet
from .planner import Planned, taken_up
from .schema import placed


def abort(inputs: Inputs, live: Mapping[str, Any]) -> Planned:
    """The unfinished deployment, whether its controller lives or not; hosts that are lost do not keep it from ending.

    :param live: host name to what ``host_info`` returned there, or ``{"unreachable": true}``.
    :raises StateError: there is none, all traffic has settled on its revision, or went elsewhere before anything of it
      was there, or the inventory lacks its hosts.
    """
    fleet = read_fleet(inputs, live)
    refuse.other_ledger(fleet, inputs)
    unfinished = _unfinished(fleet)
    _refuse_settled(fleet, unfinished)
    _refuse_taken(fleet, unfinished)
    _refuse_missing(inputs, unfinished["plan"])
    return taken_up(fleet, unfinished)


def _unfinished(fleet: Fleet) -> dict[str, Any]:
    unfinished = fleet.ledger.unfinished
    if unfinished is None:
        raise StateError(
            "no deployment is under way or was left unfinished",
            where=f"ledger on {fleet.ledger.name}",
            remedy="there is nothing to abort; rollback.yml leads back from what is active",
        )
    return unfinished


def _refuse_settled(fleet: Fleet, unfinished: Mapping[str, Any]) -> None:
    """What waits before its migrations has done nothing, also where its revision serves already."""
    plan = unfinished["plan"]
    if unfinished.get("parked") and not placed(unfinished["committed"]):
        return
    everybody_answered = {balancer.name for balancer in fleet.balancers} >= set(plan["balancers"])
    if everybody_answered and fleet.applications and fleet.serves(plan):
        raise StateError(
            f"all traffic has settled on {plan['to']['version']}, "
            f"deployment {unfinished['deployment']} only lacks its last record",
            where=f"ledger on {fleet.ledger.name}",
            remedy="rollback.yml leads back from it once its lease has ended; release_lease.yml ends that at once",
        )


def _refuse_taken(fleet: Fleet, unfinished: Mapping[str, Any]) -> None:
    """Its way back would lead to what the traffic has left meanwhile, as when a watch has returned it."""
    if not placed(unfinished["committed"]) and fleet.taken_from(unfinished["plan"]):
        raise StateError(
            f"nothing of deployment {unfinished['deployment']} is there, and the traffic has gone meanwhile to the "
            "slot that it would have filled",
            where=f"ledger on {fleet.ledger.name}",
            remedy="there is nothing to undo; the next deployment or rollback ends it, at once after release_lease.yml",
        )


def _refuse_missing(inputs: Inputs, plan: Mapping[str, Any]) -> None:
    known = {*inputs.application_hosts, *inputs.balancer_hosts}
    missing = sorted({*plan["hosts"], *plan["balancers"]} - known)
    if missing:
        raise StateError(
            f"the deployment to abort also has {', '.join(missing)}",
            where="inventory",
            remedy="put them back in to abort it, lost or not; take them out afterwards",
        )
