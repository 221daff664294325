# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exact e-values for the number of requests beyond a threshold. Touches nothing.

Each function gives the e-values of several alternatives.
"""

from __future__ import annotations

import math

WORSE = (4.0, 2.0, 8.0, 32.0, 1.5)
BETTER = tuple(1.0 / odds for odds in WORSE)


def beyond_stable(count: int, canary: int, stable: int, rank: int, odds: tuple[float, ...]) -> list[float]:
    """Logarithms of e-values for the canary's requests beyond the ``rank``-th quickest of the stable side.

    When both sides have the same continuous distribution, the share beyond that request is a random
    ``Beta(stable - rank + 1, rank)``, so the count is beta-binomial whatever the distribution: the precedence and
    exceedance statistics (Balakrishnan and Ng, *Precedence-Type Tests and Applications*, Wiley, 2006, ch. 3; Gumbel and
    von Schelling, Ann. Math. Statist. 21, 1950, 247-262). The alternative is the same with the second parameter
    divided by ``odds``. The ratio is monotone in the count, so it is an e-value also for every canary that is
    stochastically better (``odds > 1``) or worse (``odds < 1``), and with ties that are counted against the evidence.

    :param count: requests of the canary beyond it.
    """
    others = float(stable - rank + 1)
    within = canary - count
    return [_beta_shift(within, canary + others, others, float(rank), rank / factor) for factor in odds]


def beyond_limit(count: int, canary: int, share: float, odds: tuple[float, ...]) -> list[float]:
    """Logarithms of e-values for the canary's requests beyond a fixed limit.

    The quantile is not above the limit exactly when at most ``share`` of the requests are beyond it; then the count is
    binomial (the exact quantile test: Conover, *Practical Nonparametric Statistics*, 3rd ed., 1999, sec. 3.2). The
    e-value is the likelihood ratio, Wald's (*Sequential Analysis*, 1947, ch. 5), monotone in the count.
    """
    found = []
    for factor in odds:
        other = factor * share / (1.0 - share + factor * share)
        found.append(count * math.log(other / share) + (canary - count) * math.log((1.0 - other) / (1.0 - share)))
    return found


def _beta_shift(within: int, total: float, others: float, old: float, new: float) -> float:
    """Logarithm of the ratio of two beta-binomial probabilities that differ in the second parameter alone."""
    posterior = _log_beta(total - within, within + new) - _log_beta(total - within, within + old)
    return posterior - _log_beta(others, new) + _log_beta(others, old)


def _log_beta(first: float, second: float) -> float:
    return math.lgamma(first) + math.lgamma(second) - math.lgamma(first + second)
