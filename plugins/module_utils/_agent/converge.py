# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot convergence: a balancer that was down stays closed until it serves what the others serve.

Changes the balancer's state under the fence's lock, opens the balancer, and keeps two marks in the run directory,
which a boot empties: ``waiting`` (since when) and ``converged``.
"""

from __future__ import annotations

import math
from dataclasses import replace

from .._balancer.base import Balancer
from .._balancer.state import Lease, State
from .._balancer.switch import Change, switch
from .._common import clock
from .._common.errors import SlipwayError
from .._common.fence import Fence
from .._common.files import write_atomic
from .._common.journal import Journal
from .decide import OWN, Decision, decide, forgotten, rank
from .lease import LeaseKeeper
from .log import Log
from .peers import Peers
from .report import own_report


class Convergence:
    """Brings this balancer from closed to open, once a boot."""

    def __init__(self, balancer: Balancer, peers: Peers, lease: LeaseKeeper, log: Log) -> None:
        self.balancer = balancer
        self.peers = peers
        self.lease = lease
        self.log = log

    def done(self) -> bool:
        """Whether nothing is left to do: what closes this balancer from now on is an operator."""
        mark = self.balancer.run_directory / "converged"
        if not mark.exists() and self.balancer.open_file.exists():
            self._mark("converged")
        return mark.exists()

    def step(self) -> None:
        """Ask, decide, and act if that is possible now."""
        agent = self.balancer.config.agent
        answers = self.peers.ask()
        if forgotten(f"{agent.address}:{agent.port}", answers):
            self.log.warning("convergence", "closed: the balancers that serve do not know this one; run site.yml")
            return
        decision = decide(
            own_report(self.balancer),
            answers,
            self._waited_seconds(),
            self.balancer.config.agent.solo_open_after,
        )
        if decision is None:
            self.log.info("convergence", "closed, waiting for the other balancers or for a first state")
            return
        if decision.warning:
            self.log.warning("convergence", decision.warning)
        if decision.source == OWN:
            self.lease.step()
        else:
            self._adopt(decision)
        switch(self.balancer, Fence(self.balancer.directory, 0), Change(open=True, force=True))
        self._mark("converged")
        self.log.info("convergence", f"open with the state of {decision.source or 'this host'}")

    def _adopt(self, decision: Decision) -> None:
        """Take over a peer's state unless a newer one was written here meanwhile; whoever opens reads it back."""
        fence = Fence(self.balancer.directory, 0)
        with fence.held():
            own = own_report(self.balancer)
            if rank(own) > rank(decision.report):
                return
            state = adopted(self.balancer, decision.state, decision.report.lease_left_ms, own.state)
            fence.learn(state.token)
            fence.bar_token(decision.report.barred)
            if own.state is None or replace(state, generation=own.state.generation) != own.state:
                self._apply(state, own.state, decision.source)

    def _apply(self, state: State, before: State | None, source: str) -> None:
        journal = Journal(self.balancer.directory)
        journal.append("intent", 0, why=f"adopt {source}", before=before and before.to_dict(), after=state.to_dict())
        try:
            self.balancer.apply(state)
        except SlipwayError as exc:
            journal.append("outcome", 0, generation=state.generation, failed=exc.message())
            raise
        journal.append("outcome", 0, generation=state.generation)

    def _waited_seconds(self) -> float:
        mark = self.balancer.run_directory / "waiting"
        if not mark.exists():
            self._mark("waiting", f"{int(clock.boottime() * 1000)}\n")
        return clock.boottime() - int(mark.read_text(encoding="ascii")) / 1000

    def _mark(self, name: str, content: str = "") -> None:
        self.balancer.run_directory.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_atomic(self.balancer.run_directory / name, content.encode("ascii"))


def adopted(balancer: Balancer, theirs: State, lease_left_ms: int, own: State | None) -> State:
    """A peer's state as a state of this host: its own count of generations, and the lease in this host's time."""
    fitted = theirs.fitted(balancer.config)
    lease = fitted.lease
    if lease is not None:
        deadline_ms = math.ceil(clock.boottime() * 1000) + lease_left_ms
        lease = Lease(lease.token, deadline_ms, clock.boot_id(), lease.return_to)
    return replace(
        fitted,
        generation=(own.generation if own else 0) + 1,
        down=() if balancer.capabilities.native_health else fitted.down,
        lease=lease,
    )
