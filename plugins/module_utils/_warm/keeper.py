# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends the keep-warm time of a slot of this host: looks, asks the balancers, and stops the slot once that is due.

Changes the slot, its record and its timer under the lock of the host; asks the agents of the balancers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .._agent.log import Log
from .._agent.peers import Peers
from .._agent.report import Report
from .._common import clock
from .._release.host import Host, Outcome
from .._release.running import stop_units
from .._release.warm import COLD, Warm, disarm, http_units
from .decide import END, KEEP, STOP, Decision, Sight, decide

TOPIC = "keep-warm"
Asking = Callable[[Sequence[str]], Mapping[str, "Report | None"]]


@dataclass(frozen=True)
class Surroundings:
    """What a test replaces: the balancers' agents, and the clock of this boot."""

    ask: Asking
    now_ms: Callable[[], int] = lambda: math.ceil(clock.boottime() * 1000)
    boot_id: Callable[[], str] = clock.boot_id


def asking(app: str, log: Log) -> Asking:
    """Asks the agents of an application, also those that only the others name, as a balancer that was added."""

    def ask(addresses: Sequence[str]) -> Mapping[str, Report | None]:
        answers = dict(Peers(app, addresses, log).ask())
        named = {peer for report in answers.values() if report for peer in report.peers}
        return {**answers, **Peers(app, sorted(named.difference(answers)), log).ask()}

    return ask


def step(host: Host, log: Log, surroundings: Surroundings) -> str:
    """Do what is due now; the action that it came to.

    Without the lock first, since all but one of these looks change nothing; what changes something is decided again
    under the lock.
    """
    warm = host.warm.read()
    if warm is not None and warm.status != COLD and _decided(host, warm, surroundings)[1] == warm:
        return KEEP
    with host.acting():
        warm = host.warm.read()
        if warm is None or warm.status == COLD:
            disarm(host.layout, host.systemd)
            return END
        decision, after = _decided(host, warm, surroundings)
        if decision.action == STOP:
            _stop(host, warm)
        if decision.action == END:
            log.info(TOPIC, f"slot {warm.slot} is left as it is: {decision.why}")
            host.warm.remove()
        else:
            host.warm.write(after)
        if decision.action != KEEP:
            disarm(host.layout, host.systemd)
        return decision.action


def _decided(host: Host, warm: Warm, surroundings: Surroundings) -> tuple[Decision, Warm]:
    """The decision, and the record that it leads to."""
    view = host.view(warm.slot)
    sight = Sight(
        token=host.fence.seen(),
        held=view.linked if view.status == "placed" else None,
        now_ms=surroundings.now_ms(),
        boot_id=surroundings.boot_id(),
    )
    decision = decide(warm, sight, surroundings.ask(warm.balancers))
    return decision, replace(
        warm,
        status=decision.status,
        deadline_ms=decision.deadline_ms,
        boot_id=sight.boot_id if decision.deadline_ms else "",
        complaint=decision.why,
    )


def _stop(host: Host, warm: Warm) -> None:
    """Stop what answers requests there, and let no boot start it, unless a newer deployment waits for the lock."""
    view = host.view(warm.slot)
    names = http_units(host.layout, view)
    deployment = Host(host.layout, warm.token, systemd=host.systemd)
    with deployment.journaled("cold", slot=warm.slot, revision=warm.revision, units=names):
        stop_units(
            deployment,
            view,
            [name for name in names if name in view.enabled],
            [name for name in view.active_units() if name in names],
            Outcome(slot=warm.slot),
        )
