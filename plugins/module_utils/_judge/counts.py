# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact e-values for two counts of errors. Touches nothing.

The hypothesis is a half-plane: ``canary <= ratio * stable + difference`` (or ``>=``). For an alternative
``(stable*, canary*)`` outside of it let ``(stable°, canary°)`` be the point of the half-plane that is nearest in the
Kullback-Leibler sense, weighted by the requests of each side. The likelihood ratio of the two points is an e-value for
every point of the half-plane: Turner, Ly and Grünwald, "Generic E-variables for exact sequential k-sample tests that
allow for optional stopping", J. Stat. Planning and Inference 230, 2024, 106116, and Turner and Grünwald, "Exact
anytime-valid confidence intervals for contingency tables and beyond", Statistics & Probability Letters 198, 2023,
109835. Short proof: for true rates ``(s, c)`` its mean is ``(1 + (s - s°) u)^n (1 + (c - c°) v)^m``, at most
``exp(n (s - s°) u + m (c - c°) v)``, and the exponent is not positive, because ``s°, c°`` is the nearest point of a
convex set. The proof uses only the mean rate of each side, so requests need not all have the same one.

Averages of e-values over alternatives are e-values, and the weights may follow from earlier looks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from .numbers import log_sum

_BISECTIONS = 64
_STABLE_RATES = (2e-5, *(1e-4 * 1.4**step for step in range(26)))
_UNINFORMED = 0.1


@dataclass(frozen=True)
class Line:
    """The border of a half-plane: ``canary = ratio * stable + difference``."""

    ratio: float
    difference: float

    def at(self, stable: float) -> float:
        """The canary's rate on the line."""
        return self.ratio * stable + self.difference


@dataclass(frozen=True)
class Sides:
    """Requests of each side."""

    stable: int
    canary: int


@dataclass(frozen=True)
class Counts:
    """Requests of one look, and how many of them were errors."""

    stable_requests: int
    stable_errors: int
    canary_requests: int
    canary_errors: int

    @property
    def sides(self) -> Sides:
        """The requests alone."""
        return Sides(self.stable_requests, self.canary_requests)


@dataclass(frozen=True)
class Alternative:
    """One alternative: logarithm of its weight, and of its likelihood ratio as a linear function of the errors."""

    rate: int
    weight: float
    constant: float
    stable_error: float
    canary_error: float


def harm_evidence(margin: Line, harm: Line, counts: Counts, stable_before: tuple[int, int]) -> float:
    """Logarithm of the e-value against ``canary <= margin``.

    :param stable_before: requests and errors of the stable side in earlier looks.
    """
    return _averaged(_harmful(margin, harm, counts.sides), counts, stable_before)


def safety_evidence(margin: Line, harm: Line, counts: Counts, stable_before: tuple[int, int]) -> float:
    """Logarithm of the e-value against ``canary >= harm``."""
    return _averaged(_harmless(margin, harm, counts.sides), counts, stable_before)


def nearest(line: Line, stable: float, canary: float, sides: Sides) -> tuple[float, float]:
    """The point of the line that is nearest to the alternative, by bisection of the derivative of the divergence."""
    low, high = sorted((stable, max(0.0, (canary - line.difference) / line.ratio)))
    for _bisection in range(_BISECTIONS):
        middle = (low + high) / 2.0
        if _slope(line, stable, canary, sides, middle) < 0.0:
            low = middle
        else:
            high = middle
    middle = (low + high) / 2.0
    return middle, line.at(middle)


def information(line: Line, stable: float, canary: float, sides: Sides) -> float:
    """Mean growth of the evidence against the half-plane behind ``line``, over all the requests of both sides."""
    on_line = nearest(line, stable, canary, sides)
    return sides.stable * divergence(stable, on_line[0]) + sides.canary * divergence(canary, on_line[1])


def divergence(rate: float, other: float) -> float:
    """The Kullback-Leibler divergence of two Bernoulli distributions."""
    return _weighted_log(rate, other) + _weighted_log(1.0 - rate, 1.0 - other)


def _weighted_log(part: float, other: float) -> float:
    return part * math.log(part / other) if part > 0.0 else 0.0


def _slope(line: Line, stable: float, canary: float, sides: Sides, at: float) -> float:
    on_line = line.at(at)
    mine = sides.stable * (at - stable) / (at * (1.0 - at))
    return mine + sides.canary * line.ratio * (on_line - canary) / (on_line * (1.0 - on_line))


def _averaged(alternatives: Sequence[Alternative], counts: Counts, stable_before: tuple[int, int]) -> float:
    if not counts.stable_requests or not counts.canary_requests:
        return 0.0
    rates = _rate_weights(*stable_before)
    stable, canary = counts.stable_errors, counts.canary_errors
    return log_sum(
        rates[one.rate] + one.weight + one.constant + stable * one.stable_error + canary * one.canary_error
        for one in alternatives
    )


@lru_cache(maxsize=4096)
def _rate_weights(requests: int, errors: int) -> tuple[float, ...]:
    """Logarithms of weights: where earlier looks saw the stable side's rate, and a share for everywhere."""
    logs = [errors * math.log(rate) + (requests - errors) * math.log1p(-rate) for rate in _STABLE_RATES]
    total = log_sum(logs)
    uniform = _UNINFORMED / len(_STABLE_RATES)
    return tuple(math.log(uniform + (1.0 - _UNINFORMED) * math.exp(log - total)) for log in logs)


@lru_cache(maxsize=256)
def _harmful(margin: Line, harm: Line, sides: Sides) -> tuple[Alternative, ...]:
    found: list[Alternative] = []
    for number, stable in enumerate(_STABLE_RATES):
        at_harm, at_margin = harm.at(stable), margin.at(stable)
        canaries = [at_harm, 2.0 * at_harm, 4.0 * at_harm, 16.0 * at_harm]
        found += _alternatives(margin, number, [rate for rate in canaries if at_margin < rate < 1.0], sides)
    return tuple(found)


@lru_cache(maxsize=256)
def _harmless(margin: Line, harm: Line, sides: Sides) -> tuple[Alternative, ...]:
    found: list[Alternative] = []
    for number, stable in enumerate(_STABLE_RATES):
        canaries = [rate for rate in (stable, margin.at(stable)) if rate < harm.at(stable) < 1.0]
        found += _alternatives(harm, number, canaries, sides)
    return tuple(found)


def _alternatives(line: Line, number: int, canaries: Sequence[float], sides: Sides) -> Iterator[Alternative]:
    """The first alternative has half the weight, the next half of the rest, and so on."""
    stable = _STABLE_RATES[number]
    for place, canary in enumerate(canaries, start=1):
        on_line = nearest(line, stable, canary, sides)
        stable_good, canary_good = ((1.0 - one) / (1.0 - other) for one, other in zip((stable, canary), on_line))
        yield Alternative(
            rate=number,
            weight=-place * math.log(2.0),
            constant=sides.stable * math.log(stable_good) + sides.canary * math.log(canary_good),
            stable_error=math.log(stable / on_line[0] / stable_good),
            canary_error=math.log(canary / on_line[1] / canary_good),
        )
