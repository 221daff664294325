# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge as a metric: what it takes, its looks over slices and steps, and what it says of a canary's traffic."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis import earlier as continued
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Moment
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import (
    Analysis,
    as_results,
    on_course,
    verdict,
)
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import parse
from ansible_collections.slipway.release.plugins.module_utils._checks.metrics import step_metrics
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import StageVerdict, judge

from .conftest import FakeClock, Log, RuntimeApi, Since

ERRORS = {"name": "errors", "kind": "errors"}
P99 = {"name": "p99", "kind": "quantile"}
SLOW = {"name": "slow", "kind": "limit", "percent": 90, "margin": 500, "harm": 800}
METRIC: dict[str, Any] = {
    "name": "canary against stable",
    "type": "judge",
    "from": "nginx_log",
    "interval": 10,
    "compare": [ERRORS, P99],
}
PLAN: dict[str, Any] = {
    "app": "shop",
    "slot": "green",
    "stable_slot": "blue",
    "steps": [
        {"name": "canary at 5 %", "percents": {"blue": 95, "green": 5}, "seconds": 0},
        {"name": "canary at 10 %", "percents": {"blue": 90, "green": 10}, "seconds": 30},
        {"name": "canary at 50 %", "percents": {"blue": 50, "green": 50}, "seconds": 30},
        {"name": "canary at 75 %", "percents": {"blue": 25, "green": 75}, "seconds": 0},
        {"name": "canary at 100 %", "percents": {"blue": 0, "green": 100}, "seconds": 60},
    ],
}
AT_10, AT_50, AT_100 = PLAN["steps"][1], PLAN["steps"][2], PLAN["steps"][4]

Traffic = Callable[[], None]
Results = list[dict[str, Any]]


def written(**more: Any) -> dict[str, Any]:
    """A metric as the module gets it."""
    return {**METRIC, "app": "shop", "slots": {"stable": "blue", "canary": "green"}, **more}


