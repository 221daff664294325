# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment is judged before its lease is taken, and no way back is stopped by anything about change control."""

from __future__ import annotations

import getpass
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._change import deployment
from ansible_collections.slipway.release.plugins.module_utils._change.deployment import for_the_audit_log
from ansible_collections.slipway.release.plugins.module_utils._change.document import namespace
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned

from tests.unit.change.made import Keys
from tests.unit.plan.made import fleet_of, leave_unfinished, proven
from tests.unit.plan.test_actions import LEDGER, Stand, Templar, planning, variables
from tests.unit.plan.test_actions_database import deploying
from tests.unit.plan.test_planner_database import APPLIED

__all__ = ["variables"]
TASKS = Path(__file__).resolve().parents[3] / "roles" / "rollout" / "tasks"
SHUT = {"timezone": "Europe/Berlin", "windows": [{"name": "shut", "kind": "deny", "rrule": "FREQ=DAILY"}]}
OPEN = {
    "timezone": "Europe/Berlin",
    "windows": [{"name": "past", "kind": "deny", "starts": "2020-01-01", "ends": "2020-01-02"}],
}


def test_without_a_policy_nothing_is_judged(variables: dict[str, Any]) -> None:
    begun = planning().run(variables)
    assert begun["change"] == {} and "change gate" not in begun["summary"]


def test_a_freeze_stops_it_before_the_lease(variables: dict[str, Any]) -> None:
    stand = planning()
    result = stand.run({**variables, "slipway_change_policy": SHUT, "slipway_environment": "production"})
    assert result["failed"] and not result["changed"] and stand.ran == []
    assert result["msg"].startswith("change gate: deploy of shop in production: block: freeze shut holds")
    assert "Remedy: " in result["msg"] and result["change"]["findings"][0]["kind"] == "windows"
    assert set(result) == {"failed", "changed", "msg", "change"}, "no plan around the message"


class Audited(Stand):
    """The planning of a play whose tasks are audited."""

    def __init__(self, **task: Any) -> None:
        audit = {"stream": "deployments"}
        super().__init__("deployment_plan", {"verb": "deploy", "live": fleet_of("1.0", None), "audit": audit}, **task)
        self.answers["slipway.release.ledger"] = {"changed": False}


def test_a_refusal_is_told_to_the_audit_log_without_a_lease(variables: dict[str, Any]) -> None:
    stand = Audited()
    given = {**variables, "slipway_change_policy": SHUT, "slipway_environment": "production"}
    result = stand.run(given)
    ((name, told),) = stand.ran
    assert (name, told["command"], told["purpose"], told["app"]) == (
        "slipway.release.ledger",
        "refuse",
        "deploy",
        "shop",
    )
    assert told["change"] == for_the_audit_log(result["change"])
    assert told["change"]["verdict"] == "block" and "freeze shut holds" in told["change"]["reasons"][0]
    assert told["audit"]["context"]["version"] == "1.1" and told["audit"]["context"]["environment"] == "production"
    checking = Audited(check_mode=True)
    assert not checking.run(given).get("failed") and checking.ran == []


def test_a_checklist_that_blocks_is_told_to_the_audit_log(variables: dict[str, Any]) -> None:
    stand = Audited()
    hostvars = {**variables["hostvars"], "localhost": {"__checklist": BLOCKS}}
    assert stand.run({**variables, "hostvars": hostvars})["msg"] == BLOCKS["msg"]
    ((_name, told),) = stand.ran
    assert (told["command"], told["purpose"]) == ("refuse", "deploy")
    assert told["change"] == {"verdict": "block", "reasons": [BLOCKS["msg"]]}
    checking = Audited(check_mode=True)
    assert checking.run({**variables, "hostvars": hostvars})["failed"] and checking.ran == []


