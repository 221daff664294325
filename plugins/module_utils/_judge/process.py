# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the e-value of each look to a number that may be looked at after every look. Touches nothing.

An e-value is a number that is at most 1 on average when the hypothesis is true, whatever came before. By Ville's
inequality (J. Ville, *Étude critique de la notion de collectif*, 1939; Ramdas, Grünwald, Vovk and Shafer,
"Game-theoretic statistics and safe anytime-valid inference", Statistical Science 38, 2023, 576-601) their running
product ever reaches ``1 / level`` with probability at most ``level``, so a hypothesis that is refuted then was true
with at most that probability, however many looks there were and however large each was.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .numbers import MINUS_INFINITY, log_sum


def since_any_look(logs: Iterable[float]) -> list[float]:
    """The e-process against "never worse than the margin", after each look.

    Harm may begin at a later look, and good early looks must not outweigh it. So the products that begin at look
    ``1, 2, 3, …`` are averaged with the weights ``1 / (s (s + 1))``, which sum to 1: an e-process again (Shiryaev and
    Roberts; Shin, Ramdas and Rinaldo, "E-detectors", New England J. Stat. Data Sci. 1, 2023, 229-260).

    :param logs: logarithm of the e-value of each look.
    :returns: the logarithm of the process after each look.
    """
    begun = MINUS_INFINITY
    values = []
    for number, log in enumerate(logs, start=1):
        begun = log_sum([begun, -math.log(number * (number + 1))]) + log
        values.append(log_sum([begun, -math.log(number + 1)]))
    return values


def with_credit(logs: Sequence[float], limit: float) -> list[float]:
    """The e-process against "at least the harm", after each look.

    Earlier looks count with at most ``limit``, so that many good looks do not hide a bad one. The result never exceeds
    the product of all e-values, so Ville's inequality holds for it.

    :param logs: logarithm of the e-value of each look.
    :param limit: logarithm of the most that earlier looks may count.
    """
    credit = 0.0
    values = []
    for log in logs:
        credit = min(credit, limit) + log
        values.append(credit)
    return values


def learned(looks: Sequence[Sequence[float]]) -> list[float]:
    """The e-value of each look, averaged over alternatives by weights that follow from earlier looks.

    The first alternative begins with half the weight, the next with half of the rest, and so on. Each is then weighted
    by how it did, which amounts to averaging the products (Robbins, "Statistical methods related to the law of the
    iterated logarithm", Ann. Math. Statist. 41, 1970, 1397-1409), but for a share that stays as it began, since harm
    may change.

    :param looks: for each look the logarithm of the e-value of each alternative.
    """
    values = []
    gained: list[float] = []
    for number, logs in enumerate(looks, start=1):
        begun = [-place * math.log(2.0) for place in range(1, len(logs) + 1)]
        gained = gained or begun
        weights = blend(begun, gained, number)
        values.append(log_sum(weight + log for weight, log in zip(weights, logs)))
        gained = [weight + log for weight, log in zip(gained, logs)]
    return values


def blend(begun: Sequence[float], gained: Sequence[float], number: int) -> list[float]:
    """Weights of the look with that number: ``1 / number²`` as they began, the rest as they were gained.

    :param begun: logarithms of weights that sum to at most 1.
    :param gained: logarithms of weights, of any sum.
    """
    if number == 1:
        return list(begun)
    fresh, rest = -2.0 * math.log(number), math.log1p(-1.0 / number**2) - log_sum(gained)
    return [log_sum([fresh + old, rest + new]) for old, new in zip(begun, gained)]
