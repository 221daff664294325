# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge's numbers against those of scipy, on random cases."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from random import Random

import pytest
from ansible_collections.slipway.release.plugins.module_utils._judge import binomial, counts, exceed, ranks
from ansible_collections.slipway.release.plugins.module_utils._judge.counts import Counts, Line, Past, Sides
from ansible_collections.slipway.release.plugins.module_utils._judge.process import learned
from scipy import stats

NO_MARGIN = Line(1.0, 0.0)
HARM = Line(1.0, 0.02)
FIRST = Past(0, 0, 0)


@pytest.mark.parametrize("seed", range(40))
def test_binomial_tails_and_intervals_are_those_of_binomtest(seed: int) -> None:
    random = Random(seed)
    trials = random.choice([1, 7, 100, 10_000, 200_000])
    chance = random.choice([0.001, 0.01, 0.3, 0.9])
    count = min(trials, round(trials * chance * random.choice([0.0, 0.8, 1.0, 1.3])))
    one = stats.binomtest(count, trials, chance, alternative="greater")
    other = stats.binomtest(count, trials, chance, alternative="less")
    assert binomial.upper_tail(count, trials, chance) == pytest.approx(one.pvalue, rel=1e-7)
    assert binomial.lower_tail(count, trials, chance) == pytest.approx(other.pvalue, rel=1e-7)
    expected = stats.binomtest(count, trials).proportion_ci(0.95, method="exact")
    assert binomial.interval(count, trials, 0.95) == pytest.approx((expected.low, expected.high), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_the_count_beyond_a_limit_gives_the_p_value_of_quantile_test(seed: int) -> None:
    random = Random(seed)
    sample = [random.lognormvariate(0, 1) for _value in range(random.choice([50, 500, 3000]))]
    limit = random.choice([5.0, 9.0, 10.0])
    found = stats.quantile_test(sample, q=limit, p=0.99, alternative="greater")
    beyond = sum(value > limit for value in sample)
    assert binomial.upper_tail(beyond, len(sample), 0.01) == pytest.approx(found.pvalue, rel=1e-7)


@pytest.mark.parametrize("seed", range(30))
def test_mann_whitney_is_exact_without_ties(seed: int) -> None:
    random = Random(seed)
    values = random.sample(range(1000), random.randint(2, 40))
    cut = random.randint(1, len(values) - 1)
    mine = ranks.mann_whitney(_exactly(values[:cut]), _exactly(values[cut:]))
    expected = stats.mannwhitneyu(values[:cut], values[cut:], alternative="greater", method="exact")
    assert mine.exact
    assert mine.doubled == 2 * expected.statistic
    assert mine.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_mann_whitney_counts_permutations_with_ties(seed: int) -> None:
    random = Random(seed)
    values = [random.randint(0, 4) for _value in range(9)]
    mine = ranks.mann_whitney(_exactly(values[:4]), _exactly(values[4:]))
    splits = list(itertools.combinations(range(9), 4))
    statistics = []
    for split in splits:
        first = [values[place] for place in split]
        second = [values[place] for place in range(9) if place not in split]
        statistics.append(stats.mannwhitneyu(first, second, method="asymptotic").statistic)
    assert mine.p_value == pytest.approx(sum(2 * one >= mine.doubled for one in statistics) / len(splits), rel=1e-9)


@pytest.mark.parametrize("seed", range(20))
def test_mann_whitney_is_approximated_for_many_values(seed: int) -> None:
    random = Random(seed)
    first, second = ([random.randint(0, 60) for _value in range(size)] for size in (40, 55))
    mine = ranks.mann_whitney(_exactly(first), _exactly(second))
    expected = stats.mannwhitneyu(first, second, alternative="greater", method="asymptotic")
    assert not mine.exact
    assert mine.doubled == 2 * expected.statistic
    assert mine.p_value == pytest.approx(expected.pvalue, rel=1e-7)


@pytest.mark.parametrize("seed", range(10))
def test_the_interval_of_the_shift_holds_what_the_test_does_not_refuse(seed: int) -> None:
    random = Random(seed)
    first, second = (random.sample(range(10_000), size) for size in (8, 11))
    estimate, low, high = ranks.shift(_exactly(first), _exactly(second), Fraction(95, 100))
    assert low <= estimate <= high
    for moved, refused in ((low - 0.5, True), (low + 0.5, False), (high - 0.5, False), (high + 0.5, True)):
        found = stats.mannwhitneyu([float(one) - float(moved) for one in first], second, method="exact")
        assert bool(found.pvalue <= 0.05) is refused


@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 5), (8, 8), (2, 30)])
def test_the_evidence_of_ranks_is_one_on_average(first: int, second: int) -> None:
    distribution = [float(one) for one in _mann_whitney_counts(first, second)]
    total = math.comb(first + second, first)
    for alternative in range(4):
        values = (math.exp(ranks.evidence(2 * value, first, second)[alternative]) for value in range(len(distribution)))
        mean = sum(ways / total * value for ways, value in zip(distribution, values))
        assert mean == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize("odds", [exceed.WORSE, exceed.BETTER])
