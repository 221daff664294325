# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Testers and user segments at the canary: who is matched, a load of which a part is matched, and what it must see.

Touches nothing.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._balancer.config import Match

from tests.integration.load import Load
from tests.integration.volume import now_us

USERS = 64
TESTERS = frozenset(f"{user:08x}" for user in range(0, USERS, 2))
MATCH = (
    Match("header", "X-User-Segment", ("beta", "staff.it")),
    Match("header", "X-Canary", ("always",)),
    Match("cookie", "canary", ("1",)),
    Match("cookie", "slipway", tuple(sorted(TESTERS))),
)
MATCHED = (
    "X-User-Segment: beta",
    "x-user-segment: staff.it",
    "X-Canary: always",
    "Cookie: canary=1",
    "Cookie: a=b; canary=1; slipway=someone",
    "Cookie: slipway=0000000a",
)
UNMATCHED = (
    "X-User-Segment: Beta",
    "X-User-Segment: betas",
    "X-User-Segment: abeta",
    "X-User-Segment: staffxit",
    "X-User-Segment: 1",
    "X-Canary: never",
    "X-Canary: ",
    "X-Other: beta",
    "Cookie: canary=10",
    "Cookie: canary=",
    "Cookie: xcanary=1",
    "Cookie: slipway=0000000b",
)
TOGGLES = 40
PAUSE = 0.25


@dataclass(frozen=True)
class Toggled:
    """One opening or closing: microseconds of CLOCK_BOOTTIME before and after it."""

    asked: int
    done: int
    open: bool


def mixed_load(port: int, seconds: int = 120) -> Load:
    """A load of which every other user is a tester; each carries the same cookie in all requests."""
    load = Load(seconds, rate=400, slow=40, slow_ms=1_000, long=10, long_seconds=10, port=port)
    load.argv += ["--users", str(USERS)]
    return load


def toggle_often(toggle: Callable[[bool], Any]) -> list[Toggled]:
    """Open and close the override in turns."""
    made = []
    for number in range(TOGGLES):
        opens = number % 2 == 0
        asked = now_us()
        outcome = toggle(opens)
        made.append(Toggled(asked, now_us(), opens))
        assert outcome.verified and outcome.changed, outcome
        time.sleep(PAUSE)
    return made


def require_told_apart(load: Load, toggles: list[Toggled]) -> str:
    """Nothing was lost, nobody but testers ever met the canary, and these did exactly while it was open.

    Gives the figures, for people.
    """
    lost = [row for row in load.records if row["outcome"] != "ok"]
    assert not lost and load.lost == 0, f"{len(lost)} lost, the first of them: {lost[:10]}"
    strangers = [row for row in load.records if row["slot"] == "green" and row["key"] not in TESTERS]
    assert not strangers, f"{len(strangers)} of others met the canary: {strangers[:10]}"
    seen = Counter(_seen(load, toggles))
    wrong = {what: count for what, count in seen.items() if what[0] != what[1]}
    assert not wrong, f"requests of testers by what was open and who answered: {seen}"
    assert min(seen["green", "green"], seen["blue", "blue"]) > 500, f"too few requests of testers: {seen}"
    return f"{load.answered} answered, 0 lost, {len(toggles)} toggles, of testers {dict(seen)}"


def _seen(load: Load, toggles: list[Toggled]) -> list[tuple[str, str]]:
    """Of each request that a tester began between two toggles: the slot that was meant, and the one that answered."""
    origin = load.report["started"]["boottime_us"]
    found = []
    for toggle, following in zip(toggles, toggles[1:]):
        meant = "green" if toggle.open else "blue"
        for row in load.records:
            quick = row["class"] in ("keepalive", "new") and row["key"] in TESTERS
            if quick and toggle.done <= origin + row["start_us"] and origin + row["end_us"] < following.asked:
                found.append((meant, row["slot"]))
    return found
