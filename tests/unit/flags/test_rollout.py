# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags that a deployment sets as its traffic moves: planned, judged, recorded before they are set, and turned back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger
from ansible_collections.slipway.release.plugins.module_utils._plan.flags import flags_back, turned_back
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan
from ansible_collections.slipway.release.plugins.module_utils._plan.undo import way_back
from ansible_collections.slipway.release.plugins.module_utils._status.report import report

from tests.unit.ledger.made import SetClock, plan_of
from tests.unit.plan.made import document, fleet_of, inputs_for
from tests.unit.running import play
from tools.environments import COLLECTIONS, TOP

from .stores import FLAGD_KIND

STORE = {"kind": "flagd", "path": "/etc/flagd/flags.json"}
TENTH = {"name": "fresh", "at": 10, "strategy": "gradual", "percentage": 10}
ALL = {"name": "fresh", "strategy": "full"}
TIED: dict[str, Any] = {
    "flags_store": STORE,
    "flags_hosts": ["application"],
    "flags_rollout": [TENTH, {"name": "old", "at": 30, "strategy": "off"}, ALL],
}
CANARY: dict[str, Any] = {
    "rollout": "canary",
    "canary_steps": [{"percent": 10, "pause": 0}, {"percent": 50, "pause": 0}],
}
TASKS = TOP / "roles" / "rollout" / "tasks"


def planned(**changes: Any) -> Planned:
    return plan(inputs_for("1.1", **changes), document("1.1", **changes), fleet_of("1.0", None))


def flags_of(parts: list[dict[str, Any]]) -> list[list[tuple[str, str, int]]]:
    return [[(flag["name"], flag["strategy"], flag["percentage"]) for flag in part.get("flags", [])] for part in parts]


def test_each_step_sets_what_its_share_has_come_to() -> None:
    made = planned(**CANARY, **TIED).plan
    assert flags_of(made["steps"]) == [[("fresh", "gradual", 10)], [("old", "off", 0)], [("fresh", "full", 100)]]
    assert made["flags"] == {"hosts": ["app1", "app2"], "names": ["fresh", "old"]}
    assert set(made["steps"][0]["flags"][0]) == {"name", "strategy", "percentage", "segments", "tenants", "sticky"}


def test_where_all_moves_at_once_the_last_word_on_a_flag_holds() -> None:
    assert flags_of(planned(**TIED).plan["steps"]) == [[("fresh", "full", 100), ("old", "off", 0)]]


def test_the_share_of_batches_is_that_of_their_hosts() -> None:
    made = planned(rollout="rolling", batches=["1"], **TIED).plan
    assert flags_of(made["batches"]) == [[("fresh", "gradual", 10), ("old", "off", 0)], [("fresh", "full", 100)]]
    assert made["flags"]["names"] == ["fresh", "old"]


def test_without_flags_nothing_is_said_of_them_and_with_them_another_thing_is_asked_for() -> None:
    without = planned(**CANARY).plan
    assert "flags" not in without
    assert not [step for step in without["steps"] if "flags" in step]
    assert planned(**CANARY, flags_store=STORE).plan == without
    assert planned(**CANARY, **TIED).plan["request"] != without["request"]


