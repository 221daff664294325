# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time that no wall clock can change: CLOCK_BOOTTIME and the boot id of this host; and wall time, for people only.

Reads /proc/sys/kernel/random/boot_id and /proc/1/stat; touches nothing.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boottime() -> float:
    """Seconds since this host booted, sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """Identifier of this boot: the kernel's, with the start of PID 1 so that a container's reboot counts too."""
    started = Path("/proc/1/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[19]
    return f"{BOOT_ID.read_text(encoding='ascii').strip()}-{started}"


def utc() -> str:
    """Wall time with milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
