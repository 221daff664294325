# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the judge promises: its two error rates at any number of looks, and a state that can be resumed.

The simulations have fixed seeds, and bounds that a right judge would exceed with a probability below one in a million.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import canonical
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._judge.binomial import upper_tail
from ansible_collections.slipway.release.plugins.module_utils._judge.counts import Counts
from ansible_collections.slipway.release.plugins.module_utils._judge.declare import read_policy
from ansible_collections.slipway.release.plugins.module_utils._judge.errors import Bound, Errors
from ansible_collections.slipway.release.plugins.module_utils._judge.judge import (
    FAIL,
    INSUFFICIENT,
    PASS,
    Look,
    Policy,
    State,
    judge,
    judgement,
    recorded,
    verdict,
)
from ansible_collections.slipway.release.plugins.module_utils._judge.quantile import Limit, Quantile, Samples
from ansible_collections.slipway.release.plugins.module_utils._judge.series import Change, Series, Values

ERRORS = Policy((Errors("errors"),))
P99 = Policy((Quantile("p99"),))
ALL = Policy(
    (
        Errors("errors"),
        Quantile("p99"),
        Limit("p95", Fraction(95), 300_000, 300_000),
        Series("cpu", harm=Change(ratio=Fraction(3, 2))),
    )
)
GOOD = Counts(9000, 90, 1000, 10)
BAD = Counts(5000, 50, 5000, 150)
ONE_IN_A_MILLION = 1e-6


def words(policy: Policy, data: list[dict[str, Any]]) -> list[str]:
    """The verdict after each look."""
    state = State.new(policy)
    found = []
    for number, one in enumerate(data):
        state = recorded(policy, state, Look(f"look {number}", one))
        found.append(verdict(policy, state))
    return found


def most(trials: int, chance: float) -> int:
    """What a binomial number does not exceed, but once in a million."""
    return next(count for count in range(trials + 1) if upper_tail(count + 1, trials, chance) < ONE_IN_A_MILLION)


def errors_among(random: Random, requests: int, rate: float) -> int:
    return sum(random.random() < rate for _request in range(requests))


