# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hurts the users of other systems, as far as analysis is concerned: it must not happen here.

The numbers are those of the list of pains: 5 no data counted as success, 6 wrong verdicts, 7 deadlines and retries
that are ignored.
"""

from __future__ import annotations

import math
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Reading
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import verdict
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import parse
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

from .conftest import BROKEN, Api, FakeClock, Log, RuntimeApi, analysed, finding_of, scripted


@pytest.mark.parametrize(
    "value", [None, [], {}, math.nan, [math.nan], math.inf, Reading({"result": 1}, missing="idle")]
)
@pytest.mark.parametrize("condition", [{"success": "result >= 0"}, {"failure": "result > 5"}])
def test_pain_5_no_data_is_no_success(value: Any, condition: dict[str, str]) -> None:
    (finding,) = analysed(scripted(value, inconclusive=-1, schedule={"count": 3}, **condition, consecutive_error=0))
    assert finding.verdict == "insufficient"


def test_pain_5_a_canary_without_traffic_is_no_success_in_the_log(log: Log, clock: FakeClock) -> None:
    clock.at(30, lambda: log.requests("blue", good=1000))
    slots = {"stable": "blue", "canary": "green"}
    metric = {"type": "nginx_log", "log": str(log.path), "slots": slots, "interval": 60}
    finding = finding_of({**metric, "failure_condition": "canary.errors > stable.errors"}, clock)
    assert finding.verdict == "insufficient"
    assert "canary has 0" in finding.reason


def test_pain_5_a_canary_without_traffic_is_no_success_at_haproxy(haproxy: RuntimeApi, clock: FakeClock) -> None:
    haproxy.worker.count("green", good=500)
    clock.at(30, lambda: haproxy.worker.count("blue", good=1000))
    metric = {
        "type": "haproxy",
        "app": "shop",
        "socket": str(haproxy.socket),
        "master_socket": str(haproxy.master),
        "slots": {"stable": "blue", "canary": "green"},
        "interval": 60,
        "failure_condition": "canary.errors > stable.errors",
    }
    assert finding_of(metric, clock).verdict == "insufficient"


def test_pain_5_too_few_requests_are_no_success(log: Log, clock: FakeClock) -> None:
    metric = {"type": "nginx_log", "log": str(log.path), "slots": {"canary": "green"}, "interval": 60}
    metric.update(failure_condition="canary.error_rate > 5", least_requests=100)
    clock.at(30, lambda: log.requests(good=99))
    assert finding_of(metric, clock).verdict == "insufficient"
    clock.at(clock.now + 30, lambda: log.requests(good=100))
    assert finding_of(metric, clock).verdict == "pass"


def test_pain_5_an_empty_answer_of_prometheus_is_no_success(api: Api) -> None:
    api.vector("errors", [])
    metric = {"type": "prometheus", "url": api.url, "query": "errors", "failure_condition": "result > 5"}
    assert finding_of(metric).verdict == "insufficient"


def test_pain_6_no_success_without_a_successful_measurement() -> None:
    (finding,) = analysed(scripted(*[9] * 10, success="result < 5"))
    assert finding.verdict == "fail"
    for limit in (10, -1):
        metric = scripted(9, success="result < 5", schedule={"count": 10})
        metric = type(metric)(**{**metric.__dict__, "limits": type(metric.limits)(failure=limit)})
        assert verdict(analysed(metric)) == "fail"


def test_pain_6_most_samples_bad_is_a_failure_wherever_they_stand() -> None:
    for values in ([1] * 3 + [100] * 7, [100] * 7 + [1] * 3, [100, 1] * 3 + [100] * 4):
        (finding,) = analysed(scripted(*values, success="result < 5"))
        assert finding.verdict == "fail"


def test_pain_6_every_measurement_counts_not_only_the_last() -> None:
    (finding,) = analysed(scripted(100, 1, 1, 1, success="result < 5"))
    assert finding.verdict == "fail"


def test_pain_6_a_source_that_never_answers_is_neither_success_nor_failure() -> None:
    (finding,) = analysed(scripted(BROKEN, success="result < 5"))
    assert finding.verdict == "insufficient"


@pytest.mark.parametrize("condition", [{}, {"success_condition": "1 < 2"}, {"success_condition": "result"}])
def test_pain_6_a_condition_that_says_nothing_is_refused(condition: dict[str, str]) -> None:
    metric = {"name": "m", "type": "prometheus", "url": "http://127.0.0.1:9", "query": "up", **condition}
    with pytest.raises(InputError):
        parse([metric])


def test_pain_6_a_slot_that_is_not_in_the_query_is_refused() -> None:
    metric = {"name": "m", "type": "prometheus", "url": "http://127.0.0.1:9", "query": "up"}
    with pytest.raises(InputError, match="asks the same of every slot"):
        parse([{**metric, "slots": {"stable": "blue", "canary": "green"}, "failure_condition": "canary > stable"}])


def test_pain_6_a_slot_compared_with_itself_is_refused() -> None:
    metric = {"name": "m", "type": "nginx_log", "app": "shop", "interval": 1, "failure_condition": "canary.errors > 1"}
    with pytest.raises(InputError, match="compares a slot with itself"):
        parse([{**metric, "slots": {"stable": "blue", "canary": "blue"}}])


def test_pain_7_the_deadline_ends_the_analysis() -> None:
    clock = FakeClock()
    metric = scripted(1, success="result == 1", schedule={"count": 100, "interval": 60})
    (finding,) = analysed(metric, clock=clock, deadline=150)
    assert clock.now == 150
    assert finding.verdict == "insufficient"
    assert finding.reason == "not decided by the deadline of 150 s: 3 of 100 measurements were made"


def test_pain_7_the_deadline_ends_retries() -> None:
    clock = FakeClock()
    (finding,) = analysed(scripted(BROKEN, success="result == 1", consecutive_error=100), clock=clock, deadline=25)
    assert (clock.now, finding.verdict, len(finding.measurements)) == (25, "insufficient", 3)


def test_pain_7_the_deadline_is_the_limit_of_a_measurement() -> None:
    metric = scripted(1, 1, success="result == 1", schedule={"interval": 8, "timeout": 5})
    (finding,) = analysed(metric, deadline=10)
    assert [measurement.at.timeout for measurement in finding.measurements] == [5, 2]


def test_pain_7_a_failure_ends_the_analysis_at_once() -> None:
    clock = FakeClock()
    analysed(scripted(2, success="result == 1", schedule={"count": 100}), clock=clock)
    assert clock.now == 0


def test_pain_7_errors_are_retried_and_do_not_use_up_the_count() -> None:
    clock = FakeClock()
    values = [BROKEN, 1, BROKEN, BROKEN, BROKEN, BROKEN, 1]
    (finding,) = analysed(scripted(*values, success="result == 1", schedule={"count": 2}), clock=clock)
    assert (finding.verdict, clock.now) == ("pass", 110)
