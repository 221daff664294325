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
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from .numbers import log_sum
from .process import blend

_BISECTIONS = 64
_LOWEST_RATE = 2e-5
_HIGHEST_RATE = 0.5
_WIDEST = 0.02
_MOST_RATES = 1000
_MOST_WEIGHT = 0.5
_TIMES_WORSE = (1.0, 2.0, 5.0, 20.0)


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
class Past:
    """The stable side in earlier looks, from which the weights follow."""

    looks: int
    requests: int
    errors: int


@dataclass(frozen=True)
class Alternative:
    """The logarithm of a likelihood ratio, as a linear function of the errors."""

    constant: float
    stable_error: float
    canary_error: float


@lru_cache(maxsize=1024)
def harm_evidence(margin: Line, harm: Line, counts: Counts, past: Past) -> tuple[float, ...]:
    """Logarithms of e-values against ``canary <= margin``, for several ways in which it is worse."""
    return _averaged(_harmful(margin, harm, counts.sides), counts, _rate_weights(margin, harm, past))


@lru_cache(maxsize=1024)
def safety_evidence(margin: Line, harm: Line, counts: Counts, past: Past) -> tuple[float, ...]:
    """Logarithms of e-values against ``canary >= harm``, for the canary that is equal and the one at the margin."""
    return _averaged(_harmless(margin, harm, counts.sides), counts, _rate_weights(margin, harm, past))


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


def _averaged(ways: Sequence[Sequence[Alternative]], counts: Counts, rates: Sequence[float]) -> tuple[float, ...]:
    """For each way the average over the stable side's rates."""
    stable, canary = counts.stable_errors, counts.canary_errors
    return tuple(
        log_sum(
            [
                rate + one.constant + stable * one.stable_error + canary * one.canary_error
                for rate, one in zip(rates, alternatives)
            ]
        )
        for alternatives in ways
    )


@lru_cache(maxsize=16)
def _stable_rates(margin: Line, harm: Line) -> tuple[float, ...]:
    """Rates that are close enough to each other, for what there is between margin and harm, to miss no true one."""
    rates = [_LOWEST_RATE]
    while rates[-1] < _HIGHEST_RATE and harm.at(rates[-1]) < 1.0 and len(rates) < _MOST_RATES:
        rate = rates[-1]
        between = harm.at(rate) - max(margin.at(rate), rate) or harm.at(rate) - rate
        rates.append(rate + min(_WIDEST * math.sqrt(rate), max(rate, between) / 2.0))
    return tuple(rate for rate in rates if harm.at(rate) < 1.0)


@lru_cache(maxsize=16)
def _first_weights(margin: Line, harm: Line) -> tuple[float, ...]:
    """Logarithms of weights that are about even by order of magnitude."""
    rates = _stable_rates(margin, harm)
    widths = [min(_MOST_WEIGHT, (high - low) / low) for low, high in zip(rates, rates[1:])]
    weights = [*widths, min(widths, default=1.0)]
    return tuple(math.log(weight / sum(weights)) for weight in weights)


@lru_cache(maxsize=1024)
def _rate_weights(margin: Line, harm: Line, past: Past) -> tuple[float, ...]:
    """Logarithms of weights: mostly where earlier looks saw the stable side's rate."""
    begun = _first_weights(margin, harm)
    rates = _stable_rates(margin, harm)
    good = past.requests - past.errors
    seen = [weight + past.errors * math.log(p) + good * math.log1p(-p) for weight, p in zip(begun, rates)]
    return tuple(blend(begun, seen, past.looks + 1))


@lru_cache(maxsize=64)
def _harmful(margin: Line, harm: Line, sides: Sides) -> tuple[tuple[Alternative, ...], ...]:
    rates = _stable_rates(margin, harm)
    return tuple(
        tuple(_alternative(margin, rate, _worse(margin, harm, rate, times), sides) for rate in rates)
        for times in _TIMES_WORSE
    )


@lru_cache(maxsize=64)
def _harmless(margin: Line, harm: Line, sides: Sides) -> tuple[tuple[Alternative, ...], ...]:
    rates = _stable_rates(margin, harm)
    equal = tuple(_alternative(harm, rate, rate, sides) for rate in rates)
    return equal, tuple(_alternative(harm, rate, margin.at(rate), sides) for rate in rates)


def _worse(margin: Line, harm: Line, stable: float, times: float) -> float:
    """The canary's rate: the excess that is the harm, several times; the margin itself when that is no rate."""
    canary = stable + times * (harm.at(stable) - stable)
    return canary if margin.at(stable) < canary < 1.0 else margin.at(stable)


def _alternative(line: Line, stable: float, canary: float, sides: Sides) -> Alternative:
    on_line = nearest(line, stable, canary, sides)
    stable_good, canary_good = ((1.0 - one) / (1.0 - other) for one, other in zip((stable, canary), on_line))
    return Alternative(
        constant=sides.stable * math.log(stable_good) + sides.canary * math.log(canary_good),
        stable_error=math.log(stable / on_line[0] / stable_good),
        canary_error=math.log(canary / on_line[1] / canary_good),
    )
