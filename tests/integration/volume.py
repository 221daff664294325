# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The promise that traffic changes lose nothing, at its full size: how much load, how many switches, and the proof.

Every figure is taken from the meter's record of each request. The load is open-loop and the switches go on for a stated
time, so a slow machine makes the run longer or the figures smaller but loses nothing; the promise is on counts.
"""

from __future__ import annotations

import signal
import subprocess
import time
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Outcome
from ansible_collections.slipway.release.plugins.module_utils._common.clock import boottime

from tests.integration.load import Load

LEAST_SWITCHES = 100
LEAST_ANSWERED = {"keepalive": 10_000, "new": 10_000, "slow": 1_000, "long": 50}
LEAST_SLOW_IN_FLIGHT = 20
LONG_SWITCHES = 10

RATE = 400
SLOW, SLOW_MS = 80, 2_000
LONG, LONG_SECONDS = 50, 20
SWITCHES = 125
SECONDS = 60
MOST_SECONDS = 150
PAUSE = 0.4
UNDER_WAY = 120
HESITATION = 1.5
QUICK = ("keepalive", "new")


def full_load(port: int) -> Load:
    """The load of the promise, at least ``SECONDS`` of which make the counts, with a margin of a fifth or more."""
    return Load(
        MOST_SECONDS + 30, rate=RATE, slow=SLOW, slow_ms=SLOW_MS, long=LONG, long_seconds=LONG_SECONDS, port=port
    )


@dataclass(frozen=True)
class Switched:
    """One switch: microseconds of CLOCK_BOOTTIME before and after it, and where the traffic went."""

    asked: int
    done: int
    slot: str


def switch_often(switch: Callable[[str], Outcome]) -> list[Switched]:
    """Switch all traffic to green and back, as often and as long as the promise needs.

    :param switch: sends all traffic to a slot.
    """
    made: list[Switched] = []
    started = time.monotonic()
    while len(made) < SWITCHES or time.monotonic() - started < SECONDS:
        assert time.monotonic() - started < MOST_SECONDS, f"only {len(made)} switches in {MOST_SECONDS} s"
        slot = "blue" if len(made) % 2 else "green"
        asked = now_us()
        outcome = switch(slot)
        made.append(Switched(asked, now_us(), slot))
        assert outcome.verified and outcome.changed, outcome
        time.sleep(PAUSE)
    return made


def now_us() -> int:
    """CLOCK_BOOTTIME."""
    return int(boottime() * 1_000_000)


class Proof:
    """What the meter's record says of a run.

    :param load: the ended load.
    :param switches: what was switched meanwhile.
    """

    def __init__(self, load: Load, switches: list[Switched]) -> None:
        origin = load.report["started"]["boottime_us"]
        self.rows = [{**row, "from": origin + row["start_us"], "to": origin + row["end_us"]} for row in load.records]
        self.total = load.report["total"]
        self.switches = switches
        self.answered = Counter(row["class"] for row in self.rows if row["outcome"] == "ok")
        self.failed = Counter(row["class"] for row in self.rows if row["outcome"] != "ok")
        self.quick = [row for row in self.rows if row["class"] in QUICK and row["outcome"] == "ok"]
        self.quick_us = sorted(row["to"] - row["from"] for row in self.quick)
        self.slow_in_flight = self._in_flight("slow")
        self.long_open = self._in_flight("long")
        self.slow_across = sum(1 for passed in self._switches_across("slow") if passed)
        self.long_across = sum(1 for passed in self._switches_across("long") if passed >= LONG_SWITCHES)
        self.late_us = [self._last_old_answer(number) for number in range(len(switches))]
        self.seen = sum(self._seen(number) for number in range(len(switches)))
        self.stale = sum(self._stale(number) for number in range(len(switches)))

    def require(self) -> None:
        """The promise."""
        lost = [row for row in self.rows if row["outcome"] != "ok"]
        assert not lost and self.total["lost"] == 0, f"{len(lost)} lost, the first of them: {lost[:20]}"
        assert self.stale == 0, f"{self.stale} requests began after a switch and went to the slot it left"
        assert self.seen >= LEAST_SWITCHES, f"clients saw {self.seen} switches, not {LEAST_SWITCHES}"
        short = {name: self.answered[name] for name, least in LEAST_ANSWERED.items() if self.answered[name] < least}
        assert not short, f"answered {short}, fewer than {LEAST_ANSWERED}"
        assert self.slow_across >= LEAST_ANSWERED["slow"], (
            f"{self.slow_across} slow requests were in flight at a switch"
        )
        assert min(self.slow_in_flight) >= LEAST_SLOW_IN_FLIGHT, f"slow requests in flight: {self.slow_in_flight}"
        assert self.long_across >= LEAST_ANSWERED["long"], f"{self.long_across} long ones lived across the switches"
        assert max(self.long_open) >= LEAST_ANSWERED["long"], f"long ones open: {self.long_open}"

    def describe(self) -> str:
        """The figures, for people."""
        late = sorted(self.late_us)
        figures = [
            f"{self.seen} of {len(self.switches)} switches seen by clients",
            *(f"{name} {self.answered[name]} answered {self.failed[name]} lost" for name in LEAST_ANSWERED),
            f"slow in flight at a switch: {min(self.slow_in_flight)} to {max(self.slow_in_flight)}",
            f"slow in flight across a switch: {self.slow_across}",
            f"long open at a switch: at most {max(self.long_open)}",
            f"long across {LONG_SWITCHES} switches or more: {self.long_across}",
            f"streams given up at the end: {self.total['unfinished']}, due but not sent: {self.total['not_sent']}",
            f"begun after a switch and answered by the slot it left: {self.stale}",
            f"quick answers: {self.quick_us[0]} us least, {self.quick_us[len(self.quick_us) // 2]} us median",
            f"last old answer after a switch: {late[len(late) // 2]} us median, {late[-2]} us p99",
        ]
        return "\n  ".join(figures)

    def _in_flight(self, name: str) -> list[int]:
        """At each switch, the requests of a class that were then in flight."""
        starts = sorted(row["from"] for row in self.rows if row["class"] == name)
        ends = sorted(row["to"] for row in self.rows if row["class"] == name)
        return [bisect_left(starts, switch.asked) - bisect_right(ends, switch.done) for switch in self.switches]

    def _switches_across(self, name: str) -> list[int]:
        """For each answered request of a class, the switches that were made while it was in flight."""
        asked = [switch.asked for switch in self.switches]
        done = [switch.done for switch in self.switches]
        return [
            bisect_right(done, row["to"]) - bisect_left(asked, row["from"])
            for row in self.rows
            if row["class"] == name and row["outcome"] == "ok"
        ]

    def _until_next(self, number: int) -> list[dict[str, Any]]:
        """The quick answers that came between the end of a switch and the next one."""
        last = number + 1 == len(self.switches)
        until = self.switches[-1].done + 1_000_000 if last else self.switches[number + 1].asked
        return [row for row in self.quick if self.switches[number].done <= row["to"] < until]

    def _seen(self, number: int) -> bool:
        """Whether a client got an answer of the slot that a switch sent all traffic to, before the next switch."""
        return any(row["slot"] == self.switches[number].slot for row in self._until_next(number))

    def _stale(self, number: int) -> int:
        """Quick requests that began after a switch was done and were answered by the slot it left."""
        switch = self.switches[number]
        return sum(row["from"] >= switch.done and row["slot"] != switch.slot for row in self._until_next(number))

    def _last_old_answer(self, number: int) -> int:
        """How long after a switch a quick request was still answered by the slot it left."""
        switch = self.switches[number]
        return max(
            (row["to"] - switch.done for row in self._until_next(number) if row["slot"] != switch.slot), default=0
        )


def require_losses(load: Load) -> str:
    """The negative control: the same load sees losses in every class when the active slot is ended before the switch.

    Gives the figures, for people.
    """
    lost = {name: load.report["classes"][name]["lost"] for name in LEAST_ANSWERED}
    assert all(lost.values()), f"no losses seen: {lost}"
    return f"{load.lost} of {load.report['total']['sent']} lost: {lost}"


def hesitate(instances: list[subprocess.Popen[bytes]]) -> None:
    """Twice, let no instance run for a moment, and then catch up."""
    for _round in range(2):
        for instance in instances:
            instance.send_signal(signal.SIGSTOP)
        time.sleep(HESITATION)
        for instance in instances:
            instance.send_signal(signal.SIGCONT)
        time.sleep(2 * HESITATION)
