# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Balancers that are taken out of the inventory must not go on serving, since nobody would switch them any more.

Reads the configuration of this host and asks the agents that it names; touches nothing.
"""

from __future__ import annotations

from .._balancer.config import BalancerConfig
from .._common.errors import StateError
from .log import Log
from .peers import Peers


def refuse_serving(before: BalancerConfig, after: BalancerConfig) -> None:
    """Refuse a configuration without a peer that is open: it would keep its percents, and take the virtual address.

    A peer that does not answer is gone; should it come back, its agent keeps it closed.

    :raises StateError: such a peer serves.
    """
    staying = {_host(address) for address in after.agent.peers}
    departing = [address for address in before.agent.peers if _host(address) not in staying]
    reports = Peers(before.app, departing, Log()).ask()
    serving = sorted(_host(address) for address, report in reports.items() if report and report.open)
    if serving:
        raise StateError(
            f"{', '.join(serving)} would no longer be switched, but goes on serving {before.app}",
            where="group balancers",
            remedy="on it, stop keepalived if it shares a virtual address, then close it with lb_switch (open: false); "
            "or bring it back into the inventory",
        )


def _host(address: str) -> str:
    return address.rpartition(":")[0]
