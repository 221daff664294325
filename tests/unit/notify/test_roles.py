# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each end of a deployment is told once, with what it was; nothing is called where nobody wants to know."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.plan.recording import recording_collection
from tests.unit.plan.test_ends_role import PLAN, RECORDED, RECORDER
from tests.unit.running import play
from tools.environments import TOP

CHANNELS = [{"channel": "slack", "url": "https://chat.example/secret"}]
PARK = {"stage": "before_settle", "seconds": 0, "approval": True}
Told = list[dict[str, Any]]


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., Told]:
    """Run tasks of the rollout role on the balancers in a copy of the collection; what was told, in order."""
    recorder = RECORDER.replace('"checks": []}', '"checks": [], "parked": {"waits_for": "until it is approved"}}')
    recording_collection(tmp_path / "collections", dict.fromkeys((*RECORDED, "notify"), recorder))

    def tasks(tasks_from: str, *, fails: bool = False, task: dict[str, Any] | None = None, **changes: Any) -> Told:
        record = tmp_path / "record"
        record.write_text("", encoding="utf-8")
        plan = {**PLAN, "hooks": [], "handover": [], **changes.pop("plan", {})}
        planned = {"plan": plan, "token": 7, "deployment": "d1", "artifact": "", "uuid": "u", "way_back": ""}
        state = {"committed": ["gate"], "resumed": True, "held": False, "carried": 100, "settled": False}
        given = {
            "record": str(record),
            "slipway_app": "shop",
            "slipway_ledger_host": "db1",
            "slipway_reason": "errors",
            "slipway_environment": "production",
            "slipway_notifications": CHANNELS,
            "__deployment_plan": {**planned, **state, **changes.pop("planned", {})},
            **changes,
        }
        role = {"name": "slipway.release.rollout", "tasks_from": tasks_from}
        here = task or {"ansible.builtin.include_role": role, "vars": changes.get("here", {})}
        book = [{"hosts": "lb1:lb2", "gather_facts": False, "vars": given, "tasks": [here]}]
        local = {"ansible_connection": "local", "ansible_become": False, "slipway_address": "10.0.0.1"}
        names = {"all": {"hosts": dict.fromkeys(("lb1", "lb2", "app1", "app2", "db1"), local)}}
        done = play(tmp_path, book, names, tmp_path / "collections")
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        assert "secret" not in done.stdout
        lines = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        return [line["asked"] for line in lines if line["what"] == "notify"]

    return tasks


def test_a_deployment_that_has_become_active(run: Callable[..., Told]) -> None:
    (told,) = run("traffic", planned={"settled": True})
    assert (told["event"], told["deployment"], told["environment"]) == ("succeeded", "d1", "production")
    assert told["plan"]["to"]["version"] == "1.0" and told["channels"] == CHANNELS


def test_one_whose_record_alone_is_missing(run: Callable[..., Told]) -> None:
    (told,) = run("traffic", planned={"settled": True}, failing=["ledger"], fails=True)
    assert told["event"] == "failed" and "only its end could not be recorded" in told["reason"]


def test_one_that_was_undone(run: Callable[..., Told]) -> None:
    (told,) = run("traffic", failing=["health_gate"], fails=True)
    assert told["event"] == "undone" and "The traffic is on slot blue" in told["reason"]


@pytest.mark.parametrize("missing", ["lb_switch", "release_place", "ledger"])
def test_one_that_leaves_something_to_do_by_hand(run: Callable[..., Told], missing: str) -> None:
    (told,) = run("traffic", failing=["health_gate", missing], fails=True)
    assert told["event"] == "failed" and told["reason"]


def test_one_in_batches(run: Callable[..., Told]) -> None:
    out = {"servers": {}, "percents": {"blue": 100, "green": 0}}
    batch = {"name": "batch 1", "hosts": ["app1"], "after": "gate", "out": out, "into": out}
    (told,) = run("batches", plan={"batches": [batch]}, planned={"committed": ["undo"]}, fails=True)
    assert told["event"] in ("undone", "failed")


def test_one_that_waits(run: Callable[..., Told]) -> None:
    (told,) = run("park", plan={"parks": [PARK]}, __rollout_park="before_traffic")
    assert told["event"] == "parked" and told["reason"] == "It waits at before_traffic until it is approved."


def test_one_that_an_operator_has_ended(run: Callable[..., Told]) -> None:
    (told,) = run("abort")
    assert told["event"] == "aborted" and told["reason"].startswith("It was aborted: errors.")
    (told,) = run("abort", failing=["ledger"], fails=True)
    assert told["event"] == "failed"


def test_a_channel_that_nobody_can_evaluate_stands_in_no_way_back(run: Callable[..., Told]) -> None:
    channel = {"channel": "pagerduty", "routing_key": "{{ vault_that_is_away }}"}
    run("abort", slipway_notifications=[channel])


def test_one_that_another_run_has_taken_over_is_no_incident_of_this_one(run: Callable[..., Told]) -> None:
    here = {"__rollout_reason": "It broke.", "__rollout_finish": {"error": {"kind": "state"}}}
    (told,) = run("verdict", here=here, fails=True)
    assert told["event"] == "aborted"


def test_who_cannot_be_told_changes_nothing(run: Callable[..., Told]) -> None:
    (told,) = run("traffic", planned={"settled": True}, failing=["notify"])
    assert told["event"] == "succeeded"


@pytest.mark.parametrize(("tasks_from", "settled"), [("traffic", True), ("traffic", False), ("abort", False)])
def test_nothing_is_called_where_nobody_wants_to_know(run: Callable[..., Told], tasks_from: str, settled: bool) -> None:
    failing = [] if settled or tasks_from == "abort" else ["health_gate"]
    planned = {"settled": settled}
    assert run(tasks_from, planned=planned, failing=failing, fails=bool(failing), slipway_notifications=[]) == []


def test_every_call_is_behind_a_condition() -> None:
    found = [
        task
        for path in sorted((TOP / "roles" / "rollout" / "tasks").glob("*.yml"))
        for task in _tasks(yaml.safe_load(path.read_text(encoding="utf-8")))
        if task.get("ansible.builtin.include_tasks") == "notify.yml"
    ]
    assert len(found) == 4
    assert {task["when"] for task in found} == {"__rollout_notifications | length > 0"}


def _tasks(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    inner = [part for task in tasks for name in ("block", "rescue") for part in _tasks(task.get(name, []))]
    return [*tasks, *inner]


STARTED = {"deployment": "d2", "resumed": False}


@pytest.mark.parametrize(
    ("on", "planned", "events"),
    [
        (["started"], STARTED, ["started"]),
        (["failed"], STARTED, []),
        (None, STARTED, []),
        (["started"], {**STARTED, "resumed": True}, []),
        (["started"], {**STARTED, "deployment": ""}, []),
    ],
)
def test_the_start_is_told_who_asks_for_it(
    run: Callable[..., Told], on: list[str] | None, planned: dict[str, Any], events: list[str]
) -> None:
    path = TOP / "roles" / "deployment" / "tasks" / "plan.yml"
    (telling,) = [task for task in yaml.safe_load(path.read_text(encoding="utf-8")) if task["name"].endswith("begun")]
    channel = {**CHANNELS[0], **({"on": on} if on else {})}
    told = run("", task=telling, planned=planned, slipway_notifications=[channel], __deployment_notifications=[channel])
    assert [call["event"] for call in told] == events
