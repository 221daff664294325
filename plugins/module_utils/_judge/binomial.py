# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact tails and intervals of the binomial distribution. Touches nothing."""

from __future__ import annotations

import math

_NEGLIGIBLE = 40.0
_BISECTIONS = 60


def log_choose(whole: int, part: int) -> float:
    """The logarithm of a binomial coefficient."""
    return math.lgamma(whole + 1) - math.lgamma(part + 1) - math.lgamma(whole - part + 1)


def upper_tail(count: int, trials: int, chance: float) -> float:
    """The probability of ``count`` or more successes."""
    if count <= 0:
        return 1.0
    if count > trials or chance <= 0.0:
        return 0.0
    if chance >= 1.0:
        return 1.0
    if count <= trials * chance:
        return 1.0 - upper_tail(trials - count + 1, trials, 1.0 - chance)
    return _sum_from(count, trials, chance)


def lower_tail(count: int, trials: int, chance: float) -> float:
    """The probability of ``count`` or fewer successes."""
    return upper_tail(trials - count, trials, 1.0 - chance)


def interval(count: int, trials: int, confidence: float) -> tuple[float, float]:
    """The two-sided interval of Clopper and Pearson (Biometrika 26, 1934, 404-413)."""
    side = (1.0 - confidence) / 2.0
    return lower_bound(count, trials, 1.0 - side), upper_bound(count, trials, 1.0 - side)


def upper_bound(count: int, trials: int, confidence: float) -> float:
    """The one-sided upper bound of Clopper and Pearson."""
    return 1.0 - lower_bound(trials - count, trials, confidence)


def lower_bound(count: int, trials: int, confidence: float) -> float:
    """The one-sided lower bound of Clopper and Pearson."""
    if count == 0:
        return 0.0
    low, high = 0.0, count / trials
    for _bisection in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if upper_tail(count, trials, middle) < 1.0 - confidence:
            low = middle
        else:
            high = middle
    return (low + high) / 2.0


def _sum_from(count: int, trials: int, chance: float) -> float:
    """Add terms from ``count``, which lies above the mean, upwards until they no longer matter."""
    odds = chance / (1.0 - chance)
    first = log_choose(trials, count) + count * math.log(chance) + (trials - count) * math.log1p(-chance)
    term, total = 1.0, 0.0
    for successes in range(count, trials + 1):
        total += term
        term *= odds * (trials - successes) / (successes + 1)
        if term < total * math.exp(-_NEGLIGIBLE):
            break
    return min(1.0, total * math.exp(first))