def test_a_rollback_sets_none() -> None:
    inputs = inputs_for("1.1", verb="rollback", **TIED)
    made = plan(inputs, document("1.0"), fleet_of("1.1", "1.0")).plan
    assert "flags" not in made


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"flags_store": None}, "slipway_flags_store"),
        ({"flags_rollout": [{**TENTH, "at": 0}]}, "slipway_flags_rollout[0].at"),
        ({"flags_rollout": [{**TENTH, "at": 101}]}, "slipway_flags_rollout[0].at"),
        ({"flags_rollout": [TENTH, TENTH]}, "slipway_flags_rollout[1].name"),
        ({"flags_rollout": [ALL, {"name": "x", "strategy": "gradual"}]}, "slipway_flags_rollout[1].percentage"),
        ({"flags_rollout": [{"name": "x", "strategy": "kill_switch"}]}, "slipway_flags_rollout[0].strategy"),
        ({"flags_schema": [{"name": "fresh"}]}, "slipway_flags_rollout[1].name"),
        ({"flags_hosts": ["app9"]}, "slipway_flags_hosts[0]"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(changes: dict[str, Any], where: str) -> None:
    with pytest.raises(InputProblems) as problems:
        inputs_for("1.1", **{**TIED, **changes})
    assert where in [problems.value.where, *(other.where for other in problems.value.others)]


FULL = {"name": "a", "strategy": "full", "percentage": 100, "segments": [], "tenants": {}, "sticky": "targetingKey"}
OFF = {**FULL, "strategy": "off", "percentage": 0}


def test_what_leads_back_is_what_each_store_had() -> None:
    found = [{"item": "app1", "flags": {"a": FULL, "c": None}}, {"item": "app2", "flags": {}}]
    assert flags_back(found, ["c", "a"]) == [
        {"host": "app1", **FULL},
        {"host": "app2", **OFF},
        {"host": "app2", **OFF, "name": "c"},
    ]


def test_what_was_turned_back_is_told_and_what_was_not_is_left_to_do() -> None:
    results: list[dict[str, Any]] = [
        {"item": {"host": "app1", **FULL}, "failed": False},
        {"item": {"host": "app1", **FULL, "name": "b"}, "failed": False},
        {"item": {"host": "app2", **FULL, "name": "b"}, "failed": True, "msg": "no  such\nfile."},
        {"item": {"host": "app3", **FULL, "name": "b"}, "unreachable": True, "msg": "gone"},
    ]
    done, by_hand = turned_back(results)
    assert done == ["Feature flags are what they were before: a."]
    assert by_hand == [
        "Feature flag b was not turned back on app2 (no such file): kill_switch.yml ends it.",
        "Feature flag b was not turned back on app3 (gone): kill_switch.yml ends it.",
    ]
    assert turned_back([{"item": FULL, "skipped": True}]) == ([], [])
    found = {"result": "failed", "stopped": [], "unreturned": [], "hooks": [], "not_back": [], "half": False}
    told = way_back(
        {"stable_slot": "blue"}, {**found, "unstopped": [], "not_handed_back": [], "stops": True, "flags": results}
    )
    assert told["done"][-1] == done[0]
    assert told["by_hand"] == by_hand


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger("shop", root=tmp_path, time=SetClock())


def test_the_ledger_tells_every_later_run_what_they_were(ledger: Ledger) -> None:
    before = [{"host": "app1", **OFF}]
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    assert (first.flags_before, first.flags_left) == ([], [])
    ledger.commit(first.deployment, 1, "flags", {"flags_before": before})
    ledger.commit(first.deployment, 1, "canary at 10 %", {})
    ledger.release("the controller is gone")
    told = {"deployment": first.deployment, "names": ["a"]}
    assert ledger.info()["flags_set"] == told
    assert f"feature flags that deployment {first.deployment} has set stay" in "\n".join(
        report("shop", {"db1": {"ledger": ledger.info()}})["problems"]
    )
    again = ledger.begin(plan_of("1.0"), "bob@pc", 60)
    assert (again.resumed, again.flags_before, again.flags_left) == (True, before, [])
    ledger.finish(again.deployment, 2, "active")
    assert ledger.info()["flags_set"] == told
    following = ledger.begin(plan_of("1.1", origin="1.0"), "ann@pc", 60)
    assert (following.flags_before, following.flags_left) == ([], before)
    ledger.finish(following.deployment, 3, "active")
    assert ledger.begin(plan_of("1.2", origin="1.1"), "ann@pc", 60).flags_left == []
    assert ledger.info()["flags_set"] is None


def tasks(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = yaml.safe_load((TASKS / f"{name}.yml").read_text(encoding="utf-8"))
    return found


def including(name: str, included: str) -> int:
    return [task.get("ansible.builtin.include_tasks") for task in tasks(name)].index(included)


@pytest.mark.parametrize("part", ["step", "batch"])
def test_they_are_set_once_the_share_was_judged_and_before_its_hooks(part: str) -> None:
    assert including(part, "watch.yml") < including(part, "flags.yml") < including(part, "hooks.yml")
    assert tasks(part)[including(part, "flags.yml")]["when"] == "__rollout_step.flags is defined"


def test_the_record_comes_before_the_first_is_set() -> None:
    record, setting = tasks("flags")
    names = [next(key for key in task if "." in key) for task in record["block"]]
    assert names.index("slipway.release.flag_info") < names.index("slipway.release.ledger")
    assert setting["ansible.builtin.include_tasks"] == "flag.yml"


def test_they_are_the_first_of_every_way_back_and_hold_nothing_up() -> None:
    assert (including("undo", "flags_back.yml"), including("slots", "flags_back.yml")) == (0, 0)
    turning = tasks("flags_back")[-1]
    assert (turning["ignore_errors"], turning["ignore_unreachable"]) == (True, True)
    assert (turning["timeout"], turning["slipway.release.flag_set"]["verify"]) == (10, 0)
    assert "stale_token" in turning["when"]


def run_role(directory: Path, *included: dict[str, Any]) -> str:
    """Run tasks of the role on a balancer that is this computer, as two application hosts are, and give the output."""
    (directory / "app1").mkdir()
    FLAGD_KIND.store(directory / "app1")
    everywhere = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "slipway_flags_store": {"kind": "flagd", "path": f"{directory}/{{{{ inventory_hostname }}}}/{FLAGD_KIND.file}"},
    }
    inventory = {"all": {"hosts": {"lb1": {}, "lb2": {}, "app1": {}, "app2": {}}, "vars": everywhere}}
    tasks = [
        {"ansible.builtin.set_fact": {"__rollout_renewed_at": "{{ now(utc=true).timestamp() }}"}},
        *(
            {"ansible.builtin.include_role": {"name": "slipway.release.rollout", "public": True, **one}}
            for one in included
        ),
        {"ansible.builtin.debug": {"msg": "{{ __rollout_flags_told | slipway.release.flags_turned_back }}"}},
    ]
    book = [
        {
            "hosts": "lb1:lb2",
            "gather_facts": False,
            "vars": {"rollout_plan": {"lease_seconds": 90}, "__rollout_step": {"name": "switch"}, **given_to_tasks()},
            "tasks": tasks,
        }
    ]
    return " ".join(play(directory, book, inventory, COLLECTIONS).stdout.split())


def given_to_tasks() -> dict[str, Any]:
    """What those who include the tasks say."""
    return {
        "__rollout_flag": [{**FULL, "name": "fresh", "strategy": "gradual", "percentage": 10}, "app1"],
        "__rollout_flags_undo": False,
        "__rollout_flags_to_return": [
            {"host": "app1", **OFF, "name": "fresh"},
            {"host": "app1", **OFF, "name": "search"},
            {"host": "app2", **OFF, "name": "search"},
        ],
    }


def test_a_flag_is_set_in_the_store_of_its_host_and_turned_back_where_that_answers(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    said = run_role(tmp_path / "set", {"tasks_from": "flag"})
    assert "failed=1" not in said, said
    made = json.loads((tmp_path / "set" / "app1" / FLAGD_KIND.file).read_text(encoding="utf-8"))["flags"]["fresh"]
    assert made["targeting"] == {"fractional": [["on", 10], ["off", 90]]}
    (tmp_path / "back").mkdir()
    said = run_role(tmp_path / "back", {"tasks_from": "flag"}, {"tasks_from": "flags_back"})
    assert "failed=1" not in said, said
    flags = json.loads((tmp_path / "back" / "app1" / FLAGD_KIND.file).read_text(encoding="utf-8"))["flags"]
    assert [flags[name]["defaultVariant"] for name in ("fresh", "search")] == ["off", "off"]
    assert "Feature flags are what they were before: fresh." in said
    assert "Feature flag search was not turned back on app2" in said


def test_a_flag_that_cannot_be_set_fails_its_step(tmp_path: Path) -> None:
    said = run_role(tmp_path, {"tasks_from": "flag", "apply": {"vars": {"__rollout_flag": [FULL, "app2"]}}})
    assert "stage feature flag a after switch: fail: app2 failed" in said
