# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""After a deployment the checklist is gone through once, recorded and told; it undoes nothing and fails nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.plan.recording import recording_collection
from tests.unit.plan.test_ends_role import PLAN, RECORDED, RECORDER
from tests.unit.running import play

ARTIFACT = {"sha256": "a" * 64}
SETTLED = {"verb": "deploy", "hooks": [], "handover": [], "revision": {"components": [], "artifact": ARTIFACT}}
FOUND = RECORDER.replace(
    '"verdict": "pass"',
    '"verdict": task_vars["finds"], "at": "now", "entries": [], "msg": "running: app3: it is lost"',
)
Calls = list[dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., tuple[Calls, str]]:
    """End a deployment that has settled, in a copy of the collection; what was called, and the output."""
    recorders = dict.fromkeys((*RECORDED, "notify"), RECORDER)
    recorders["ledger"] = RECORDER.replace('"deployment": "d1",', '"deployment": "d1", "document_file": "/e/d1.json",')
    recording_collection(tmp_path / "collections", {**recorders, "checklist": FOUND})

    def tasks(finds: str = "pass", *, fails: bool = False, **changes: Any) -> tuple[Calls, str]:
        record = tmp_path / "record"
        record.write_text("", encoding="utf-8")
        plan = {**PLAN, **SETTLED, **changes.pop("plan", {})}
        planned = {"plan": plan, "token": 7, "deployment": "d1", "artifact": "", "uuid": "u", "way_back": ""}
        state = {"committed": ["gate"], "resumed": True, "held": False, "carried": 100, "settled": True}
        given = {
            "record": str(record),
            "finds": finds,
            "slipway_app": "shop",
            "slipway_ledger_host": "db1",
            "slipway_notifications": [{"channel": "slack", "url": "https://chat.example/"}],
            "slipway_checklist": {"after": {"p95_below": 500}},
            "__deployment_plan": {**planned, **state},
            **changes,
        }
        role = {"ansible.builtin.include_role": {"name": "slipway.release.rollout", "tasks_from": "traffic"}}
        book = [{"hosts": "lb1:lb2", "gather_facts": False, "vars": given, "tasks": [role]}]
        local = {"ansible_connection": "local", "ansible_become": False, "slipway_address": "10.0.0.1"}
        hosts = dict.fromkeys(("lb1", "lb2", "app1", "app2", "db1"), local)
        names = {"all": {"hosts": {**hosts, "localhost": {**local, "__checklist": changes.pop("before", None)}}}}
        done = play(tmp_path, book, names, tmp_path / "collections")
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()], done.stdout

    return tasks


@pytest.mark.parametrize(
    ("before", "evidence"),
    [
        ({"measured": {"backup": {"size_bytes": 7}}}, {"backup": {"size_bytes": 7}}),
        ({"measured": {}}, {}),
        ({"skipped": True}, {}),
        (None, {}),
    ],
)
def test_what_was_seen_of_the_backup_is_evidence(
    run: Callable[..., tuple[Calls, str]], before: Any, evidence: dict[str, Any]
) -> None:
    calls, _output = run(before=before, slipway_checklist={})
    assert of(calls, "ledger")[0]["evidence"] == evidence


def of(calls: Calls, what: str) -> list[dict[str, Any]]:
    return [call["asked"] for call in calls if call["what"] == what]


def test_it_is_gone_through_once_with_what_is_known(run: Callable[..., tuple[Calls, str]]) -> None:
    calls, _output = run()
    (asked,) = of(calls, "checklist")
    assert (asked["phase"], asked["document"], asked["artifact_sha256"]) == ("after", "/e/d1.json", "a" * 64)
    assert asked["checklist"] == {"after": {"p95_below": 500}}
    assert [call["command"] for call in of(calls, "ledger")] == ["finish", "checklist"]
    (told,) = of(calls, "notify")
    assert (told["event"], told["reason"].strip()) == ("succeeded", "")


@pytest.mark.parametrize("finds", ["fail", "warn"])
def test_what_it_finds_is_recorded_and_told_and_fails_nothing(
    run: Callable[..., tuple[Calls, str]], finds: str
) -> None:
    calls, output = run(finds)
    recorded = of(calls, "ledger")[-1]
    assert (recorded["deployment"], recorded["evidence"]["verdict"]) == ("d1", finds)
    assert of(calls, "notify")[0]["event"] == "succeeded"
    assert "app3: it is lost" in of(calls, "notify")[0]["reason"]
    assert "Warning: running: app3: it is lost" in output
    assert not of(calls, "lb_switch")


@pytest.mark.parametrize("broken", ["checklist", "notify"])
def test_what_keeps_it_from_being_done_is_said_and_fails_nothing(
    run: Callable[..., tuple[Calls, str]], broken: str
) -> None:
    calls, output = run(failing=[broken])
    assert of(calls, "notify")[0]["event"] == "succeeded"
    assert ("Warning: the checklist after the deployment could not" in output) == (broken == "checklist")


@pytest.mark.parametrize(
    "changes",
    [
        {"slipway_checklist": {}},
        {"plan": {"verb": "rollback"}},
        {"slipway_checklist": "{{ a_vault_that_is_away }}"},
        {"failing": ["ledger"], "fails": True},
    ],
)
def test_no_task_is_run_without_one_nor_on_a_way_back(
    run: Callable[..., tuple[Calls, str]], changes: dict[str, Any]
) -> None:
    calls, output = run(**changes)
    assert of(calls, "checklist") == []
    assert "Checklist |" not in output
