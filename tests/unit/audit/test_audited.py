# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Modules that act, as the playbooks run them: what they write, what stops them, and what is shown nowhere."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible import constants
from ansible_collections.slipway.release.plugins.module_utils._audit.interrupted import Interrupted
from ansible_collections.slipway.release.plugins.module_utils._audit.operation import auditor, discontinued
from ansible_collections.slipway.release.plugins.module_utils._audit.record import read
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Kept
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._inputs.rules import audit as rules
from ansible_collections.slipway.release.plugins.module_utils._inputs.rules.base import Context
from ansible_collections.slipway.release.plugins.modules import audit_emit, hook_run, lb_switch
from ansible_collections.slipway.release.plugins.modules.ledger import where_it_ends
from ansible_collections.slipway.release.plugins.plugin_utils import heads
from ansible_collections.slipway.release.plugins.plugin_utils.audited import goes_back
from ansible_collections.slipway.release.plugins.plugin_utils.ending import Ending
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tools.environments import TOP

from ..flags.test_playbooks import book, kept
from ..running import module_result, play
from .made import an_event, files, lines, log
from .test_note import pem

COLLECTIONS = Path(audit_emit.__file__ or "").parents[5]
GROUP = "group/slipway.release.audited"
SECRET = "canary-s3cret/value+1"
SPY = """
import syslog
def told(*parts):
    open({path!r}, 'a').write(repr(parts) + '\\n')
syslog.openlog = syslog.syslog = told
"""
OF_THE_CONTROLLER = ("change_gate", "deployment_plan")
# Arguments that the module accepts, and with which it does nothing here.
CALLS: dict[str, dict[str, Any]] = {
    "agent_place": {"library": "{{ scratch }}"},
    "flag_restore": {
        "flags": [{"name": "x", "strategy": "full"}],
        "store": {"kind": "json", "path": "{{ scratch }}/none/flags.json"},
    },
    "flag_set": {"name": "x", "strategy": "full", "store": {"kind": "json", "path": "{{ scratch }}/none/flags.json"}},
    "hook_run": {"name": "x", "command": "true"},
    "lb_structure": {"config": {"schema": 99, "app": "x-none", "kind": "nginx", "servers": {}}, "files": []},
    "lb_switch": {"app": "x-none", "percents": {"blue": 100, "green": 0}},
    "ledger": {"app": "{{ scratch }}/ledger", "command": "finish", "deployment": "d", "token": 1, "result": "failed"},
    "pg_backfill": {
        "name": "x",
        "table": "t",
        "set": {"a": "1"},
        "where": "true",
        "dsn": "host=/nowhere",
        "retry_deadline": 0,
    },
    "pg_dual_write": {"table": "t", "column": "a", "new_column": "b", "dsn": "host=/nowhere", "retry_deadline": 0},
    "pg_migrate": {"path": "{{ scratch }}/none", "dsn": "host=/nowhere", "retry_deadline": 0},
    "release_place": {"app": "X", "slot": "blue", "state": "stopped"},
}


def audited() -> list[str]:
    """The modules of the action group, but those that run another of them."""
    runtime = yaml.safe_load((TOP / "meta" / "runtime.yml").read_text(encoding="utf-8"))
    return [name for name in runtime["action_groups"]["audited"] if name not in OF_THE_CONTROLLER]


def run(
    directory: Path,
    tasks: list[dict[str, Any]],
    *more: dict[str, Any],
    hosts: tuple[str, ...] = ("db1",),
    **play_keys: Any,
) -> tuple[int, str]:
    """Run tasks as a play of the collection does: audited, by the variables of the operator."""
    settings = {"directory": f"{directory}/log/{{{{ inventory_hostname }}}}", "values": [SECRET]}
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "scratch": str(directory),
        "slipway_audit": settings,
        "slipway_environment": "production",
        "slipway_change": {"id": "CHG-1"},
    }
    inventory = {"all": {"hosts": dict.fromkeys(hosts, {}), "vars": {**variables, **(more[0] if more else {})}}}
    book = {
        "hosts": "all",
        "gather_facts": False,
        "module_defaults": {GROUP: {"audit": {"stream": "deployments"}}},
        "tasks": tasks,
        **play_keys,
    }
    done = play(directory, [book], inventory, COLLECTIONS)
    return done.returncode, done.stdout + done.stderr


