# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of one metric: every limit at its edge, and what never passes."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.arguments import METRIC
from ansible_collections.slipway.release.plugins.module_utils._analysis.judge import MetricJudge
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Limits, Schedule

LETTERS = {"s": "success", "f": "failure", "i": "inconclusive", "n": "no_data", "e": "error"}


def judged(script: str, count: int = 100, **limits: int) -> tuple[str, int]:
    """The verdict for a script of measurements, and after how many of them."""
    judge = MetricJudge(Limits(**limits), count)
    for number, letter in enumerate(script, start=1):
        if judge.heard(LETTERS[letter], f"number {number}"):
            assert judge.reason
            return judge.verdict, number
    return judge.verdict, len(script)


@pytest.mark.parametrize(
    ("script", "count", "limits", "expected"),
    [
        ("sss", 3, {}, ("pass", 3)),
        ("ss", 3, {}, ("", 2)),
        ("sf", 3, {}, ("fail", 2)),
        ("fsfsfss", 7, {"failure": 3}, ("pass", 7)),
        ("fsfsfsf", 7, {"failure": 3}, ("fail", 7)),
        ("fffs", 4, {"failure": -1}, ("pass", 4)),
        ("ffff", 4, {"failure": -1}, ("fail", 4)),
        ("fff", 3, {"failure": 3}, ("fail", 3)),
        ("si", 3, {}, ("insufficient", 2)),
        ("sn", 3, {}, ("insufficient", 2)),
        ("sis", 3, {"inconclusive": 1}, ("pass", 3)),
        ("sin", 4, {"inconclusive": 1}, ("insufficient", 3)),
        ("nnn", 3, {"inconclusive": -1}, ("insufficient", 3)),
        ("iii", 3, {"inconclusive": 3}, ("insufficient", 3)),
        ("nnf", 3, {"inconclusive": -1, "failure": -1}, ("fail", 3)),
        ("nns", 3, {"inconclusive": -1}, ("pass", 3)),
        ("eeee", 1, {}, ("", 4)),
        ("eeeee", 1, {}, ("insufficient", 5)),
        ("eeeesee", 2, {}, ("", 7)),
        ("eeeeseeees", 2, {}, ("pass", 10)),
        ("eseses", 3, {"consecutive_error": 1}, ("pass", 6)),
        ("ee", 3, {"consecutive_error": 1}, ("insufficient", 2)),
        ("e", 3, {"consecutive_error": 0}, ("insufficient", 1)),
        ("sss", 10, {"consecutive_success": 3}, ("pass", 3)),
        ("ssfsss", 10, {"consecutive_success": 3, "failure": -1}, ("pass", 6)),
        ("ssesss", 10, {"consecutive_success": 3}, ("pass", 6)),
        ("ssfs", 4, {"consecutive_success": 3, "failure": -1}, ("insufficient", 4)),
        ("ffffs", 10, {"consecutive_failure": 4, "failure": -1}, ("", 5)),
        ("fffff", 10, {"consecutive_failure": 4, "failure": -1}, ("fail", 5)),
        ("ffffsfffff", 11, {"consecutive_failure": 4, "failure": -1}, ("fail", 10)),
        ("ffffnfff", 11, {"consecutive_failure": 4, "failure": -1, "inconclusive": -1}, ("", 8)),
        ("ffeff", 11, {"consecutive_failure": 3, "failure": -1}, ("fail", 5)),
    ],
)
def test_limits(script: str, count: int, limits: dict[str, int], expected: tuple[str, int]) -> None:
    assert judged(script, count, **limits) == expected


def test_what_is_not_said_is_what_the_established_names_mean() -> None:
    established = {
        "interval": 0,
        "initial_delay": 0,
        "count": 1,
        "failure_limit": 0,
        "inconclusive_limit": 0,
        "consecutive_error_limit": 4,
        "consecutive_success_limit": 0,
        "dry_run": False,
    }
    assert {name: METRIC[name]["default"] for name in established} == established
    own = {"consecutive_failure_limit": 0, "timeout": 5}
    limits, schedule = vars(Limits()), vars(Schedule())
    assert {**{f"{name}_limit": limit for name, limit in limits.items()}, **schedule, "dry_run": False} == {
        **established,
        **own,
    }


def test_reasons_tell_the_count_the_limit_and_the_last_detail() -> None:
    judge = MetricJudge(Limits(failure=1), 10)
    for number in (1, 2):
        judge.heard("failure", f"result = {number}")
    assert judge.reason == "failed 2 times, more than failure_limit 1; the last: result = 2"


def test_an_error_is_never_a_failed_metric() -> None:
    judge = MetricJudge(Limits(consecutive_error=0, failure=0), 1)
    judge.heard("error", "does not answer")
    assert (judge.verdict, judge.reason) == (
        "insufficient",
        "could not be measured 1 times in a row, more than consecutive_error_limit 0; the last: does not answer",
    )
