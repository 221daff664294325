# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A long watch as slices, between which the controller renews the lease.

Touches nothing.
"""

from __future__ import annotations

from typing import Any

SLICES_OF_A_LEASE = 3
# No byte goes over the connection to a host in a slice, and firewalls forget those that are silent for minutes.
LONGEST = 100
MOST_GRACE = 30


def watch_slices(seconds: int, lease_seconds: int) -> list[dict[str, Any]]:
    """The slices in order, each at most a third of a lease, and 100 seconds; none for no time.

    The last one has a deadline: what could not be measured may be asked for again, but not for as long as a lease.

    :param seconds: how long to watch in all.
    :param lease_seconds: length of the lease.
    """
    longest = max(1, min(lease_seconds // SLICES_OF_A_LEASE, LONGEST))
    lengths = [longest] * (seconds // longest) + [seconds % longest]
    kept = [length for length in lengths if length]
    return [_slice(length, number == 0, number == len(kept) - 1, longest) for number, length in enumerate(kept)]


def _slice(seconds: int, first: bool, last: bool, longest: int) -> dict[str, Any]:
    deadline = seconds + min(longest, MOST_GRACE) if last else 0
    return {"seconds": seconds, "first": first, "last": last, "deadline": deadline}
