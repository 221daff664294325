# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a slot that was left may be stopped now, from what this host and the agents of the balancers say. Pure.

A host cannot see by itself that a balancer leads requests to it again: a watch returns the traffic without telling the
application hosts, and so does an operator by hand. So nothing is stopped unless every balancer says that it is idle.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._agent.report import Report
from .._release.warm import COLD, WAITING, WARM, Warm

KEEP, STOP, REST, END = "keep", "stop", "rest", "end"


@dataclass(frozen=True)
class Sight:
    """What this host knows.

    :param token: the highest that it has seen.
    :param held: the revision that is placed in the slot; ``None`` where none is.
    :param lives: whether anything in the slot that answers requests runs, is still ending, or would start with a boot.
    """

    token: int
    held: str | None
    lives: bool
    now_ms: int
    boot_id: str


@dataclass(frozen=True)
class Decision:
    """What is to be done.

    :param action: ``keep`` the slot running, ``stop`` it, ``rest`` once all of it has stopped, or ``end`` the keep-warm
        time and leave the slot alone.
    :param status: of the record from now on.
    :param deadline_ms: when the time ends; 0 while it does not run.
    :param why: what keeps the slot from being stopped; empty where nothing does but the time.
    """

    action: str
    status: str = WAITING
    deadline_ms: int = 0
    why: str = ""


def decide(warm: Warm, sight: Sight, reports: Mapping[str, Report | None]) -> Decision:
    """What becomes of a slot that is kept warm.

    :param reports: what the agent of each balancer answered, ``None`` for no answer.
    """
    over = _over(warm, sight, reports)
    if over:
        return Decision(END, why=over)
    silent = sorted(address for address, report in reports.items() if report is None or report.state is None)
    runs = warm.status == WARM and warm.boot_id == sight.boot_id
    if silent or not reports:
        why = f"no answer from the agent at {', '.join(silent)}"
        return Decision(KEEP, WARM, warm.deadline_ms, why) if runs else Decision(KEEP, why=why)
    if not all(_idle(warm.slot, report) for report in reports.values()):
        return Decision(KEEP)
    deadline = warm.deadline_ms if runs else sight.now_ms + warm.seconds * 1000
    if sight.now_ms < deadline:
        return Decision(KEEP, WARM, deadline)
    unsaid = sorted(address for address, report in reports.items() if report and report.watching is None)
    if unsaid:
        return Decision(
            KEEP, WARM, deadline, f"the agent at {', '.join(unsaid)} is older and does not say what it watches"
        )
    watching = sorted(address for address, report in reports.items() if report and report.watching)
    if watching:
        return Decision(KEEP, WARM, deadline, f"the balancer at {', '.join(watching)} still watches")
    return Decision(STOP, WARM, deadline) if sight.lives else Decision(REST, COLD, deadline)


def _over(warm: Warm, sight: Sight, reports: Mapping[str, Report | None]) -> str:
    """Why the record holds no more; empty where it does."""
    if sight.held != warm.revision:
        return f"slot {warm.slot} holds another revision"
    if sight.token > warm.token:
        return f"this host has seen token {sight.token}"
    newer = [report.state.token for report in reports.values() if report and report.state]
    if any(token > warm.token for token in newer):
        return f"a balancer has seen token {max(newer)}"
    return ""


def _idle(slot: str, report: Report | None) -> bool:
    """Whether a balancer has settled on the other slot, so that nothing but an order leads requests to this one."""
    state = report.state if report else None
    return (
        state is not None
        and state.lease is None
        and state.stable != slot
        and state.percents[state.stable] == 100
        and not state.reaches(slot)
    )
