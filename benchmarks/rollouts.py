# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulated rollouts of the judge's benchmark: errors and latencies of both sides, by interval. Touches nothing."""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from random import Random
from statistics import NormalDist

STEPS = (10, 25, 50)
INTERVALS = 10
STABLE_ERRORS = 0.01
MEDIAN_US = 50_000
SPREAD = 1.0

_POINTS = 1 << 16
_TAIL = 0.15
_TAIL_FROM = 5_000


@dataclass(frozen=True)
class Scenario:
    """What the canary does.

    :param errors: its share of errors at each step.
    :param slower: how many times as long each of its requests takes, at each step.
    """

    name: str
    errors: Sequence[float]
    slower: Sequence[int]


IDENTICAL = Scenario("identical", (0.01, 0.01, 0.01), (1, 1, 1))
ERRORS = Scenario("errors 1 % to 3 %", (0.03, 0.03, 0.03), (1, 1, 1))
SLOW = Scenario("p99 doubled", (0.01, 0.01, 0.01), (2, 2, 2))
LATE = Scenario("errors 1 % to 3 %, at 50 % only", (0.01, 0.01, 0.03), (1, 1, 1))
SCENARIOS = (IDENTICAL, ERRORS, SLOW, LATE)


@dataclass(frozen=True)
class Side:
    """One side of one step: requests, errors and sorted latencies of each interval."""

    requests: tuple[int, ...]
    errors: tuple[int, ...]
    latencies: tuple[list[int], ...]

    @cached_property
    def all_latencies(self) -> list[int]:
        """Those of all intervals, sorted."""
        return sorted(chain(*self.latencies))


@dataclass(frozen=True)
class Step:
    """Both sides of one step."""

    stable: Side
    canary: Side


def rollout(random: Random, scenario: Scenario, requests: int) -> list[Step]:
    """One rollout with as many requests at each step, both sides together."""
    steps = []
    for percent, errors, slower in zip(STEPS, scenario.errors, scenario.slower):
        canary = requests * percent // 100
        steps.append(
            Step(
                stable=_side(random, requests - canary, STABLE_ERRORS, 1),
                canary=_side(random, canary, errors, slower),
            )
        )
    return steps


def successes(random: Random, trials: int, chance: float) -> int:
    """A binomial number, by inversion of its distribution."""
    return bisect_left(_cumulative(trials, chance), random.random())


def latencies(random: Random, count: int, slower: int) -> list[int]:
    """Sorted latencies in microseconds, log-normal.

    Of a large sample only the slowest 15 % are drawn, the others stand at the median: no rule here looks at them.
    """
    if count < _TAIL_FROM // INTERVALS:
        return _drawn(random, _table(1.0, slower), count)
    slowest = successes(random, count, _TAIL)
    return [slower * MEDIAN_US] * (count - slowest) + _drawn(random, _table(_TAIL, slower), slowest)


def beyond(multiple: float, percent: int) -> float:
    """The share of stable requests that take longer than that multiple of the quantile."""
    normal = NormalDist()
    return 1.0 - normal.cdf(normal.inv_cdf(percent / 100) + math.log(multiple) / SPREAD)


def _side(random: Random, requests: int, errors: float, slower: int) -> Side:
    counts = [requests * (place + 1) // INTERVALS - requests * place // INTERVALS for place in range(INTERVALS)]
    return Side(
        requests=tuple(counts),
        errors=tuple(successes(random, count, errors) for count in counts),
        latencies=tuple(latencies(random, count, slower) for count in counts),
    )


@lru_cache(maxsize=256)
def _cumulative(trials: int, chance: float) -> list[float]:
    reached, found = 0.0, []
    for count in range(trials + 1):
        reached += math.comb(trials, count) * chance**count * (1.0 - chance) ** (trials - count)
        found.append(reached)
        if reached > 1.0 - 1e-15:
            break
    return found


def _drawn(random: Random, table: Sequence[int], count: int) -> list[int]:
    places = struct.unpack(f"<{count}H", random.randbytes(2 * count))
    return list(map(table.__getitem__, sorted(places)))


@lru_cache(maxsize=4)
def _table(share: float, slower: int) -> list[int]:
    """Equally likely latencies, ascending, of the slowest requests that have that share of all."""
    normal = NormalDist(math.log(MEDIAN_US), SPREAD)
    chances = (1.0 - share * (1.0 - (place + 0.5) / _POINTS) for place in range(_POINTS))
    return [slower * round(math.exp(normal.inv_cdf(chance))) for chance in chances]
