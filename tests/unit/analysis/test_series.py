# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of series in Prometheus: which points it is shown, when it refuses them, and what it says of them."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis import earlier as continued
from ansible_collections.slipway.release.plugins.module_utils._analysis.promql import (
    looks_at_a_fixed_time,
    reach,
    seconds_of,
)
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import Analysis, as_results
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import parse
from ansible_collections.slipway.release.plugins.module_utils._checks.metrics import step_metrics
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

from .conftest import NOON, Api, FakeClock, Since, success

CPU = 'avg(rate(cpu{slot="<slot>"}[10s]))'
ORDERS = 'sum(increase(orders{slot="<slot>"}[10s]))'
PLAN: dict[str, Any] = {
    "app": "shop",
    "slot": "green",
    "stable_slot": "blue",
    "steps": [
        {"name": "canary at 10 %", "percents": {"blue": 90, "green": 10}, "seconds": 300},
        {"name": "canary at 50 %", "percents": {"blue": 50, "green": 50}, "seconds": 300},
        {"name": "canary at 100 %", "percents": {"blue": 0, "green": 100}, "seconds": 60},
    ],
}
AT_10, AT_50, AT_100 = PLAN["steps"]

Value = Callable[[str, float], Any]
Results = list[dict[str, Any]]


@dataclass
class Monitor:
    """Prometheus: a value for every query and time, its own clock, and what it was asked for.

    :param value: of a query at a time; ``None`` for no sample, or the values of several series.
    :param ahead: seconds that its clock is ahead.
    :param scrapes: the label of each slot to the seconds between two scrapes; ``None`` of a server that does not tell.
    """

    clock: FakeClock
    value: Value = lambda _query, _at: 1
    ahead: float = 0.0
    scrapes: dict[str, str] | None = field(default_factory=lambda: {"blue": "10s", "green": "10s", "other": "5s"})
    down: bool = False
    points: dict[str, list[float]] = field(default_factory=dict)

    def answer(self, path: str, asked: dict[str, str]) -> tuple[int, Any]:
        """The answer to one request."""
        if self.down:
            return 503, {"status": "error", "error": "starting up"}
        if path.endswith("/targets"):
            return self._targets()
        now = self.clock.wall() + self.ahead
        if path.endswith("/query"):
            return 200, success("scalar", [now, f"{now:.3f}"])
        start, end, step = (float(asked[name]) for name in ("start", "end", "step"))
        times = [start + step * number for number in range(int((end - start) / step + 1.5))]
        self.points.setdefault(asked["query"], []).extend(times)
        return 200, success("matrix", self._matrix(asked["query"], times))

    def _targets(self) -> tuple[int, Any]:
        if self.scrapes is None:
            return 404, b"404 page not found"
        found = [
            {"labels": {"job": "shop", "slot": slot}, "scrapeInterval": interval}
            for slot, interval in self.scrapes.items()
        ]
        return 200, {"status": "success", "data": {"activeTargets": found}}

    def _matrix(self, query: str, times: list[float]) -> list[dict[str, Any]]:
        series: dict[int, list[Any]] = {}
        for at in times:
            found = self.value(query, at)
            for number, value in enumerate(found if isinstance(found, list) else [found]):
                if value is not None:
                    series.setdefault(number, []).append([at, str(value)])
        return [{"metric": {"instance": str(number)}, "values": values} for number, values in series.items()]


@pytest.fixture
def monitor(api: Api, clock: FakeClock) -> Monitor:
    """The server."""
    found = Monitor(clock)
    api.answer = found.answer
    return found


@pytest.fixture
def metric(api: Api) -> dict[str, Any]:
    """A metric as an operator writes it."""
    return {
        "name": "load",
        "type": "judge",
        "from": "prometheus",
        "url": api.url,
        "spacing": 10,
        "interval": 100,
        "compare": [{"name": "cpu", "kind": "series", "query": CPU}],
    }


