# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one balancer recorded and what it does. Reads; touches nothing."""

from __future__ import annotations

from typing import Any

from .._common.errors import StateError, SystemFailure
from .._common.fence import Fence
from .base import Balancer, Live
from .config import SLOTS
from .state import State
from .watch import described
from .watch_service import out_of_service


def info(balancer: Balancer) -> dict[str, Any]:
    """Recorded and live state of a balancer, and whether they agree.

    A balancer that does not run is reported in ``error``, it is no failure of the question.
    """
    recorded = balancer.recorded()
    live, error = _live(balancer)
    fence = Fence(balancer.directory, 0)
    return {
        "recorded": None if recorded is None else recorded.to_dict(),
        "live": None if live is None else live.to_dict(),
        "consistent": recorded is not None and live is not None and balancer.agrees(recorded, live),
        "error": error,
        "instances": _instances(balancer, recorded),
        "match": [match.to_dict() for match in balancer.config.match],
        "open": live is not None and live.open,
        "generation": 0 if recorded is None else recorded.generation,
        "token": fence.seen(),
        "ledger": fence.pinned(),
        "watch": {**_kept(balancer), **described(balancer.directory, balancer.run_directory, recorded, fence.seen())},
    }


def _kept(balancer: Balancer) -> dict[str, Any]:
    complaint = out_of_service(balancer.config.app, balancer.run_directory)
    return {"kept": not complaint, "unkept": complaint}


def _live(balancer: Balancer) -> tuple[Live | None, str]:
    try:
        return balancer.live(), ""
    except (StateError, SystemFailure) as exc:
        return None, exc.message()


def _instances(balancer: Balancer, recorded: State | None) -> dict[str, dict[str, Any]]:
    usable = {name for slot in SLOTS if recorded for name in recorded.usable(balancer.config, slot)}
    return {
        name: {"usable": name in usable, "connections": balancer.instance_connections(name)}
        for name in balancer.config.all_instances()
    }