def error_looks(random: Random, rates: tuple[float, float], sizes: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """A look for each pair of sizes."""
    return [
        {
            "errors": Counts(
                stable, errors_among(random, stable, rates[0]), canary, errors_among(random, canary, rates[1])
            )
        }
        for stable, canary in sizes
    ]


def slow_looks(random: Random, slower: float, sizes: list[tuple[int, int]]) -> list[dict[str, Any]]:
    """Latencies in whole milliseconds, so that there are ties."""
    return [
        {
            "p99": Samples(
                [round(10 * random.lognormvariate(0, 1)) for _request in range(stable)],
                [round(10 * slower * random.lognormvariate(0, 1)) for _request in range(canary)],
            )
        }
        for stable, canary in sizes
    ]


def series_looks(random: Random, more: int) -> list[dict[str, Any]]:
    """Four looks of eight values, with ties."""
    return [
        {
            "cpu": Values(
                [Fraction(random.randint(20, 40)) for _value in range(8)],
                [Fraction(random.randint(20, 40) + more) for _value in range(8)],
            )
        }
        for _look in range(4)
    ]


UNEVEN = [(180, 20), (5, 3), (150, 50), (1, 0), (60, 60), (100, 100)]


@pytest.mark.parametrize("rates", [(0.02, 0.02), (0.02, 0.025), (0.2, 0.205)])
def test_errors_within_the_margin_rarely_fail_at_any_look(rates: tuple[float, float]) -> None:
    policy = replace(ERRORS, level=Fraction(1, 10))
    random = Random(1)
    failed = sum(FAIL in words(policy, error_looks(random, rates, UNEVEN)) for _rollout in range(300))
    assert failed <= most(300, 0.1)


def test_errors_beyond_the_margin_fail_so_the_level_is_no_empty_promise() -> None:
    policy = replace(ERRORS, level=Fraction(1, 10))
    random = Random(1)
    failed = sum(FAIL in words(policy, error_looks(random, (0.02, 0.15), UNEVEN)) for _rollout in range(100))
    assert failed > most(100, 0.1)


def test_errors_at_the_harm_rarely_pass_at_any_look() -> None:
    policy = replace(ERRORS, power=Fraction(9, 10))
    random = Random(2)
    sizes = [(150, 150)] * 4
    passed = sum(PASS in words(policy, error_looks(random, (0.01, 0.03), sizes)) for _rollout in range(300))
    assert passed <= most(300, 0.1)
    passed = sum(PASS in words(policy, error_looks(random, (0.01, 0.0), sizes)) for _rollout in range(100))
    assert passed > most(100, 0.1)


@pytest.mark.parametrize(("slower", "least"), [(1.0, 0), (1.25, 0), (4.0, 100)])
def test_latencies_within_the_margin_rarely_fail_at_any_look(slower: float, least: int) -> None:
    policy = replace(P99, level=Fraction(1, 10))
    random = Random(3)
    failed = sum(FAIL in words(policy, slow_looks(random, slower, UNEVEN)) for _rollout in range(200))
    assert least <= failed <= (200 if least else most(200, 0.1))


@pytest.mark.parametrize(("slower", "least"), [(2.0, 0), (1.0, 100)])
def test_latencies_at_the_harm_rarely_pass_at_any_look(slower: float, least: int) -> None:
    policy = replace(P99, power=Fraction(9, 10))
    random = Random(4)
    sizes = [(300, 300), (500, 200), (400, 400)]
    passed = sum(PASS in words(policy, slow_looks(random, slower, sizes)) for _rollout in range(200))
    assert least <= passed <= (200 if least else most(200, 0.1))


@pytest.mark.parametrize(("more", "least"), [(0, 0), (12, 150)])
def test_series_within_the_margin_rarely_fail_at_any_look(more: int, least: int) -> None:
    policy = Policy((Series("cpu"),), level=Fraction(1, 10))
    random = Random(5)
    failed = sum(FAIL in words(policy, series_looks(random, more)) for _rollout in range(200))
    assert least <= failed <= (200 if least else most(200, 0.1))


def test_the_level_is_that_of_all_metrics_together() -> None:
    many = Policy(tuple(Errors(f"errors {number}") for number in range(50)))
    random = Random(6)
    failed = 0
    for _rollout in range(20):
        data = error_looks(random, (0.05, 0.055), [(50, 50)] * 50)
        state = recorded(many, State.new(many), Look("one", {f"errors {n}": data[n]["errors"] for n in range(50)}))
        failed += verdict(many, state) == FAIL
    assert failed <= most(20, 0.01)
    assert many.share == Fraction(1, 5000)


def test_the_same_evidence_fails_one_metric_but_not_one_of_fifty() -> None:
    many = Policy(tuple(Errors(f"errors {number}") for number in range(50)))
    doubtful = Counts(9000, 90, 1000, 35)
    state = recorded(many, State.new(many), Look("one", {"errors 7": doubtful}))
    assert words(ERRORS, [{"errors": doubtful}]) == [FAIL]
    assert verdict(many, state) == INSUFFICIENT
    assert judgement(many, state).metrics[7].evidence["harm"]["threshold"] == "5000"


def test_verdicts_of_clear_cases() -> None:
    assert words(ERRORS, [{"errors": GOOD}]) == [PASS]
    assert words(ERRORS, [{"errors": BAD}]) == [FAIL]
    assert words(ERRORS, [{"errors": Counts(90, 1, 10, 0)}]) == [INSUFFICIENT]
    assert words(ERRORS, [{"errors": Counts(5000, 0, 1000, 0)}]) == [PASS]
    assert words(ERRORS, [{"errors": Counts(900, 0, 100, 100)}]) == [FAIL]


@pytest.mark.parametrize("data", [{}, {"errors": Counts(0, 0, 0, 0)}, {"errors": Counts(9000, 90, 0, 0)}])
def test_no_data_never_passes(data: dict[str, Any]) -> None:
    assert words(ERRORS, [data]) == [INSUFFICIENT]
    assert words(ERRORS, [{"errors": GOOD}, data]) == [PASS, INSUFFICIENT]


def test_before_the_first_look_nothing_passes() -> None:
    assert judgement(ALL, State.new(ALL)).verdict == INSUFFICIENT


def test_one_metric_without_data_keeps_all_from_passing() -> None:
    two = Policy((Errors("errors"), Errors("other")))
    assert words(two, [{"errors": GOOD, "other": GOOD}, {"errors": GOOD}]) == [PASS, INSUFFICIENT]
    assert words(two, [{"errors": BAD}]) == [FAIL]


def test_a_fail_stays() -> None:
    assert words(ERRORS, [{"errors": BAD}, *[{"errors": GOOD}] * 10, {}]) == [FAIL] * 12


def test_good_looks_do_not_outweigh_harm_that_begins_later() -> None:
    found = words(ERRORS, [*[{"errors": GOOD}] * 30, {"errors": BAD}])
    assert found == [*[PASS] * 30, FAIL]


def test_good_looks_do_not_keep_a_pass_through_a_bad_one() -> None:
    doubtful = {"errors": Counts(900, 9, 100, 5)}
    assert words(ERRORS, [*[{"errors": GOOD}] * 30, doubtful])[-1] == INSUFFICIENT


def test_rates_that_change_for_both_sides_are_no_harm() -> None:
    drifting = [{"errors": Counts(9000, 9, 1000, 1)}, {"errors": Counts(5000, 250, 5000, 250)}]
    assert words(ERRORS, drifting)[-1] == PASS


@pytest.mark.parametrize("seed", range(10))
def test_more_errors_of_the_canary_are_more_evidence_of_harm(seed: int) -> None:
    random = Random(seed)
    stable, canary = random.randint(100, 5000), random.randint(10, 500)
    before = Counts(1000, random.randint(0, 30), 100, 1)
    harm, safety = [], []
    for errors in range(0, canary + 1, max(1, canary // 12)):
        record = [ERRORS.metrics[0].record(one) for one in (before, Counts(stable, stable // 100, canary, errors))]
        evidence = ERRORS.metrics[0].evidence(record)[-1]
        harm.append(evidence.harm)
        safety.append(evidence.safety)
    assert harm == sorted(harm)
    assert safety == sorted(safety, reverse=True)
    assert harm[-1] > harm[0]


def test_slower_requests_are_more_evidence_of_harm() -> None:
    random = Random(1)
    stable = [random.randint(1, 1000) for _request in range(2000)]
    found = []
    for slower in range(1, 9):
        sample = Samples(stable, [slower * value // 2 for value in stable[:500]])
        found.append(P99.metrics[0].evidence([P99.metrics[0].record(sample)])[0])
    assert [one.harm for one in found] == sorted(one.harm for one in found)
    assert [one.safety for one in found] == sorted((one.safety for one in found), reverse=True)


def test_a_canary_that_is_exactly_twice_as_slow_fails_only_beyond_a_margin_of_two() -> None:
    random = Random(1)
    stable = [random.randint(1, 100_000) for _request in range(20_000)]
    sample = {"p99": Samples(stable, [2 * value for value in stable])}
    assert words(P99, [sample]) == [FAIL]
    assert words(Policy((Quantile("p99", margin=Fraction(2)),)), [sample]) == [INSUFFICIENT]
    assert words(Policy((Quantile("p99", margin=Fraction(2), harm=Fraction(4)),)), [sample]) == [PASS]


def test_requests_that_take_just_as_long_are_no_evidence() -> None:
    metric = Quantile("p99", margin=Fraction(1))
    record = metric.record(Samples([100] * 50, [100] * 50))
    assert (record["canary_beyond_margin"], record["canary_beyond_harm"]) == (0, 0)
    record = metric.record(Samples([100] * 50, [200] * 50))
    assert (record["canary_beyond_margin"], record["canary_beyond_harm"]) == (50, 50)


def test_a_limit_ignores_the_stable_side() -> None:
    policy = Policy((Limit("p95", Fraction(95), 300, 300),))
    assert words(policy, [{"p95": Samples([], [300] * 400)}]) == [INSUFFICIENT]
    assert words(policy, [{"p95": Samples([], [299] * 400)}]) == [PASS]
    assert words(policy, [{"p95": Samples([], [299] * 360 + [301] * 60)}]) == [FAIL]
    assert words(policy, [{"p95": Samples([5], [])}]) == [INSUFFICIENT]


@pytest.mark.parametrize("higher", [True, False])
def test_series_know_which_way_is_worse(higher: bool) -> None:
    changed = Fraction(3, 2) if higher else Fraction(1, 2)
    policy = Policy((Series("orders", harm=Change(ratio=changed), higher_is_worse=higher),))
    stable = [Fraction(100 + number) for number in range(12)]
    more, less = [value * 2 for value in stable], [value / 2 for value in stable]
    assert words(policy, [{"orders": Values(stable, more)}]) == [FAIL if higher else PASS]
    assert words(policy, [{"orders": Values(stable, less)}]) == [PASS if higher else FAIL]
    assert words(policy, [{"orders": Values(stable, stable)}]) == [PASS]


def test_seven_of_ten_values_that_are_a_hundred_times_worse_fail() -> None:
    stable = [Fraction(number) for number in range(10, 20)]
    canary = [value * (100 if place < 7 else 1) for place, value in enumerate(stable)]
    assert words(Policy((Series("cpu"),)), [{"cpu": Values(stable, canary)}]) == [FAIL]


def everything(random: Random) -> dict[str, Any]:
    """A look at all kinds of metrics."""
    return {
        "errors": Counts(300, errors_among(random, 300, 0.02), 100, errors_among(random, 100, 0.03)),
        "p99": Samples(*([random.randint(1, 99_999) for _request in range(size)] for size in (300, 100))),
        "p95": Samples([], [random.randint(1, 290_000) for _request in range(100)]),
        "cpu": Values(*([Fraction(random.randint(1, 30), 7) for _value in range(6)] for _side in range(2))),
    }


def test_a_resumed_rollout_is_judged_as_one_that_went_on() -> None:
    random = Random(9)
    looks = [Look(f"look {number}", everything(random)) for number in range(4)]
    state = resumed = State.new(ALL)
    for one in looks:
        state, expected = judge(ALL, state, one)
        resumed, found = judge(ALL, State.from_json(json.loads(json.dumps(resumed.as_json()))), one)
        assert found == expected
    assert resumed.as_json() == state.as_json()


def test_the_same_look_twice_spends_nothing() -> None:
    random = Random(9)
    first, second = Look("first", everything(random)), Look("second", everything(random))
    state, before = judge(ALL, State.new(ALL), first)
    again, repeated = judge(ALL, state, first)
    assert (again, repeated) == (state, before)
    state, after = judge(ALL, again, second)
    assert judge(ALL, state, first) == (state, after)


def test_other_data_under_the_name_of_an_earlier_look_are_refused() -> None:
    state, _first = judge(ERRORS, State.new(ERRORS), Look("first", {"errors": GOOD}))
    with pytest.raises(InputError, match="judged before, with other data"):
        judge(ERRORS, state, Look("first", {"errors": BAD}))


def test_the_order_of_looks_does_not_matter_to_a_clear_verdict_but_their_content_does() -> None:
    data = [{"errors": GOOD}, {"errors": Counts(900, 9, 100, 1)}, {"errors": Counts(5000, 50, 5000, 50)}]
    assert {words(ERRORS, list(order))[-1] for order in itertools.permutations(data)} == {PASS}
    data[1] = {"errors": BAD}
    assert {words(ERRORS, list(order))[-1] for order in itertools.permutations(data)} == {FAIL}


def test_a_look_without_data_changes_no_evidence() -> None:
    data = [{"errors": GOOD}, {}, {"errors": Counts(900, 9, 100, 4)}]
    found = [words(ERRORS, data), words(ERRORS, [data[0], data[2]])]
    assert found[0][-1] == found[1][-1]


def test_a_look_at_the_stable_side_alone_sharpens_the_next() -> None:
    metric = ERRORS.metrics[0]
    alone = metric.evidence([metric.record(BAD)])[-1]
    prepared = metric.evidence([metric.record(one) for one in (Counts(90_000, 900, 0, 0), BAD)])
    assert prepared[0].harm == 0.0
    assert prepared[1].harm > alone.harm + 1.0


def test_state_and_evidence_hold_no_floats() -> None:
    state, found = judge(ALL, State.new(ALL), Look("first", everything(Random(9))))
    canonical(state.as_json())
    canonical(found.as_json())


def test_the_evidence_says_what_the_verdict_rests_on() -> None:
    _state, found = judge(ERRORS, State.new(ERRORS), Look("first", {"errors": BAD}))
    content = found.as_json()
    assert (content["schema"], content["verdict"], content["look"], content["looks"]) == (1, FAIL, "first", 1)
    shown = content["metrics"][0]
    assert shown["harm"]["threshold"] == "100"
    assert float(shown["harm"]["e_value"]) > 100
    assert float(shown["harm"]["p_value"]) == pytest.approx(1 / float(shown["harm"]["e_value"]), rel=1e-4)
    assert shown["safety"]["threshold"] == "20"
    assert shown["observed"]["canary_errors"] == 150
    assert shown["observed"]["canary_rate"] == "0.03"


@pytest.mark.parametrize("stable_rate", [0.002, 0.01, 0.03])
def test_as_many_requests_as_are_said_to_be_missing_are_enough(stable_rate: float) -> None:
    random = Random(11)
    first = {"errors": Counts(100, round(100 * stable_rate), 100, round(100 * stable_rate))}
    _state, found = judge(ERRORS, State.new(ERRORS), Look("first", first))
    missing = found.metrics[0].evidence["missing"]["requests"]
    rates, half = (stable_rate, stable_rate), missing // 2 + 1
    passed = sum(words(ERRORS, [first, *error_looks(random, rates, [(half, half)])])[-1] == PASS for _try in range(40))
    assert passed >= 32
    few = sum(
        words(ERRORS, [first, *error_looks(random, rates, [(half // 6, half // 6)])])[-1] == PASS for _t in range(40)
    )
    assert few < 32


def test_what_is_missing_is_said_for_every_kind() -> None:
    data = {
        "errors": Counts(30, 0, 10, 0),
        "p99": Samples([5] * 30, [5] * 10),
        "p95": Samples([], [5] * 10),
        "cpu": Values([Fraction(5)], [Fraction(5)]),
    }
    _state, found = judge(ALL, State.new(ALL), Look("first", data))
    units = [next(iter(metric.evidence["missing"])) for metric in found.metrics]
    assert found.verdict == INSUFFICIENT
    assert units == ["requests", "requests", "canary_requests", "values"]
    assert all(next(iter(metric.evidence["missing"].values())) > 2 for metric in found.metrics)


@pytest.mark.parametrize("harm", [Fraction(3, 2), Fraction(3)])
def test_as_many_points_as_are_said_to_be_missing_are_enough_and_fewer_are_not(harm: Fraction) -> None:
    metric = Series("cpu", harm=Change(ratio=harm))
    alike = [Fraction(80 + 37 * number % 41) for number in range(12)]
    missing = metric.missing(metric.record(Values(alike, alike)), short=3.0)
    assert missing == {"values": 5}
    found = [metric.evidence([metric.record(Values(alike[:count], alike[:count]))])[0].safety for count in (4, 5)]
    assert found[0] < 3.0 <= found[1]


def test_of_values_that_never_differ_no_number_is_enough() -> None:
    metric = Series("cpu")
    assert metric.missing(metric.record(Values([Fraction(0)] * 5, [Fraction(0)] * 5)), short=3.0) is None


def test_a_state_of_another_policy_or_a_newer_program_is_refused() -> None:
    state = State.new(ERRORS)
    with pytest.raises(StateError, match="were changed"):
        judge(replace(ERRORS, level=Fraction(1, 50)), state, Look("first", {"errors": GOOD}))
    with pytest.raises(StateError, match="schema 2"):
        State.from_json({**state.as_json(), "schema": 2})


@pytest.mark.parametrize(
    ("metric", "data"),
    [
        (Errors("one"), Counts(10, 11, 10, 1)),
        (Errors("one"), Counts(10, -1, 10, 1)),
        (Errors("one"), Samples([1], [1])),
        (Quantile("one"), Samples([1], [-1])),
        (Quantile("one"), Counts(1, 1, 1, 1)),
        (Series("one"), Values([Fraction(-1)], [Fraction(1)])),
        (Series("one"), Samples([1], [1])),
    ],
)
def test_data_of_the_wrong_kind_are_refused(metric: Any, data: Any) -> None:
    policy = Policy((metric,))
    with pytest.raises(InputError, match="needs|no meaning"):
        judge(policy, State.new(policy), Look("first", {"one": data}))


def test_a_metric_that_was_not_declared_is_refused() -> None:
    with pytest.raises(InputError, match="no metric is called latency"):
        judge(ERRORS, State.new(ERRORS), Look("first", {"latency": GOOD}))


def test_a_declaration_reads_back_as_the_same_policy() -> None:
    policy = Policy(
        (*ALL.metrics, Errors("twice", margin=Bound(ratio=Fraction(3, 2)), harm=Bound(ratio=Fraction(2)))),
        level=Fraction(1, 50),
    )
    assert read_policy(json.loads(json.dumps(policy.declaration()))) == policy
    short = read_policy({"metrics": [{"name": "errors", "kind": "errors", "harm": {"points": 5.5}}]})
    assert short == Policy((Errors("errors", harm=Bound(points=Fraction(11, 2))),))


@pytest.mark.parametrize(
    "content",
    [
        {"metrics": []},
        {"metrics": [{"name": "one", "kind": "guess"}]},
        {"metrics": [{"kind": "errors"}]},
        {"metrics": [{"name": "one", "kind": "errors"}] * 2},
        {"metrics": [{"name": "one", "kind": "errors", "margin": {"points": 3}}]},
        {"metrics": [{"name": "one", "kind": "errors", "harm": {"points": "many"}}]},
        {"metrics": [{"name": "one", "kind": "errors", "harm": 5}]},
        {"metrics": [{"name": "one", "kind": "quantile", "harm": 1}]},
        {"metrics": [{"name": "one", "kind": "quantile", "ratio": 2}]},
        {"metrics": [{"name": "one", "kind": "limit", "percent": 95, "margin": 0.3, "harm": 1}]},
        {"metrics": [{"name": "one", "kind": "series", "higher_is_worse": False, "harm": {"ratio": 2}}]},
        {"metrics": [{"name": "one", "kind": "series", "higher_is_worse": "false", "harm": {"ratio": 0.5}}]},
        {"metrics": [{"name": "one", "kind": "series", "higher_is_worse": "true"}]},
        {"metrics": [{"name": "one", "kind": "errors"}], "level": 0},
        {"metrics": [{"name": "one", "kind": "errors"}], "confidence": 0.98},
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        read_policy(content)
