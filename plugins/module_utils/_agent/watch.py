# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health watch of a balancer that has none of its own: a dead instance is taken out, a returned one put back.

Asks the readiness path of every instance that takes traffic, and changes ``down`` in the state through ``switch``. An
instance that stops answering is out after at most ``interval * fall + timeout`` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor

from .._balancer.base import Balancer
from .._balancer.config import SLOTS, BalancerConfig, Health
from .._balancer.state import State
from .._balancer.switch import Change, switch
from .._common.fence import Fence
from .._gate.http import HttpProbe
from .log import Log

MOST_AT_ONCE = 32
Probing = Callable[[BalancerConfig, Iterable[str]], dict[str, str]]


def probe(config: BalancerConfig, instances: Iterable[str]) -> dict[str, str]:
    """Ask each instance once, all at the same time; what is wrong with each, empty for nothing."""
    names = list(instances)
    if not names:
        return {}

    def complaint(name: str) -> str:
        answer = HttpProbe(f"http://{config.address(name)}{config.health.path}").attempt(config.health.timeout)
        return "" if answer.ok else answer.detail

    with ThreadPoolExecutor(max_workers=min(MOST_AT_ONCE, len(names))) as pool:
        return dict(zip(names, pool.map(complaint, names)))


class Tally:
    """Consecutive answers of the instances, and what follows from them. Pure."""

    def __init__(self, health: Health) -> None:
        self.health = health
        self._runs: dict[str, int] = {}
        self._down: frozenset[str] = frozenset()

    def count(self, complaints: Mapping[str, str], down: Iterable[str]) -> None:
        """Take in one round.

        :param complaints: of every instance asked; empty where it answered well.
        :param down: the instances recorded as dead; where somebody else changed that, counting starts anew.
        """
        recorded = frozenset(down)
        for name in (recorded ^ self._down) | (set(self._runs) - set(complaints)):
            self._runs.pop(name, None)
        self._down = recorded
        for name, complaint in complaints.items():
            run = self._runs.get(name, 0)
            self._runs[name] = min(run, 0) - 1 if complaint else max(run, 0) + 1

    def fallen(self, name: str) -> bool:
        """Whether an instance has failed often enough to be taken out."""
        return self._runs.get(name, 0) <= -self.health.fall

    def risen(self, name: str) -> bool:
        """Whether an instance has answered often enough to be put back."""
        return self._runs.get(name, 0) >= self.health.rise


def watched(config: BalancerConfig, state: State) -> list[str]:
    """The instances to ask: those that nobody took out, in slots that requests are led to."""
    return [name for slot in SLOTS if state.reaches(slot) for name in state.admitted(config, slot)]


def verdicts(config: BalancerConfig, state: State, tally: Tally) -> tuple[dict[str, bool], list[str]]:
    """Which instances to mark dead or alive, and which dead ones to keep because a slot has no other.

    Of the slot that the override leads to none is kept: matched requests then go where everyone goes.
    """
    marks: dict[str, bool] = {}
    kept: list[str] = []
    for slot in SLOTS:
        names = [name for name in state.admitted(config, slot) if name in watched(config, state)]
        back = {name for name in names if name in state.down and tally.risen(name)}
        usable = {name for name in names if name not in state.down} | back
        least = 0 if state.override and slot != state.stable else 1
        marks.update(dict.fromkeys(back, False))
        for name in names:
            if name not in usable or not tally.fallen(name):
                continue
            if len(usable) > least:
                usable.remove(name)
                marks[name] = True
            else:
                kept.append(name)
    return marks, kept


class Watch:
    """Asks, counts, and takes out or puts back."""

    def __init__(self, balancer: Balancer, log: Log, probing: Probing = probe) -> None:
        self.balancer = balancer
        self.log = log
        self.probing = probing
        self.tally = Tally(balancer.config.health)

    def step(self) -> None:
        """One round."""
        state = self.balancer.recorded()
        if state is None:
            return
        config = self.balancer.config
        state = state.fitted(config)
        complaints = dict(self.probing(config, watched(config, state)))
        self.tally.count(complaints, state.down)
        marks, kept = verdicts(config, state, self.tally)
        self._tell_kept(kept, complaints)
        if marks:
            switch(self.balancer, Fence(self.balancer.directory, 0), Change(down=marks, force=True))
            self._tell_marks(marks, complaints)

    def _tell_marks(self, marks: Mapping[str, bool], complaints: Mapping[str, str]) -> None:
        for name, dead in sorted(marks.items()):
            self.log.settled(f"instance {name}")
            if dead:
                self.log.warning(f"instance {name}", f"taken out: {complaints[name]}")
            else:
                self.log.info(f"instance {name}", "put back: it answers again")

    def _tell_kept(self, kept: Iterable[str], complaints: Mapping[str, str]) -> None:
        for name in kept:
            self.log.warning(f"instance {name}", f"kept, its slot has no other: {complaints[name]}")
