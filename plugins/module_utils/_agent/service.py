# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent of one application on one balancer host: converge after a boot, then watch lease, health and consistency.

Touches what its parts touch. A failure an operator can act on is logged and tried again; anything else ends the agent
with an error, and systemd starts it again.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

from .._balancer.base import Balancer
from .._balancer.config import BalancerConfig
from .._balancer.switch import Change, switch
from .._common.errors import SlipwayError, StateError
from .._common.fence import Fence
from .converge import Convergence
from .lease import LeaseKeeper
from .log import Log
from .notify import notify
from .peers import Peers
from .report import own_report
from .server import serve
from .watch import Watch

LEASE_SECONDS = 0.4
CONVERGE_SECONDS = 0.5
REPAIR_SECONDS = 5.0
END_SECONDS = 3.0


class Agent:
    """All duties, each in a thread of its own except convergence and lease, which share the main one.

    :param outdated: whether configuration or code on disk are no longer those this agent was started with.
    """

    def __init__(
        self, balancer: Balancer, outdated: Callable[[], bool] = lambda: False, log: Log | None = None
    ) -> None:
        self.balancer = balancer
        self.outdated = outdated
        self.log = log or Log()
        self.stop = threading.Event()
        self.broken = False
        self.lease = LeaseKeeper(balancer, self.log)
        self.peers = Peers(balancer.config.app, balancer.config.agent.peers, self.log)
        self.convergence = Convergence(balancer, self.peers, self.lease, self.log)
        self.watch = Watch(balancer, self.log)
        self._disagreed = False

    def run(self) -> int:
        """Run until told to stop; the exit status."""
        threading.excepthook = self._thread_broke
        threads = [self._thread(self._serve), self._thread(self._repair)]
        notify("READY=1")
        self._until(self._converge, CONVERGE_SECONDS, self.convergence.done)
        if not self.balancer.capabilities.native_health:
            threads.append(self._thread(self._watch))
        self._until(self._keep_lease, LEASE_SECONDS, lambda: False)
        for thread in threads:
            thread.join(END_SECONDS)
        self.lease.trail.end(END_SECONDS)
        return 1 if self.broken else 0

    def _until(self, duty: Callable[[], None], every: float, done: Callable[[], bool]) -> None:
        while not done() and self._may_act():
            notify("WATCHDOG=1")
            duty()
            if not done():
                self.stop.wait(every)

    def _converge(self) -> None:
        with self.log.failures("convergence failed"):
            self.convergence.step()

    def _keep_lease(self) -> None:
        with self.log.failures("lease cannot be read"):
            self.lease.step()

    def _serve(self) -> None:
        agent = self.balancer.config.agent
        serve(agent.address, agent.port, lambda: own_report(self.balancer).to_dict(), self.stop, self.log)

    def _watch(self) -> None:
        interval = self.balancer.config.health.interval
        while self._may_act():
            began = time.monotonic()
            with self.log.failures("health watch"):
                self.watch.step()
            self.stop.wait(max(0.0, began + interval - time.monotonic()))

    def _repair(self) -> None:
        """Complete what a killed writer began: the running process must do what is recorded."""
        while not self.stop.wait(REPAIR_SECONDS) and self._may_act():
            with self.log.failures("repair"):
                self.repair()

    def repair(self) -> None:
        """Bring the running process to the recorded state when it did something else twice in a row."""
        if self._agrees():
            self._disagreed = False
        elif not self._disagreed:
            self._disagreed = True
        else:
            self._disagreed = False
            outcome = switch(self.balancer, Fence(self.balancer.directory, 0), Change(force=True))
            self.log.warning("repaired", f"what runs was not what is recorded; generation {outcome.after.generation}")

    def _agrees(self) -> bool:
        state = self.balancer.recorded()
        try:
            return state is None or self.balancer.agrees(state, self.balancer.live())
        except StateError:
            return False

    def _may_act(self) -> bool:
        """Whether to go on; with other configuration or code on disk the agent ends, and systemd starts it again."""
        if not self.stop.is_set() and self.outdated():
            self.log.info("agent", "configuration or code have changed, starting anew")
            self.stop.set()
        return not self.stop.is_set()

    def _thread(self, duty: Callable[[], None]) -> threading.Thread:
        thread = threading.Thread(target=duty, name=duty.__name__.strip("_"), daemon=True)
        thread.start()
        return thread

    def _thread_broke(self, failure: Any) -> None:
        name = failure.thread.name if failure.thread else "a thread"
        sys.stderr.write(f"<3>{name} broke, the agent ends\n")
        traceback.print_exception(failure.exc_type, failure.exc_value, failure.exc_traceback)
        self.broken = True
        self.stop.set()


def run(balancer: Balancer) -> int:
    """Run the agent of a balancer until SIGTERM; the exit status."""
    configuration, code = balancer.config.digest(), os.path.realpath(__file__)

    def outdated() -> bool:
        try:
            found = BalancerConfig.load(balancer.config.app).digest()
        except SlipwayError:
            return True
        return found != configuration or os.path.realpath(__file__) != code

    agent = Agent(balancer, outdated)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: agent.stop.set())
    return agent.run()
