# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the slot that a deployment leaves stays warm: in the plan, and in what the slots stage asks of each host."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._plan.foretold import joined
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan

from tests.unit.plan.made import APPLICATIONS, document, fleet_of, inputs_for, proven
from tests.unit.plan.recording import recording_collection
from tests.unit.plan.test_hooks import PLAN_BEFORE, REQUEST_BEFORE
from tests.unit.running import play

KEPT = 200_000
ROLLBACK = {"verb": "rollback"}
COLD = "cold: it is started first"


def planned(version: str, live: dict[str, Any], **changes: Any) -> Planned:
    inputs = inputs_for(version, **changes)
    return plan(inputs, document(version) if inputs.verb == "deploy" else None, live)


def left(status: str, *, enabled: bool = True, **held: Any) -> dict[str, Any]:
    """1.0 in blue is active, 1.1 was active before in green, which is kept warm for a time, or was."""
    live = fleet_of("1.0", "1.1", history=(proven("1.1"), proven("1.0")))
    warm = {"status": status, "seconds": KEPT, "until": None, "complaint": ""} if status else None
    for host in APPLICATIONS:
        green = live[host]["release"]["slots"]["green"]
        green.update({"warm": warm, **held})
        green["instances"]["web"]["enabled"] = enabled
    return live


def test_without_a_time_plan_and_request_are_what_they_were() -> None:
    made = plan(inputs_for("1.1", watch={"seconds": 0}), document("1.1"), fleet_of("1.0", None))
    assert (made.plan["request"], made.digest) == (REQUEST_BEFORE, PLAN_BEFORE)
    assert "keep_warm" not in made.plan


@pytest.mark.parametrize("rollout", ["blue_green", "canary"])
def test_a_deployment_says_how_long_the_slot_that_it_leaves_stays_warm(rollout: str) -> None:
    made = planned("1.1", fleet_of("1.0", None), keep_warm=KEPT, rollout=rollout).plan
    assert made["keep_warm"] == KEPT
    assert made["hosts"] == {host: {"place": True} for host in APPLICATIONS}


@pytest.mark.parametrize(
    ("live", "changes"),
    [
        (fleet_of("1.0", None), {"keep_warm": 0}),
        (fleet_of("1.0", None), {"rollout": "rolling"}),
        (fleet_of("1.0", None), {"rollout": "simple"}),
        (fleet_of("1.1", "1.0"), {}),
    ],
)
def test_nothing_is_left_in_batches_or_where_nothing_changes(live: dict[str, Any], changes: dict[str, Any]) -> None:
    made = planned("1.1", live, **{"keep_warm": KEPT, **changes}).plan
    assert "keep_warm" not in made
    assert not any("visit" in host for host in made["hosts"].values())


@pytest.mark.parametrize(
    ("status", "enabled"),
    [("waiting", True), ("warm", True), ("warm", False), ("cold", True), ("cold", False), ("", False)],
)
def test_a_rollback_visits_hosts_on_which_the_slot_runs_but_may_not_stay(status: str, enabled: bool) -> None:
    """Its time would end, or somebody has started it by hand, so that a boot would not."""
    made = planned("1.0", left(status, enabled=enabled), **ROLLBACK).plan
    assert made["slot"] == "green"
    assert made["hosts"] == {host: {"place": False, "visit": True} for host in APPLICATIONS}
    assert made["stops_on_failure"] == [], "what it did not start it does not stop"
    assert "place" not in [stage["name"] for stage in made["stages"]]


def test_a_rollback_to_a_slot_that_is_warm_for_ever_touches_no_host() -> None:
    live = fleet_of("1.0", "1.1", history=(proven("1.1"), proven("1.0")))
    assert planned("1.0", live, **ROLLBACK).plan["hosts"] == {host: {"place": False} for host in APPLICATIONS}
    made = planned("1.0", live, **ROLLBACK, keep_warm=KEPT).plan
    assert made["hosts"] == {host: {"place": False, "visit": True} for host in APPLICATIONS}


def test_a_cold_slot_is_started_first_and_the_plan_says_so() -> None:
    live = left("cold", running=False)
    live["app2"] = left("warm")["app2"]
    made = planned("1.0", live, **ROLLBACK).plan
    assert (made["slot"], made["to"]["version"]) == ("green", "1.1")
    assert made["hosts"] == {
        "app1": {"place": True, "found": COLD},
        "app2": {"place": False, "visit": True},
    }
    assert made["stages"][0]["name"] == "place"
    assert made["stops_on_failure"] == ["app1"]


@pytest.mark.parametrize("status", ["waiting", "warm"])
def test_a_slot_that_is_being_stopped_is_cold(status: str) -> None:
    made = planned("1.0", left(status, running=False, enabled=False), **ROLLBACK).plan
    assert made["hosts"] == {host: {"place": True, "found": COLD} for host in APPLICATIONS}


def test_a_slot_that_a_failed_rollback_has_stopped_again_is_as_cold_as_before() -> None:
    stopped = left("", running=False, enabled=False)
    assert planned("1.0", stopped, **ROLLBACK, keep_warm=KEPT).plan["hosts"] == {
        host: {"place": True, "found": COLD} for host in APPLICATIONS
    }
    assert planned("1.0", stopped, **ROLLBACK).plan["hosts"] == {host: {"place": True} for host in APPLICATIONS}


