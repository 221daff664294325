# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a boot: which state a closed balancer must take before it may open. Pure; touches nothing.

A balancer that was down may have missed a switch. Generations count the changes of one host, so they say nothing
between hosts; the fencing token, which the ledger hands out, does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._balancer.state import State
from .report import Report

OWN = ""


@dataclass(frozen=True)
class Decision:
    """What to do.

    :param source: address of the peer whose state is taken over; ``OWN`` to open with the recorded one.
    :param report: the report of that peer, or the own one.
    :param state: the state in it.
    :param warning: what an operator should know; empty when all is well.
    """

    source: str
    report: Report
    state: State
    warning: str = ""


def rank(report: Report) -> tuple[int, bool, bool, bool, int]:
    """Order of states, the newest highest.

    The later deployment wins; of two balancers in the same deployment one whose watch has returned the traffic wins
    over one that has not heard of it, one that serves over one that is closed, and one where the deployment has been
    settled over one whose lease still runs.
    """
    state = report.state
    if state is None:
        return (-1, False, False, False, 0)
    return (state.token, report.returned == state.token > 0, report.open, state.lease is None, state.generation)


def forgotten(address: str, peers: Mapping[str, Report | None]) -> bool:
    """Whether balancers serve that no longer know this one: it was taken out, and nobody would switch it.

    :param address: ``address:port`` of this host's agent.
    """
    serving = [report for report in peers.values() if report is not None and report.open]
    return bool(serving) and not any(address in report.peers for report in serving)


def decide(
    own: Report, peers: Mapping[str, Report | None], waited_seconds: float, solo_open_after: int
) -> Decision | None:
    """What to do now; ``None`` to ask again later.

    :param own: this balancer, which is closed.
    :param peers: what the agents of the others answered, ``None`` for no answer.
    :param waited_seconds: how long this balancer has been asking.
    :param solo_open_after: how long it waits when no open peer answers and some do not answer at all.
    """
    answered = {address: report for address, report in peers.items() if report is not None}
    silent = sorted(set(peers) - set(answered))
    one_is_open = any(report.open for report in answered.values())
    alone = waited_seconds >= solo_open_after
    if silent and not one_is_open and not alone:
        return None
    candidates = {OWN: own, **answered}
    source = max(candidates, key=lambda address: rank(candidates[address]))
    state = candidates[source].state
    if state is None:
        return None
    warning = ""
    if silent and not one_is_open:
        warning = f"opening after {solo_open_after} s without an answer from {', '.join(silent)}; they may know better"
    return Decision(source, candidates[source], state, warning)
