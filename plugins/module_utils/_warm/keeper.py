# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ends the keep-warm time of a slot of this host: looks, asks the balancers, and stops the slot once that is due.

Changes the slot, its record and its timer under the lock of the host; asks the agents of the balancers.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from .._agent.log import Log
from .._agent.peers import Peers
from .._agent.report import Report
from .._common import clock
from .._release import units
from .._release.host import Host
from .._release.warm import COLD, Warm, disarm, living
from .decide import END, KEEP, REST, STOP, Decision, Sight, decide

TOPIC = "keep-warm"
PAUSE = 1.0
Asking = Callable[[Sequence[str]], Mapping[str, "Report | None"]]


@dataclass(frozen=True)
class Surroundings:
    """What a test replaces: the balancers' agents, the clock of this boot, and the time that components take to end."""

    ask: Asking
    now_ms: Callable[[], int] = lambda: math.ceil(clock.boottime() * 1000)
    boot_id: Callable[[], str] = clock.boot_id
    pause: Callable[[], None] = lambda: time.sleep(PAUSE)


def asking(app: str, log: Log) -> Asking:
    """Asks the agents of an application, also those that only the others name, as a balancer that was added."""

    def ask(addresses: Sequence[str]) -> Mapping[str, Report | None]:
        answers = dict(Peers(app, addresses, log).ask())
        named = {peer for report in answers.values() if report for peer in report.peers}
        return {**answers, **Peers(app, sorted(named.difference(answers)), log).ask()}

    return ask


def look(host: Host, log: Log, surroundings: Surroundings) -> str:
    """Do what is due, and look again until a slot that was told to stop has ended; the action that it came to."""
    while True:
        action = step(host, log, surroundings)
        if action != STOP:
            return action
        surroundings.pause()


def step(host: Host, log: Log, surroundings: Surroundings) -> str:
    """Do what is due now; the action that it came to.

    Without the lock first, since all but a few of these looks change nothing; what changes something is decided again
    under the lock. It is never held while a component ends, which may take minutes: that is for the next look to see.
    """
    warm = host.warm.read()
    if warm is not None and warm.status != COLD:
        decision, after = _decided(host, warm, surroundings)
        if decision.action == KEEP and after == warm:
            return KEEP
    with host.acting():
        warm = host.warm.read()
        if warm is None or warm.status == COLD:
            disarm(host.layout, host.systemd)
            return END
        decision, after = _decided(host, warm, surroundings)
        if decision.action == STOP:
            _begin_to_stop(host, warm)
        if decision.action == END:
            log.info(TOPIC, f"slot {warm.slot} is left as it is: {decision.why}")
            host.warm.remove()
        elif after != warm:
            host.warm.write(after)
        if decision.action in (REST, END):
            disarm(host.layout, host.systemd)
        return decision.action


def _decided(host: Host, warm: Warm, surroundings: Surroundings) -> tuple[Decision, Warm]:
    """The decision, and the record that it leads to."""
    view = host.view(warm.slot)
    sight = Sight(
        token=host.fence.seen(),
        held=view.linked if view.status == "placed" else None,
        lives=bool(living(host.layout, view)),
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


def _begin_to_stop(host: Host, warm: Warm) -> None:
    """Tell what answers requests there to stop, and let no boot start it, unless a newer deployment waits."""
    view = host.view(warm.slot)
    names = living(host.layout, view)
    to_disable = [name for name in names if name in view.enabled]
    to_stop = [name for name in names if not view.states[name].stopped and not view.states[name].ending]
    if not to_disable and not to_stop:
        return
    deployment = Host(host.layout, warm.token, systemd=host.systemd)
    with deployment.journaled("cold", slot=warm.slot, revision=warm.revision, units=names):
        deployment.fence.check()
        for name in to_disable:
            units.disable(host.layout, name)
        host.systemd.begin_to_stop(to_stop)