@pytest.mark.parametrize("how", ["failed", "unreachable", "raised"])
def test_what_keeps_a_refusal_from_the_audit_log_does_not_mask_it(variables: dict[str, Any], how: str) -> None:
    stand = Audited()
    stand.answers["slipway.release.ledger"] = {how: True, "msg": "the disk is full"}
    if how == "raised":
        stand.answers = {}
    result = stand.run({**variables, "slipway_change_policy": SHUT})
    assert result["failed"] and result["msg"].startswith("change gate: deploy of shop: block: freeze shut holds")
    (warning,) = result["warnings"]
    says = "KeyError" if how == "raised" else "the disk is full"
    assert warning == f"the audit log does not have this refusal: {says}"


def test_a_check_says_what_would_be_and_shows_the_plan(variables: dict[str, Any]) -> None:
    given = {
        **variables,
        "slipway_change_policy": {**OPEN, "windows": [{"name": "close", "kind": "deny", "last_days": 3}]},
    }
    frozen = planning(check_mode=True).run({**given, "slipway_change_at": "2026-11-30T10:00"})
    assert not frozen.get("failed") and frozen["plan"]["changes"] and frozen["change"]["verdict"] == "block"
    assert "at 2026-11-30T10:00:00+01:00: block" in frozen["summary"]
    assert "run at 2026-12-01 00:00+01:00 or later" in frozen["summary"]
    later = planning(check_mode=True).run({**given, "slipway_change_at": "2026-12-01T10:00"})
    assert later["summary"].endswith("at 2026-12-01T10:00:00+01:00: pass")


def test_what_passes_begins_and_its_evidence_begins_with_the_verdict(variables: dict[str, Any]) -> None:
    stand = planning()
    begun = stand.run({**variables, "slipway_change_policy": OPEN, "slipway_environment": "production"})
    assert begun["deployment"] == "d1" and begun["change"]["again"]
    assert begun["summary"].endswith("change gate: deploy of shop in production: pass")
    (entry,) = [found["entry"] for name, found in begun["ansible_facts"].items() if name[-1].isdigit()]
    assert (entry["stage"], entry["verdict"]) == ("change control", "pass")
    kept = entry["hosts"]["db1"]
    assert (kept["kind"], kept["verdict"], kept["digest"]) == ("change", "pass", begun["change"]["digest"])
    assert stand.ran[0][1]["plan"] == planning().run(variables)["plan"], "the plan is what it is without a policy"


def test_an_approval_is_for_the_artifact_that_the_plan_has(
    variables: dict[str, Any], keys: Keys, tmp_path: Path
) -> None:
    me = getpass.getuser()
    policy = keys.policy(windows=[], people={"eva": ["eva@example.com"], "dev": [], "me": [me]}, override={})
    policy |= {"groups": {"lead": ["eva"]}}
    policy["approvals"] |= {"groups": ["lead"], "ddl": []}
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    given = {
        **variables,
        "slipway_change_policy": policy,
        "slipway_environment": "production",
        "slipway_change": {"id": "CR-17", "author": "dev"},
        "slipway_change_evidence": str(evidence),
        "slipway_change_to_sign": str(tmp_path),
    }
    refused = planning().run(given)
    assert refused["failed"] and refused["change"]["missing"] == ["lead"]
    now = datetime.now(timezone.utc)
    content = json.dumps(
        {
            **json.loads((tmp_path / "shop.approval.json").read_text(encoding="utf-8")),
            "signer": "eva@example.com",
            "group": "lead",
            "given": now.isoformat(),
            "expires": (now + timedelta(hours=1)).isoformat(),
        }
    ).encode("ascii")
    (evidence / "eva.json").write_bytes(content)
    (evidence / "eva.json.sig").write_bytes(keys.signature("eva", content, namespace("approval")))
    passed = planning().run(given)
    assert passed["change"]["verdict"] == "pass" and passed["deployment"] == "d1"
    (Path(variables["slipway_artifact"]) / "app.py").write_text("print(1)\n")
    other = planning().run(given)
    assert other["failed"] and "it is for artifact" in other["msg"]