def noise(seed: int = 1, **times: float) -> Value:
    """Values around 100 that are independent of each other, and a multiple of them of some slots."""
    chance = random.Random(seed)

    def value(query: str, _at: float) -> float:
        slot = "green" if "green" in query else "blue"
        return times.get(slot, 1.0) * chance.uniform(80, 120)

    return value


def step_of(
    metric: dict[str, Any],
    clock: FakeClock,
    step: dict[str, Any] | None = None,
    before: Results | None = None,
    slice_seconds: int = 0,
) -> dict[str, Any]:
    """What health_gate returns of the metric at the end of the step."""
    sent = step_metrics([metric], PLAN, step or AT_50, "d1")
    found: Results = []
    while not found or not found[0]["finished"]:
        raw = continued.with_records(continued.with_positions(sent, found), found or before or [])
        analysis = Analysis(parse(raw), clock=Since(clock), slice_seconds=slice_seconds, earlier=found)
        found = json.loads(json.dumps(as_results(analysis.run())))
    return found[0]


def looks_of(found: dict[str, Any], name: str = "cpu") -> list[dict[str, list[str]]]:
    """What was recorded at each look."""
    return [look["metrics"][name] for look in found["record"]["looks"]]


def test_identical_sides_pass(monitor: Monitor, metric: dict[str, Any], clock: FakeClock) -> None:
    monitor.value = noise()
    found = step_of(metric, clock)
    assert found["verdict"] == "pass"
    assert "cpu: no evidence of harm, and harm would have been seen, values of the canary " in found["reason"]
    assert "of 10 points (with 95 % " in found["reason"]


def test_a_canary_that_needs_twice_as_much_fails_in_a_sentence_with_the_numbers(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock
) -> None:
    monitor.value = noise(green=2)
    found = step_of(metric, clock)
    assert (found["verdict"], found["failures"]) == ("fail", 1)
    assert clock.now < 300, "the rest of the step is not waited for"
    reason = found["reason"]
    assert "cpu: the canary is worse than the margin, values of the canary +" in reason
    assert "where 100 are enough" in reason


@pytest.mark.parametrize(("times", "verdict"), [(0.4, "fail"), (2.5, "pass"), (1.0, "pass")])
def test_orders_are_worse_when_there_are_fewer(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock, times: float, verdict: str
) -> None:
    orders = {"name": "orders", "kind": "series", "query": ORDERS, "higher_is_worse": False, "harm": {"ratio": 0.5}}
    monitor.value = noise(green=times)
    assert step_of({**metric, "compare": [orders]}, clock)["verdict"] == verdict


def test_a_change_within_the_margin_is_tolerated(monitor: Monitor, metric: dict[str, Any], clock: FakeClock) -> None:
    monitor.value = noise(green=1.3)
    series = {"name": "cpu", "kind": "series", "query": CPU, "harm": {"ratio": 2}}
    tolerated = {**series, "margin": {"ratio": 1.35}}
    long = {**AT_50, "seconds": 1500}
    assert step_of({**metric, "compare": [series]}, clock, long)["verdict"] == "fail"
    assert step_of({**metric, "compare": [tolerated]}, clock, long)["verdict"] == "pass"


def test_several_series_share_one_level(monitor: Monitor, metric: dict[str, Any], clock: FakeClock) -> None:
    series = [{"name": name, "kind": "series", "query": CPU.replace("cpu", name)} for name in ("one", "two", "three")]
    monitor.value = lambda query, at: noise(green=2 if "two" in query else 1)(query, at) + at % 13
    found = step_of({**metric, "compare": series}, clock)
    assert found["verdict"] == "fail"
    assert found["reason"].startswith("two: ")
    assert "where 300 are enough" in found["reason"]


