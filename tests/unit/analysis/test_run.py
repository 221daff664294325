# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The analysis as a whole: when sources are asked, what becomes of what they say, and which verdict wins."""

from __future__ import annotations

import json
import math
import threading
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis import run as analysis
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Metric, Moment, Reading
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import as_results, verdict

from .conftest import BROKEN, FakeClock, Script, analysed, scripted


def asked(metric: Metric) -> list[float]:
    assert isinstance(metric.source, Script)
    return metric.source.asked


def test_a_source_is_asked_after_the_delay_and_then_at_every_interval() -> None:
    metric = scripted(1, success="result == 1", schedule={"count": 3, "interval": 60, "initial_delay": 30})
    (finding,) = analysed(metric)
    assert asked(metric) == [30, 90, 150]
    assert (finding.verdict, finding.reason) == ("pass", "3 of 3 measurements succeeded, the limits allow the others")


def test_a_source_of_differences_begins_after_the_delay_and_is_measured_an_interval_later() -> None:
    timing = {"count": 2, "interval": 60, "initial_delay": 30}
    metric = scripted(1, success="result == 1", schedule=timing, differences=True)
    (finding,) = analysed(metric)
    assert isinstance(metric.source, Script)
    assert (metric.source.begun, metric.source.asked) == ([30], [90, 150])
    assert len(finding.measurements) == 2


def test_an_error_is_asked_again_after_ten_seconds_and_does_not_count() -> None:
    metric = scripted(1, BROKEN, BROKEN, 1, success="result == 1", schedule={"count": 2})
    (finding,) = analysed(metric)
    assert asked(metric) == [0, 60, 70, 80]
    assert finding.verdict == "pass"
    (result,) = as_results([finding])
    assert (result["successes"], result["errors"]) == (2, 2)
    assert result["measurements"][1]["detail"] == "script: does not answer; start it"


def test_five_errors_in_a_row_say_nothing_about_the_release() -> None:
    metric = scripted(BROKEN, success="result == 1")
    (finding,) = analysed(metric)
    assert asked(metric) == [0, 10, 20, 30, 40]
    assert finding.verdict == "insufficient"
    assert finding.reason.endswith("the last: script: does not answer; start it")


@pytest.mark.parametrize(
    ("success", "failure", "value", "expected"),
    [
        ("result < 5", "", 4, "success"),
        ("result < 5", "", 5, "failure"),
        ("", "result > 5", 5, "success"),
        ("", "result > 5", 6, "failure"),
        ("result < 5", "result > 9", 4, "success"),
        ("result < 5", "result > 9", 7, "inconclusive"),
        ("result < 5", "result > 9", 10, "failure"),
        ("result < 5", "result < 7", 4, "failure"),
        ("result < 5", "", None, "no_data"),
        ("result < 5", "", [], "no_data"),
        ("result < 5", "", math.nan, "no_data"),
        ("", "result > 5", None, "no_data"),
        ("", "result > 5", [], "no_data"),
        ("", "result > 5", math.nan, "no_data"),
        ("result.a < 5", "result.b > 5", {"a": 1}, "no_data"),
        ("result.b < 5", "result.a > 5", {"a": 1}, "no_data"),
        ("result.b < 5", "result.a > 5", {"a": 6}, "failure"),
        ("result < 5", "", "text", "error"),
    ],
)
def test_what_a_measurement_is(success: str, failure: str, value: Any, expected: str) -> None:
    (finding,) = analysed(scripted(value, success=success, failure=failure, consecutive_error=0))
    assert finding.measurements[0].verdict == expected


def test_a_source_that_has_too_little_is_no_data_whatever_the_condition_says() -> None:
    reading = Reading({"result": {"requests": 0}}, missing="no data: fewer than 1 requests: result has 0")
    (finding,) = analysed(scripted(reading, success="default(result.error_rate, 0) < 5"))
    assert (finding.verdict, finding.measurements[0].value) == ("insufficient", {"requests": 0})


def test_a_default_is_told() -> None:
    (finding,) = analysed(scripted([], success="default(result, 0) < 5"))
    assert finding.verdict == "pass"
    assert finding.measurements[0].detail == "result = no data, so the default"


def test_the_worst_metric_wins() -> None:
    good, silent = scripted(1, success="result == 1", name="good"), scripted(None, success="result == 1", name="silent")
    bad = scripted(2, success="result == 1", name="bad")
    assert verdict(analysed(good)) == "pass"
    assert verdict(analysed(good, silent)) == "insufficient"
    assert verdict(analysed(good, silent, bad)) == "fail"


def test_no_metric_is_no_pass() -> None:
    assert verdict(analysed()) == "insufficient"


def test_a_dry_run_is_measured_and_reported_and_does_not_decide() -> None:
    dry = scripted(2, success="result == 1", name="dry", dry_run=True)
    findings = analysed(dry, scripted(1, 1, success="result == 1", name="good"))
    assert [finding.verdict for finding in findings] == ["fail", "pass"]
    assert verdict(findings) == "pass"
    assert as_results(findings)[0]["failures"] == 1


def test_dry_runs_alone_decide_nothing() -> None:
    assert verdict(analysed(scripted(1, success="result == 1", dry_run=True))) == "insufficient"


def test_a_failed_metric_ends_the_analysis() -> None:
    clock = FakeClock()
    long = scripted(1, success="result == 1", name="long", schedule={"count": 100})
    bad = scripted(1, 2, success="result == 1", name="bad")
    findings = analysed(long, bad, clock=clock)
    assert clock.now == 60
    assert findings[0].verdict == "insufficient"
    assert findings[0].reason == "not decided: metric 'bad' failed first"


def test_the_evidence_is_json_with_times_and_values() -> None:
    (result,) = as_results(analysed(scripted([0.5, math.nan], success="result[0] < 1", name="rate")))
    json.dumps(result, allow_nan=False)
    assert result["measurements"] == [
        {
            "at_ms": 0,
            "time": "2027-01-15T08:00:00.000+00:00",
            "verdict": "success",
            "value": [0.5, "nan"],
            "detail": "result[0] = 0.5",
        }
    ]
    assert (result["success_condition"], result["failure_condition"]) == ("result[0] < 1", "")


def test_metrics_that_are_due_together_are_measured_together() -> None:
    together = threading.Barrier(2, timeout=10)

    class Meeting(Script):
        def measure(self, moment: Moment) -> Reading:
            together.wait()
            return super().measure(moment)

    metrics = [scripted(1, success="result == 1", name=name) for name in ("one", "two")]
    both = [Metric(**{**metric.__dict__, "source": Meeting(1)}) for metric in metrics]
    assert verdict(analysed(*both)) == "pass"


def test_a_source_that_hangs_ends_as_not_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(analysis, "HANG_GRACE", -0.99)
    released = threading.Event()

    class Hanging(Script):
        def measure(self, moment: Moment) -> Reading:
            released.wait(60)
            return super().measure(moment)

    metric = scripted(1, success="result == 1", schedule={"timeout": 1})
    (finding,) = analysed(Metric(**{**metric.__dict__, "source": Hanging(1)}))
    released.set()
    assert (finding.verdict, finding.measurements[0].verdict) == ("insufficient", "error")
