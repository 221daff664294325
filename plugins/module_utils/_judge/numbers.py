# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logarithms of sums, and numbers as text, since state and evidence hold no floats. Touches nothing."""

from __future__ import annotations

import math
from collections.abc import Iterable
from decimal import Context, Decimal
from fractions import Fraction

MINUS_INFINITY = -math.inf
_MOST_BITS = 64
_MANY_DIGITS = Context(prec=200)
_SIX_DIGITS = Context(prec=6, Emax=10**9, Emin=-(10**9))


def is_count(value: object) -> bool:
    """A whole number, not below 0; neither a float nor a truth value."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def log_sum(logs: Iterable[float]) -> float:
    """The logarithm of the sum of numbers that are given by their logarithms."""
    values = list(logs)
    largest = max(values, default=MINUS_INFINITY)
    if largest == MINUS_INFINITY:
        return MINUS_INFINITY
    return largest + math.log(math.fsum([math.exp(value - largest) for value in values]))


def exp_text(log: float) -> str:
    """The number whose logarithm is given, to six digits."""
    return str(_SIX_DIGITS.exp(Decimal(log)))


def text(value: float | Fraction) -> str:
    """A number to six digits."""
    return str(_SIX_DIGITS.create_decimal(Decimal(float(value))).normalize(_SIX_DIGITS))


def exact_text(value: Fraction) -> str:
    """A number as it was declared: decimal where that is exact, otherwise a fraction."""
    denominator = value.denominator
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    if denominator != 1 or value.denominator.bit_length() > _MOST_BITS:
        return str(value)
    return format(_MANY_DIGITS.divide(Decimal(value.numerator), Decimal(value.denominator)), "f")


def rate_text(part: int, whole: int) -> str | None:
    """A share; ``None`` of nothing."""
    return text(Fraction(part, whole)) if whole else None
