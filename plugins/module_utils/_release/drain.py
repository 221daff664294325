# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waits until the requests and long-lived connections of a slot have ended, as this host sees them.

Reads /proc/net; touches nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ESTABLISHED = "01"
INTERVAL = 0.1
ZEROS_TO_BELIEVE = 2


def established(ports: Collection[int], tables: Collection[Path] = TABLES) -> int:
    """Established connections to these local ports."""
    found = 0
    for table in tables:
        if table.exists():
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                found += fields[3] == ESTABLISHED and int(fields[1].rpartition(":")[2], 16) in ports
    return found


def wait_until_drained(
    ports: Collection[int],
    deadline: float,
    *,
    count: Callable[[Collection[int]], int] = established,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Wait until nothing is connected to these ports, twice in a row because health checks come and go.

    :param deadline: seconds after which the rest is cut.
    :returns: connections that are left.
    """
    give_up = time.monotonic() + deadline
    zeros = 0
    while True:
        left = count(ports) if ports else 0
        zeros = zeros + 1 if left == 0 else 0
        if not ports or zeros >= ZEROS_TO_BELIEVE or time.monotonic() >= give_up:
            return left
        sleep(INTERVAL)