def test_the_audit_log_is_told_who_has_approved_and_overridden_what(variables: dict[str, Any]) -> None:
    stand = planning()
    stand.run({**variables, "slipway_change_policy": {**SHUT, "enforcement": "warn"}})
    told = stand.ran[0][1]["change"]
    assert told["verdict"] == "warn" and "freeze shut holds" in told["reasons"][0]
    change = {
        "verdict": "pass",
        "findings": [{"what": "freeze shut holds", "overridden": True}, {"what": "else", "overridden": False}],
        "approvals": [{"person": "eva", "signer": "eva@example.com"}, {"person": "otto", "refusal": "it is expired"}],
    }
    expected = {"verdict": "pass", "approved_by": ["eva"], "overridden": ["freeze shut holds"]}
    assert for_the_audit_log(change) == expected
    assert for_the_audit_log({}) == {}


def test_what_the_checklist_found_counts_before_what_is_said(variables: dict[str, Any]) -> None:
    given = {**variables, "slipway_change_policy": OPEN, "slipway_compliance": ["hipaa"]}
    given["slipway_change_gates"] = {"debug_off": "pass", "security_scan": "pass"}

    def about_gates(**more: Any) -> list[str]:
        hostvars = {**variables["hostvars"], "localhost": more}
        reasons = planning().run({**given, "hostvars": hostvars})["change"]["reasons"]
        return [reason for reason in reasons if reason.startswith(("gate debug_off", "gate security_scan"))]

    assert about_gates() == []
    assert about_gates(__checklist={"gates": {"security_scan": "fail"}}) == ["gate security_scan: fail"]


BLOCKS = {"msg": "the checklist blocks: app.py:1: a password.", "verdict": "block", "failed": False}


@pytest.mark.parametrize("found", [BLOCKS, {"failed": True, "msg": "slipway_checklist: no."}])
@pytest.mark.parametrize("check_mode", [False, True])
def test_a_checklist_that_blocks_stops_a_release_before_its_lease(
    variables: dict[str, Any], found: dict[str, Any], check_mode: bool
) -> None:
    stand = planning(check_mode=check_mode)
    hostvars = {**variables["hostvars"], "localhost": {"__checklist": found}}
    refused = stand.run({**variables, "hostvars": hostvars})
    assert refused == {"failed": True, "changed": False, "msg": found["msg"]} and stand.ran == []
    hostvars["localhost"] = {"__checklist": {"verdict": "warn", "msg": "checklist: old."}}
    assert not planning(check_mode=check_mode).run({**variables, "hostvars": hostvars}).get("failed")


@pytest.mark.parametrize("committed", [[], ["gate"], ["gate", "undo"]])
def test_a_checklist_stops_no_deployment_that_was_interrupted(variables: dict[str, Any], committed: list[str]) -> None:
    live, _planned = unfinished(variables, committed)
    stand = planning(live=live)
    hostvars = {**variables["hostvars"], "localhost": {"__checklist": BLOCKS}}
    result = stand.run({**variables, "hostvars": hostvars})
    assert not result.get("failed") and stand.ran
    assert [warning for warning in result["warnings"] if warning.startswith(BLOCKS["msg"])]


def test_a_checklist_stops_neither_what_is_done_nor_the_next_region(variables: dict[str, Any]) -> None:
    hostvars = {**variables["hostvars"], "localhost": {"__checklist": BLOCKS}}
    stand = planning()
    stand.action._task.args["changed_regions"] = [{"region": "eu"}]
    assert not stand.run({**variables, "hostvars": hostvars}).get("failed")
    rollback = planning(verb="rollback", live=fleet_of("1.1", "1.0", history=(proven("1.0"), proven("1.1"))))
    assert not rollback.run({**variables, "hostvars": hostvars}).get("failed")


