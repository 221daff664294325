# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What health_gate returns of metrics that are left out, and of slices, run as Ansible runs it, transport aside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge
from ansible_collections.slipway.release.plugins.modules import health_gate

ROOT = str(Path(health_gate.__file__).parents[5])
WHY = "it compares with the stable side, which has no traffic at 100 %"
COMPARED = {"name": "errors", "type": "nginx_log", "failure_condition": "canary.errors > stable.errors", "skip": WHY}


def result_of(*metrics: dict[str, Any], **options: Any) -> dict[str, Any]:
    made = subprocess.run(
        [sys.executable, health_gate.__file__],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"metrics": metrics, "fail": False, **options}}),
        env={**os.environ, "PYTHONPATH": ROOT},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    result: dict[str, Any] = json.loads(made.stdout)
    return result


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


def test_the_time_is_waited_out_when_everything_is_decided(orders: dict[str, Any]) -> None:
    assert result_of(orders, duration=1)["elapsed_ms"] >= 1000