@pytest.mark.parametrize("slice_seconds", [0, 30, 100, 145])
def test_no_point_is_counted_twice_over_looks_slices_and_steps(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock, slice_seconds: int
) -> None:
    monitor.value = lambda _query, at: round(at - NOON)
    began = clock.wall()
    first = step_of({**metric, "interval": 95}, clock, AT_10, slice_seconds=slice_seconds)
    second = step_of({**metric, "interval": 95}, clock, AT_50, [first], slice_seconds=slice_seconds)
    for query in (CPU.replace("<slot>", slot) for slot in ("blue", "green")):
        points = monitor.points[query]
        assert min(points) >= began + 10, "nothing of the time before"
        assert all(later - earlier >= 9.999 for earlier, later in zip(points, points[1:]))
    recorded = [value for look in looks_of(second) for value in look["canary"]]
    assert recorded == [value for look in looks_of(second) for value in look["stable"]]
    assert recorded == [str(round(at - NOON)) for at in points], "each is in the record once"
    assert [len(look["canary"]) for look in looks_of(second)] == [9, 10, 9] * 2


@pytest.mark.parametrize("ahead", [-600.0, 600.0])
def test_the_clock_of_this_host_has_no_effect(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock, ahead: float
) -> None:
    monitor.ahead = ahead
    monitor.value = lambda _query, at: round(at - NOON - ahead)
    assert looks_of(step_of(metric, clock))[0]["canary"] == [str(second) for second in range(10, 101, 10)]


def test_a_clock_that_is_set_back_gives_no_point_again(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock
) -> None:
    clock.at(150, lambda: setattr(monitor, "ahead", -120.0))
    found = step_of(metric, clock)
    points = monitor.points[CPU.replace("<slot>", "green")]
    assert points == sorted(set(points))
    assert [len(look["canary"]) for look in looks_of(found)] == [10, 0, 8]


def test_only_points_count_at_which_both_sides_have_a_value(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock
) -> None:
    """A canary that is seen from the middle on would otherwise be compared with the rise of both."""
    missing = {"blue": (20, "NaN"), "green": (50, None)}

    def value(query: str, at: float) -> Any:
        second = round(at - NOON)
        until, nothing = missing["green" if "green" in query else "blue"]
        return nothing if second <= until else second

    monitor.value = value
    assert looks_of(step_of(metric, clock))[0] == {
        side: ["60", "70", "80", "90", "100"] for side in ("stable", "canary")
    }


@pytest.mark.parametrize("gone", ["green", "blue"])
def test_without_values_of_both_sides_there_is_no_data(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock, gone: str
) -> None:
    monitor.value = lambda query, _at: None if gone in query else 1
    found = step_of(metric, clock)
    assert (found["verdict"], found["no_data"], found["errors"]) == ("insufficient", 3, 0)


def test_silence_at_the_end_does_not_pass(monitor: Monitor, metric: dict[str, Any], clock: FakeClock) -> None:
    good = noise()
    monitor.value = lambda query, at: good(query, at) if at < NOON + 201 else None
    found = step_of(metric, clock)
    assert [one["verdict"] for one in found["measurements"]] == ["success", "success", "no_data"]
    assert found["verdict"] == "insufficient"


def test_a_step_that_is_too_short_says_how_much_is_missing(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock
) -> None:
    monitor.value = noise()
    found = step_of({**metric, "interval": 20}, clock, {**AT_50, "seconds": 20})
    assert found["verdict"] == "insufficient"
    assert "more points are needed" in found["reason"]


def test_points_of_an_outage_are_in_the_next_look(monitor: Monitor, metric: dict[str, Any], clock: FakeClock) -> None:
    monitor.value = noise()
    clock.at(150, lambda: setattr(monitor, "down", True))
    clock.at(205, lambda: setattr(monitor, "down", False))
    found = step_of(metric, clock, {**AT_50, "seconds": 300})
    assert found["errors"] == 1
    assert sum(len(look["canary"]) for look in looks_of(found)) == len(monitor.points[CPU.replace("<slot>", "green")])
    assert [one["verdict"] for one in found["measurements"]] == ["success", "error", "success", "success"]


