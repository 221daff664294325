# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What health_gate returns of metrics that are left out, and of slices, run as Ansible runs it, transport aside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge
from ansible_collections.slipway.release.plugins.modules import health_gate

from tests.unit.running import module_result

WHY = "it compares with the stable side, which has no traffic at 100 %"
COMPARED = {"name": "errors", "type": "nginx_log", "failure_condition": "canary.errors > stable.errors", "skip": WHY}


def result_of(*metrics: dict[str, Any], **options: Any) -> dict[str, Any]:
    return module_result(health_gate, metrics=metrics, fail=False, **options)


@pytest.fixture
def orders(tmp_path: Path) -> dict[str, Any]:
    """A metric that succeeds."""
    database = tmp_path / "shop.sqlite"
    database.touch()
    asked = {"database": str(database), "query": "SELECT 1", "success_condition": "result == 1"}
    return {"name": "orders", "type": "sql", **asked}


def test_what_is_left_out_is_told_and_does_not_decide(orders: dict[str, Any]) -> None:
    result = result_of(COMPARED, orders)
    assert result["left_out"] == [{"name": "errors", "reason": WHY}]
    assert ([one["name"] for one in result["metrics"]], result["verdict"]) == (["orders"], "pass")


def test_a_step_of_which_everything_is_left_out_goes_on() -> None:
    """And no key of the result means that the task was skipped, which the stage would be failed for."""
    result = result_of(COMPARED)
    assert (result["verdict"], result["metrics"], result["on_course"]) == ("insufficient", [], True)
    stage = judge("analysis", ["lb1"], {"lb1": result}, {"on_course": True}, abstain={"verdict": "insufficient"})
    assert stage.verdict == "pass"


def test_a_later_slice_goes_on_with_what_was_not_left_out(orders: dict[str, Any]) -> None:
    twice = {**orders, "interval": 60, "count": 2}
    first = result_of(COMPARED, twice, slice_seconds=1)
    assert (first["metrics"][0]["finished"], first["on_course"]) == (False, True)
    second = result_of(COMPARED, twice, slice_seconds=1, earlier=first["metrics"])
    assert second["metrics"][0]["due_in_ms"] < first["metrics"][0]["due_in_ms"]
    other = result_of({**twice, "name": "other"}, earlier=first["metrics"])
    assert "belongs to other metrics" in other["msg"]


def judged_from(log: Path, step: str, traffic: bytes, **options: Any) -> dict[str, Any]:
    """A call with one look, whose traffic comes after its beginning."""
    metric = {
        "name": "canary against stable",
        "type": "judge",
        "from": "nginx_log",
        "log": str(log),
        "slots": {"stable": "blue", "canary": "green"},
        "interval": 1,
        "step": step,
        "compare": [{"name": "errors", "kind": "errors"}],
    }
    first = result_of({**metric, **options.pop("metric", {})}, slice_seconds=1, **options)
    if "metrics" not in first:
        return first
    with log.open("ab") as appended:
        appended.write(traffic)
    return result_of({**metric, "must_pass": False}, earlier=first["metrics"])


def test_the_judge_goes_on_with_the_step_before_and_refuses_another_declaration(tmp_path: Path) -> None:
    log = tmp_path / "shop.json.log"
    log.touch()
    line = {"time": "9999999999", "status": "200", "request_time": "0.010", "upstream_response_time": "0.010"}
    traffic = b"".join(json.dumps({**line, "slot": slot}).encode() + b"\n" for slot in ("blue", "green"))
    first = judged_from(log, "canary at 10 %", traffic)
    assert (first["verdict"], first["on_course"], first["metrics"][0]["inconclusive"]) == ("insufficient", True, 1)
    second = judged_from(log, "canary at 50 %", traffic, step_before=first["metrics"])
    record = second["metrics"][0]["record"]
    assert [look["name"] for look in record["looks"]] == ["canary at 10 %, look 1", "canary at 50 %, look 1"]
    assert [look["metrics"]["errors"]["canary_requests"] for look in record["looks"]] == [1, 1]
    refused = judged_from(log, "canary at 75 %", b"", step_before=second["metrics"], metric={"power": 0.9})
    assert "the metrics, level or power were changed since the first look" in refused["msg"]


def test_the_time_is_waited_out_when_everything_is_decided(orders: dict[str, Any]) -> None:
    assert result_of(orders, duration=1)["elapsed_ms"] >= 1000
