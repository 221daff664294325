# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What follows from the latest measurements of a metric or a check; earlier ones do not count."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Limits
from ansible_collections.slipway.release.plugins.module_utils._watch.track import Sample, Track

LETTERS = {"+": "success", "-": "failure", "?": "no_data", "!": "error", "~": "inconclusive"}


def verdict(track: Track, measured: str) -> str:
    for letter in measured:
        track.take(Sample(LETTERS[letter], f"it was {letter}", "now"))
    return track.standing().verdict


def metric(count: int, **limits: int) -> Track:
    return Track("errors", "nginx_log", Limits(**limits), count)


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ("", "insufficient"),
        ("+", "pass"),
        ("?", "insufficient"),
        ("?" * 50, "insufficient"),
        ("+?", "pass"),
        ("-", "fail"),
        ("+++-", "fail"),
        ("!!!!", "insufficient"),
    ],
)
def test_a_metric_without_limits(measured: str, expected: str) -> None:
    assert verdict(metric(10), measured) == expected


@pytest.mark.parametrize(
    ("measured", "expected"),
    [
        ("--", "insufficient"),
        ("+--", "pass"),
        ("+-+-+-", "fail"),
        ("--++++++++++", "pass"),
        ("-+++++-++++-", "pass"),
        ("-++++-++++-", "pass"),
        ("-+++-++-", "fail"),
    ],
)
def test_a_limit_is_for_the_latest_measurements_alone(measured: str, expected: str) -> None:
    assert verdict(metric(10, failure=2), measured) == expected


def test_a_row_of_failures_is_not_ended_by_errors() -> None:
    assert verdict(metric(10, failure=-1, consecutive_failure=2), "+-!-!-") == "fail"
    assert verdict(metric(10, failure=-1, consecutive_failure=2), "+--+-") == "pass"


def test_when_none_of_all_has_succeeded_it_fails_whatever_the_limit() -> None:
    assert verdict(metric(4, failure=-1), "---") == "insufficient"
    assert verdict(metric(4, failure=-1), "----") == "fail"


def test_a_source_that_cannot_be_asked_is_no_failure_and_is_named() -> None:
    track = metric(4)
    assert verdict(track, "++" + "!" * 5) == "insufficient"
    assert track.standing().unreadable
    assert "5 times in a row" in track.standing().reason
    assert verdict(track, "+") == "pass"


def test_a_failure_before_errors_is_still_one() -> None:
    assert verdict(metric(4), "-" + "!" * 9) == "fail"


def test_errors_do_not_pile_up() -> None:
    track = metric(4)
    verdict(track, "!" * 1000)
    assert len(track.samples) < 40


def test_a_process_goes_on_where_another_has_stopped() -> None:
    before, after = metric(10, failure=1), metric(10, failure=1)
    verdict(before, "+-")
    after.resume([sample.to_dict() for sample in before.samples])
    assert verdict(after, "-") == "fail"
