# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""flags.yml and kill_switch.yml, run on this computer as an operator runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, validate

from tools.environments import COLLECTIONS, TOP

from .stores import FLAGD_KIND

ROLE = TOP / "roles" / "flags" / "tasks"
SOUND: dict[str, Any] = {
    "slipway_app": "shop",
    "slipway_components": [
        {
            "name": "web",
            "kind": "http",
            "command": "python3 -m shop",
            "ports": {"blue": 8081, "green": 8082},
            "health": {"ready": "/health/ready"},
        }
    ],
    "slipway_ledger_host": "db1",
    "slipway_address": "{{ inventory_hostname }}.example.net",
    "slipway_flags_hosts": ["application"],
    "slipway_flags_schema": [
        {"name": "search", "defaults": {"production": False}},
        {"name": "fresh", "defaults": {"production": True}},
        {"name": "other"},
    ],
}


def book(directory: Path, name: str, *more: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """Run a playbook with two application hosts that are this computer, each with a directory of its own."""
    for host in ("app1", "app2"):
        (directory / host).mkdir(exist_ok=True)
        FLAGD_KIND.store(directory / host)
    store = {"kind": "flagd", "path": f"{directory}/{{{{ inventory_hostname }}}}/{FLAGD_KIND.file}"}
    everything = {
        "all": {
            "vars": {
                "ansible_connection": "local",
                "ansible_python_interpreter": sys.executable,
                "slipway_flags_store": store,
                "slipway_audit": {"directory": f"{directory}/audit/{{{{ inventory_hostname }}}}"},
                **variables,
            },
            "children": {
                "application": {"hosts": {"app1": {}, "app2": {}}},
                "balancers": {"hosts": {"lb1": {}}},
                "ledger": {"hosts": {"db1": {}}},
                "nobody": {},
            },
        }
    }
    (directory / "hosts.yml").write_text(yaml.safe_dump(everything), encoding="utf-8")
    return subprocess.run(
        [
            str(Path(sys.executable).parent / "ansible-playbook"),
            "-i",
            "hosts.yml",
            str(TOP / "playbooks" / name),
            *more,
        ],
        cwd=directory,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def kept(directory: Path, host: str, name: str) -> dict[str, Any]:
    whole = json.loads((directory / host / FLAGD_KIND.file).read_text(encoding="utf-8"))
    found: dict[str, Any] = whole["flags"].get(name, {})
    return found


def test_a_flag_is_killed_in_one_run_whatever_else_is_wrong_with_the_inventory(tmp_path: Path) -> None:
    done = book(
        tmp_path,
        "kill_switch.yml",
        "-e",
        "slipway_flag=search",
        slipway_flags_hosts=["application"],
        slipway_version="{{ nowhere }}",
        slipway_unheard_of=1,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for host in ("app1", "app2"):
        assert kept(tmp_path, host, "search")["defaultVariant"] == "off"
    again = book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", slipway_flags_hosts=["application"])
    assert again.returncode == 0
    assert "changed=1" not in again.stdout


@pytest.mark.parametrize(("more", "hosts"), [(("--limit", "app1"), ["application"]), ((), ["elsewhere", "app1"])])
def test_a_host_that_was_not_reached_is_told_after_the_others_are_done(
    more: tuple[str, ...], hosts: list[str], tmp_path: Path
) -> None:
    done = book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", *more, slipway_flags_hosts=hosts)
    assert done.returncode != 0
    assert "search was not killed on" in done.stdout
    assert kept(tmp_path, "app1", "search")["defaultVariant"] == "off"
    assert kept(tmp_path, "app2", "search")["defaultVariant"] == "on"


def test_all_hosts_are_meant_by_the_group_all(tmp_path: Path) -> None:
    killed = book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", slipway_flags_hosts=["all"])
    assert kept(tmp_path, "app1", "search")["defaultVariant"] == "off"
    assert kept(tmp_path, "app2", "search")["defaultVariant"] == "off"
    assert killed.returncode != 0
    assert "search was not killed on db1, lb1" in " ".join(killed.stdout.split())
    book(tmp_path, "flags.yml", **{**SOUND, "slipway_flags_hosts": ["all"]})
    assert kept(tmp_path, "app1", "fresh")["defaultVariant"] == "on"


@pytest.mark.parametrize("hosts", [[], ["nobody"]])
def test_a_kill_switch_that_is_for_no_host_fails(hosts: list[str], tmp_path: Path) -> None:
    done = book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", slipway_flags_hosts=hosts)
    assert done.returncode != 0
    assert "search was not killed on any host" in " ".join(done.stdout.split())
    assert kept(tmp_path, "app1", "search")["defaultVariant"] == "on"


def test_new_flags_get_their_defaults_and_what_is_asked_for_holds(tmp_path: Path) -> None:
    asked = [{"name": "other", "strategy": "gradual", "percentage": 10}]
    checked = book(tmp_path, "flags.yml", "--check", "--diff", **SOUND, slipway_flags=asked)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert kept(tmp_path, "app1", "other") == {}
    done = book(tmp_path, "flags.yml", **SOUND, slipway_flags=asked)
    assert done.returncode == 0, done.stdout + done.stderr
    for host in ("app1", "app2"):
        assert kept(tmp_path, host, "fresh")["defaultVariant"] == "on"
        assert kept(tmp_path, host, "search")["defaultVariant"] == "on"
        assert kept(tmp_path, host, "other")["targeting"] == {"fractional": [["on", 10], ["off", 90]]}
    assert '"unknown": [\n            "banner"\n        ]' in done.stdout
    again = book(tmp_path, "flags.yml", **SOUND, slipway_flags=asked)
    assert "changed=1" not in again.stdout


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [
        ({"slipway_environment": "staging"}, "off"),
        ({"slipway_environment": "Recovery"}, "on"),
        ({}, "on"),
        ({"slipway_environment": "staging", "slipway_flags_environment": "production"}, "on"),
    ],
)
def test_the_defaults_are_those_of_the_environment(variables: dict[str, Any], wanted: str, tmp_path: Path) -> None:
    known = [{"name": "fresh", "defaults": {"production": True, "staging": False}}]
    done = book(tmp_path, "flags.yml", **{**SOUND, "slipway_flags_schema": known}, **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept(tmp_path, "app1", "fresh")["defaultVariant"] == wanted


def test_a_flag_that_is_refused_keeps_no_other_from_being_set(tmp_path: Path) -> None:
    book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", slipway_flags_hosts=["application"])
    asked = [{"name": "search", "strategy": "full"}, {"name": "other", "strategy": "full"}]
    done = book(tmp_path, "flags.yml", **SOUND, slipway_flags=asked)
    assert done.returncode != 0
    assert "flag search was killed" in done.stdout
    assert kept(tmp_path, "app1", "search")["defaultVariant"] == "off"
    assert kept(tmp_path, "app1", "other")["defaultVariant"] == "on"
    revived = book(tmp_path, "flags.yml", "-e", "slipway_flags_revive=true", **SOUND, slipway_flags=asked)
    assert revived.returncode == 0, revived.stdout
    assert kept(tmp_path, "app1", "search")["defaultVariant"] == "on"


FROZEN = {"timezone": "UTC", "windows": [{"name": "shut", "kind": "deny", "rrule": "FREQ=DAILY"}]}


def test_change_control_stops_what_gives_a_feature_and_nothing_that_takes_one(tmp_path: Path) -> None:
    lowered = [{"name": "search", "strategy": "gradual", "percentage": 10}]
    asked = [*lowered, {"name": "other", "strategy": "full"}]
    gated = {**SOUND, "slipway_change_policy": FROZEN, "slipway_flags_hosts": ["app1"]}
    checked = book(tmp_path, "flags.yml", "--check", **gated, slipway_flags=asked)
    assert checked.returncode == 0, checked.stdout
    assert "change gate: flags of shop: block: freeze shut holds" in checked.stdout
    done = book(tmp_path, "flags.yml", **gated, slipway_flags=asked)
    assert done.returncode != 0
    assert "change gate: flags of shop: block: freeze shut holds" in done.stdout
    assert kept(tmp_path, "app1", "search")["targeting"] == {"fractional": [["on", 10], ["off", 90]]}
    assert kept(tmp_path, "app1", "other") == kept(tmp_path, "app1", "fresh") == {}
    lines = [
        json.loads(line)["event"]
        for path in (tmp_path / "audit" / "app1").rglob("*.jsonl")
        for line in path.read_text(encoding="utf-8").splitlines()
    ]
    (event,) = [line for line in lines if line["outcome"] == "refused"]
    assert (event["type"], event["operation"], event["target"]) == ("flag", "set", "shop")
    assert "freeze shut holds" in event["details"]["change"]["reasons"][0]


def test_a_gate_that_cannot_judge_gives_nobody_a_feature(tmp_path: Path) -> None:
    asked = [{"name": "search", "strategy": "gradual", "percentage": 10}, {"name": "other", "strategy": "full"}]
    given = {
        **SOUND,
        "slipway_change_policy": {"timezone": "UTC"},
        "slipway_change": "{{ nowhere if inventory_hostname == 'app1' else {} }}",
        "slipway_flags_hosts": ["app1"],
    }
    done = book(tmp_path, "flags.yml", **given, slipway_flags=asked)
    assert done.returncode != 0 and "nowhere" in done.stdout, done.stdout
    assert kept(tmp_path, "app1", "other") == kept(tmp_path, "app1", "fresh") == {}


def test_change_control_that_stands_for_some_hosts_alone_is_refused(tmp_path: Path) -> None:
    scattered = "{{ {'timezone': 'UTC'} if inventory_hostname == 'app1' else {} }}"
    done = book(tmp_path, "flags.yml", **SOUND, slipway_change_policy=scattered)
    assert done.returncode != 0
    assert "slipway_change_policy: app1 and localhost" in " ".join(done.stdout.split())
    assert kept(tmp_path, "app1", "fresh") == {}


def test_the_kill_switch_judges_and_leases_nothing() -> None:
    (play,) = yaml.safe_load((TOP / "playbooks" / "kill_switch.yml").read_text(encoding="utf-8"))
    (block,) = yaml.safe_load((ROLE / "kill.yml").read_text(encoding="utf-8"))
    assert "import_playbook" not in str(play)
    assert play["tasks"][0]["ansible.builtin.include_role"]["tasks_from"] == "kill"
    assert "when" not in str(block)
    assert block["block"][0]["slipway.release.flag_set"]["strategy"] == "kill_switch"
    assert "evaluator" not in block["rescue"][0]["slipway.release.flag_set"]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"slipway_flags_verify": 301}, "301 is too much"),
        ({"slipway_flags_evaluator": {"url": "127.0.0.1:8016"}}, "evaluator.url"),
        ({"slipway_flags_evaluator": {"url": "http://127.0.0.1:9", "timout": 1}}, "timout"),
        ({"slipway_flags_evaluator": {"url": "http://127.0.0.1:9"}, "slipway_flags_verify": 1}, "the evaluator fails"),
    ],
)
def test_a_flag_is_killed_first_and_what_is_wrong_is_said_then(
    variables: dict[str, Any], said: str, tmp_path: Path
) -> None:
    done = book(
        tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", slipway_flags_hosts=["application"], **variables
    )
    for host in ("app1", "app2"):
        assert kept(tmp_path, host, "search")["defaultVariant"] == "off"
    assert done.returncode != 0
    assert said in done.stdout.partition("Say what is wrong")[2]