def recorded(directory: Path, host: str = "db1") -> list[dict[str, Any]]:
    """The events of a host's log, without those of the log itself."""
    current = files(directory / "log" / host).current
    found = [json.loads(line)["event"] for line in lines(current)] if current.exists() else []
    return [it for it in found if it["type"] != "audit.log"]


def test_every_module_with_the_option_is_in_the_group_and_has_an_action() -> None:
    having = [
        path.stem
        for path in (TOP / "plugins" / "modules").glob("*.py")
        if re.search(r'^    "audit": AUDIT,|"audit": AUDIT}', path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    assert sorted(having) == sorted(audited()) == sorted(CALLS)
    assert all((TOP / "plugins" / "action" / f"{name}.py").exists() for name in having)


@pytest.fixture(scope="module")
def system_log(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """What the modules tell the system log, and what they print, without and with the option."""
    directory = tmp_path_factory.mktemp("syslog")
    site = directory / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SPY.format(path=str(directory / "syslog")), encoding="utf-8")
    (site / "systemd.py").write_text("raise ImportError\n", encoding="utf-8")
    secret = {"stream": "deployments", "context": {"change_request": "{{ hidden }}"}, "mask": ["change_request"]}
    tasks = []
    for name in audited():
        for audit in (None, secret):
            given = {**CALLS[name], **({"audit": audit} if audit else {})}
            tasks.append({f"slipway.release.{name}": given, "ignore_errors": True})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(site))
        patch.setenv("ANSIBLE_VERBOSITY", "4")
        patch.setenv("ANSIBLE_DIFF_ALWAYS", "1")
        settings = {"directory": f"{directory}/log/db1"}
        _code, output = run(directory, tasks, {"hidden": SECRET, "slipway_audit": settings}, module_defaults={})
    return (directory / "syslog").read_text(encoding="utf-8"), output


@pytest.mark.parametrize("name", audited())
def test_no_secret_in_the_system_log_or_the_output(name: str, system_log: tuple[str, str]) -> None:
    told, output = system_log
    calls = [part for part in told.split("('ansible-")[1:] if part.startswith(f"slipway.release.{name}'")]
    assert "Invoked with" in "".join(calls), "the module was not told of at all"
    assert SECRET not in "".join(calls)
    assert SECRET not in told
    assert SECRET not in output
    assert json.dumps(SECRET)[1:-1] not in output


def test_what_a_play_gives_once_reaches_every_task_and_its_own_defaults_stay(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text(
        yaml.safe_dump([{"slipway.release.hook_run": {"name": "included", "command": "true"}}]), encoding="utf-8"
    )
    tasks: list[dict[str, Any]] = [
        {"slipway.release.hook_run": {"name": "{{ item }}"}, "loop": ["one", "two"]},
        {"slipway.release.hook_run": {"name": "background"}, "async": 30, "poll": 1},
        {"slipway.release.hook_run": {"name": "elsewhere"}, "delegate_to": "db2", "run_once": True},
        {"ansible.builtin.include_tasks": str(tmp_path / "more.yml")},
        {"slipway.release.hook_run": {"name": "checked"}, "check_mode": True},
    ]
    defaults = {GROUP: {"audit": {"stream": "deployments"}}, "slipway.release.hook_run": {"command": "echo default"}}
    plan = {"to": {"version": "1.4.2"}, "rollout": "canary", "revision": {"artifact": {"commit": "abc"}}}
    planned = {"plan": plan, "deployment": "d1", "token": 7}
    code, output = run(tmp_path, tasks, {"__deployment_plan": planned}, hosts=("db1", "db2"), module_defaults=defaults)
    assert code == 0, output
    targets = [it["target"] for it in recorded(tmp_path)]
    assert targets == [name for name in ("one", "two", "background", "elsewhere", "included") for _stage in range(2)]
    assert [it["target"] for it in recorded(tmp_path, "db2")] == targets[:6] + targets[8:]
    for event in recorded(tmp_path):
        assert event["initiator"]["user"]
        assert (event["environment"], event["change_request"]) == ("production", "CHG-1")
        assert (event["version"], event["commit"], event["strategy"]) == ("1.4.2", "abc", "canary")
        assert (event["deployment"], event["token"]) == ("d1", 7)
    outcome = recorded(tmp_path)[1]
    assert (outcome["stage"], outcome["outcome"], outcome["result"]) == ("outcome", "success", "pass")
    assert outcome["correlation"] == recorded(tmp_path)[0]["id"]


@pytest.mark.parametrize(("command", "outcome"), [("true", "success"), ("false", "failure"), ("/none", "failure")])
def test_a_hook_that_fails_is_a_failure_in_the_log(tmp_path: Path, command: str, outcome: str) -> None:
    audit = {"stream": "deployments", "directory": str(tmp_path / "log" / "db1")}
    result = module_result(hook_run, name="x", command=command, audit=audit)
    assert result.get("failed", False) is (outcome == "failure")
    assert [it["outcome"] for it in recorded(tmp_path)] == ["pending", outcome]


def test_nothing_is_written_where_the_operator_wants_none(tmp_path: Path) -> None:
    settings = {"slipway_audit": {"enabled": "no", "directory": f"{tmp_path}/log/db1"}}
    code, output = run(tmp_path, [{"slipway.release.hook_run": CALLS["hook_run"]}], settings)
    assert code == 0, output
    assert not (tmp_path / "log").exists()


def test_what_the_operator_hides_is_not_in_the_log(tmp_path: Path) -> None:
    flag = {**CALLS["flag_set"], "name": "x", "store": {"kind": "json", "path": f"{tmp_path}/{SECRET[:13]}/flags.json"}}
    settings = {"directory": f"{tmp_path}/log/db1", "values": [SECRET[:13]], "mask": ["details.strategy"]}
    code, output = run(tmp_path, [{"slipway.release.flag_set": flag}], {"slipway_audit": settings})
    assert code != 0, output
    refused = recorded(tmp_path)[-1]
    assert refused["outcome"] != "success" and refused["details"]["strategy"] == "********"
    assert SECRET[:13] not in json.dumps(recorded(tmp_path))


FULL = {"slipway_audit": {"directory": "/dev/null/log"}}


def test_an_act_whose_intent_cannot_be_written_does_not_happen(tmp_path: Path) -> None:
    hook = {"slipway.release.hook_run": {"name": "x", "command": f"touch {tmp_path}/acted"}}
    code, output = run(tmp_path, [hook], FULL)
    assert code != 0 and "the audit log cannot be written" in output
    assert not (tmp_path / "acted").exists()


@pytest.mark.parametrize(
    "back",
    [
        {"deployment_verb": "abort"},
        {"deployment_verb": "rollback"},
        {"region_way": "back"},
        {"__rollout_goes_back": True},
        {"__deployment_plan": {"plan": {"verb": "rollback"}}},
        {},
    ],
)
def test_nothing_keeps_anybody_from_going_back(tmp_path: Path, back: dict[str, Any]) -> None:
    hook = {"slipway.release.hook_run": {"name": "x", "command": f"touch {tmp_path}/acted"}}
    defaults = {GROUP: {"audit": {"stream": "deployments", **({} if back else {"required": False})}}}
    code, output = run(tmp_path, [hook], {**FULL, **back}, module_defaults=defaults)
    assert code == 0, output
    assert (tmp_path / "acted").exists()
    assert "the audit log does not have this act, which goes on" in " ".join(output.split())


def test_settings_that_cannot_be_told_stop_what_goes_on_and_not_what_goes_back(tmp_path: Path) -> None:
    hook = {"slipway.release.hook_run": {"name": "x", "command": f"touch {tmp_path}/acted"}}
    broken = {"slipway_audit": {"values": ["{{ nowhere }}"]}}
    code, output = run(tmp_path, [hook], broken)
    assert code != 0 and "slipway_audit" in output and not (tmp_path / "acted").exists()
    code, output = run(tmp_path, [hook], {**broken, "deployment_verb": "abort"})
    assert code == 0 and (tmp_path / "acted").exists(), output


def test_a_kill_is_in_the_log_whatever_else_is_wrong(tmp_path: Path) -> None:
    hosts = {"slipway_flags_hosts": ["application"], "slipway_version": "{{ nowhere }}"}
    done = book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", **hosts)
    assert done.returncode == 0, done.stdout + done.stderr
    for host in ("app1", "app2"):
        found = [json.loads(line)["event"] for line in lines(files(tmp_path / "audit" / host).current)]
        assert [(it["operation"], it["target"], it["stage"]) for it in found[1:]] == [
            ("kill", "search", "intent"),
            ("kill", "search", "outcome"),
        ]


@pytest.mark.parametrize("settings", [{"values": {"a": "b"}}, {"mask": "result"}, {"directory": "x"}, "wrong"])
def test_a_kill_happens_whatever_the_settings_of_the_log_are(tmp_path: Path, settings: Any) -> None:
    hosts = {"slipway_audit": settings, "slipway_flags_hosts": ["application"]}
    done = book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", **hosts)
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept(tmp_path, "app1", "search")["defaultVariant"] == "off"
    assert "the audit log does not have this act" in " ".join((done.stdout + done.stderr).split())


def test_what_goes_back_waits_for_no_other_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []

    def kept_by_another(_path: Path, *, shared: bool = False, timeout: float = 30) -> Any:
        waited.append(timeout)
        raise StateError("another process has kept the lock", where="lock", remedy="see what it does")

    monkeypatch.setattr("ansible_collections.slipway.release.plugins.module_utils._audit.log.locked", kept_by_another)
    option = {"directory": str(tmp_path), "stream": "deployments", "context": {}, "mask": [], "values": []}
    with auditor({**option, "required": False}, check_mode=False).operation("traffic", "switch") as act:
        act.result = "changed"
    assert waited == [2, 2]
    with pytest.raises(StateError), auditor(option, check_mode=False).operation("traffic", "switch"):
        pytest.fail("the act needs its intent")
    assert waited == [2, 2, 30]


def test_a_kill_happens_where_no_log_can_be_written(tmp_path: Path) -> None:
    settings = {"slipway_audit": FULL["slipway_audit"], "slipway_flags_hosts": ["application"]}
    done = book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept(tmp_path, "app1", "search")["defaultVariant"] == "off"
    assert "the audit log does not have this act" in " ".join((done.stdout + done.stderr).split())


def test_only_a_deployment_that_goes_forward_needs_its_log() -> None:
    assert not goes_back(
        {"deployment_verb": "deploy", "region_way": "there", "__deployment_plan": {"plan": {"verb": "deploy"}}}
    )


@pytest.mark.parametrize(
    ("given", "acts"),
    [
        ({}, False),
        ({"lease_seconds": 60, "return_to": {"blue": 100, "green": 0}}, False),
        ({"percents": {"blue": 0, "green": 100}}, True),
        ({"servers": {"blue-app1": "drain"}}, True),
        ({"open": False}, False),
        ({"open": True}, True),
        ({"override": True}, True),
        ({"settle": True}, True),
        ({"drain": ["blue"]}, True),
    ],
)
def test_a_sign_of_life_is_no_event(given: dict[str, Any], acts: bool) -> None:
    spec = lb_switch.ARGUMENTS
    params = {name: given.get(name, spec[name].get("default")) for name in spec}
    assert lb_switch.acts(params) is acts


class Scene:
    """The end of a run: the action of the ledger with what it knows, and the log of a host that it signs."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        (directory / "key.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
        self.kept = Kept(str(directory / "kept"), "db1/deployments")

    def end(self, result: dict[str, Any], command: str = "finish", **variables: Any) -> tuple[Ending, dict[str, Any]]:
        settings = {
            "signing_key": str(self.directory / "key.pem"),
            "checkpoint_directory": str(self.directory / "kept"),
        }
        action: Any = SimpleNamespace(
            _task=SimpleNamespace(check_mode=False),
            _templar=SimpleNamespace(template=lambda value: value),
            acting_host=lambda _variables: "db1",
        )
        arguments = {"command": command, "audit": {"stream": "deployments"}}
        ending = Ending(action, {"slipway_audit": settings, **variables}, arguments)
        return ending, ending.signed(result)

    def head(self) -> dict[str, Any]:
        end = log(self.directory / "log").append([an_event()]).head
        return {"stream": "deployments", "segment": end.segment, "seq": end.seq, "hash": end.hash}


def test_the_end_of_a_run_is_signed_once_the_log_is_what_was_signed_before(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    first, result = scene.end({"audit": scene.head()})
    assert "anchor" not in first.arguments["audit"] and result["audit"]["seq"] == 2
    last = scene.kept.last()
    assert last and last.size == 2
    second, result = scene.end({"audit": scene.head()}, "park")
    assert second.arguments["audit"]["anchor"]["size"] == 2 and "warnings" not in result
    assert len(list(tmp_path.rglob("*.note"))) == 2
    assert "anchor" not in scene.end({}, "commit")[0].arguments["audit"]


@pytest.mark.parametrize("command", ["park", "finish", "release", "approve", "root_cause", "checklist", "judge"])
def test_whatever_may_come_last_in_a_run_is_signed(tmp_path: Path, command: str) -> None:
    scene = Scene(tmp_path)
    scene.end({"audit": scene.head()}, command)
    assert scene.kept.last()


@pytest.mark.parametrize("changed", [{"discontinued": "line 3: edited"}, {"hash": "VALUE"}, {"seq": "3"}, {"seq": 1}])
def test_nothing_is_signed_that_does_not_follow_and_the_run_ends_all_the_same(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    scene = Scene(tmp_path)
    scene.end({"audit": scene.head()})
    _ending, result = scene.end({"audit": {**scene.head(), **changed}})
    assert len(list(tmp_path.rglob("*.note"))) == 1
    assert len(result["warnings"]) == 1 and "failed" not in result


def test_a_host_says_whether_its_log_continues_what_was_signed(tmp_path: Path) -> None:
    signed = log(tmp_path).append([an_event()]).head
    log(tmp_path).append([an_event()])
    option = {"directory": str(tmp_path), "stream": "deployments", "public_keys": [], "origin": "db1/deployments"}
    anchor = {"size": signed.seq, "hash": signed.hash, "segment": signed.segment}
    assert discontinued({**option, "anchor": None}) == ""
    assert discontinued({**option, "anchor": anchor}) == ""
    assert "forked" in discontinued({**option, "anchor": {**anchor, "hash": "0" * 64}})
    assert "truncated" in discontinued({**option, "anchor": {**anchor, "size": 9}})
    audit = auditor({**option, "context": {}, "mask": [], "values": []}, check_mode=False)
    with audit.operation("deployment", "finish"):
        pass
    asked = {"command": "finish", "audit": {**option, "anchor": anchor, "public_keys": ["none"]}}
    assert "it could not be verified" in where_it_ends(audit, asked)["audit"]["discontinued"], (
        "it has ended all the same"
    )


def end_of(seq: int, directory: str = "/var/lib/slipway/audit", **more: Any) -> dict[str, Any]:
    """What a module says of where its log ends."""
    return {"stream": "deployments", "directory": directory, "segment": 1, "seq": seq, "hash": "a" * 64, **more}


def test_a_run_knows_the_head_of_each_log_of_a_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    assert heads.noted() == ([], 0)
    home = "/home/ann/.slipway/audit-log"
    for host, end in (
        ("lb1", end_of(3)),
        ("lb1", end_of(900, home)),
        ("lb1", end_of(5)),
        ("lb1", end_of(4)),
        ("läb2", end_of(2)),
        ("localhost", end_of(7)),
        ("app1", end_of(7, "relative")),
        ("app1", end_of(7, stream="../x")),
        ("app1", end_of(7, hash="VALUE")),
        ("app1", None),
    ):
        heads.note(host, end)
    found, left_out = heads.noted()
    assert [(head["host"], head["directory"], head["seq"]) for head in found] == [
        ("lb1", home, 900),
        ("lb1", "/var/lib/slipway/audit", 5),
        ("läb2", "/var/lib/slipway/audit", 2),
    ]
    monkeypatch.setattr(heads, "MOST_BYTES", 300)
    assert (len(heads.noted()[0]), heads.noted()[1], left_out) == (1, 2, 0)


def finish(directory: Path) -> dict[str, Any]:
    """The last task of a run; the deployment is unknown, but it says what it says."""
    arguments = {**CALLS["ledger"], "app": f"{directory}/ledger"}
    return {"slipway.release.ledger": arguments, "ignore_errors": True, "delegate_to": "db1", "run_once": True}


def test_the_last_record_has_the_heads_of_this_run_and_of_no_earlier_one(tmp_path: Path) -> None:
    hook = {"slipway.release.hook_run": CALLS["hook_run"], "when": "inventory_hostname in acting"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANSIBLE_CACHE_PLUGIN", "jsonfile")
        patch.setenv("ANSIBLE_CACHE_PLUGIN_CONNECTION", str(tmp_path / "facts"))
        for acting in (["läb1", "läb2"], ["läb1"]):
            code, output = run(tmp_path, [hook, finish(tmp_path)], {"acting": acting}, hosts=("db1", "läb1", "läb2"))
            assert code == 0, output
            last = recorded(tmp_path)[-1]
            assert last["operation"] == "finish", output
            assert [head["host"] for head in last["details"]["heads"]] == acting
    end = read(lines(files(tmp_path / "log" / "läb1").current)[-1].strip())
    directory = str(tmp_path / "log" / "läb1")
    assert last["details"]["heads"] == [
        {"host": "läb1", "directory": directory, "stream": "deployments", "seq": end.seq, "hash": end.hash}
    ]


def test_a_run_ends_also_where_it_cannot_tell_the_heads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    scene = Scene(tmp_path)
    for broken in ("[1]\n", "{", '{"host": "lb1"}\n'):
        (tmp_path / heads.NAME).write_text(broken, encoding="ascii")
        ending, result = scene.end({"audit": scene.head()})
        assert ending.arguments["audit"]["heads"] == [] and scene.kept.last() is not None
        assert ["does not say where the other audit logs end" in it for it in result["warnings"]] == [True]


def test_what_has_not_ended_is_told(tmp_path: Path) -> None:
    begun = {"type": "deployment", "operation": "begin", "deployment": "d1"}
    told = [
        an_event(1, **begun),
        an_event(2, **begun),
        an_event(2, type="traffic", operation="switch", stage="intent", id="i1"),
        an_event(2, type="traffic", operation="switch", correlation="i1"),
        an_event(2, type="place", operation="present", stage="intent", id="i2"),
        an_event(2, **{**begun, "operation": "finish"}),
    ]
    log(tmp_path).append(told)
    found = Interrupted()
    for line in lines(files(tmp_path).current):
        found.take(read(line.strip()))
    assert [(it["what"], it["token"], it["operation"]) for it in found.open()] == [
        ("run", 1, "begin"),
        ("act", 2, "present"),
    ]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"directory": "log"}, "slipway_audit.directory"),
        ({"values": ["12345"]}, "slipway_audit.values"),
        ({"signing_key": "/nowhere/key.pem"}, "slipway_audit.signing_key"),
    ],
)
def test_settings_that_cannot_be_followed_are_refused_before_anything_is_touched(
    given: dict[str, Any], name: str
) -> None:
    def judged(verb: str) -> list[str]:
        return [it.where for it in rules.audit({"slipway_audit": given}, Context(verb, {}, {}, Path(), False))]

    assert judged("deploy") == [name]
    assert judged("abort") == ([] if "signing_key" in given else [name])


def verified(directory: Path, metrics: str = "", **more: Any) -> tuple[int, str]:
    """Exit code and output of audit_verify.yml, on hosts that are this computer."""
    settings = {"directory": f"{directory}/audit/{{{{ inventory_hostname }}}}", **more}
    changes = {"slipway_ledger_host": "db1", "slipway_app": "shop", "ansible_become": False, "slipway_audit": settings}
    done = book(directory, "audit_verify.yml", slipway_metrics_directory=metrics, **changes)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_the_playbook_verifies_every_host_and_says_what_has_not_ended(tmp_path: Path) -> None:
    begun = {"type": "deployment", "operation": "begin", "deployment": "d-open"}
    for host in ("db1", "lb1", "app1"):
        log(tmp_path / "audit" / host).append([an_event(1, **begun)])
    code, output = verified(tmp_path)
    assert code == 0, output
    for host in ("db1", "lb1", "app1"):
        assert f"{host}: unproven, 2 records, 0 of them proven" in output
    assert "app2: absent, 0 records" in output
    assert "not ended" in output and "d-open" in output

    (tmp_path / "metrics").mkdir()
    assert verified(tmp_path, metrics=f"{tmp_path}/metrics")[0] == 0
    text = (tmp_path / "metrics" / "slipway_audit_deployments.prom").read_text(encoding="utf-8")
    assert 'audit_last_verify_success{stream="deployments"} 1' in text

    current = files(tmp_path / "audit" / "lb1").current
    current.write_bytes(current.read_bytes().replace(b"d-open", b"d-gone"))
    code, output = verified(tmp_path)
    assert code != 0 and "lb1: broken" in output and "edited" in output
    assert "app1: unproven" in output
