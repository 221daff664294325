# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An analysis in slices comes to what it comes to in one piece, whatever is undecided in between."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis import earlier as continued
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Limits
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import Analysis, as_results, on_course
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import without_skipped
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

from .conftest import BROKEN, FakeClock, scripted

SCRIPTS: list[tuple[str, Sequence[Any], dict[str, int], str]] = [
    ("all good", [1, 1, 1, 1, 1], {}, "pass"),
    ("fails late", [1, 1, 1, 9], {}, "fail"),
    ("two failures, one in each slice", [1, 9, 1, 1, 9], {"failure": 1}, "fail"),
    ("one failure is allowed", [1, 9, 1, 1, 1], {"failure": 1}, "pass"),
    ("three in a row across slices", [1, 9, 9, 9], {"failure": -1, "consecutive_failure": 2}, "fail"),
    ("errors in a row across slices", [1, BROKEN, BROKEN, BROKEN, BROKEN, BROKEN], {}, "insufficient"),
    ("no data twice", [1, None, 1, None, 1], {"inconclusive": 1}, "insufficient"),
]


def results(script: Sequence[Any], limits: dict[str, int], slice_seconds: int) -> tuple[list[dict[str, Any]], int]:
    """The results after the last slice, and how many slices there were."""
    metric = replace(scripted(*script, success="result < 5"), limits=Limits(**limits))
    found: list[dict[str, Any]] = []
    for slices in range(1, 1000):
        analysis = Analysis([metric], clock=FakeClock(), slice_seconds=slice_seconds, earlier=found)
        found = json.loads(json.dumps(as_results(analysis.run())))
        if found[0]["finished"]:
            return found, slices
    raise AssertionError("it never ends")


@pytest.mark.parametrize(("script", "limits", "verdict"), [case[1:] for case in SCRIPTS], ids=[c[0] for c in SCRIPTS])
@pytest.mark.parametrize("slice_seconds", [1, 45, 60, 100, 130])
def test_slices_come_to_what_one_piece_comes_to(
    script: Sequence[Any], limits: dict[str, int], verdict: str, slice_seconds: int
) -> None:
    (whole,), one = results(script, limits, 0)
    (sliced,), many = results(script, limits, slice_seconds)
    assert (one, many > 1) == (1, slice_seconds <= whole["measurements"][-1]["at_ms"] / 1000)
    assert (whole["verdict"], sliced["verdict"]) == (verdict, verdict)
    assert sliced["reason"] == whole["reason"]
    seen = [[(each["verdict"], each["value"]) for each in one["measurements"]] for one in (whole, sliced)]
    assert seen[0] == seen[1]


def test_the_interval_goes_on_over_the_end_of_a_slice() -> None:
    metric = scripted(1, 1, 1, success="result == 1")
    first = Analysis([metric], clock=FakeClock(), slice_seconds=100)
    found = as_results(first.run())
    assert first.clock.elapsed() == 100
    assert (found[0]["due_in_ms"], found[0]["reason"]) == (20_000, "not decided yet: 2 of 3 measurements were made")


@pytest.mark.parametrize("ends", [{"slice_seconds": 600}, {"duration": 600}, {"duration": 600, "deadline": 660}])
def test_what_is_decided_early_is_waited_out(ends: dict[str, int]) -> None:
    analysis = Analysis([scripted(1, 1, success="result == 1")], clock=FakeClock(), **ends)
    (finding,) = analysis.run()
    assert (finding.verdict, finding.due_in, analysis.clock.elapsed()) == ("pass", None, 600)


@pytest.mark.parametrize("bad", [9, None])
def test_what_speaks_against_going_on_is_not_waited_out(bad: Any) -> None:
    analysis = Analysis([scripted(1, bad, 1, success="result == 1")], clock=FakeClock(), duration=600)
    analysis.run()
    assert analysis.clock.elapsed() == 60


def test_what_was_decided_in_an_earlier_slice_is_waited_out_too() -> None:
    metric = scripted(1, success="result == 1")
    found = as_results(Analysis([metric], clock=FakeClock(), slice_seconds=100).run())
    later = Analysis([metric], clock=FakeClock(), duration=50, deadline=80, earlier=json.loads(json.dumps(found)))
    assert (later.run()[0].verdict, later.clock.elapsed()) == ("pass", 50)


def test_without_metrics_the_time_passes_all_the_same() -> None:
    analysis = Analysis([], clock=FakeClock(), duration=50)
    assert (analysis.run(), analysis.clock.elapsed()) == ([], 50)


def test_the_last_measurement_may_fall_on_the_end_and_may_be_late_but_not_for_ever() -> None:
    def last(*script: Any) -> tuple[str, float]:
        metric = scripted(*script, success="result == 1", differences=True, schedule={"interval": 60, "count": 2})
        analysis = Analysis([metric], clock=FakeClock(), duration=120, deadline=180)
        return analysis.run()[0].verdict, analysis.clock.elapsed()

    assert last(1, 1) == ("pass", 120)
    assert last(1, BROKEN, 1) == ("pass", 130)
    metric = scripted(1, success="result == 1", schedule={"interval": 100, "count": 3})
    analysis = Analysis([metric], clock=FakeClock(), duration=120, deadline=180)
    assert (analysis.run()[0].verdict, analysis.clock.elapsed()) == ("insufficient", 180)


def test_what_is_skipped_is_not_measured_and_is_told() -> None:
    raw = [{"name": "a", "type": "sql", "skip": None}, {"name": "b", "type": "sql", "skip": "no stable side"}]
    assert without_skipped(raw) == ([raw[0]], [{"name": "b", "reason": "no stable side"}])


def test_what_is_undecided_is_on_course_and_what_failed_is_not() -> None:
    def standing(*script: Any, dry_run: bool = False) -> bool:
        metric = scripted(*script, success="result < 5", dry_run=dry_run)
        return on_course(Analysis([metric], clock=FakeClock(), slice_seconds=70).run())

    assert standing(1, 1, 1)
    assert not standing(1, 9, 1)
    assert not standing(None, 1)
    assert standing(1, 9, 1, dry_run=True)


@pytest.mark.parametrize(
    ("earlier", "what"),
    [
        ([{"name": "metric"}], "has no measurements"),
        (
            [{"name": "other", "measurements": [], "position": {}, "finished": False, "due_in_ms": 0}],
            "belongs to other metrics",
        ),
    ],
)
def test_what_continues_nothing_is_refused(earlier: list[dict[str, Any]], what: str) -> None:
    with pytest.raises(InputError, match=what):
        continued.check(earlier, [{"name": "metric"}])


def test_a_source_reads_on_from_where_it_stopped() -> None:
    raw = [{"name": "log", "type": "nginx_log"}, {"name": "orders", "type": "sql"}]
    found = [{"name": "log", "position": {"since_ms": 5}}, {"name": "orders", "position": {}}]
    assert continued.with_positions(raw, found) == [{**raw[0], "position": {"since_ms": 5}}, raw[1]]
