# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the judge's benchmark compares: the other rules, the simulated traffic, and how figures are made of outcomes."""

from __future__ import annotations

import json
from collections import Counter
from random import Random

import pytest

from benchmarks import judge
from benchmarks.rollouts import ERRORS, IDENTICAL, SLOW, Side, Step, beyond, latencies, rollout, successes
from benchmarks.rules import kayenta, slipway, threshold

REQUESTS = (1000,) * 10


def side(errors: list[int], slow: int = 50) -> Side:
    """Ten intervals; in each 2 % of the requests take that long."""
    return Side(REQUESTS, tuple(errors), tuple([50] * 980 + [slow] * 20 for _interval in range(10)))


def test_the_threshold_rule_looks_at_observed_figures_alone() -> None:
    stable = side([10] * 10)
    assert threshold([Step(stable, side([15] * 10)), Step(stable, side([16] * 10))]) == ["pass", "fail"]
    assert threshold([Step(stable, side([10] * 10, slow=100)), Step(stable, side([10] * 10, slow=101))]) == [
        "pass",
        "fail",
    ]


def test_the_interval_rule_needs_a_shift_that_its_interval_confirms() -> None:
    stable = side([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
    higher = side([30, 31, 32, 33, 34, 35, 36, 37, 38, 39])
    lower = side([0] * 10)
    assert kayenta([Step(stable, stable), Step(stable, higher), Step(stable, lower)]) == ["pass", "fail", "pass"]
    assert kayenta([Step(stable, side(list(higher.errors[:6]) + [10, 11, 12, 13]))]) == ["pass"]
    assert kayenta([Step(stable, side(list(stable.errors), slow=100))]) == ["fail"]


def test_the_judge_ends_a_rollout_at_its_first_fail() -> None:
    good, bad = Step(side([10] * 10), side([10] * 10)), Step(side([10] * 10), side([60] * 10))
    assert slipway([good, bad, good]) == ["pass", "fail"]


def test_traffic_has_the_rates_it_is_said_to_have() -> None:
    random = Random(1)
    steps = [step for _rollout in range(20) for step in rollout(random, ERRORS, 10_000)]
    canary = sum(sum(step.canary.errors) for step in steps) / sum(sum(step.canary.requests) for step in steps)
    stable = sum(sum(step.stable.errors) for step in steps) / sum(sum(step.stable.requests) for step in steps)
    assert canary == pytest.approx(0.03, rel=0.1)
    assert stable == pytest.approx(0.01, rel=0.1)
    assert [sum(step.canary.requests) for step in steps[:3]] == [1000, 2500, 5000]


@pytest.mark.parametrize("count", [400, 900])
def test_latencies_have_the_tail_they_are_said_to_have(count: int) -> None:
    random = Random(1)
    values = [value for _look in range(200_000 // count) for value in latencies(random, count, 1)]
    p99 = sorted(values)[len(values) * 99 // 100]
    assert p99 == pytest.approx(50_000 * 10.24, rel=0.05)
    assert sum(value > 0.625 * p99 for value in values) / len(values) == pytest.approx(beyond(0.625, 99), rel=0.05)
    assert all(len(one.latencies[0]) == one.requests[0] for one in rollout(random, SLOW, 1000)[0].__dict__.values())


def test_binomial_numbers_have_their_mean_and_spread() -> None:
    random = Random(1)
    drawn = [successes(random, 400, 0.01) for _draw in range(20_000)]
    mean = sum(drawn) / len(drawn)
    assert mean == pytest.approx(4.0, rel=0.02)
    assert sum((one - mean) ** 2 for one in drawn) / len(drawn) == pytest.approx(3.96, rel=0.05)


def test_a_rollout_with_one_failed_look_counts_as_failed() -> None:
    words = [["pass", "fail"], ["insufficient", "insufficient", "pass"], ["pass", "pass", "insufficient"]]
    cell = judge.merged([judge.counted(words), judge.counted(words[:1])])
    assert (cell.rollouts, cell.failed) == (4, 2)
    assert cell.last == Counter({"fail": 2, "pass": 1, "insufficient": 1})
    assert cell.by_look[0] == Counter({"pass": 3, "insufficient": 1})
    line = judge.row(IDENTICAL, 100, "slipway", cell)
    assert line.startswith("| identical | 100 | slipway | 50.00 % | at most 90.24 % | 25.00 % | 25.00 % | 25.00 %,")


def test_walds_bound_is_known_for_equal_error_rates() -> None:
    traffic = judge.Traffic("", 0.01, 0.03, 1)
    per_request = judge.growth(traffic, harmful=True)
    assert judge.bound(traffic) == pytest.approx(4.836 / per_request, rel=0.01)


def test_figures_do_not_depend_on_how_they_are_computed() -> None:
    tasks = [json.dumps(task.__dict__, default=str) for task in judge.tasks(IDENTICAL, 100, 45, 1)]
    assert len(set(tasks)) == judge.CHUNKS
    assert sum(json.loads(task)["rollouts"] for task in tasks) == 45


def test_only_the_figures_of_the_document_are_exchanged() -> None:
    document = f"before\n{judge.BEGIN}old\n{judge.END}after\n"
    assert judge.replaced(document, ["new"]) == f"before\n{judge.BEGIN}\nnew\n\n{judge.END}after\n"
