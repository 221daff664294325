# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hold: traffic that stays divided with no lease, only where the service that keeps watches judges it.

Touches what ``switch`` touches. Where that service does not take the watch up, the return of traffic is armed again.
"""

from __future__ import annotations

from collections.abc import Callable

from .._common import clock
from .base import Balancer
from .state import Lease
from .switch import Change, Outcome
from .watch import load
from .watch_service import not_taken_up, out_of_service, refused


def held(balancer: Balancer, change: Change, move: Callable[[Change], Outcome], *, check: bool = False) -> Outcome:
    """Make a change that holds traffic under a watch.

    :param move: makes a change, or foretells it.
    :param check: ``move`` only foretells.
    :raises StateError: nobody would keep the watch.
    """
    app, run_directory = balancer.config.app, balancer.run_directory
    complaint = out_of_service(app, run_directory)
    if complaint:
        raise refused(complaint)
    outcome = move(change)
    armed = None if check else load(balancer.directory)
    complaint = not_taken_up(app, run_directory, armed) if armed else ""
    if not complaint:
        return outcome
    before = outcome.before.lease if outcome.before else None
    if before:
        move(Change(lease_seconds=_left(before), return_to=before.return_to))
    raise refused(complaint)


def _left(lease: Lease) -> int:
    """Seconds that a lease still had."""
    return max(1, -(-(lease.deadline_ms - int(clock.boottime() * 1000)) // 1000))
