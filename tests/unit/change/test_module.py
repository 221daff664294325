# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module as a play runs it, and its documentation as the policy is read."""

from __future__ import annotations

import copy
import getpass
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.action import change_gate as action
from ansible_collections.slipway.release.plugins.module_utils._change import controller, spec
from ansible_collections.slipway.release.plugins.module_utils._change.document import namespace
from ansible_collections.slipway.release.plugins.modules import change_gate

from tests.unit.change.made import Keys
from tests.unit.running import play

HEADER_SECRET = "canary-4711"
TOP = Path(__file__).resolve().parent.parent.parent.parent
DOCUMENTED = yaml.safe_load(change_gate.DOCUMENTATION)["options"]
HOSTS: dict[str, Any] = {
    "all": {
        "vars": {"ansible_connection": "local"},
        "children": {
            "application": {"hosts": {"app1": {"slipway_address": "10.0.0.1"}}},
            "balancers": {"hosts": {"lb1": {"slipway_address": "10.0.0.2"}}},
        },
    }
}


def run(directory: Path, *tasks: dict[str, Any], inventory: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """What each task returned, run once and not stopped by one that fails."""
    listed: list[dict[str, Any]] = []
    for number, arguments in enumerate(tasks):
        listed.append(
            {
                "slipway.release.change_gate": {"app": "shop", "environment": "production", **arguments},
                "register": f"r{number}",
                "ignore_errors": True,
                "run_once": True,
            }
        )
    results = ", ".join(f"r{number}" for number in range(len(tasks)))
    write = {"content": f"{{{{ [{results}] | to_json }}}}", "dest": str(directory / "results.json"), "mode": "0600"}
    listed.append({"ansible.builtin.copy": write, "delegate_to": "localhost", "run_once": True})
    book = [{"hosts": "all", "gather_facts": False, "tasks": listed}]
    done = play(directory, book, inventory or HOSTS, TOP / ".cache" / "collections")
    assert done.returncode == 0, done.stdout + done.stderr
    assert HEADER_SECRET not in done.stdout + done.stderr
    found: list[dict[str, Any]] = json.loads((directory / "results.json").read_text(encoding="utf-8"))
    return found


def documented(options: dict[str, Any]) -> dict[str, Any]:
    """An argument spec out of a documentation."""
    made = {}
    for name, option in options.items():
        made[name] = {
            key: option[key] for key in ("type", "elements", "default", "required", "choices") if key in option
        }
        if "suboptions" in option:
            made[name]["options"] = documented(option["suboptions"])
    return made


def declared(options: dict[str, Any]) -> dict[str, Any]:
    made = {}
    for name, option in options.items():
        made[name] = {
            key: option[key] for key in ("type", "elements", "default", "required", "choices") if key in option
        }
        if "options" in option:
            made[name]["options"] = declared(option["options"])
    return made


def test_the_documentation_is_what_is_read() -> None:
    assert documented(DOCUMENTED["policy"]["suboptions"]) == declared(spec.POLICY)
    assert documented(DOCUMENTED["change"]["suboptions"]) == declared(spec.REQUEST)
    outermost = {
        name: {key: value for key, value in option.items() if key != "suboptions"}
        for name, option in DOCUMENTED.items()
    }
    assert documented(outermost) == declared(action.ARGUMENTS)


def test_an_approval_from_the_first_refusal_to_the_pass(keys: Keys, tmp_path: Path) -> None:
    policy = keys.policy(people={"eva": ["eva@example.com"], "dev": ["dev@example.com"], "me": [getpass.getuser()]})
    policy |= {"windows": [], "groups": {"engineering_manager": ["eva"]}, "override": {}}
    policy["approvals"]["groups"] = ["engineering_manager"]
    policy["approvals"]["ddl"] = []
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    task = {
        "policy": policy,
        "artifact_sha256": "A" * 64,
        "commit": "c0ffee",
        "change": {"id": "CR-17", "author": "dev@example.com"},
        "evidence": str(evidence),
    }
    (refused,) = run(tmp_path, task)
    assert refused["failed"] and refused["verdict"] == "block" and refused["missing"] == ["engineering_manager"]
    assert refused["msg"] == (
        "change gate: deploy of shop in production: block: no approval by engineering_manager. Remedy: let "
        f"engineering_manager sign slipway-approval of digest {refused['digest'][:12]}."
    )
    now = datetime.now(timezone.utc)
    content = {
        **refused["to_sign"]["approval"],
        "signer": "eva@example.com",
        "group": "engineering_manager",
        "given": now.isoformat(),
        "expires": (now + timedelta(hours=1)).isoformat(),
    }
    signed = json.dumps(content).encode("ascii")
    (evidence / "eva.json").write_bytes(signed)
    (evidence / "eva.json.sig").write_bytes(keys.signature("eva", signed, namespace("approval")))
    passed, other, elsewhere, abroad, failing_over, gone = run(
        tmp_path,
        task,
        {**task, "commit": "beef"},
        {**task, "environment": "staging"},
        {**task, "region": "us"},
        {**task, "operation": "failover"},
        {**task, "at": (now + timedelta(hours=2)).isoformat()},
    )
    assert not passed["failed"] and passed["verdict"] == "pass" and not passed["preview"]
    assert passed["approvals"][0]["person"] == "eva"
    assert passed["deployer"].startswith(f"{getpass.getuser()}@")
    assert "commit c0ffee instead of beef" in other["reasons"][0]
    assert "environment production instead of staging" in elsewhere["reasons"][0]
    assert "it is for region nothing instead of us" in abroad["reasons"][0]
    assert "it is for operation deploy instead of failover" in failing_over["reasons"][0]
    assert "it has expired" in gone["reasons"][0] and gone["preview"]
    moved = copy.deepcopy(HOSTS)
    moved["all"]["children"]["application"]["hosts"]["app1"]["ansible_host"] = "127.0.0.2"
    (elsewhere,) = run(tmp_path, task, inventory=moved)
    assert "it is for inventory" in elsewhere["reasons"][0], "another machine under the same name"


def test_a_preview_says_when_it_opens(tmp_path: Path) -> None:
    policy = {
        "timezone": "Europe/Berlin",
        "windows": [
            {"name": "close", "kind": "deny", "last_days": 3},
            {"name": "days", "kind": "allow", "days": ["tue"], "from": "09:00", "to": "16:00"},
        ],
    }
    closed, warned, opened, other = run(
        tmp_path,
        {"policy": policy, "at": "2026-11-30T10:00"},
        {"policy": {**policy, "enforcement": "warn"}, "at": "2026-11-30T10:00"},
        {"policy": policy, "at": "2026-12-01T09:00"},
        {"policy": policy, "at": "2026-11-30T10:00", "fail": False},
    )
    assert closed["failed"] and closed["next_open"] == "2026-12-01 09:00+01:00"
    assert closed["at"] == "2026-11-30T10:00:00+01:00"
    assert "Remedy: run at 2026-12-01 09:00+01:00 or later" in closed["msg"]
    assert not warned["failed"] and warned["verdict"] == "warn" and warned["warnings"] == [warned["msg"]]
    assert not opened["failed"] and opened["verdict"] == "pass" and opened["windows"][0]["effect"] == "allows"
    assert not other["failed"] and other["verdict"] == "block"


def test_a_way_back_passes_whatever_is_wrong(tmp_path: Path) -> None:
    shut = {"timezone": "UTC", "windows": [{"name": "shut", "kind": "deny", "rrule": "FREQ=DAILY"}]}
    wrong = {"timezone": "Mars/Olympus"}
    tasks: list[dict[str, Any]] = [
        {"policy": policy, "operation": operation, **more}
        for operation in ("rollback", "kill_switch")
        for policy, more in (
            (shut, {}),
            (wrong, {}),
            ("no policy", {}),
            (shut, {"compliance": ["nowhere"]}),
            (shut, {"evidence": "/nowhere"}),
            (shut, {"at": "later"}),
            ({"timezone": "UTC", "approvals": {"url": "https://[::1"}}, {}),
        )
    ]
    results = run(tmp_path, *tasks)
    for task, result in zip(tasks, results):
        assert not result["failed"] and result["verdict"] == "pass", (task, result)
        assert result["exempt"] and (result["reasons"] or "evidence" in task), (task, result)
    assert results[0]["reasons"] == ["freeze shut holds for more than 732 days"]
    assert "Mars/Olympus" in results[1]["reasons"][0]


@pytest.mark.parametrize("operation", ["rollback", "kill_switch"])
def test_no_mistake_of_the_gate_stops_a_way_back(monkeypatch: pytest.MonkeyPatch, operation: str) -> None:
    def broken(_names: list[str]) -> None:
        raise ValueError(HEADER_SECRET)

    monkeypatch.setattr(controller, "load", broken)
    task = SimpleNamespace(
        args={"app": "shop", "policy": {"timezone": "UTC"}, "operation": operation}, async_val=0, check_mode=False
    )
    connection = SimpleNamespace(_shell=SimpleNamespace(tmpdir="unused"))
    judging: Any = action.ActionModule
    templar = SimpleNamespace(template=lambda value: value)
    result = judging(task, connection, None, None, templar, None).run(task_vars={})
    assert not result["failed"] and result["exempt"]
    assert "ValueError" in result["msg"] and HEADER_SECRET not in json.dumps(result)


def test_no_variable_makes_somebody_else_deploy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_ID", "1")
    monkeypatch.setenv("AWX_HOST", "x")
    me = getpass.getuser()
    policy = {
        "timezone": "UTC",
        "people": {"ann": [], "dev": [me]},
        "groups": {"operations": ["ann"]},
        "deployers": ["operations"],
        "separate": ["author_deployer"],
    }
    hosts = copy.deepcopy(HOSTS)
    hosts["all"]["vars"] |= {"awx_job_id": "1", "awx_user_name": "ann"}
    pretended, listed = run(
        tmp_path,
        {"policy": policy, "change": {"author": me}},
        {"policy": {**policy, "people": {"ann": [], "dev": []}, "awx_accounts": [me]}, "change": {"author": "dev"}},
        inventory=hosts,
    )
    assert pretended["deployer"].startswith(f"ann (AWX as {me})@")
    assert pretended["reasons"] == ["dev is in none of the groups operations", "dev is the author and deploys"]
    assert listed["verdict"] == "pass"


def test_wrong_options_are_one_message(tmp_path: Path) -> None:
    utc = {"timezone": "UTC"}
    wrong: dict[str, dict[str, Any]] = {
        "slipway_change_policy.windos: there is no such variable": {"policy": {**utc, "windos": []}},
        "at: 'later' is no time": {"policy": utc, "at": "later"},
        "did you mean slipway_change.author": {"policy": utc, "change": {"autor": "x"}},
        "slipway_compliance[0]: there is no profile 'soks'": {"policy": utc, "compliance": ["soks"]},
    }
    for says, result in zip(wrong, run(tmp_path, *wrong.values())):
        assert result["failed"] and says in result["msg"] and "Remedy: " in result["msg"]


def test_no_header_is_shown(tmp_path: Path) -> None:
    policy = {
        "timezone": "UTC",
        "people": {"ann": []},
        "groups": {"lead": ["ann"]},
        "approvals": {
            "groups": ["lead"],
            "url": f"http://127.0.0.1:1/{HEADER_SECRET}",
            "headers": {"X-Token": HEADER_SECRET},
        },
    }
    (result,) = run(tmp_path, {"policy": policy})
    assert result["failed"] and "127.0.0.1 of slipway_change_policy.approvals.url" in result["msg"]
    assert HEADER_SECRET not in json.dumps(result)


def test_what_is_not_given_is_the_variable_as_it_is_then(tmp_path: Path) -> None:
    kept = tmp_path / "policy.json"
    window = {"name": "shut", "kind": "deny", "rrule": "FREQ=DAILY"}
    kept.write_text(json.dumps({"timezone": "UTC", "windows": [window]}), encoding="utf-8")
    hosts = copy.deepcopy(HOSTS)
    hosts["all"]["vars"] |= {
        "slipway_change_policy": f"{{{{ lookup('file', '{kept}') | from_json }}}}",
        "slipway_inventory_region": "eu",
    }
    shut, back = run(tmp_path, {}, {"operation": "rollback"}, inventory=hosts)
    assert shut["failed"] and shut["to_sign"]["approval"]["subject"]["region"] == "eu"
    assert back["verdict"] == "pass" and back["reasons"] == shut["reasons"] == [
        "freeze shut holds for more than 732 days"
    ]
    kept.unlink()
    broken, returned = run(tmp_path, {}, {"operation": "rollback"}, inventory=hosts)
    assert broken["failed"] and "policy.json" in broken["msg"]
    assert not returned["failed"] and returned["exempt"] and returned["reasons"]