def test_a_flag_is_killed_where_nobody_can_tell_the_evaluator(tmp_path: Path) -> None:
    evaluator = {"url": "http://127.0.0.1:9", "headers": {"A": "{{ vault }}"}}
    hosts = {"slipway_flags_hosts": ["application"], "slipway_flags_evaluator": evaluator}
    book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", **hosts)
    for host in ("app1", "app2"):
        assert kept(tmp_path, host, "search")["defaultVariant"] == "off"


GROUPS = {"all": ["app1", "lb1", "db1"], "application": ["app1"], "balancers": ["lb1"], "nobody": []}
STORE = {"kind": "flagd", "path": "/etc/flagd/flags.json"}


def refused(**variables: Any) -> list[str]:
    """Where the variables are wrong."""
    with pytest.raises(InputProblems) as problems:
        validate({**SOUND, "slipway_flags_store": STORE, **variables}, GROUPS, verb="flags")
    return [problems.value.where, *(other.where for other in problems.value.others)]


def test_sound_variables_are_accepted_and_off_needs_no_quotes() -> None:
    asked = [{"name": "search", "strategy": False}, {"name": "fresh", "strategy": "kill_switch"}]
    found = validate({**SOUND, "slipway_flags_store": STORE, "slipway_flags": asked}, GROUPS, verb="flags")
    assert [flag["strategy"] for flag in found.flags] == ["off", "kill_switch"]


