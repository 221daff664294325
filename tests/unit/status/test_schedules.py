# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Status names the last run of each schedule, whichever slot it was in, and says when it has failed."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._status.report import lines, report

THREE = 1793934000
FAILED = {"began": THREE, "ended": THREE + 5, "result": "exit-code"}
GOOD = {"began": THREE + 86400, "ended": THREE + 86402, "result": "success"}


def fleet(blue: dict[str, Any] | None, green: dict[str, Any] | None, **also: Any) -> dict[str, Any]:
    """A host whose slots know these last runs; green has the schedule."""

    def slot(last: dict[str, Any] | None, following: int | None) -> dict[str, Any]:
        job = {"kind": "scheduled", "running": bool(following), "working": False, "last": last, "next": following}
        return {"status": "placed", "instances": {"nightly": {**job, **also}}}

    return {"app1": {"release": {"slots": {"blue": slot(blue, None), "green": slot(green, THREE + 2 * 86400)}}}}


def said(live: dict[str, Any]) -> list[str]:
    return [problem for problem in report("shop", live)["problems"] if "nightly" in problem]


def test_the_latest_run_of_both_slots_is_the_last_one() -> None:
    made = report("shop", fleet(FAILED, GOOD))
    assert made["schedules"] == [
        {"host": "app1", "name": "nightly", "working": False, "last": {**GOOD, "slot": "green"}, "next": THREE + 172800}
    ]
    assert "nightly   app1  2026-11-07 03:00:00 UTC  success  2026-11-08 03:00:00 UTC" in lines(made)
    assert said(fleet(FAILED, GOOD)) == []


def test_a_last_run_that_failed_is_a_problem_wherever_it_ran() -> None:
    sentence = "the last run of nightly on app1 failed (exit-code): it began 2026-11-06 03:00:00 UTC in slot "
    assert said(fleet(FAILED, None)) == [f"{sentence}blue"]
    assert said(fleet(None, FAILED)) == [f"{sentence}green"]


def test_what_has_not_run_or_runs_now_is_no_problem() -> None:
    assert said(fleet(None, None)) == said(fleet(None, {**FAILED, "ended": None, "result": ""}, working=True)) == []
    shown = "\n".join(lines(report("shop", fleet(None, None))))
    assert "nightly   app1  not known  -       2026-11-08 03:00:00 UTC" in shown
    assert "runs now" in "\n".join(lines(report("shop", fleet(None, GOOD, working=True))))


def test_a_host_that_an_older_slipway_has_read_says_nothing_of_runs() -> None:
    live = fleet(FAILED, None)
    for slot in live["app1"]["release"]["slots"].values():
        slot["instances"]["nightly"] = {"kind": "scheduled", "running": True}
    assert report("shop", live)["schedules"] == []