def test_what_is_to_be_signed_is_written_or_refused(variables: dict[str, Any], tmp_path: Path) -> None:
    given = {**variables, "slipway_change_policy": SHUT, "slipway_change_to_sign": str(tmp_path / "nowhere")}
    refused = planning(check_mode=True).run(given)
    assert refused["failed"] and refused["error"]["where"].startswith("slipway_change_to_sign")
    shown = planning(check_mode=True).run({**given, "slipway_change_to_sign": str(tmp_path)})
    written = json.loads((tmp_path / "shop.override.json").read_text(encoding="utf-8"))
    assert written == shown["change"]["to_sign"]["override"]


def test_migrations_that_are_due_need_whom_the_policy_names(
    variables: dict[str, Any], keys: Keys, tmp_path: Path
) -> None:
    policy = keys.policy(windows=[], override={})
    policy["approvals"] |= {"groups": []}
    variables |= {"slipway_change_policy": policy, "slipway_environment": "production"}
    assert not deploying(variables, tmp_path, *APPLIED).run(variables).get("failed")
    refused = deploying(variables, tmp_path, *APPLIED, "8 expand pending").run(variables)
    assert refused["failed"] and refused["change"]["missing"] == ["dba"]


class Breaking(Templar):
    """A templar that fails as filters do whose mistakes Ansible does not expect."""

    def template(self, value: Any) -> Any:
        if value == "{{ 1 / 0 }}":
            raise ZeroDivisionError("canary-4711")
        return super().template(value)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (SHUT, "freeze shut holds"),
        ("{{ nothing }}", "'nothing' is undefined"),
        ("{{ 1 / 0 }}", "it ended with ZeroDivisionError"),
        ({"timezone": "Mars/Olympus"}, "no time zone"),
        ("no policy", "it could not be judged"),
    ],
)
def test_a_rollback_passes_and_says_what_stood_against_it(variables: dict[str, Any], policy: Any, says: str) -> None:
    stand = planning(verb="rollback", live=fleet_of("1.1", "1.0", history=(proven("1.0"), proven("1.1"))))
    stand.action._templar = Breaking()
    result = stand.run({**variables, "slipway_change_policy": policy, "slipway_change_evidence": "/nowhere"})
    assert "canary" not in str(result)
    assert not result.get("failed") and result["deployment"] == "d1" and stand.ran
    assert result["change"]["exempt"] == "a rollback always passes" and not result["change"]["again"]
    assert says in result["summary"]


def test_an_abort_passes(variables: dict[str, Any]) -> None:
    live, _planned = unfinished(variables, ["gate"])
    result = planning(verb="abort", live=live).run(
        {**variables, "slipway_reason": "it is wrong", "slipway_change_policy": SHUT}
    )
    assert not result.get("failed") and result["change"]["exempt"] == "an abort always passes"


def unfinished(given: dict[str, Any], committed: list[str], **more: Any) -> tuple[dict[str, Any], Planned]:
    live = fleet_of("1.0", None)
    shown = planning(check_mode=True, live=live).run(given)
    planned = Planned(shown["plan"], shown["digest"])
    leave_unfinished(live, planned)
    live["db1"]["ledger"]["unfinished"] |= {"committed": committed, **more}
    return live, planned


@pytest.mark.parametrize(
    ("committed", "more", "passes"),
    [
        ([], {}, False),
        (["migrate", "before_traffic"], {}, False),
        (["gate"], {}, True),
        (["gate", "undo"], {}, True),
        (["before_traffic", "gate"], {"parked": {"stage": "before_traffic", "waits_for": ""}}, False),
    ],
)
def test_only_what_moves_traffic_already_goes_on_in_a_freeze(
    variables: dict[str, Any], committed: list[str], more: dict[str, Any], passes: bool
) -> None:
    variables["slipway_approvals"] = ["before_traffic"]
    live, _planned = unfinished(variables, committed, **more)
    stand = planning(live=live)
    stand.answers["slipway.release.ledger"] = {**LEDGER, "committed": committed, "resumed": True}
    result = stand.run({**variables, "slipway_change_policy": SHUT})
    assert bool(result.get("failed")) != passes, result.get("msg")
    assert bool(stand.ran) == passes
    assert bool(result["change"]["exempt"]) == passes


