# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease on the balancer host: when it runs out and nobody has renewed it, the traffic returns.

Changes the balancer's state through ``switch``, and bars the token of the deployment that lost its lease. Then writes
what it did to the audit log of the host.
"""

from __future__ import annotations

import time

from .._audit.by_itself import Trail
from .._balancer.base import Balancer
from .._balancer.state import Lease
from .._balancer.switch import Change, Surroundings, switch
from .._common.errors import SlipwayError
from .._common.fence import Fence
from .log import Log

RETRY_SECONDS = 1.0


class LeaseKeeper:
    """Watches the lease of the recorded state."""

    def __init__(self, balancer: Balancer, log: Log, surroundings: Surroundings | None = None) -> None:
        self.balancer = balancer
        self.log = log
        self.surroundings = surroundings or Surroundings()
        self.trail = Trail(balancer.directory, lambda text: log.warning("audit", text))
        self._next_try = 0.0

    def step(self) -> bool:
        """Return the traffic if its time has come; ``True`` when that was done.

        A failure, such as nobody being ready where the traffic should return to, is logged and tried again.
        """
        if self._run_out() is None or time.monotonic() < self._next_try:
            return False
        self._next_try = time.monotonic() + RETRY_SECONDS
        try:
            return self._return()
        except SlipwayError as exc:
            self.log.warning("lease", f"the traffic cannot return yet: {exc.message()}")
            return False

    def _run_out(self) -> Lease | None:
        state = self.balancer.recorded()
        lease = state.lease if state else None
        if lease and lease.expired(self.surroundings.now_ms(), self.surroundings.boot_id()):
            return lease
        return None

    def _return(self) -> bool:
        fence = Fence(self.balancer.directory, 0)
        with fence.held():
            lease = self._run_out()
            if lease is None:
                return False
            fence.bar_token(lease.token)
        outcome = switch(self.balancer, fence, Change(return_expired=True), surroundings=self.surroundings)
        if outcome.changed:
            reason = f"the lease of token {lease.token} ran out and nobody renewed it"
            self.trail.returned(self.balancer.config.app, lease.token, {**outcome.moved(), "reason": reason})
            self.log.warning(
                "lease", f"{reason}: percents are {outcome.after.percents} again, token {lease.token} is barred"
            )
        return outcome.changed
