# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one process uses of its machine, in the text format of Prometheus and under the names of its client libraries.

Reads /proc; touches nothing.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

PAGES = Path("/proc/self/statm")


def figures() -> bytes:
    """Processor time in seconds, and resident memory in bytes."""
    resident = int(PAGES.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return (
        "# TYPE process_cpu_seconds_total counter\n"
        f"process_cpu_seconds_total {time.process_time():.6f}\n"
        "# TYPE process_resident_memory_bytes gauge\n"
        f"process_resident_memory_bytes {resident}\n"
    ).encode("ascii")