@pytest.mark.parametrize(("committed", "passes"), [([], False), (["gate", "undo"], True)])
def test_no_policy_that_cannot_be_judged_stops_a_deployment_that_goes_back(
    variables: dict[str, Any], monkeypatch: pytest.MonkeyPatch, committed: list[str], passes: bool
) -> None:
    def broken(*_given: Any) -> dict[str, Any]:
        raise InputError("the profile is gone", where="slipway_compliance", remedy="bring it back")

    monkeypatch.setattr(deployment, "judged", broken)
    live, _planned = unfinished(variables, committed)
    stand = planning(live=live)
    result = stand.run({**variables, "slipway_change_policy": OPEN})
    assert bool(result.get("failed")) != passes and bool(stand.ran) == passes
    assert "the profile is gone" in (result["change"] if passes else result)["msg"]


@pytest.mark.parametrize(("committed", "required"), [([], True), (["gate"], True), (["gate", "undo"], False)])
def test_a_deployment_that_goes_back_needs_no_audit_log(
    variables: dict[str, Any], committed: list[str], required: bool
) -> None:
    live, _planned = unfinished(variables, committed)
    stand = planning(live=live)
    stand.action._task.args["audit"] = {"stream": "deployments"}
    assert not stand.run(variables).get("failed")
    assert stand.ran[0][1]["audit"]["required"] == required


def test_what_waits_and_what_changes_nothing_is_not_judged(variables: dict[str, Any]) -> None:
    variables["slipway_approvals"] = ["before_traffic"]
    live, _planned = unfinished(variables, [], parked={"stage": "before_traffic", "waits_for": "for an approval"})
    waiting = planning(live=live).run({**variables, "slipway_change_policy": SHUT})
    assert not waiting.get("failed") and waiting["parked"] and waiting["change"] == {}


@pytest.mark.parametrize(("name", "moves"), [("gate.yml", "traffic.yml"), ("batches.yml", "batch.yml")])
def test_the_roles_judge_it_again_last_before_the_traffic_moves(name: str, moves: str) -> None:
    def flat(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [one for task in tasks for one in (task, *flat(task.get("block", [])))]

    tasks = flat(yaml.safe_load((TASKS / name).read_text(encoding="utf-8")))
    included = [task.get("ansible.builtin.include_tasks") for task in tasks]
    at = included.index("change.yml")
    assert included[at - 1] == "hooks.yml"
    assert tasks[at]["when"] == ["rollout_change.again | default(false)", "not __rollout_traffic_begun"]
    assert at == len(tasks) - 1 if name == "gate.yml" else included[at + 1] == moves
    judging, verdict = yaml.safe_load((TASKS / "change.yml").read_text(encoding="utf-8"))
    asked = judging["slipway.release.change_gate"]
    assert judging["run_once"] and asked["begun"] and not asked["fail"]
    assert "run_once" not in verdict and verdict["slipway.release.stage_verdict"]["require"] == {"allowed": True}


def test_the_runway_is_not_asked_for_again(tmp_path: Path) -> None:
    from tests.unit.change.test_module import run

    now = datetime.now(timezone.utc)
    ahead = {
        "name": "ahead",
        "kind": "deny",
        "starts": f"{now + timedelta(hours=1):%Y-%m-%d %H:%M}",
        "ends": "2150-01-01",
    }
    holds = {**ahead, "starts": "2020-01-01"}
    first, again, frozen = run(
        tmp_path,
        {"policy": {"timezone": "UTC", "runway": 7200, "windows": [ahead]}},
        {"policy": {"timezone": "UTC", "runway": 7200, "windows": [ahead]}, "begun": True},
        {"policy": {"timezone": "UTC", "runway": 7200, "windows": [holds]}, "begun": True},
    )
    assert (first["allowed"], again["allowed"], frozen["allowed"]) == (False, True, False)
