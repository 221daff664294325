# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The processes over looks: their mean, over every path that two outcomes a look can take, is what Ville's needs."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction

import pytest
from ansible_collections.slipway.release.plugins.module_utils._judge.numbers import exact_text, exp_text, log_sum
from ansible_collections.slipway.release.plugins.module_utils._judge.process import learned, since_any_look, with_credit

LOOKS = 6
OUTCOMES = (math.log(0.25), math.log(1.75))
OTHER = {OUTCOMES[0]: math.log(1.9), OUTCOMES[1]: math.log(0.1)}
PATHS = list(itertools.product(OUTCOMES, repeat=LOOKS))


def mean(logs: Sequence[float]) -> float:
    """The mean of numbers that are given by their logarithms."""
    return math.exp(log_sum(logs)) / len(logs)


@pytest.mark.parametrize("look", range(LOOKS))
def test_harm_since_any_look_is_one_on_average(look: int) -> None:
    assert mean([since_any_look(path)[look] for path in PATHS]) == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("look", range(LOOKS))
def test_what_was_learned_keeps_the_mean_at_one(look: int) -> None:
    found = [learned([[log, OTHER[log], log] for log in path]) for path in PATHS]
    assert mean([sum(one[: look + 1]) for one in found]) == pytest.approx(mean_of_start(look), rel=1e-12)


def mean_of_start(look: int) -> float:
    """Three alternatives begin with 7/8 of the weight; the rest is given away at the first look."""
    return 0.875 * math.prod(1.0 - 0.125 / number**2 for number in range(2, look + 2))


def test_an_alternative_that_did_well_has_the_weight_of_the_next_look() -> None:
    well, badly = math.log(1000.0), math.log(0.001)
    found = learned([[badly, well], [badly, well], [badly, well]])
    assert found[0] < found[1] < found[2]
    assert found[2] > well + math.log(8 / 9) - 0.01


def test_credit_never_exceeds_the_product() -> None:
    limit = math.log(3.0)
    for path in PATHS:
        product = list(itertools.accumulate(path))
        credit = with_credit(path, limit)
        assert all(one <= other + 1e-12 for one, other in zip(credit, product))
        assert all(one <= limit + max(OUTCOMES) + 1e-12 for one in credit)


def test_a_first_good_look_counts_in_full() -> None:
    assert with_credit([5.0, 0.0], math.log(20.0)) == [5.0, math.log(20.0)]


@pytest.mark.parametrize(("log", "text"), [(0.0, "1"), (math.log(2.0), "2.00000"), (5000.0, "2.96763E+2171")])
def test_numbers_beyond_a_float_are_text(log: float, text: str) -> None:
    assert exp_text(log) == text


def test_nothing_has_no_logarithm() -> None:
    assert log_sum([]) == log_sum([-math.inf]) == -math.inf
    assert exact_text(Fraction(1, 3)) == "1/3"
