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
from ansible_collections.slipway.release.plugins.module_utils._plan.flags import flags_back, flags_by_host, turned_back
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan
from ansible_collections.slipway.release.plugins.module_utils._plan.undo import way_back
from ansible_collections.slipway.release.plugins.module_utils._status.report import report

from tests.unit.ledger.made import SetClock, plan_of
from tests.unit.plan.made import document, fleet_of, inputs_for
from tests.unit.plan.test_actions import Stand
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
    assert flags_back(found, ["c", "a"], "shop") == [
        {"host": "app1", "user": "shop", **FULL},
        {"host": "app2", "user": "shop", **OFF},
        {"host": "app2", "user": "shop", **OFF, "name": "c"},
    ]


def test_each_host_has_one_task_with_its_share_of_a_time_that_all_have_together() -> None:
    before = [{"host": host, "user": "shop", **flag} for host in ("app1", "app2") for flag in (OFF, FULL)]
    first, second = flags_by_host(before, ["app1"], 1000.0)
    assert (first["host"], second["host"]) == ("app2", "app1"), "who was lost is last"
    assert (first["user"], first["flags"]) == ("shop", [OFF, FULL])
    assert (first["seconds"], first["until"]) == (10, 1020.0)
    many = flags_by_host([{"host": f"app{number}", **OFF} for number in range(4)], [], 1000.0)
    assert {(task["seconds"], task["until"], task["user"]) for task in many} == {(5, 1020.0, "")}
    assert flags_by_host([{"host": f"app{number}", **OFF} for number in range(40)], [], 0.0)[39]["seconds"] == 4
    assert flags_by_host([], [], 0.0) == []


def of_host(host: str, *names: str) -> dict[str, Any]:
    """The task that turns flags back on a host."""
    return {"host": host, "flags": [{**FULL, "name": name} for name in names]}


def test_what_was_turned_back_is_told_and_what_was_not_is_left_to_do() -> None:
    results: list[dict[str, Any]] = [
        {"item": of_host("app1", "a", "b", "c"), "failed": False, "restored": ["a", "b"], "killed": ["c"]},
        {
            "item": of_host("app2", "a", "b", "d"),
            "failed": True,
            "restored": ["a"],
            "left": [{"name": "b", "why": "no  such\nfile."}],
            "msg": "timed out",
        },
        {"item": of_host("app3", "b"), "unreachable": True, "msg": "gone"},
        {"item": of_host("app4", "b"), "failed": True},
    ]
    done, by_hand = turned_back(results)
    assert done == [
        "Feature flags are what they were before: a.",
        "Feature flag c was killed meanwhile and stays off.",
    ]
    assert by_hand == [
        "Feature flag b was not turned back on app2 (no such file): kill_switch.yml ends it.",
        "Feature flag d was not turned back on app2 (timed out): kill_switch.yml ends it.",
        "Feature flag b was not turned back on app3 (gone): kill_switch.yml ends it.",
        "Feature flag b was not turned back on app4 (no answer): kill_switch.yml ends it.",
    ]
    assert turned_back([{"item": FULL, "skipped": True}]) == ([], [])
    whole = [{"failed": True, "msg": "no loop"}]
    assert turned_back(whole) == ([], ["Feature flags were not turned back (no loop): kill_switch.yml ends them."])
    found = {"result": "failed", "stopped": [], "unreturned": [], "hooks": [], "not_back": [], "half": False}
    told = way_back(
        {"stable_slot": "blue"}, {**found, "unstopped": [], "not_handed_back": [], "stops": True, "flags": results}
    )
    assert told["done"][-2:] == done
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
    assert "__rollout_flags_overtaken" in turning["loop"] and turning["run_once"]
    assert (
        "__rollout_flags_seconds" in turning["timeout"] and "item.until" in turning["vars"]["__rollout_flags_seconds"]
    )
    assert "slipway_" not in str(turning), "what leads back is in the ledger, and the action asks for the store"


STORE_OF_A_HOST = f"{{{{ stores }}}}/{{{{ inventory_hostname }}}}/{FLAGD_KIND.file}"
HOSTS: dict[str, Any] = {
    "lb1": {},
    "lb2": {},
    "app1": {},
    "app2": {},
    "app3": {"slipway_flags_store": {"kind": "flagd", "path": "{{ vault_that_is_away }}/flags.json"}},
    "app4": {"slipway_flags_store": "{{ vault_that_is_away }}"},
}