@pytest.mark.parametrize(("canary", "stable", "rank"), [(1, 1, 1), (50, 450, 446), (300, 700, 350), (900, 40, 40)])
def test_the_evidence_beyond_the_stable_quantile_is_one_on_average(
    canary: int, stable: int, rank: int, odds: tuple[float, ...]
) -> None:
    likely = stats.betabinom(canary, stable - rank + 1, rank).pmf(range(canary + 1))
    for place in range(len(odds)):
        values = (
            math.exp(exceed.beyond_stable(count, canary, stable, rank, odds)[place]) for count in range(canary + 1)
        )
        assert sum(chance * value for chance, value in zip(likely, values)) == pytest.approx(1.0, rel=1e-6)


@pytest.mark.parametrize("odds", [exceed.WORSE, exceed.BETTER])
@pytest.mark.parametrize("canary", [1, 40, 2000])
def test_the_evidence_beyond_a_limit_is_one_on_average(canary: int, odds: tuple[float, ...]) -> None:
    likely = stats.binom(canary, 0.05).logpmf(range(canary + 1))
    for place in range(len(odds)):
        logs = (exceed.beyond_limit(count, canary, 0.05, odds)[place] for count in range(canary + 1))
        assert sum(math.exp(chance + log) for chance, log in zip(likely, logs)) == pytest.approx(1.0, rel=1e-7)


@pytest.mark.parametrize("line", [NO_MARGIN, Line(1.0, 0.005), Line(1.5, 0.0), Line(1.2, 0.01)])
@pytest.mark.parametrize("sides", [Sides(45, 5), Sides(30, 30), Sides(5, 60)])
@pytest.mark.parametrize("stable", [0.0, 0.001, 0.02, 0.2, 0.6])
def test_the_evidence_of_errors_is_at_most_one_on_average(line: Line, sides: Sides, stable: float) -> None:
    harm = Line(line.ratio * 1.5, line.difference + 0.03)
    for past in (FIRST, Past(1, 500, 10)):
        for way in range(4):
            assert _mean(line, harm, sides, (stable, line.at(stable)), past, way) <= 1.0 + 1e-9
            assert _mean(line, harm, sides, (stable, stable / 2), past, way) <= 1.0 + 1e-9
        for way in range(2):
            assert _mean(line, harm, sides, (stable, harm.at(stable)), past, way, safety=True) <= 1.0 + 1e-9
            worst = 1.0 if harm.at(stable) <= 1.0 else 2.0
            assert _mean(line, harm, sides, (stable, worst), past, way, safety=True) <= 1.0 + 1e-9


@pytest.mark.parametrize("seed", range(60))
def test_errors_that_are_refused_are_refused_by_fisher_and_barnard_too(seed: int) -> None:
    random = Random(seed)
    stable, canary = random.choice([(90, 10), (60, 40), (50, 50), (70, 90)])
    errors = (random.randint(0, stable // 10), random.randint(0, canary))
    one = Counts(stable, errors[0], canary, errors[1])
    p_value = math.exp(-learned([counts.harm_evidence(NO_MARGIN, HARM, one, FIRST)])[0])
    table = [[errors[1], canary - errors[1]], [errors[0], stable - errors[0]]]
    fisher = stats.fisher_exact(table, alternative="greater").pvalue
    assert fisher <= 0.05 or p_value > 0.05
    assert fisher <= 0.01 or p_value > 0.01
    if seed < 12:
        by_side = [[errors[1], errors[0]], [canary - errors[1], stable - errors[0]]]
        barnard = stats.barnard_exact(by_side, alternative="greater").pvalue
        assert barnard <= 0.05 or p_value > 0.05


def test_some_of_those_cases_are_refused() -> None:
    found = counts.harm_evidence(NO_MARGIN, HARM, Counts(50, 1, 50, 20), FIRST)
    assert learned([found])[0] > math.log(100)


def _mean(
    margin: Line,
    harm: Line,
    sides: Sides,
    rates: tuple[float, float],
    past: Past,
    way: int,
    *,
    safety: bool = False,
) -> float:
    if rates[1] > 1.0:
        return 0.0
    evidence = counts.safety_evidence if safety else counts.harm_evidence
    stable, canary = (
        stats.binom(size, rate).pmf(range(size + 1)) for size, rate in zip((sides.stable, sides.canary), rates)
    )
    return math.fsum(
        one * other * math.exp(evidence(margin, harm, Counts(sides.stable, i, sides.canary, j), past)[way])
        for i, one in enumerate(stable)
        for j, other in enumerate(canary)
        if one * other > 1e-15
    )


def _mann_whitney_counts(first: int, second: int) -> list[int]:
    found = [0] * (first * second + 1)
    for split in itertools.combinations(range(first + second), first):
        found[sum(split) - first * (first - 1) // 2] += 1
    return found


def _exactly(values: list[int]) -> list[Fraction]:
    return [Fraction(value) for value in values]