@pytest.mark.parametrize(
    ("variables", "where"),
    [
        ({"slipway_flags_store": None}, "slipway_flags_store"),
        ({"slipway_flags_store": {"kind": "env", "path": "/x"}}, "slipway_flags_store.prefix"),
        ({"slipway_flags_store": {"kind": "ini", "path": "/x"}}, "slipway_flags_store.kind"),
        ({"slipway_flags_evaluator": {"url": "x"}}, "slipway_flags_evaluator.url"),
        ({"slipway_flags": [{"name": "serach", "strategy": "full"}]}, "slipway_flags[0].name"),
        ({"slipway_flags": [{"name": "search", "strategy": "gradual"}]}, "slipway_flags[0].percentage"),
        ({"slipway_flags": [{"name": "search", "strategy": "full"}] * 2}, "slipway_flags[1].name"),
        ({"slipway_flags_schema": [{"name": "a", "replaced_by": "b"}]}, "slipway_flags_schema[0].replaced_by"),
        ({"slipway_flags_schema": [{"name": "a"}, {"name": "a"}]}, "slipway_flags_schema[1].name"),
        ({"slipway_flags_hosts": ["app9"]}, "slipway_flags_hosts[0]"),
        ({"slipway_flags_hosts": []}, "slipway_flags_hosts"),
        ({"slipway_flags_hosts": ["nobody"]}, "slipway_flags_hosts"),
        ({"slipway_flags_user": "a b"}, "slipway_flags_user"),
        ({"slipway_flags_verify": 301}, "slipway_flags_verify"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(variables: dict[str, Any], where: str) -> None:
    assert refused(**variables) == [where]