def test_a_server_that_does_not_answer_is_an_error_and_no_verdict_on_the_canary(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock
) -> None:
    monitor.down = True
    found = step_of(metric, clock)
    assert (found["verdict"], found["failures"], found["no_data"]) == ("insufficient", 0, 0)
    assert "could not be measured 5 times in a row" in found["reason"]
    assert "status 503: starting up" in found["reason"]


@pytest.mark.parametrize(
    ("value", "told"),
    [([1, 2], "gives 2 series; aggregate it"), ("+Inf", "divide by what is never 0"), ("much", "is no number")],
)
def test_values_that_cannot_be_compared_are_an_error(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock, value: Any, told: str
) -> None:
    monitor.value = lambda query, _at: value if "green" in query else 1
    found = step_of(metric, clock)
    assert (found["verdict"], found["measurements"][0]["verdict"]) == ("insufficient", "error")
    assert told in found["reason"]


def test_values_below_0_have_no_ratio_and_are_not_left_out(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock
) -> None:
    good = noise()
    monitor.value = lambda query, at: -1 if at < NOON + 15 else good(query, at)
    found = step_of(metric, clock)
    assert (found["verdict"], found["errors"], found["record"]["looks"]) == ("insufficient", 5, [])
    assert "state margin and harm as differences" in found["reason"]


def test_zeros_are_neither_blamed_nor_passed(monitor: Monitor, metric: dict[str, Any], clock: FakeClock) -> None:
    monitor.value = lambda _query, _at: 0
    found = step_of(metric, clock)
    assert (found["verdict"], found["inconclusive"], found["errors"]) == ("insufficient", 3, 0)


def test_points_closer_than_a_scrape_are_refused(monitor: Monitor, metric: dict[str, Any], clock: FakeClock) -> None:
    assert monitor.scrapes is not None
    monitor.scrapes.update(blue="15s", green="1m")
    found = step_of(metric, clock)
    assert (found["verdict"], found["errors"], found["record"]["looks"]) == ("insufficient", 5, [])
    assert "since it scrapes every 15 s; set spacing to at least 15" in found["reason"]


@pytest.mark.parametrize("scrapes", [None, {}])
def test_where_nobody_knows_how_often_is_scraped_it_is_said(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock, scrapes: dict[str, str] | None
) -> None:
    monitor.scrapes = scrapes
    monitor.value = noise()
    found = step_of(metric, clock, slice_seconds=30)
    assert found["verdict"] == "pass"
    assert all("that a scrape takes less than 10 s is not known" in one["detail"] for one in found["measurements"])


@pytest.mark.parametrize(
    ("changed", "where", "remedy"),
    [
        ({"compare": [{"name": "errors", "kind": "errors"}]}, "metrics[0].compare[0].kind", "use kind series"),
        ({"compare": [{"name": "cpu", "kind": "series"}]}, "metrics[0].compare[0].query", "set it"),
        ({"compare": [{"name": "cpu", "kind": "series", "query": "cpu"}]}, "metrics[0].compare[0].query", "<slot>"),
        (
            {"compare": [{"name": "cpu", "kind": "series", "query": CPU, "higher_is_worse": "no"}]},
            "metrics[0].compare[0]",
            "true or false",
        ),
        (
            {"compare": [{"name": "cpu", "kind": "series", "query": CPU, "higher_is_worse": False}]},
            "metrics[0].compare[0]",
            "whether higher is worse",
        ),
        (
            {"compare": [{"name": "cpu", "kind": "series", "query": CPU.replace("10s", "5m")}]},
            "metrics[0].compare[0].query",
            "look back at most 10 s, or raise spacing",
        ),
        (
            {"compare": [{"name": "cpu", "kind": "series", "query": 'cpu{slot="<slot>"} @ end()'}]},
            "metrics[0].compare[0].query",
            "remove it",
        ),
        ({"query": CPU}, "metrics[0].query", "remove"),
        ({"log": "/var/log/x"}, "metrics[0].log", "remove"),
        ({"app": "shop"}, "metrics[0].app", "remove"),
        ({"url": None}, "metrics[0].url", "set it"),
        ({"username": "slipway"}, "metrics[0].password", "set it"),
        ({"spacing": 0}, "metrics[0].spacing", "such as 60"),
        ({"interval": 9}, "metrics[0].interval", "spacing"),
        ({"interval": 601}, "metrics[0].interval", "spacing"),
        ({"interval": 0}, "metrics[0].interval", "seconds"),
        ({"position": {"source": {"last_ms": "now"}}}, "metrics[0].position", "earlier analysis"),
    ],
)
def test_what_it_refuses_before_anything_is_measured(
    metric: dict[str, Any], changed: dict[str, Any], where: str, remedy: str
) -> None:
    with pytest.raises(InputError) as caught:
        parse([{**metric, "slots": {"stable": "blue", "canary": "green"}, **changed}])
    assert where == caught.value.where
    assert remedy in caught.value.remedy