def test_a_cold_slot_that_another_release_overwrites_is_not_said_to_be_started() -> None:
    made = planned("1.2", left("cold", running=False), keep_warm=KEPT).plan
    assert made["hosts"] == {host: {"place": True} for host in APPLICATIONS}


def test_a_slot_that_has_died_is_not_called_cold() -> None:
    made = planned("1.0", left("warm", running=False), **ROLLBACK).plan
    assert made["hosts"] == {host: {"place": True} for host in APPLICATIONS}


def test_the_rollback_target_may_be_cold() -> None:
    made = planned("1.2", left("cold", running=False), keep_warm=KEPT).plan
    assert made["rollback_target"]["version"] == "1.0"
    assert not any("found" in host for host in planned("1.0", left("cold", running=False)).plan["hosts"].values())


def test_a_host_that_would_never_end_the_time_is_refused_before_anything_is_touched() -> None:
    live = fleet_of("1.0", None)
    live["app2"]["release"]["can_keep_warm"] = False
    with pytest.raises(StateError, match="nothing on it would stop the old slot") as refused:
        planned("1.1", live, keep_warm=KEPT)
    assert refused.value.where == "app2"
    assert "site.yml" in str(refused.value.remedy)
    planned("1.1", live)
    inputs = inputs_for("1.1", keep_warm=KEPT)
    plan(inputs, document("1.1"), joined(inputs, live)[0])


def test_a_way_back_is_not_refused_for_it_and_says_that_the_slot_stays_warm() -> None:
    live = left("warm")
    live["app2"]["release"]["can_keep_warm"] = False
    made = planned("1.0", live, **ROLLBACK, keep_warm=KEPT)
    assert "keep_warm" not in made.plan
    assert made.warnings == ["app2: nothing there ends the keep-warm time of the slot that is left; run site.yml"]


RECORDER = """
import json
from ansible.plugins.action import ActionBase

class ActionModule(ActionBase):
    _requires_connection = False

    def run(self, tmp=None, task_vars=None):
        super().run(tmp, task_vars)
        with open(task_vars["record"], "a") as file:
            file.write(json.dumps([task_vars["inventory_hostname"], self._task.action, self._task.args]) + "\\n")
        return {"changed": True, "revision": "r", "verdict": "pass"}
"""
PLAN = {
    "app": "shop",
    "verb": "deploy",
    "slot": "green",
    "stable_slot": "blue",
    "from": {"revision": "a", "version": "1.0"},
    "to": {"revision": "r", "version": "1.1"},
    "revision_id": "r",
    "revision": {"components": []},
    "protect": [],
    "batches": [],
    "balancers": ["lb1", "lb2"],
}
Asked = dict[str, dict[str, Any]]


@pytest.fixture
def fill(tmp_path: Path) -> Callable[..., Asked]:
    """Run the tasks of the slots stage in a copy of the collection; what each host was asked to place."""
    recording_collection(
        tmp_path / "collections", dict.fromkeys(("release_place", "lb_switch", "health_gate"), RECORDER)
    )

    def run(hosts: dict[str, Any], **more: Any) -> Asked:
        record = tmp_path / "record"
        given = {
            "record": str(record),
            "slipway_app": "shop",
            "slipway_ledger_host": "db1",
            "__deployment_plan": {
                "plan": {**PLAN, "hosts": hosts, **more},
                "token": 7,
                "deployment": "d1",
                "artifact": "",
                "committed": [],
                "resumed": False,
                "held": False,
            },
        }
        role = {"name": "slipway.release.rollout", "tasks_from": "slots"}
        book = [
            {
                "hosts": "all",
                "gather_facts": False,
                "vars": given,
                "tasks": [{"ansible.builtin.include_role": role}],
            }
        ]
        local = {"ansible_connection": "local", "ansible_become": False}
        addresses = {"lb1": "10.0.0.1", "lb2": "10.0.0.2", "app1": "10.0.0.3", "app2": "10.0.0.4"}
        names = {"all": {"hosts": {host: {**local, "slipway_address": one} for host, one in addresses.items()}}}
        names["all"]["hosts"]["app1"]["slipway_agent_port"] = 8479
        names["all"]["hosts"]["lb2"]["slipway_agent_port"] = 8472
        done = play(tmp_path, book, names, tmp_path / "collections")
        assert done.returncode == 0, done.stdout + done.stderr
        calls = [json.loads(line) for line in record.read_text(encoding="utf-8").splitlines()]
        return {host: args for host, action, args in calls if action.endswith("release_place")}

    return run


def test_hosts_are_asked_to_keep_it_warm_in_the_task_that_fills_the_slot(fill: Callable[..., Asked]) -> None:
    asked = fill({"app1": {"place": True}, "app2": {"place": False, "visit": True}}, keep_warm=KEPT)
    kept = {"seconds": KEPT, "balancers": ["10.0.0.1:8470", "10.0.0.2:8472"]}
    assert {host: (args["state"], args["keep_warm"]) for host, args in asked.items()} == {
        "app1": ("present", kept),
        "app2": ("started", kept),
    }
    assert {args["revision_id"] for args in asked.values()} == {"r"}
    assert {args["slot"] for args in asked.values()} == {"green"}


def test_without_a_time_a_visited_host_only_ends_the_one_before(fill: Callable[..., Asked]) -> None:
    asked = fill({"app1": {"place": False}, "app2": {"place": False, "visit": True}})
    assert list(asked) == ["app2"]
    assert asked["app2"]["state"] == "started" and "keep_warm" not in asked["app2"]
