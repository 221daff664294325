# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workers, singletons and scheduled jobs: each leaves records of when it ran, under which version and slot.

Touches ``$SHOP_STATE/<component>.jsonl``, which it only appends to. One line an event, written by one system call:
``{"component", "event": start|beat|stop, "at_us", "version", "slot", "host", "pid"}`` with ``at_us`` from
CLOCK_BOOTTIME, so that containers of one machine can be compared.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time

from .settings import Settings

BEAT = 0.1


class Journal:
    """Appends records of one component; without SHOP_STATE it keeps none."""

    def __init__(self, component: str, settings: Settings) -> None:
        self._path = settings.state / f"{component}.jsonl" if settings.state else None
        self._identity = {
            "component": component,
            "version": settings.behaviour.version,
            "slot": settings.slot,
            "host": settings.host,
            "pid": os.getpid(),
        }

    def record(self, event: str) -> None:
        """Append one line."""
        if self._path is None:
            return
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000
        line = json.dumps({**self._identity, "event": event, "at_us": now}).encode() + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            os.write(descriptor, line)
        finally:
            os.close(descriptor)


def consume(component: str, settings: Settings) -> None:
    """Consume until SIGTERM or SIGINT; one beat is one message."""
    journal = Journal(component, settings)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    born = time.monotonic()
    journal.record("start")
    while not stopping.wait(BEAT):
        journal.record("beat")
        if 0 < settings.behaviour.crash_after <= time.monotonic() - born:
            os._exit(70)
    journal.record("stop")


def run_once(component: str, settings: Settings) -> None:
    """Do a scheduled job: one unit of work."""
    journal = Journal(component, settings)
    journal.record("start")
    time.sleep(BEAT)
    journal.record("stop")
