# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way back from a deployment that is under way or was left unfinished: its own recorded plan, to be undone.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.canonical import digest
from .._common.errors import StateError
from .._inputs.validate import Inputs
from . import refuse
from .fleet import Fleet, read_fleet
from .planner import Planned


def abort(inputs: Inputs, live: Mapping[str, Any]) -> Planned:
    """The unfinished deployment, whether its controller lives or not; hosts that are lost do not keep it from ending.

    :param live: host name to what ``host_info`` returned there, or ``{"unreachable": true}``.
    :raises StateError: there is none, or all traffic has settled on its revision.
    """
    fleet = read_fleet(inputs, live)
    refuse.other_ledger(fleet, inputs)
    unfinished = _unfinished(fleet)
    recorded = unfinished["plan"]
    return Planned(
        recorded,
        digest(recorded),
        resume=unfinished["deployment"],
        token_above=fleet.highest_token,
        token_seen=fleet.ledger.token,
        carried=fleet.carried(recorded["slot"]),
    )


def _unfinished(fleet: Fleet) -> dict[str, Any]:
    where = f"ledger on {fleet.ledger.name}"
    unfinished = fleet.ledger.unfinished
    if unfinished is None:
        raise StateError(
            "no deployment is under way or was left unfinished",
            where=where,
            remedy="there is nothing to abort; rollback.yml leads back from what is active",
        )
    if fleet.settled_on(unfinished["plan"]):
        raise StateError(
            f"all traffic has settled on {unfinished['plan']['to']['version']}, "
            f"deployment {unfinished['deployment']} only lacks its last record",
            where=where,
            remedy="rollback.yml leads back from it",
        )
    return unfinished
