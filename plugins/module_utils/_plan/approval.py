# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator approves: the deployment that is parked now, at the stage and with the plan that it has.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._common.errors import StateError
from .._inputs.validate import Inputs


@dataclass(frozen=True)
class Approval:
    """What the ledger is asked to record, and nothing else than that.

    :param digest: of the plan.
    :param version: what becomes active in the end, for people.
    """

    deployment: str
    stage: str
    digest: str
    version: str


def approval(inputs: Inputs, live: Mapping[str, Any]) -> Approval:
    """The deployment that waits.

    :param live: the ledger host to what ``host_info`` returned there.
    :raises StateError: the ledger cannot be read, nothing is parked, or another deployment is than the one named.
    """
    where = f"ledger on {inputs.ledger_host}"
    ledger = (live.get(inputs.ledger_host) or {}).get("ledger") or {"error": "the host did not return it"}
    if ledger.get("error"):
        raise StateError(f"it cannot be read: {ledger['error']}", where=where, remedy="repair the host, then run again")
    unfinished = ledger["unfinished"]
    if not unfinished or not unfinished.get("parked"):
        begun = f"; deployment {unfinished['deployment']} is unfinished" if unfinished else ""
        again = "; one whose controller has died is parked once the same is run again" if unfinished else ""
        raise StateError(
            f"no deployment is parked{begun}",
            where=where,
            remedy=f"nothing was approved; approve a deployment once status.yml shows it as parked{again}",
        )
    if inputs.deployment and inputs.deployment != unfinished["deployment"]:
        raise StateError(
            f"deployment {unfinished['deployment']} is parked, not {inputs.deployment}",
            where="slipway_deployment",
            remedy="nothing was approved; look at what is parked with status.yml",
        )
    return Approval(
        deployment=unfinished["deployment"],
        stage=unfinished["parked"]["stage"],
        digest=unfinished["digest"],
        version=unfinished["plan"]["to"]["version"],
    )