def run_role(directory: Path, *included: tuple[str, dict[str, Any]], **given: Any) -> str:
    """Run tasks of the role on a balancer that is this computer, as all hosts are, and give the output.

    However slow this computer is, there is time.
    """
    (directory / "app1").mkdir(exist_ok=True)
    FLAGD_KIND.store(directory / "app1")
    everywhere = {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "stores": str(directory),
        "slipway_flags_store": {"kind": "flagd", "path": STORE_OF_A_HOST},
    }
    tasks = [
        {"ansible.builtin.set_fact": {"__rollout_renewed_at": "{{ now(utc=true).timestamp() }}"}},
        *(
            {
                "ansible.builtin.include_role": {"name": "slipway.release.rollout", "public": True, "tasks_from": name},
                "vars": more,
            }
            for name, more in included
        ),
        {"ansible.builtin.debug": {"msg": "{{ __rollout_flags_told | slipway.release.flags_turned_back }}"}},
    ]
    of_the_run = {
        "rollout_plan": {"app": "shop", "lease_seconds": 9000},
        "rollout_token": 0,
        "__rollout_step": {"name": "switch"},
        **given_to_tasks(),
    }
    book = [{"hosts": "lb1:lb2", "gather_facts": False, "vars": {**of_the_run, **given}, "tasks": tasks}]
    done = play(
        directory, book, {"all": {"hosts": HOSTS, "vars": everywhere}}, COLLECTIONS, "-e", "__rollout_flags_seconds=99"
    )
    return " ".join(done.stdout.split())


def given_to_tasks() -> dict[str, Any]:
    """What those who include the tasks say."""
    return {
        "__rollout_flag": [{**FULL, "name": "fresh", "strategy": "gradual", "percentage": 10}, "app1"],
        "__rollout_flags_to_return": [
            {"host": host, **OFF, "name": name}
            for host, name in (
                ("gone", "search"),
                ("app4", "search"),
                ("app3", "search"),
                ("app2", "search"),
                ("app1", "killed"),
                ("app1", "fresh"),
                ("app1", "search"),
            )
        ],
    }


SET: tuple[str, dict[str, Any]] = ("flag", {})
BACK: tuple[str, dict[str, Any]] = ("flags_back", {})


def flags_in(directory: Path) -> dict[str, Any]:
    flags: dict[str, Any] = json.loads((directory / "app1" / FLAGD_KIND.file).read_text(encoding="utf-8"))["flags"]
    return flags


def test_a_flag_is_set_in_the_store_of_its_host(tmp_path: Path) -> None:
    said = run_role(tmp_path, SET)
    assert "failed=1" not in said, said
    assert flags_in(tmp_path)["fresh"]["targeting"] == {"fractional": [["on", 10], ["off", 90]]}


def test_each_flag_goes_back_by_itself_and_what_does_not_is_named(tmp_path: Path) -> None:
    killed = [{**OFF, "name": "killed", "strategy": "kill_switch"}, "app1"]
    said = run_role(tmp_path, SET, ("flag", {"__rollout_flag": killed}), BACK)
    assert "failed=1" not in said and "unreachable=1" not in said, said
    flags = flags_in(tmp_path)
    assert [flags[name]["defaultVariant"] for name in ("fresh", "search")] == ["off", "off"]
    assert "Feature flags are what they were before: fresh, search." not in said, "search is not, on other hosts"
    assert "Feature flags are what they were before: fresh." in said
    assert "Feature flag killed was killed meanwhile and stays off." in said
    for host, why in (
        ("gone", "gone: it is not in the inventory"),
        ("app4", "slipway_flags_store: it cannot be evaluated"),
        ("app3", ""),
        ("app2", "/"),
    ):
        assert f"Feature flag search was not turned back on {host} ({why}" in said, said


def test_what_cannot_be_told_of_the_variables_keeps_no_flag_from_going_back(tmp_path: Path) -> None:
    wrong = {"slipway_flags_user": "{{ nowhere }}", "slipway_flags_verify": "{{ nowhere }}"}
    said = run_role(tmp_path, BACK, __rollout_flags_to_return=[{"host": "app1", **OFF, "name": "search"}], **wrong)
    assert "failed=1" not in said and flags_in(tmp_path)["search"]["defaultVariant"] == "off", said
    assert "Feature flags are what they were before: search." in said


def test_no_host_is_asked_once_the_time_of_all_is_over() -> None:
    stand = Stand("flag_restore", {"flags": [OFF], "seconds": "0"}, delegate_to="app1")
    assert stand.run({"hostvars": {}}) == {"failed": True, "changed": False, "msg": "no time was left"}
    assert stand.ran == []


def test_a_flag_that_cannot_be_set_fails_its_step(tmp_path: Path) -> None:
    said = run_role(tmp_path, ("flag", {"__rollout_flag": [FULL, "app2"]}))
    assert "stage feature flag a after switch: fail: app2 failed" in said