def test_at_100_percent_there_is_nobody_to_compare_with(metric: dict[str, Any]) -> None:
    (left,) = step_metrics([metric], PLAN, AT_100, "d1")
    assert left["skip"] == "it compares with the stable side, which has no traffic at 100 %"


def test_credentials_are_sent_and_never_told(api: Api, metric: dict[str, Any], clock: FakeClock) -> None:
    api.answer = lambda _path, _asked: (401, {"status": "error", "error": "unauthorized"})
    found = step_of({**metric, "bearer_token": "hunter2"}, clock)
    assert api.asked[0]["Authorization"] == "Bearer hunter2"
    assert "hunter2" not in json.dumps(found)


def test_sides_that_follow_the_same_trend_fail_no_more_often_than_the_level_says(
    monitor: Monitor, metric: dict[str, Any], clock: FakeClock
) -> None:
    """Seeded rollouts of sides that are alike but for noise, with points of either missing."""
    failed = 0
    for seed in range(40):
        chance = random.Random(seed)
        rise, spread, lost = chance.choice([0, 0.1, 5]), chance.choice([0, 1, 30]), chance.choice([0, 0.3])

        def value(_query: str, at: float, among: tuple[random.Random, float, float, float]) -> float | None:
            chance, rise, spread, lost = among
            return None if chance.random() < lost else 100 + rise * (at - NOON) + chance.uniform(0, spread)

        monitor.value = partial(value, among=(chance, rise, spread, lost))
        first = step_of(metric, clock, AT_10)
        failed += "fail" in (first["verdict"], step_of(metric, clock, AT_50, [first])["verdict"])
    assert failed <= 2, "with 40 rollouts and a level of 1 %, more have a probability below 1 %"


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("up", 0),
        ("rate(x[5m])", 300),
        ("rate(x[ 1h30m ]) / rate(y[10s])", 5400),
        ("rate(x[500ms])", 0.5),
        ("rate(x[300])", 300),
        ("max_over_time(rate(x[5m])[1h:1m])", 3900),
        ("max_over_time(rate(x[5m])[1h:])", 3900),
        ('rate(x{path="[9h]"}[1m])', 60),
        ("rate(x[1m]) # [9h]", 60),
        ("rate(x[soon])", 0),
    ],
)
def test_how_far_a_query_looks_back(query: str, seconds: float) -> None:
    assert reach(query) == seconds


def test_a_fixed_time_is_seen_outside_of_texts_only() -> None:
    assert looks_at_a_fixed_time("x @ 1700000000")
    assert not looks_at_a_fixed_time('x{mail="a@b"} # @')


@pytest.mark.parametrize("text", ["", "m", "5 m", "1x", "[5m]"])
def test_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|float"):
        seconds_of(text)
