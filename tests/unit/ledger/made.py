# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clocks that the test sets, and plans as far as the ledger reads them."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._ledger.lease import Clock


@dataclasses.dataclass
class SetClock(Clock):
    """Clocks that stand still until they are moved."""

    milliseconds: int = 1_000_000
    boot: str = "boot-1"

    def boottime_ms(self) -> int:
        return self.milliseconds

    def boot_id(self) -> str:
        return self.boot

    def now(self) -> datetime:
        return datetime(2026, 11, 21, 7, 30, tzinfo=timezone.utc) + timedelta(milliseconds=self.milliseconds)

    def pass_seconds(self, seconds: int) -> None:
        self.milliseconds += seconds * 1000


def plan_of(version: str, *, origin: str | None = None, verb: str = "deploy") -> dict[str, Any]:
    """As much of a plan as the ledger looks at: ``version`` after ``origin``."""
    return {
        "schema": 1,
        "app": "shop",
        "verb": verb,
        "slot": "green",
        "stable_slot": "blue",
        "from": {"revision": f"r{origin}", "version": origin} if origin else None,
        "to": {"revision": f"r{version}", "version": version},
        "revision": {"schema": 1, "version": version},
        "hosts": {"app1": {"place": True}, "app2": {"place": True}},
        "options": {"force": False, "skip": [], "reason": ""},
    }


def parking_plan_of(version: str, **changes: Any) -> dict[str, Any]:
    """A plan that parks before the traffic for an approval, after a step for a time, and at last for both."""
    parks = [("before_traffic", "", 0, True), ("canary at 10 %", "", 600, False), ("before_settle", "all", 60, True)]
    names = ("stage", "after", "seconds", "approval")
    return {**plan_of(version, **changes), "schema": 2, "parks": [dict(zip(names, park)) for park in parks]}
