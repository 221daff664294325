# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What hook_run returns and hides, run as Ansible runs it, transport aside; and that the stage is judged by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge
from ansible_collections.slipway.release.plugins.modules import hook_run

from tests.unit.running import module_output

from .conftest import Receiver

Receive = Callable[..., Receiver]


def printed(**options: Any) -> str:
    """Everything that the module writes."""
    return module_output(hook_run, **{"name": "warm", **options})


def result_of(**options: Any) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(printed(**options))
    return result


def verdict_of(result: dict[str, Any]) -> str:
    return judge("hook warm", ["app1"], {"app1": result}, {"verdict": "pass"}).verdict


def test_success_passes_the_stage() -> None:
    result = result_of(command="true")
    assert (result["changed"], result["status"], verdict_of(result)) == (True, 0, "pass")


def test_a_failure_fails_the_task_and_the_stage_and_says_why() -> None:
    result = result_of(command="sh -c 'echo no cache; exit 3'")
    assert (result["failed"], result["status"], result["output"]) == (True, 3, ["no cache"])
    outcome = judge("hook warm", ["app1"], {"app1": result}, {"verdict": "pass"})
    assert outcome.message() == "stage hook warm: fail: app1 failed (exit status 3; its last lines: no cache)"


def test_check_mode_runs_nothing_and_says_what_it_would_run(tmp_path: Path) -> None:
    result = result_of(command=f"touch {tmp_path}/ran", timeout=7, _ansible_check_mode=True)
    assert (result["changed"], list(tmp_path.iterdir())) == (True, [])
    assert result["msg"] == f"would run touch {tmp_path}/ran, for at most 7 s"
    assert verdict_of(result) == "fail"


def test_nothing_that_is_written_holds_a_secret(receive: Receive) -> None:
    server = receive(500, echo=True)
    text = printed(url=f"{server.url}/services/T0B1", headers={"Authorization": "Bearer s3cr3t-token"})
    assert server.requests[0][2]["Authorization"] == "Bearer s3cr3t-token"
    assert '"status": 500' in text
    assert "s3cr3t" not in text
    assert "T0B1" not in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": ""}, "hook warm.url"),
        ({"command": "'"}, "hook warm.command"),
        ({"url": "http://h/", "headers": {"A": "x\ny"}}, "line break in 'A'"),
        ({}, "one of the following is required"),
    ],
)
def test_what_cannot_be_run_is_refused(options: dict[str, Any], words: str) -> None:
    result = result_of(**options)
    assert result["failed"]
    assert words in result["msg"]
