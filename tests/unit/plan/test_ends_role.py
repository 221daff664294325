# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a deployment ends where a slot of it is or was cold; what the roles call is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.plan.recording import recording_collection
from tests.unit.running import play
from tools.environments import TOP

RECORDER = """
import json
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        asked = self._task.args
        called = {"what": self._task.action.rpartition(".")[2], "on": self._task.delegate_to, "asked": asked}
        with open(task_vars["record"], "a") as file:
            file.write(json.dumps(called) + "\\n")
        if called["what"] in task_vars.get("failing", ()):
            return {"failed": True, "msg": "no space is left there"}
        good = {"deployment": "d1", "verdict": "pass", "verified": True, "slot": "green", "checks": []}
        return {"changed": True, **good}
"""
RECORDED = ("release_place", "lb_switch", "health_gate", "ledger", "hook_run", "traffic_meter")
COLD = "cold: it is started first"
TELL = {"name": "tell", "at": "after_settle", "hosts": ["lb1"], "command": "true", "timeout": 5, "user": ""}
PLAN = {
    "app": "shop",
    "verb": "rollback",
    "slot": "green",
    "stable_slot": "blue",
    "from": {"revision": "a", "version": "1.1"},
    "to": {"revision": "r", "version": "1.0"},
    "revision_id": "r",
    "revision": {"components": []},
    "protect": [],
    "batches": [],
    "balancers": ["lb1", "lb2"],
    "hosts": {"app1": {"place": True}, "app2": {"place": True, "found": COLD}},
    "stops_on_failure": ["app1", "app2"],
    "percents": {"before": {"blue": 100, "green": 0}, "after": {"blue": 0, "green": 100}},
    "handover": ["mailer"],
    "retired": [],
    "starts": {"app1": ["mailer"]},
    "restarts": {"app1": ["mailer"]},
    "hooks": [TELL],
    "loss_budget": None,
    "lease_seconds": 300,
    "options": {"force": False, "skip": ["smoke"]},
}
Calls = list[dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Calls]:
    """Run tasks of the rollout role on the balancers in a copy of the collection; what was called, in order."""
    recording_collection(tmp_path / "collections", dict.fromkeys(RECORDED, RECORDER))

    def tasks(tasks_from: str, *, fails: bool = False, **changes: Any) -> Calls:
        record = tmp_path / "record"
        planned = {"plan": PLAN, "token": 7, "deployment": "d1", "artifact": "", "uuid": "u", "way_back": ""}
        state = {"committed": ["gate"], "resumed": True, "held": False, "carried": 100, "settled": False}
        given = {
            "record": str(record),
            "slipway_app": "shop",
            "slipway_ledger_host": "db1",
            "slipway_reason": "errors",
            "__deployment_plan": {**planned, **state, **changes.pop("planned", {})},
            **changes,
        }
        role = {"name": "slipway.release.rollout", "tasks_from": tasks_from}
        task = {"ansible.builtin.include_role": role}
        book = [{"hosts": "lb1:lb2", "gather_facts": False, "vars": given, "tasks": [task]}]
        local = {"ansible_connection": "local", "ansible_become": False, "slipway_address": "10.0.0.1"}
        names = {"all": {"hosts": dict.fromkeys(("lb1", "lb2", "app1", "app2", "db1"), local)}}
        done = play(tmp_path, book, names, tmp_path / "collections")
        (tmp_path / "output").write_text(done.stdout, encoding="utf-8")
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]

    return tasks


def test_what_has_settled_before_is_only_ended(run: Callable[..., Calls]) -> None:
    """Neither gated, which the preview of a cold slot would fail, nor moved, nor handed back."""
    record, hook = run("traffic", planned={"settled": True})
    assert (record["what"], record["on"]) == ("ledger", "db1")
    assert (record["asked"]["command"], record["asked"]["result"]) == ("finish", "active")
    assert (hook["what"], hook["on"]) == ("hook_run", "lb1")
    assert hook["asked"]["facts"]["hook"] == "after_settle"


def test_an_end_that_cannot_be_recorded_is_told_as_that(run: Callable[..., Calls], tmp_path: Path) -> None:
    run("traffic", planned={"settled": True}, failing=["ledger"], fails=True)
    told = " ".join((tmp_path / "output").read_text(encoding="utf-8").split())
    assert "1.0 is active and serves, and only its end could not be recorded: stage end: fail: db1 failed (no" in told
    assert "Bring db1 back and run the same once more" in told


def test_what_has_not_settled_is_judged_and_goes_back_where_it_fails(run: Callable[..., Calls]) -> None:
    called = run("traffic", fails=True)
    assert [call["what"] for call in called][:1] == ["lb_switch"]
    assert called[-1]["what"] == "ledger" and called[-1]["asked"]["result"] == "failed"


def test_the_way_back_marks_no_slot_that_was_only_cold(run: Callable[..., Calls]) -> None:
    calls = run("undo", planned={"resumed": False}, __rollout_reason="It has failed.", __rollout_switch={})
    stopped = [call for call in calls if call["what"] == "release_place"]
    assert {call["on"]: call["asked"]["failed"] for call in stopped} == {"app1": True, "app2": False}
    assert {call["asked"]["state"] for call in stopped} == {"stopped"}


@pytest.mark.parametrize("playbook", ["slots.yml", "region.yml"])
def test_where_only_the_end_is_left_no_slot_is_filled(playbook: str) -> None:
    plays = yaml.safe_load((TOP / "playbooks" / "stages" / playbook).read_text(encoding="utf-8"))
    (filling,) = [task for play in plays for task in play["tasks"] if task["name"].startswith("Fill and gate")]
    assert "not __deployment_plan.settled" in filling["when"]
