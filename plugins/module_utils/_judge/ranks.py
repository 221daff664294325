# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact rank tests of two samples, and the shift between them. Touches nothing."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from statistics import NormalDist

from .binomial import log_choose

_EXACT_UP_TO = 60
_TILTS = (0.4, 0.2, 1.0, 4.0)


@dataclass(frozen=True)
class MannWhitney:
    """The result of a one-sided test.

    :param doubled: twice the statistic: pairs in which the first sample is greater count 2, ties 1.
    :param exact: the distribution was counted, not approximated.
    """

    doubled: int
    p_value: float
    exact: bool


def doubled_statistic(greater: Sequence[Fraction], other: Sequence[Fraction]) -> int:
    """Twice the statistic of Mann and Whitney: pairs in which ``greater`` wins count 2, ties 1."""
    ordered = sorted(other)
    return sum(bisect_left(ordered, value) + bisect_right(ordered, value) for value in greater)


def mann_whitney(greater: Sequence[Fraction], other: Sequence[Fraction]) -> MannWhitney:
    """Test whether ``greater`` is stochastically greater (Mann and Whitney, Ann. Math. Statist. 18, 1947, 50-60).

    Up to 60 values the permutation distribution is counted, ties included, with midranks (Lehmann, *Nonparametrics*,
    1975, sec. 1.4); beyond that it is approximated by the normal one with corrections for ties and continuity.
    """
    if len(greater) + len(other) <= _EXACT_UP_TO:
        return _exact(greater, other)
    return _approximate(greater, other)


def evidence(doubled: int, first: int, second: int) -> list[float]:
    """Logarithms of e-values against "the first sample is not stochastically greater".

    They are ``exp(t U) / E exp(t U)`` for a few ``t`` that depend on the sizes alone. Without ties the mean is
    exact, from the generating function of the statistic (Mann and Whitney, 1947; Andrews, *The Theory of Partitions*,
    1976, sec. 3.2). With ties the statistic is the mean of the statistics of all ways to break them, and by Jensen's
    inequality ``E exp(t U)`` can only be smaller. The ratio rises with the statistic, so they are e-values also for
    every first sample that is stochastically smaller.
    """
    tilts = [12.0 * strength / (first + second + 1) for strength in _TILTS]
    return [tilt * doubled / 2.0 - _log_mean(tilt, first, second) for tilt in tilts]


def shift(first: Sequence[Fraction], second: Sequence[Fraction], confidence: Fraction) -> tuple[Fraction, ...]:
    """How much greater the first sample is, with an interval: estimate, lower and upper bound.

    The median of all differences, and the interval of the rank test (Hodges and Lehmann, Ann. Math. Statist. 34, 1963,
    598-611; Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, 3rd ed., 2014, sec. 4.3).
    """
    differences = sorted(one - other for one in first for other in second)
    count = len(differences)
    estimate = (differences[(count - 1) // 2] + differences[count // 2]) / 2
    cut = critical(len(first), len(second), (1 - confidence) / 2)
    if cut < 0:
        return estimate, differences[0], differences[-1]
    return estimate, differences[cut], differences[count - 1 - cut]


def interval_is_exact(first: int, second: int, confidence: Fraction) -> bool:
    """The two samples are large enough for an interval of this confidence."""
    return critical(first, second, (1 - confidence) / 2) >= 0


@lru_cache(maxsize=256)
def critical(first: int, second: int, side: Fraction) -> int:
    """The largest value that the statistic does not exceed with at most ``side``; -1 when there is none."""
    if first + second > _EXACT_UP_TO:
        spread = math.sqrt(first * second * (first + second + 1) / 12.0)
        return math.floor(first * second / 2.0 - NormalDist().inv_cdf(1.0 - float(side)) * spread - 0.5)
    counts = _rank_sums([2 * rank for rank in range(1, first + second + 1)], first)
    total = math.comb(first + second, first)
    reached, value = 0, -1
    for doubled in sorted(counts):
        reached += counts[doubled]
        if Fraction(reached, total) > side:
            break
        value += 1
    return value


def _exact(greater: Sequence[Fraction], other: Sequence[Fraction]) -> MannWhitney:
    observed = doubled_statistic(greater, other)
    size = len(greater)
    counts = _rank_sums(_doubled_midranks([*greater, *other]), size)
    reached = sum(count for doubled, count in counts.items() if doubled - size * (size + 1) >= observed)
    return MannWhitney(observed, reached / math.comb(size + len(other), size), exact=True)


def _approximate(greater: Sequence[Fraction], other: Sequence[Fraction]) -> MannWhitney:
    observed = doubled_statistic(greater, other)
    pooled = [*greater, *other]
    pairs, whole = len(greater) * len(other), len(pooled)
    groups = [pooled.count(value) for value in set(pooled)]
    tied = sum(size**3 - size for size in groups) / (whole * (whole - 1))
    spread = math.sqrt(pairs / 12.0 * (whole + 1 - tied))
    if spread == 0.0:
        return MannWhitney(observed, 1.0, exact=False)
    distance = ((observed - pairs) / 2.0 - 0.5) / spread
    return MannWhitney(observed, 0.5 * math.erfc(distance / math.sqrt(2.0)), exact=False)


def _doubled_midranks(values: Sequence[Fraction]) -> list[int]:
    ordered = sorted(values)
    return [bisect_left(ordered, value) + bisect_right(ordered, value) + 1 for value in ordered]


def _rank_sums(doubled_ranks: Sequence[int], size: int) -> dict[int, int]:
    """How many subsets of ``size`` have which sum; each polynomial is one large integer, a coefficient a field."""
    width = math.comb(len(doubled_ranks), size).bit_length() + 1
    by_size = [1] + [0] * size
    for rank in doubled_ranks:
        for taken in range(size, 0, -1):
            by_size[taken] += by_size[taken - 1] << (rank * width)
    mask = (1 << width) - 1
    fields = range(by_size[size].bit_length() // width + 1)
    found = {place: (by_size[size] >> (place * width)) & mask for place in fields}
    return {place: count for place, count in found.items() if count}


def _log_mean(tilt: float, first: int, second: int) -> float:
    factors = (_log_expm1(tilt * (second + i)) - _log_expm1(tilt * i) for i in range(1, first + 1))
    return math.fsum(factors) - log_choose(first + second, first)


def _log_expm1(value: float) -> float:
    return value + math.log(-math.expm1(-value))
