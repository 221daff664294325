# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Migrations by themselves are judged before a lease is taken, for the files that are due and no others."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.slipway.release.plugins.modules import pg_migrate

from tests.unit.change.test_module import HOSTS, TOP
from tests.unit.running import play

ROLE = TOP / "roles" / "migrate"
DUE = {name: told["sample"] for name, told in yaml.safe_load(pg_migrate.RETURN)["plan"]["contains"].items()}
FILES = [{**DUE, "version": "8", "name": "eight", "checksum": "c" * 64}]
COMPARED = yaml.safe_load(pg_migrate.DOCUMENTATION)["options"]["planned"]["suboptions"]
SHUT = {"timezone": "UTC", "windows": [{"name": "shut", "kind": "deny", "rrule": "FREQ=DAILY"}]}


INVENTORY = {"all": {**HOSTS["all"], "hosts": {"db1": {}, "db2": {}}}}


def recorded(directory: Path) -> list[dict[str, Any]]:
    """The events of the audit log, without those of the log itself."""
    lines = [line for path in directory.rglob("*.jsonl") for line in path.read_text(encoding="utf-8").splitlines()]
    events = [json.loads(line)["event"] for line in lines]
    return [event for event in events if event["type"] != "audit.log"]


def judged(directory: Path, due: list[dict[str, Any]], policy: dict[str, Any], *more: str) -> dict[str, Any]:
    """What the tasks leave behind in a run of them, where this is due."""
    directory.mkdir()
    shutil.copy(ROLE / "tasks" / "change.yml", directory / "change.yml")
    found = [{"ansible.builtin.set_fact": {"__migrate_begun": {"plan": due}}, "when": "__migrate_dry"}]
    (directory / "run.yml").write_text(yaml.safe_dump(found), encoding="utf-8")
    variables = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    known = {
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        **{
            name: variables[name]
            for name in ("__migrate_due_digest", "__migrate_due_files", "__migrate_verdicts", "__migrate_verdict_of")
        },
        "__migrate_action": "migrate",
        "migrate_app": "shop",
        "migrate_change_at": "",
        "migrate_ledgers": [{"region": "eu", "host": "db1"}, {"region": "us", "host": "db2"}],
        "slipway_change_policy": policy,
    }
    kept = (
        "{{ {'judged': __migrate_judged | default(none), 'change': {'results': __migrate_change.results}, "
        "'verdicts': __migrate_verdict_of} | to_json }}"
    )
    tasks = [
        {
            "block": [{"ansible.builtin.include_tasks": "change.yml"}],
            "always": [
                {
                    "ansible.builtin.copy": {"content": kept, "dest": str(directory / "kept.json"), "mode": "0600"},
                    "check_mode": False,
                }
            ],
        }
    ]
    audited = {"group/slipway.release.audited": {"audit": {"stream": "deployments"}}}
    known["slipway_audit"] = {"directory": str(directory / "audit")}
    book = [{"hosts": "app1", "gather_facts": False, "vars": known, "module_defaults": audited, "tasks": tasks}]
    done = play(directory, book, INVENTORY, TOP / ".cache" / "collections", *more)
    assert (directory / "kept.json").exists(), done.stdout + done.stderr
    made: dict[str, Any] = json.loads((directory / "kept.json").read_text(encoding="utf-8"))
    return {**made, "code": done.returncode, "output": done.stdout}


def test_they_are_refused_in_a_freeze_in_each_region(tmp_path: Path) -> None:
    refused = judged(tmp_path / "refused", FILES, SHUT)
    assert refused["code"] != 0 and refused["judged"] is None
    assert [one["allowed"] for one in refused["change"]["results"]] == [False, False]
    assert "change gate: migrate of shop: block: freeze shut holds" in refused["output"]


def test_what_was_decided_is_in_the_audit_log_of_the_ledger_host(tmp_path: Path) -> None:
    judged(tmp_path / "checked", FILES, SHUT, "--check")
    assert recorded(tmp_path) == []
    passed = judged(tmp_path / "passed", FILES, {**SHUT, "enforcement": "warn"})
    events = recorded(tmp_path / "passed")
    assert [(event["type"], event["operation"], event["outcome"], event["target"]) for event in events] == [
        ("change", "judge", "success", f"shop@{region}") for region in ("eu", "us")
    ]
    told = [event["details"]["change"] for event in events]
    assert told == list(passed["verdicts"].values()) and list(passed["verdicts"]) == ["eu", "us"]
    assert told[0]["verdict"] == "warn" and "freeze shut holds" in told[0]["reasons"][0]
    judged(tmp_path / "refused", FILES, SHUT)
    events = recorded(tmp_path / "refused")
    assert [(event["type"], event["operation"], event["outcome"], event["target"]) for event in events] == [
        ("database", "migrate", "refused", f"shop@{region}") for region in ("eu", "us")
    ]
    assert events[0]["details"]["change"]["verdict"] == "block"
    assert "freeze shut holds" in events[0]["details"]["change"]["reasons"][0]


def test_what_is_judged_is_what_may_be_applied_and_its_digest_is_of_the_files(tmp_path: Path) -> None:
    passed = judged(tmp_path / "passed", FILES, {"timezone": "UTC"})
    assert passed["code"] == 0
    assert passed["judged"] == [{name: FILES[0][name] for name in COMPARED}]
    regions = [one["to_sign"]["approval"]["subject"]["region"] for one in passed["change"]["results"]]
    assert regions == ["eu", "us"]
    changed = judged(tmp_path / "changed", [{**FILES[0], "checksum": "d" * 64}], {"timezone": "UTC"})
    digests = [
        made["change"]["results"][0]["to_sign"]["approval"]["subject"]["migrations"] for made in (passed, changed)
    ]
    assert all(len(found) == 64 for found in digests) and digests[0] != digests[1]


def test_nothing_due_is_not_judged(tmp_path: Path) -> None:
    nothing = judged(tmp_path / "nothing", [], SHUT)
    assert nothing["code"] == 0 and nothing["judged"] == [] and nothing["change"]["results"] == []


def test_the_lease_and_the_module_are_told_of_the_verdict() -> None:
    def named(file: str, name: str) -> dict[str, Any]:
        tasks = yaml.safe_load((ROLE / "tasks" / file).read_text(encoding="utf-8"))
        found: dict[str, Any] = next(task for task in tasks[0].get("block", tasks) if task["name"] == name)
        return found

    held = named("guarded.yml", "Guarded | Take the lease of every ledger")["slipway.release.ledger"]
    assert held["change"] == "{{ __migrate_verdict_of[item.region] | default({}) }}"
    begun = named("run.yml", "Run | Begin")["slipway.release.pg_migrate"]
    assert begun["change"] == "{{ __migrate_verdict_of.values() | list }}"


def test_the_gate_is_asked_before_the_leases_and_before_anything_is_applied() -> None:
    applied = yaml.safe_load((ROLE / "tasks" / "apply.yml").read_text(encoding="utf-8"))
    guarded = yaml.safe_load((ROLE / "tasks" / "guarded.yml").read_text(encoding="utf-8"))[0]["block"]
    for tasks, later in ((applied, "Apply | Do it"), (guarded, "Guarded | Take the lease of every ledger")):
        included = [task.get("ansible.builtin.include_tasks") for task in tasks]
        assert included.index("change.yml") < [task["name"] for task in tasks].index(later)