class Balancer:
    """What one balancer host measures of a canary, step by step, with the log of its nginx."""

    def __init__(self, log: Log, clock: FakeClock, metric: dict[str, Any] | None = None) -> None:
        self.log = log
        self.clock = clock
        self.metric = {**(metric or METRIC), "log": str(log.path)}
        self.results: Results = []

    def step(
        self, step: dict[str, Any], traffic: Traffic, *, slice_seconds: int = 0, deployment: str = "d1", every: int = 10
    ) -> dict[str, Any]:
        """What health_gate returns at the end of the step; the traffic comes in the middle of every interval."""
        start = self.clock.now
        for second in range(every // 2, step["seconds"], every):
            self.clock.at(start + second, traffic)
        sent = step_metrics([self.metric], PLAN, step, deployment)
        before, earlier = self.results, []
        while True:
            raw = continued.with_positions(sent, earlier)
            raw = continued.with_records(raw, earlier or before)
            metrics = parse(raw)
            clock = Since(self.clock)
            findings = Analysis(metrics, clock=clock, slice_seconds=slice_seconds, earlier=earlier).run()
            earlier = json.loads(json.dumps(as_results(findings)))
            if earlier[0]["finished"]:
                break
        self.results = earlier
        return {"verdict": verdict(findings), "on_course": on_course(findings), "metrics": earlier}


def stage(**results: dict[str, Any]) -> StageVerdict:
    """As the role judges a step over its balancers."""
    return judge("analysis", list(results), results, {"on_course": True}, abstain={"verdict": "insufficient"})


@pytest.fixture
def balancer(log: Log, clock: FakeClock) -> Balancer:
    return Balancer(log, clock)


def sending(log: Log, *, stable: int, canary: int, bad: int = 0, milliseconds: Sequence[int] = (20,)) -> Traffic:
    """Requests of one interval; one in a hundred of the stable side fails."""

    def send() -> None:
        for taken in milliseconds:
            log.requests("blue", stable - stable // 100, stable // 100, seconds=taken / 1000)
            log.requests("green", canary - bad, bad, seconds=taken / 1000)

    return send


@pytest.mark.parametrize(
    ("changed", "where", "remedy"),
    [
        ({"from": "sql"}, "metrics[0].from", "choose one"),
        ({"from": None}, "metrics[0].from", "set it"),
        ({"compare": None}, "metrics[0].compare", "list"),
        ({"compare": []}, "metrics[0].compare", "list"),
        (
            {"compare": [{"name": "errors", "kind": "rates"}]},
            "metrics[0].compare[0].kind",
            "use errors, quantile, limit",
        ),
        ({"compare": [{"name": "cpu", "kind": "series"}]}, "metrics[0].compare[0].kind", "its own from prometheus"),
        ({"compare": [{**ERRORS, "query": "up"}]}, "metrics[0].compare[0]", "what can be stated is"),
        ({"spacing": 60}, "metrics[0].spacing", "remove"),
        ({"url": "http://127.0.0.1:9090"}, "metrics[0].url", "remove"),
        ({"compare": [{"name": "cpu", "kind": ["errors"]}]}, "metrics[0].compare[0].kind", "use errors"),
        ({"compare": [ERRORS, {"kind": "errors"}]}, "metrics[0].compare[1].name", "such as p99"),
        ({"compare": [{**ERRORS, "name": "Erreurs déclarées"}]}, "metrics[0].compare[0].name", "letters"),
        ({"compare": [ERRORS, ERRORS]}, "metrics[0]", "name of its own"),
        ({"compare": [{**ERRORS, "harms": 1}]}, "metrics[0].compare[0]", "what can be stated is"),
        ({"compare": [{**ERRORS, "margin": {"points": 3}}]}, "metrics[0].compare[0]", "ascending order"),
        ({"compare": [{**ERRORS, "harm": {"points": 100}}]}, "metrics[0].compare[0]", "percentage points"),
        ({"compare": [{**ERRORS, "harm": {"points": "1e999999999"}}]}, "metrics[0].compare[0]", "0.5"),
        ({"compare": [{**ERRORS, "harm": {"points": 1e300, "ratio": 1e300}}]}, "metrics[0].compare[0]", "0.5"),
        ({"compare": [{**P99, "harm": 10**10}]}, "metrics[0].compare[0]", "means something"),
        ({"compare": [{**P99, "margin": "fast"}]}, "metrics[0].compare[0]", "0.5"),
        ({"compare": [{**SLOW, "harm": 0.5}]}, "metrics[0].compare[0]", "finer unit"),
        ({"level": "none"}, "metrics[0].level", "0.5"),
        ({"level": "5"}, "metrics[0]", "level 0.01"),
        ({"power": "0"}, "metrics[0]", "level 0.01"),
        ({"slots": {"canary": "green"}}, "metrics[0].slots", "stable and canary"),
        ({"slots": {"canary": "red", "stable": "blue"}}, "metrics[0].slots", "blue and green"),
        ({"interval": 0}, "metrics[0].interval", "seconds"),
        ({"count": 501}, "metrics[0].count", "raise interval"),
        ({"failure_condition": "canary.error_rate > 5"}, "metrics[0].failure_condition", "remove"),
        ({"failure_limit": 1}, "metrics[0].failure_limit", "remove it"),
        ({"inconclusive_limit": -1}, "metrics[0].inconclusive_limit", "remove it"),
        ({"least_requests": 100}, "metrics[0].least_requests", "remove"),
        ({"window": 60}, "metrics[0].window", "remove"),
        ({"socket": "/run/haproxy.sock"}, "metrics[0].socket", "remove"),
        ({"record": {"deployment": "", "looks": []}}, "metrics[0].record", "upgrade"),
        ({"record": {"deployment": "", "schema": 1}}, "metrics[0].record", "earlier analysis"),
        (
            {"record": {"deployment": "", "schema": 1, "policy": "x", "looks": []}},
            "metrics[0].record",
            "new deployment",
        ),
        ({"position": {"source": {"files": 1}}}, "metrics[0].position", "earlier analysis"),
        ({"position": {"looks": "many"}}, "metrics[0].position", "earlier analysis"),
    ],
)
def test_what_it_refuses_before_anything_is_measured(changed: dict[str, Any], where: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        parse([written(**changed)])
    assert where in caught.value.where
    assert remedy in caught.value.remedy


def test_haproxy_has_errors_and_no_latencies() -> None:
    parse([written(**{"from": "haproxy", "compare": [ERRORS]})])
    for kind in (P99, SLOW):
        with pytest.raises(InputError, match="does not know how long each request took") as caught:
            parse([written(**{"from": "haproxy", "compare": [ERRORS, kind]})])
        assert (caught.value.where, caught.value.remedy[:15]) == ("metrics[0].compare[1].kind", "use kind errors")


def test_only_a_judge_may_end_undecided() -> None:
    raw = {
        "name": "errors",
        "type": "nginx_log",
        "app": "shop",
        "interval": 5,
        "failure_condition": "result.errors > 0",
    }
    with pytest.raises(InputError, match="is for metrics of type judge"):
        parse([{**raw, "must_pass": False}])


def test_identical_sides_pass_with_enough_traffic(balancer: Balancer) -> None:
    found = balancer.step(AT_50, sending(balancer.log, stable=1200, canary=1200, bad=12))
    (metric,) = found["metrics"]
    assert (found["verdict"], found["on_course"], metric["successes"] >= 1) == ("pass", True, True)
    assert (
        "errors: no evidence of harm, and harm would have been seen, 36 of 3600 requests of the canary failed (1 %)"
        in (metric["reason"])
    )
    assert "p99: " in metric["reason"]


def test_a_bad_canary_fails_at_once_in_a_sentence_with_the_numbers(balancer: Balancer) -> None:
    began = balancer.clock.now
    found = balancer.step(AT_10, sending(balancer.log, stable=900, canary=100, bad=40))
    assert (found["verdict"], found["on_course"]) == ("fail", False)
    assert balancer.clock.now - began == 10, "the rest of the step is not waited for"
    outcome = stage(lb1=found)
    assert outcome.verdict == "fail"
    assert (
        "lb1 failed (canary against stable: errors: the canary is worse than the margin, 40 of 100 requests of the "
        "canary failed (40 %), 9 of 900 requests of stable failed (1 %), after one look, e-value "
    ) in outcome.message()
    assert outcome.message().endswith(" where 200 are enough)")


def test_a_slow_canary_fails_and_the_errors_are_not_blamed(balancer: Balancer) -> None:
    def send() -> None:
        balancer.log.requests("blue", good=900, seconds=0.020)
        balancer.log.requests("green", good=100, seconds=0.100)

    (metric,) = balancer.step(AT_10, send)["metrics"]
    assert metric["verdict"] == "fail"
    assert metric["reason"].startswith(
        "p99: the canary is worse than the margin, p99 100 ms of the canary and 20 ms of stable at the last, "
        "100 of 100 requests of the canary took longer than the margin (100 %), after one look"
    )
    assert "errors" not in metric["reason"]


def test_a_limit_looks_at_the_canary_alone(log: Log, clock: FakeClock) -> None:
    balancer = Balancer(log, clock, {**METRIC, "compare": [SLOW]})
    found = balancer.step(AT_10, sending(log, stable=0, canary=100, milliseconds=[900]))
    assert found["verdict"] == "fail"
    assert (
        "slow: the canary is worse than the margin, p90 900 ms of the canary at the last"
        in found["metrics"][0]["reason"]
    )


def test_the_evidence_has_no_floats_and_says_how_many_requests_are_missing(balancer: Balancer) -> None:
    found = balancer.step(AT_10, sending(balancer.log, stable=90, canary=10))
    (metric,) = found["metrics"]
    value = metric["measurements"][-1]["value"]
    assert (value["look"], value["looks"], value["verdict"]) == ("canary at 10 %, look 3", 3, "insufficient")
    errors = value["metrics"][0]
    assert errors["missing"]["requests"] > 100
    assert errors["observed"]["stable_requests"] == 90
    assert f"about {errors['missing']['requests']} more requests are needed" in metric["reason"]
    assert not floats(value) and not floats(metric["record"])
    assert metric["inconclusive"] == 3


def floats(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [found for item in value.values() for found in floats(item)]
    if isinstance(value, list):
        return [found for item in value for found in floats(item)]
    return [value] if isinstance(value, float) else []


def test_too_little_data_is_enough_for_a_step_but_not_for_the_last_one(balancer: Balancer) -> None:
    traffic = sending(balancer.log, stable=90, canary=10)
    early = balancer.step(AT_10, traffic)
    assert (early["verdict"], early["on_course"], stage(lb1=early).verdict) == ("insufficient", True, "pass")
    assert early["metrics"][0]["reason"].endswith("; this step may end so")
    late = balancer.step(AT_50, traffic)
    assert (late["verdict"], late["on_course"], stage(lb1=late).verdict) == ("insufficient", False, "insufficient")
    assert "more requests are needed" in stage(lb1=late).message()


def test_an_operator_may_say_otherwise(log: Log, clock: FakeClock) -> None:
    traffic = sending(log, stable=90, canary=10)
    assert not Balancer(log, clock, {**METRIC, "must_pass": True}).step(AT_10, traffic)["on_course"]
    assert Balancer(log, clock, {**METRIC, "must_pass": False}).step(AT_50, traffic)["on_course"]


def test_no_data_at_the_last_look_is_no_pass_whatever_came_before(balancer: Balancer) -> None:
    balancer.step(AT_10, sending(balancer.log, stable=5000, canary=5000, bad=50))
    assert balancer.results[0]["verdict"] == "pass"
    silent = balancer.step(AT_50, lambda: None)
    assert (silent["verdict"], silent["metrics"][0]["no_data"]) == ("insufficient", 3)
    assert "errors: no data" in silent["metrics"][0]["reason"]
    assert stage(lb1=silent).verdict == "insufficient"


def test_a_passive_balancer_abstains_and_the_other_decides(log: Log, clock: FakeClock, tmp_path: Any) -> None:
    passive = Balancer(Log(tmp_path / "passive.json.log", clock), clock)
    active = Balancer(log, clock)
    quiet, good = passive.step(AT_50, lambda: None), active.step(AT_50, sending(log, stable=3000, canary=3000, bad=30))
    assert (quiet["on_course"], good["on_course"]) == (False, True)
    assert stage(lb1=good, lb2=quiet).verdict == "pass"
    assert stage(lb1=quiet, lb2=quiet).verdict == "insufficient"
    bad = Balancer(log, clock).step(AT_50, sending(log, stable=300, canary=300, bad=100))
    assert stage(lb1=quiet, lb2=bad).verdict == "fail"


def test_a_pass_is_of_the_moment(balancer: Balancer) -> None:
    """Good looks, and a last one that is bad, but not bad enough to fail."""
    looks = iter([(3000, 30), (3000, 30), (300, 9)])

    def send() -> None:
        canary, bad = next(looks)
        balancer.log.requests("blue", 2970, 30, seconds=0.02)
        balancer.log.requests("green", canary - bad, bad, seconds=0.02)

    found = balancer.step(AT_50, send)
    made = [one["verdict"] for one in found["metrics"][0]["measurements"]]
    assert made == ["success", "success", "inconclusive"]
    assert (found["verdict"], found["on_course"]) == ("insufficient", False)


def test_a_log_that_is_not_there_is_no_reason_to_go_on(log: Log, clock: FakeClock) -> None:
    balancer = Balancer(log, clock)
    log.path.unlink()
    found = balancer.step({**AT_10, "seconds": 90}, lambda: None)
    assert (found["verdict"], found["on_course"]) == ("insufficient", False)
    assert "could not be measured" in found["metrics"][0]["reason"]


def test_small_steps_add_up_to_a_verdict(balancer: Balancer) -> None:
    """Neither step has enough for itself: the record of the first one makes the second one pass."""
    traffic = sending(balancer.log, stable=120, canary=120, bad=1)
    balancer.step(AT_10, traffic)
    together = balancer.step(AT_50, traffic)
    alone = Balancer(balancer.log, balancer.clock).step(AT_50, traffic)
    assert (together["verdict"], alone["verdict"]) == ("pass", "insufficient")
    names = [look["name"] for look in balancer.results[0]["record"]["looks"]]
    assert names == [f"canary at {percent} %, look {number}" for percent in (10, 50) for number in (1, 2, 3)]


def test_another_deployment_begins_with_a_record_of_its_own(balancer: Balancer) -> None:
    traffic = sending(balancer.log, stable=300, canary=300)
    balancer.step(AT_10, traffic)
    balancer.step(AT_50, traffic, deployment="d2")
    record = balancer.results[0]["record"]
    names = [look["name"] for look in record["looks"]]
    assert (record["deployment"], names) == ("d2", [f"canary at 50 %, look {number}" for number in (1, 2, 3)])


def test_slices_are_the_same_looks_as_one_piece(log: Log, clock: FakeClock) -> None:
    def record(slice_seconds: int) -> tuple[dict[str, Any], str]:
        balancer = Balancer(log, clock)
        for step in (AT_10, AT_50):
            balancer.step(step, sending(log, stable=300, canary=300, bad=3), slice_seconds=slice_seconds)
        return balancer.results[0]["record"], balancer.results[0]["reason"]

    whole = record(0)
    assert len(whole[0]["looks"]) == 6
    assert [record(seconds) for seconds in (4, 10, 13, 25)] == [whole] * 4


def test_a_look_that_is_made_again_changes_nothing(balancer: Balancer) -> None:
    """A slice that is called again with the record of its own end, as after an answer that was lost on its way."""
    metric = {**step_metrics([balancer.metric], PLAN, AT_10, "d1")[0], "count": 1}
    begun = Analysis(parse([metric]), clock=Since(balancer.clock), slice_seconds=5)
    place = as_results(begun.run())[0]["position"]
    sending(balancer.log, stable=300, canary=300)()
    again = {**metric, "position": place, "interval": 1}
    (first,) = as_results(Analysis(parse([again]), clock=Since(balancer.clock)).run())
    (second,) = as_results(Analysis(parse([{**again, "record": first["record"]}]), clock=Since(balancer.clock)).run())
    assert second["record"] == first["record"]
    assert len(first["record"]["looks"]) == 1
    assert (second["verdict"], second["reason"]) == (first["verdict"], first["reason"])
    sending(balancer.log, stable=5, canary=5)()
    source = parse([{**again, "record": first["record"]}])[0].source
    with pytest.raises(InputError, match="was judged before, with other data"):
        source.measure(Moment(0, balancer.clock.wall(), 5))


@pytest.mark.parametrize(
    "changed", [{"level": "0.05"}, {"power": "0.9"}, {"compare": [ERRORS]}, {"compare": [P99, ERRORS]}]
)
def test_what_is_declared_may_not_change_between_steps(balancer: Balancer, changed: dict[str, Any]) -> None:
    balancer.step(AT_10, sending(balancer.log, stable=300, canary=300))
    balancer.metric.update(changed)
    with pytest.raises(InputError, match="were changed since the first look") as caught:
        balancer.step(AT_50, lambda: None)
    assert caught.value.where == "metrics[0].record"


def test_at_100_percent_there_is_nobody_to_compare_with() -> None:
    (left,) = step_metrics([METRIC], PLAN, AT_100, "d1")
    assert left["skip"] == "it compares with the stable side, which has no traffic at 100 %"


def test_the_last_watched_step_with_both_sides_must_pass() -> None:
    required = {step["name"]: step_metrics([METRIC], PLAN, step, "d1")[0]["must_pass"] for step in PLAN["steps"]}
    assert required["canary at 10 %"] is False
    assert required["canary at 50 %"] is True, "the one at 75 % is not watched"
    assert step_metrics([METRIC], {**PLAN, "steps": []}, AT_10, "d1")[0]["must_pass"] is True
    assert step_metrics([{**METRIC, "must_pass": True}], PLAN, AT_10, "d1")[0]["must_pass"] is True


def test_batches_are_compared_too() -> None:
    shares = [33, 66, 100]
    batches = [
        {"name": f"batch {number}", "into": {"percents": {"green": share, "blue": 100 - share}}, "seconds": 20}
        for number, share in enumerate(shares, start=1)
    ]
    plan = {**PLAN, "batches": batches}
    made = [step_metrics([METRIC], plan, batch, "d1")[0] for batch in batches]
    assert [metric["must_pass"] for metric in made] == [False, True, True]
    assert ["skip" in metric for metric in made] == [False, False, True]
    assert made[0]["slots"] == {"stable": "blue", "canary": "green"}


def test_what_haproxy_has_counted_is_judged_between_two_looks(haproxy: RuntimeApi, clock: FakeClock) -> None:
    haproxy.worker.count("blue", good=7000)
    haproxy.worker.count("green", bad=7000)
    metric = written(**{"from": "haproxy", "compare": [ERRORS], "socket": str(haproxy.socket), "count": 3})
    metric["master_socket"] = str(haproxy.master)
    clock.at(5, lambda: haproxy.worker.count("blue", good=297, bad=3))
    clock.at(5, lambda: haproxy.worker.count("green", good=297, bad=3))
    clock.at(15, haproxy.reload)
    clock.at(16, lambda: haproxy.worker.count("green", good=10, bad=2))
    clock.at(25, lambda: haproxy.worker.count("blue", good=50))
    clock.at(26, lambda: haproxy.worker.count("green", good=1, bad=60))
    (metric_found,) = as_results(Analysis(parse([metric]), clock=clock).run())
    looks = [look["metrics"]["errors"] for look in metric_found["record"]["looks"]]
    assert looks == [
        {"stable_requests": 300, "stable_errors": 3, "canary_requests": 300, "canary_errors": 3},
        {"stable_requests": 0, "stable_errors": 0, "canary_requests": 12, "canary_errors": 2},
        {"stable_requests": 50, "stable_errors": 0, "canary_requests": 61, "canary_errors": 60},
    ]
    assert [one["verdict"] for one in metric_found["measurements"]] == ["inconclusive", "no_data", "failure"]
    assert metric_found["verdict"] == "fail"


def test_what_was_counted_while_nobody_could_ask_is_in_the_next_look(haproxy: RuntimeApi, clock: FakeClock) -> None:
    metric = written(**{"from": "haproxy", "compare": [ERRORS], "socket": str(haproxy.socket), "count": 2})
    metric["master_socket"] = str(haproxy.master)
    clock.at(5, lambda: haproxy.worker.count("green", good=7))
    clock.at(6, lambda: setattr(haproxy, "silent", True))
    clock.at(15, lambda: setattr(haproxy, "silent", False))
    clock.at(16, lambda: haproxy.worker.count("green", good=5))
    clock.at(25, lambda: haproxy.worker.count("green", good=1))
    (found,) = as_results(Analysis(parse([metric]), clock=clock).run())
    assert [look["metrics"]["errors"]["canary_requests"] for look in found["record"]["looks"]] == [12, 1]
    assert (found["errors"], found["verdict"]) == (1, "insufficient")


def test_latencies_of_few_milliseconds_are_neither_blamed_nor_passed(balancer: Balancer) -> None:
    """The log has whole milliseconds, so that 1.9 ms beside 2.1 ms may look like a doubling."""

    def send() -> None:
        balancer.log.requests("blue", good=2000, seconds=0.001)
        balancer.log.requests("green", good=2000, seconds=0.002)

    (metric,) = balancer.step(AT_50, send)["metrics"]
    assert metric["verdict"] == "insufficient"
    assert "p99: not enough data to have seen the harm" in metric["reason"]
    assert "latencies of so few milliseconds have no ratio, use kind limit" in metric["reason"]


@pytest.mark.parametrize("seed", range(40))
def test_identical_sides_never_fail(log: Log, clock: FakeClock, seed: int) -> None:
    """Seeded rollouts of sides that are alike, with rates, latencies, shares and looks of any size."""
    chance = random.Random(seed)
    rate, scale = chance.choice([0, 0.001, 0.01, 0.2]), chance.choice([1, 5, 50, 400])

    def send() -> None:
        for slot, share in (("blue", 1.0), ("green", chance.choice([0.05, 0.3, 1.0]))):
            for _request in range(int(chance.choice([0, 20, 150]) * share)):
                taken = chance.lognormvariate(0, 1) * scale / 1000
                log.write(log.line(slot, 500 if chance.random() < rate else 200, taken))

    balancer = Balancer(log, clock, {**METRIC, "compare": [ERRORS, P99]})
    verdicts = [balancer.step(step, send)["verdict"] for step in (AT_10, AT_50)]
    assert "fail" not in verdicts


def test_one_judgement_does_not_touch_what_it_was_given(balancer: Balancer) -> None:
    traffic = sending(balancer.log, stable=300, canary=300)
    balancer.step(AT_10, traffic)
    before = copy.deepcopy(balancer.results)
    kept = balancer.results
    balancer.step(AT_50, traffic)
    assert kept == before
