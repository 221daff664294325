# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of scheduled components: the one that is under way, the last one, and the next one.

Asks systemd, which forgets what ran before the last boot, and in a slot that gave its schedule up, unless that failed.
Changes nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from . import units
from .systemd import Systemd, UnitState

PAUSE = 0.2
STAMP = "%Y-%m-%d %H:%M:%S"


def described(app: str, component: Mapping[str, Any], slot: str, states: Mapping[str, UnitState]) -> dict[str, Any]:
    """Whether a scheduled component works now, how its last run in the slot ended, and when the next one begins."""
    service = states.get(units.unit_name(app, component["name"], slot), UnitState())
    timer = states.get(units.unit_name(app, component["name"], slot, "timer"), UnitState())
    began = epoch(service.times.get("ExecMainStartTimestamp", ""))
    working = not service.stopped
    ended = None if working else epoch(service.times.get("ExecMainExitTimestamp", ""))
    return {
        "working": working,
        "stop_timeout": component["stop_timeout"],
        "last": {"began": began, "ended": ended, "result": "" if working else service.result} if began else None,
        "next": epoch(timer.times.get("NextElapseUSecRealtime", "")) if timer.running else None,
    }


def let_finish(systemd: Systemd, patience: Mapping[str, int], check: Callable[[], None]) -> None:
    """Wait for runs that are under way.

    :param patience: service to the seconds that it may go on; none is waited for longer.
    :param check: raises when nobody is to wait any more, as when a newer deployment is in charge.
    """
    began = time.monotonic()
    waiting = dict(patience)
    while waiting:
        states = systemd.show(waiting)
        waited = time.monotonic() - began
        waiting = {name: most for name, most in waiting.items() if not states[name].stopped and waited < most}
        if waiting:
            check()
            time.sleep(PAUSE)


def epoch(shown: str) -> int | None:
    """Seconds since the epoch of a time as systemctl shows it in UTC; none where there is none."""
    fields = shown.split()
    if len(fields) < 3:
        return None
    found = datetime.strptime(f"{fields[1]} {fields[2]}", STAMP)
    return int(found.replace(tzinfo=timezone.utc).timestamp())
