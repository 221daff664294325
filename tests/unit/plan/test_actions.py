# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions on the controller: what they refuse, what they hand to the ledger, what check mode leaves out."""

from __future__ import annotations

import copy
import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._ledger.who import Who
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan

from tests.unit.plan.made import (
    GROUPS,
    MAILER,
    WEB,
    document,
    fleet_of,
    identifier,
    inputs_for,
    leave_unfinished,
    live_lease,
    proven,
)

RELEASE_PLACE = "ansible_collections.slipway.release.plugins.modules.release_place"
TELL = {
    "name": "tell",
    "at": "on_undo",
    "url": "https://chat.example/T0B1",
    "headers": {"Authorization": "Bearer s3cr3t"},
}
LEDGER = {"deployment": "d1", "token": 5, "uuid": "u", "resumed": False, "committed": [], "changed": True}


class Templar:
    """A templar for variables that hold no templates, but for one that refers to nothing."""

    def template(self, value: Any) -> Any:
        if value == "{{ nothing }}":
            raise importlib.import_module("ansible.errors").AnsibleUndefinedVariable("'nothing' is undefined")
        return value


class Stand:
    """An action with its task, and the modules it runs replaced by answers."""

    def __init__(self, action: str, arguments: dict[str, Any], **task: Any) -> None:
        module = importlib.import_module(f"ansible_collections.slipway.release.plugins.action.{action}")
        settings = {"check_mode": False, "diff": False, "delegate_to": "db1", "async_val": 0, "action": action, **task}
        self.action = module.ActionModule(
            task=SimpleNamespace(args=arguments, **settings),
            connection=SimpleNamespace(_shell=SimpleNamespace(tmpdir=None), has_pipelining=True),
            play_context=SimpleNamespace(),
            loader=None,
            templar=Templar(),
            shared_loader_obj=None,
        )
        self.ran: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, dict[str, Any]] = {"slipway.release.ledger": dict(LEDGER)}
        self.action._execute_module = self.execute

    def execute(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        self.ran.append((module_name, module_args))
        return dict(self.answers[module_name])

    def run(self, variables: dict[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = self.action.run(None, variables)
        return result


@pytest.fixture
def variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the operator wrote; caches of the action lie in the test's directory."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "app.py").write_text("print()\n")
    return {
        "groups": GROUPS,
        "hostvars": {host: {"slipway_address": "192.0.2.1"} for host in GROUPS["all"]},
        "slipway_app": "shop",
        "slipway_version": "1.1",
        "slipway_artifact": str(tmp_path / "shop"),
        "slipway_components": copy.deepcopy([WEB, MAILER]),
        "slipway_ledger_host": "db1",
    }


def planning(**task: Any) -> Stand:
    options = {"verb": task.pop("verb", "deploy"), "live": task.pop("live", fleet_of("1.0", None))}
    return Stand("deployment_plan", options, **task)


def test_a_run_begins_the_plan_that_a_check_has_shown(variables: dict[str, Any]) -> None:
    checking, running = planning(check_mode=True), planning()
    shown, begun = checking.run(variables), running.run(variables)
    assert checking.ran == []
    assert (shown["token"], shown["deployment"], shown["changed"]) == (0, "", True)
    name, options = running.ran[0]
    assert (name, options["command"], options["app"]) == ("slipway.release.ledger", "begin", "shop")
    assert options["plan"] == shown["plan"] == begun["plan"]
    assert shown["digest"] == begun["digest"]
    assert (options["token_above"], options["lease_seconds"], options["abandon"]) == (4, 300, "")
    assert "@" in options["holder"]
    assert {key: begun[key] for key in ("deployment", "token", "uuid", "resumed")} == {
        key: LEDGER[key] for key in ("deployment", "token", "uuid", "resumed")
    }


def test_a_rollback_to_a_cold_slot_says_so(variables: dict[str, Any]) -> None:
    live = fleet_of("1.0", "1.1", history=(proven("1.1"), proven("1.0")))
    for host in ("app1", "app2"):
        live[host]["release"]["slots"]["green"].update({"running": False, "warm": {"status": "cold"}})
    shown = planning(verb="rollback", live=live, check_mode=True, diff=True).run(variables)
    assert "(revision" in shown["summary"] and " in green (cold: it is started first) over 1.0" in shown["summary"]
    assert "cold: it is started first" in shown["diff"]["after"]


def test_a_run_begins_its_evidence_with_what_was_asked_for(variables: dict[str, Any]) -> None:
    stand = planning()
    given = {**variables, "slipway_hooks": [TELL], "slipway_metrics_directory": "/srv/metrics"}
    left = {"__slipway_evidence": {"token": 4}, "__slipway_evidence_9": {"token": 4, "entry": {"seq": 9}}}
    begun = stand.run({**given, "ansible_facts": left})
    _name, options = stand.ran[0]
    assert (options["inputs"]["version"], options["inputs"]["hooks"]) == ("1.1", ["tell"])
    assert options["metrics_directory"] == "/srv/metrics"
    assert begun["ansible_facts"]["__slipway_evidence"]["token"] == 5
    assert begun["ansible_facts"]["__slipway_evidence_9"] == {}
    assert "s3cr3t" not in str(stand.ran)


def test_an_abort_takes_over_what_is_unfinished_and_shows_the_way_back(variables: dict[str, Any]) -> None:
    live = fleet_of("1.0", None)
    began = plan(inputs_for("1.1"), document("1.1"), live)
    leave_unfinished(live, began)
    live_lease(live)
    wanted = {**variables, "slipway_reason": "users report errors", "slipway_version": ""}
    running = planning(verb="abort", live=live, diff=True)
    result = running.run({**wanted, "slipway_metrics_directory": "/not/made/yet"})
    _name, options = running.ran[0]
    assert options["metrics_directory"] == "", "no directory keeps anybody from going back"
    assert (options["plan"], options["resume"], options["take_over"]) == (began.plan, "d1", "users report errors")
    assert options["token_seen"] == live["db1"]["ledger"]["token"]
    assert result["summary"] == "shop: abort deployment d1 of 1.1, all traffic returns to slot blue"
    before, after = (yaml.safe_load(result["diff"][side]) for side in ("before", "after"))
    assert (before["to"]["version"], after["to"]["version"]) == ("1.1", "1.0")
    assert planning(verb="abort", live=live, check_mode=True).run(wanted)["token"] == 0


@pytest.mark.parametrize("cold", [True, False])
def test_what_lacks_only_its_end_is_resumed_and_the_roles_are_told(variables: dict[str, Any], cold: bool) -> None:
    first = planning(check_mode=True).run(variables)
    live = fleet_of("1.0", "1.1", stable="green")
    for host in GROUPS["application"]:
        live[host]["release"]["slots"]["green"]["revision"] = first["plan"]["revision_id"]
        live[host]["release"]["slots"]["blue"]["running"] = not cold
        live[host]["release"]["slots"]["blue"]["instances"]["web"]["enabled"] = not cold
    leave_unfinished(live, SimpleNamespace(plan=first["plan"], digest=first["digest"]))
    stand = planning(live=live)
    result = stand.run(variables)
    assert (stand.ran[0][1]["resume"], result["settled"]) == ("d1", cold)
    assert (result["summary"] == "shop: deployment d1 of 1.1 has settled; only its end is to be recorded") == cold


PARKED = {
    "stage": "before_traffic",
    "holder": "ann@pc",
    "approval": True,
    "waits_for": "until it is approved (approve.yml)",
}


@pytest.fixture
def parked(variables: dict[str, Any]) -> dict[str, Any]:
    """A fleet with the deployment of ``variables`` parked before the traffic; they ask for its approval."""
    variables["slipway_approvals"] = ["before_traffic"]
    live = fleet_of("1.0", None)
    begun = planning(check_mode=True, live=live).run(variables)
    leave_unfinished(live, SimpleNamespace(plan=begun["plan"], digest=begun["digest"]))
    live["db1"]["ledger"]["unfinished"]["parked"] = dict(PARKED)
    return live


@pytest.mark.parametrize("check_mode", [True, False])
def test_what_is_parked_begins_nothing_and_says_what_it_waits_for(
    variables: dict[str, Any], parked: dict[str, Any], check_mode: bool
) -> None:
    stand = planning(live=parked, check_mode=check_mode)
    result = stand.run(variables)
    assert (result.get("failed"), result["changed"], result["token"], stand.ran) == (None, False, 0, [])
    assert result["parked"] == {**PARKED, "deployment": "d1"}
    assert result["summary"] == (
        "shop: deployment d1 of 1.1 is parked at before_traffic until it is approved (approve.yml); nothing was changed"
    )


def test_what_is_due_goes_on_and_what_a_balancer_has_returned_goes_back(
    variables: dict[str, Any], parked: dict[str, Any]
) -> None:
    unfinished = parked["db1"]["ledger"]["unfinished"]
    unfinished["parked"]["waits_for"] = ""
    going_on = planning(live=parked)
    result = going_on.run(variables)
    assert (result["parked"], result["way_back"]) == ({}, "")
    assert (going_on.ran[0][1]["resume"], going_on.ran[0][1]["way_back"]) == ("d1", "")
    unfinished["plan"]["parks"][0]["percents"] = {"blue": 90, "green": 10}
    going_back = planning(live=parked)
    result = going_back.run(variables)
    reason = "lb1, lb2 returned the traffic while it was parked at before_traffic"
    assert (going_back.ran[0][1]["way_back"], result["way_back"]) == (reason, reason)
    assert result["summary"] == f"shop: deployment d1 of 1.1 goes back: {reason}"


def test_an_approval_is_handed_to_the_ledger_with_what_it_is_for_and_who_gives_it(
    variables: dict[str, Any], parked: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOB_ID", "17")
    monkeypatch.setenv("AWX_HOST", "https://awx.example")
    stand = planning(verb="approve", live={"db1": parked["db1"]})
    stand.answers["slipway.release.ledger"] = {"changed": True, "parked": {**PARKED, "waits_for": ""}}
    wanted = {**variables, "slipway_reason": "looks good", "awx_user_name": "bob", "slipway_version": ""}
    wanted["awx_job_id"] = 17
    result = stand.run(wanted)
    ((name, options),) = stand.ran
    assert (name, options["command"]) == ("slipway.release.ledger", "approve")
    assert (options["deployment"], options["stage"], options["reason"]) == ("d1", "before_traffic", "looks good")
    assert options["digest"] == parked["db1"]["ledger"]["unfinished"]["digest"]
    assert (Who.read(options["operator"]).name, options["self_approval"]) == ("bob", False)
    assert result["summary"] == (
        "shop: deployment d1 of 1.1 is approved at before_traffic; run the same deployment again to go on"
    )
    again = planning(verb="approve", live={"db1": parked["db1"]})
    again.answers["slipway.release.ledger"] = {"changed": False, "parked": {**PARKED, "waits_for": "until 20:00"}}
    result = again.run({**wanted, "slipway_self_approval": True})
    assert again.ran[0][1]["self_approval"]
    assert result["summary"].endswith("was approved before at before_traffic; it stays parked until 20:00")


def test_a_refused_approval_is_a_failure_and_needs_a_reason_first(
    variables: dict[str, Any], parked: dict[str, Any]
) -> None:
    stand = planning(verb="approve", live={"db1": parked["db1"]})
    assert stand.run(variables)["error"]["where"] == "slipway_reason"
    assert stand.ran == []
    stand.answers["slipway.release.ledger"] = {"failed": True, "msg": "ann has begun this", "error": {"kind": "lease"}}
    result = stand.run({**variables, "slipway_reason": "looks good"})
    assert (result["failed"], result["msg"]) == (True, "ann has begun this")


def test_a_deployment_never_takes_a_lease_over(variables: dict[str, Any]) -> None:
    running = planning()
    running.run({**variables, "slipway_reason": "forcing is something else"})
    assert running.ran[0][1]["take_over"] == ""


def test_the_artifact_is_what_release_place_takes(variables: dict[str, Any]) -> None:
    result = planning().run(variables)
    assert Path(result["artifact"]).is_file()
    assert result["plan"]["revision"]["artifact"]["sha256"] in result["artifact"]


def test_the_difference_is_from_what_is_active_to_the_plan(variables: dict[str, Any]) -> None:
    assert "diff" not in planning(check_mode=True).run(variables)
    result = planning(check_mode=True, diff=True).run(variables)
    before, after = (yaml.safe_load(result["diff"][side]) for side in ("before", "after"))
    assert after == result["plan"]
    assert (before["slot"], before["to"]["version"]) == ("blue", "1.0")


def test_a_check_shows_the_hooks_without_their_secrets(variables: dict[str, Any]) -> None:
    variables["slipway_hooks"] = [TELL]
    result = planning(check_mode=True, diff=True).run(variables)
    (shown,) = yaml.safe_load(result["diff"]["after"])["hooks"]
    assert (shown["name"], shown["at"], shown["hosts"]) == ("tell", "on_undo", ["localhost"])
    assert (shown["url"], shown["headers"]) == ("https://chat.example/...", ["Authorization"])
    assert not [secret for secret in ("s3cr3t", "T0B1") if secret in str(result)]


@pytest.mark.parametrize(("skip", "names"), [([], ["tell"]), (["hooks"], [])])
def test_an_abort_runs_the_recorded_hooks_unless_they_are_skipped(
    variables: dict[str, Any], skip: list[str], names: list[str]
) -> None:
    live = fleet_of("1.0", None)
    recorded = plan(inputs_for("1.1", hooks=[TELL]), document("1.1"), live)
    leave_unfinished(live, recorded)
    stand = planning(verb="abort", live=live)
    result = stand.run({**variables, "slipway_reason": "the chat is down", "slipway_skip": skip})
    assert [hook["name"] for hook in result["plan"]["hooks"]] == names
    assert stand.ran[0][1]["plan"] == recorded.plan


def test_nothing_to_do_begins_nothing(variables: dict[str, Any]) -> None:
    active = planning().run(variables)["plan"]
    live = fleet_of("1.0", None)
    for host in ("app1", "app2"):
        live[host]["release"]["slots"]["blue"].update(active["to"])
    stand = planning(live=live)
    result = stand.run(variables)
    assert (result["changed"], result["token"], stand.ran) == (False, 0, [])


@pytest.mark.parametrize("host", [None, "app1"])
def test_the_task_must_be_delegated_to_the_ledger_host(variables: dict[str, Any], host: str | None) -> None:
    stand = planning(delegate_to=host)
    result = stand.run(variables)
    assert result["failed"]
    assert 'delegate_to: "{{ slipway_ledger_host }}"' in result["msg"]
    assert stand.ran == []


def test_bad_input_is_one_message_and_runs_nothing(variables: dict[str, Any]) -> None:
    stand = planning()
    result = stand.run({**variables, "slipway_rollout": "waterfall", "slipway_keep_revisions": 0})
    assert (result["failed"], result["error"]["where"]) == (True, "slipway_rollout")
    assert len(result["error"]["others"]) == 1
    assert stand.ran == []


def test_a_wrong_checksum_is_refused(variables: dict[str, Any]) -> None:
    stand = planning()
    result = stand.run({**variables, "slipway_artifact_sha256": "0" * 64})
    assert "slipway_artifact_sha256" in result["msg"]
    assert stand.ran == []


def test_an_undefined_variable_is_named_after_what_may_be_its_cause(variables: dict[str, Any]) -> None:
    result = planning().run({**variables, "slipway_artifact": "{{ nothing }}", "slipway_version": None})
    assert result["error"]["where"] == "slipway_version"
    assert "'nothing' is undefined" in result["error"]["others"][0]


def test_a_rollback_evaluates_neither_version_nor_artifact(variables: dict[str, Any]) -> None:
    live = fleet_of("1.1", "1.0")
    result = planning(verb="rollback", live=live).run({**variables, "slipway_artifact": "{{ nothing }}"})
    assert result["error"]["where"] == "slipway_rollback_to"


def test_validation_connects_nowhere_and_needs_no_delegation(variables: dict[str, Any]) -> None:
    stand = Stand("deployment_plan", {"verb": "validate", "purpose": "deploy"}, delegate_to=None)
    assert not stand.run(variables).get("failed")
    assert stand.run({**variables, "slipway_version": None})["error"]["where"] == "slipway_version"
    assert stand.ran == []


def test_a_host_without_an_address_is_refused_before_it_is_needed(variables: dict[str, Any]) -> None:
    variables["hostvars"]["app2"] = {}
    error = planning().run(variables)["error"]
    assert (error["where"], error["what"]) == ("slipway_address", "app2 have none")


def test_a_lease_that_another_took_meanwhile_fails_the_task(variables: dict[str, Any]) -> None:
    stand = planning()
    stand.answers["slipway.release.ledger"] = {"failed": True, "msg": "taken", "error": {"kind": "lease"}}
    result = stand.run(variables)
    assert (result["failed"], result["changed"], result["msg"]) == (True, False, "taken")


def test_host_info_reports_a_module_that_fails_and_reads_the_rest(variables: dict[str, Any]) -> None:
    stand = Stand("host_info", {"app": "shop", "reads": ["release", "balancer", "ledger"]})
    stand.answers = {
        "slipway.release.release_info": {"token": 4, "changed": False, "invocation": {}, "_ansible_parsed": True},
        "slipway.release.lb_info": {"failed": True, "msg": "no balancer"},
        "slipway.release.ledger_info": {"uuid": "u", "ansible_facts": {"found": "python3"}},
    }
    assert stand.run(variables) == {
        "changed": False,
        "ansible_facts": {"found": "python3"},
        "release": {"token": 4},
        "balancer": {"error": "no balancer"},
        "ledger": {"uuid": "u"},
    }
    assert dict(stand.ran)["slipway.release.release_info"] == {"app": "shop", "ports": [8081, 8082]}


@pytest.mark.parametrize("components", ["nonsense", [{"ports": "x"}, "y"], []])
def test_host_info_leaves_malformed_components_to_the_validation(variables: dict[str, Any], components: Any) -> None:
    stand = Stand("host_info", {"app": "shop", "reads": ["release"]})
    stand.answers = {"slipway.release.release_info": {"token": 4}}
    stand.run({**variables, "slipway_components": components})
    assert stand.ran[0][1] == {"app": "shop", "ports": []}


@pytest.mark.parametrize(("blue", "green"), [("8081", "8082"), (8081, "8082"), (8081, 8082)])
def test_host_info_takes_ports_that_templates_made_text_of(variables: dict[str, Any], blue: Any, green: Any) -> None:
    stand = Stand("host_info", {"app": "shop", "reads": ["release"]})
    stand.answers = {"slipway.release.release_info": {"token": 4}}
    stand.run({**variables, "slipway_components": [{**WEB, "ports": {"blue": blue, "green": green}}]})
    assert stand.ran[0][1]["ports"] == [8081, 8082]


SIGNED = "https://artifacts.example/shop.tar.gz?sig=abc123"


def test_the_query_of_an_artifact_is_shown_nowhere(variables: dict[str, Any]) -> None:
    stand = planning(check_mode=True, diff=True)
    result = stand.run({**variables, "slipway_artifact": SIGNED, "slipway_artifact_sha256": "a" * 64})
    assert result["artifact"] == "https://artifacts.example/shop.tar.gz"
    assert "abc123" not in str(result)
    running = planning()
    begun = running.run({**variables, "slipway_artifact": SIGNED, "slipway_artifact_sha256": "a" * 64})
    assert "abc123" not in str(begun) + str(running.ran)


@pytest.mark.parametrize(
    "artifact", ["s3://u:abc123@h/shop?sig=abc123", "git+https://u:abc123@h/shop", "http:///?abc123"]
)
def test_a_refused_address_is_shown_without_its_secrets(variables: dict[str, Any], artifact: str) -> None:
    result = planning().run({**variables, "slipway_artifact": artifact})
    assert result["error"]["where"] == "slipway_artifact"
    assert "abc123" not in str(result)


@pytest.mark.parametrize(
    ("given", "variable", "query"),
    [
        (SIGNED, None, "sig=abc123"),
        (SIGNED.partition("?")[0], SIGNED, "sig=abc123"),
        ("https://artifacts.example/other.tar.gz", SIGNED, None),
        ("/srv/shop.tar.gz?x", SIGNED, None),
    ],
)
def test_release_place_gets_the_query_as_an_option_that_is_never_logged(
    variables: dict[str, Any], given: str, variable: str | None, query: str | None
) -> None:
    stand = Stand("release_place", {"app": "shop", "state": "stopped", "artifact": given})
    stand.action._remove_tmp_path = lambda path: None
    stand.answers = {"slipway.release.release_place": {"changed": False}}
    stand.run({**variables, "slipway_artifact": variable} if variable else {"groups": {}})
    arguments = stand.ran[0][1]
    assert arguments.get("artifact_query") == query
    assert "abc123" not in str({**arguments, "artifact_query": ""})
    assert importlib.import_module(RELEASE_PLACE).ARGUMENTS["artifact_query"]["no_log"] is True


def rolled_back_to(variables: dict[str, Any], version: str) -> dict[str, Any]:
    history = (proven("1.0"), proven("1.1"))
    live = fleet_of("1.1", "1.0", history=history)
    return planning(verb="rollback", live=live).run({**variables, "slipway_rollback_to": version})


def test_a_rollback_to_the_active_version_says_that_nothing_is_rolled_back(variables: dict[str, Any]) -> None:
    result = rolled_back_to(variables, "1.1")
    assert not result["changed"]
    assert "slipway_rollback_to: 1.1 is active already, nothing is rolled back" in result["warnings"][0]
    assert "the way back from it is 1.0" in result["warnings"][0]
    assert rolled_back_to(variables, "1.0")["warnings"] == []


def test_a_resumed_deployment_has_the_lease_of_today(variables: dict[str, Any]) -> None:
    first = planning().run(variables)
    live = fleet_of("1.0", None)
    live["db1"]["ledger"]["unfinished"] = {
        "deployment": "d1",
        "digest": first["digest"],
        "began": "",
        "committed": [],
        "plan": first["plan"],
    }
    stand = planning(live=live)
    again = stand.run({**variables, "slipway_lease_seconds": 777})
    assert (again["digest"], again["plan"]["lease_seconds"]) == (first["digest"], 777)
    begun = stand.ran[0][1]
    assert (begun["plan"], begun["lease_seconds"]) == (first["plan"], 777)


@pytest.mark.parametrize("hosts", [["lb1"], ["localhost"], []])
def test_a_limited_run_is_refused(variables: dict[str, Any], hosts: list[str]) -> None:
    stand = Stand("deployment_plan", {"verb": "validate", "purpose": "deploy"}, delegate_to=None)
    limited = {**variables, "ansible_limit": "lb1", "ansible_play_hosts_all": hosts}
    error = stand.run(limited)["error"]
    assert error["where"] == "--limit"
    assert "lb1 leaves out" in error["what"]
    assert "run without --limit" in error["remedy"]


def test_a_limit_that_leaves_nobody_out_is_none(variables: dict[str, Any]) -> None:
    stand = Stand("deployment_plan", {"verb": "validate", "purpose": "deploy"}, delegate_to=None)
    everyone = {**variables, "ansible_limit": "all", "ansible_play_hosts_all": GROUPS["all"]}
    assert not stand.run(everyone).get("failed")


def set_up_fleet() -> dict[str, Any]:
    live = fleet_of(None, None)
    for host in GROUPS["application"]:
        live[host]["release"]["token"] = 0
    for host in GROUPS["balancers"]:
        live[host]["balancer"]["token"] = 0
    live["db1"]["ledger"].update(token=0, uuid="")
    return live


def fresh_fleet() -> dict[str, Any]:
    live = set_up_fleet()
    for host in GROUPS["balancers"]:
        live[host]["balancer"] = {"error": "this host is no balancer of application 'shop'"}
    return live


def test_a_check_of_a_fresh_fleet_plans_what_the_run_will_do_and_marks_what_it_cannot_know(
    variables: dict[str, Any],
) -> None:
    shown = planning(check_mode=True, live=fresh_fleet()).run(variables)
    assert shown["plan"]["unknown"] == [f"what lb{n} does (site.yml has not set it up yet)" for n in (1, 2)]
    assert shown["digest"] == planning(live=set_up_fleet()).run(variables)["digest"]


def test_a_run_never_takes_a_balancer_for_set_up(variables: dict[str, Any]) -> None:
    assert planning(live=fresh_fleet()).run(variables)["error"]["where"] == "lb1"


def deployed(live: dict[str, Any]) -> None:
    live["app1"]["release"]["slots"]["blue"]["status"] = "placed"


def recorded(live: dict[str, Any]) -> None:
    live["db1"]["ledger"]["token"] = 1


def one_set_up(live: dict[str, Any]) -> None:
    live["lb2"]["balancer"] = fleet_of(None, None)["lb2"]["balancer"]


@pytest.mark.parametrize("change", [deployed, recorded, one_set_up])
def test_a_check_of_a_fleet_that_is_not_fresh_refuses_a_balancer_without_a_state(
    variables: dict[str, Any], change: Any
) -> None:
    live = fresh_fleet()
    change(live)
    assert planning(check_mode=True, live=live).run(variables)["error"]["where"] == "lb1"


def fleet_with_newcomers() -> dict[str, Any]:
    """One that serves: lb2 was never set up, and lb1 does not know app3 yet."""
    live = fleet_of(None, None)
    live["lb2"]["balancer"] = {"error": "this host is no balancer of application 'shop'"}
    known = live["lb1"]["balancer"]["instances"]
    live["lb1"]["balancer"]["instances"] = {name: it for name, it in known.items() if not name.endswith("app3")}
    return live


def test_a_check_of_site_plans_with_the_hosts_that_it_would_have_set_up(variables: dict[str, Any]) -> None:
    stand = Stand(
        "deployment_plan", {"verb": "deploy", "live": fleet_with_newcomers(), "set_up": True}, check_mode=True
    )
    shown = stand.run(variables)
    assert shown["plan"]["unknown"] == ["what lb2 does (site.yml has not set it up yet)"]
    assert shown["digest"] == planning(live=fleet_of(None, None)).run(variables)["digest"]


@pytest.mark.parametrize("options", [{"set_up": True}, {}])
def test_a_run_takes_no_host_for_set_up_and_deploy_none_in_check_mode(
    variables: dict[str, Any], options: dict[str, Any]
) -> None:
    arguments = {"verb": "deploy", "live": fleet_with_newcomers(), **options}
    stand = Stand("deployment_plan", arguments, check_mode=not options)
    assert stand.run(variables)["error"]["where"] == "lb2"


@pytest.fixture
def regional(variables: dict[str, Any]) -> dict[str, Any]:
    """The same with a region of its own for each pair of hosts, whose variables differ."""
    members = {"eu": ["app1", "lb1"], "us": ["app2", "lb2"]}
    everywhere = {name: value for name, value in variables.items() if name.startswith("slipway_")}
    everywhere["slipway_regions"] = list(members)
    hostvars = {
        host: {
            **everywhere,
            "slipway_address": "192.0.2.1",
            "slipway_ledger_host": "db1",
            "slipway_virtual_address": own,
        }
        for host, own in {"app1": "192.0.2.8", "lb1": "192.0.2.8", "app2": "192.0.2.9", "lb2": "192.0.2.9"}.items()
    }
    groups = {**GROUPS, **members, "slipway_regions": [*members["eu"], *members["us"]]}
    return {**variables, **everywhere, "groups": groups, "hostvars": hostvars}


def test_every_region_is_validated_with_the_variables_of_its_own_hosts(regional: dict[str, Any]) -> None:
    stand = Stand("deployment_plan", {"verb": "validate", "purpose": "deploy"})
    found = stand.run(regional)
    assert found["ledger_hosts"] == ["db1"]
    assert [region["name"] for region in found["order"]["regions"]] == ["eu", "us"]
    for host in ("app2", "lb2"):
        regional["hostvars"][host]["slipway_rollout"] = "yolo"
    refused = Stand("deployment_plan", {"verb": "validate", "purpose": "deploy"}).run(regional)
    assert refused["failed"]
    assert "slipway_rollout" in refused["msg"]


def test_without_regions_there_is_no_order(variables: dict[str, Any]) -> None:
    found = Stand("deployment_plan", {"verb": "validate", "purpose": "deploy"}).run(variables)
    assert (found["order"], found["ledger_hosts"]) == ({}, ["db1"])


def in_region(live: dict[str, Any]) -> dict[str, Any]:
    """The live state of the hosts of the region eu, whose ledger is one of two on its host."""
    own = {"app1": live["app1"], "lb1": live["lb1"]}
    own["lb1"]["balancer"]["instances"] = {f"{slot}-app1": {"usable": True} for slot in ("blue", "green")}
    return {**own, "db1": {"ledgers": {"eu": live["db1"]["ledger"], "us": {"error": "torn"}}}}


def regionally(verb: str, live: dict[str, Any], **task: Any) -> Stand:
    return Stand("deployment_plan", {"verb": verb, "live": in_region(live), "region": "eu"}, **task)


def test_a_region_is_planned_with_its_hosts_and_begun_in_its_ledger(regional: dict[str, Any]) -> None:
    running = regionally("deploy", fleet_of("1.0", None))
    begun = running.run(regional)
    assert "failed" not in begun, begun
    assert (begun["plan"]["region"], list(begun["plan"]["hosts"]), begun["plan"]["balancers"]) == (
        "eu",
        ["app1"],
        ["lb1"],
    )
    assert [options["region"] for _name, options in running.ran] == ["eu"]
    assert begun["summary"].startswith("shop in eu: deploy 1.1")


def returning(live: dict[str, Any], before: str, deployed: str) -> Stand:
    """The action on its way back from a version that a run has deployed."""
    running = regionally("return", live)
    names = {"before": before, "deployed": deployed}
    returns = {key: {"revision": identifier(version), "version": version} for key, version in names.items()}
    running.action._task.args["returns"] = returns
    return running


def test_a_return_leads_to_what_the_region_had_whatever_the_operator_rolls_back_to(regional: dict[str, Any]) -> None:
    live = fleet_of("0.8", "1.1", stable="green", kept=("1.0",), history=tuple(map(proven, ("0.8", "1.0", "1.1"))))
    begun = returning(live, "1.0", "1.1").run({**regional, "slipway_rollback_to": "0.9"})
    assert "failed" not in begun, begun
    assert (begun["plan"]["verb"], begun["plan"]["to"]["version"]) == ("rollback", "1.0")


def test_a_return_touches_nothing_where_the_watch_was_faster(regional: dict[str, Any]) -> None:
    running = returning(fleet_of("1.0", "1.1", history=(proven("1.0"), proven("1.1"))), "1.0", "1.1")
    found = running.run(regional)
    assert (found["changed"], found["plan"]["changes"], found["plan"]["to"]["version"]) == (False, False, "1.0")
    assert found["plan"]["rollout"] == "blue_green", "the play names its role by it"
    assert "1.0 is active instead of 1.1" in found["summary"]
    assert running.ran == []


def test_an_abort_passes_over_a_region_with_nothing_under_way(regional: dict[str, Any]) -> None:
    asked = {**regional, "slipway_reason": "users report errors"}
    running = regionally("abort", fleet_of("1.0", None))
    found = running.run(asked)
    assert (found["plan"], running.ran) == ({"changes": False}, [])
    live = fleet_of("1.0", None)
    live["db1"]["ledger"] = {"error": "torn"}
    assert "torn" in regionally("abort", live).run(asked)["msg"]


def test_host_info_reads_the_ledger_of_each_region(variables: dict[str, Any]) -> None:
    stand = Stand("host_info", {"app": "shop", "reads": ["ledger"], "regions": ["eu", "us"]})
    stand.answers = {"slipway.release.ledger_info": {"token": 7, "changed": False}}
    found = stand.run(variables)
    assert found["ledgers"] == {"eu": {"token": 7}, "us": {"token": 7}}
    assert "ledger" not in found
    assert [options for _name, options in stand.ran] == [
        {"app": "shop", "region": name, "root_cause_hours": 24} for name in ("eu", "us")
    ]
