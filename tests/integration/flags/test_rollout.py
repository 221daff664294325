# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Flags of a deployment, set and turned back by the role's own tasks, with a real ledger and several runs.

Needs root: the ledger is on a file system of its own, in a mount namespace.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[3]
ALONE = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /var/lib && exec "$@"', "sh"]
ON = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
TENTH = {"name": "fresh", "strategy": "gradual", "percentage": 10, "segments": [], "tenants": {"t1": True}}
GONE = {"name": "search", "strategy": "off", "percentage": 0, "segments": [], "tenants": {}}
BEFORE = {"fresh": ("off", None), "search": ("on", None)}
PLAN: dict[str, Any] = {
    "schema": 1,
    "app": "shop",
    "verb": "deploy",
    "slot": "green",
    "stable_slot": "blue",
    "from": {"revision": "r1.0", "version": "1.0"},
    "to": {"revision": "r1.1", "version": "1.1"},
    "revision": {"schema": 1, "version": "1.1"},
    "hosts": {"app1": {"place": True}},
    "percents": {"before": {"blue": 100, "green": 0}, "after": {"blue": 0, "green": 100}},
    "options": {"force": False, "skip": [], "reason": ""},
    "lease_seconds": 300,
    "flags": {"hosts": ["app1", "app2"], "names": ["fresh", "search"]},
}
VARIABLES: dict[str, Any] = {
    "slipway_ledger_host": "db1",
    "rollout_plan": PLAN,
    "rollout_ledger_host": "db1",
    "rollout_deployment": "{{ hostvars.lb1.__begun.deployment }}",
    "rollout_token": "{{ hostvars.lb1.__begun.token }}",
    "__deployment_plan": {"flags_before": [], "flags_left": [], "committed": [], "resumed": False},
    "__rollout_step": {"name": "switch", "flags": [{**one, "sticky": "targetingKey"} for one in (TENTH, GONE)]},
}


def ledger(command: str, register: str = "__done", **options: Any) -> dict[str, Any]:
    asked = {"app": "shop", "command": command, **options}
    return {"slipway.release.ledger": asked, "delegate_to": "db1", "run_once": True, "register": register}


def role(tasks: str, **variables: Any) -> dict[str, Any]:
    included = {"name": "slipway.release.rollout", "tasks_from": tasks, "public": True}
    return {"ansible.builtin.include_role": included, "vars": variables}


def keep(directory: Path, name: str) -> dict[str, Any]:
    """Keep what the stores have at this point."""
    line = f"mkdir {directory}/{name} && cp -r {directory}/app1 {directory}/app2 {directory}/{name}"
    return {"ansible.builtin.shell": line, "run_once": True}


def same(*that: str) -> dict[str, Any]:
    return {"ansible.builtin.assert": {"that": list(that)}}


def kept(directory: Path) -> dict[str, Any]:
    """Default variant and targeting of each flag, the same in both stores."""
    found = []
    for host in ("app1", "app2"):
        flags = json.loads((directory / host / "flags.json").read_text(encoding="utf-8"))["flags"]
        found.append({name: (flag["defaultVariant"], flag.get("targeting")) for name, flag in flags.items()})
    assert found[0] == found[1]
    return found[0]


def test_what_one_run_has_set_another_turns_back_and_one_that_is_overtaken_does_not(tmp_path: Path) -> None:
    begin = {"plan": "{{ rollout_plan }}", "holder": "ann@pc", "lease_seconds": 300}
    back = {"__rollout_flags_to_return": "{{ __again.flags_before }}"}
    book = [
        {"ansible.builtin.set_fact": {"__rollout_renewed_at": "{{ now(utc=true).timestamp() }}"}},
        ledger("begin", "__begun", **begin),
        role("flags"),
        keep(tmp_path, "set"),
        ledger("release", token=0, reason="the controller is gone"),
        ledger("begin", "__again", **begin),
        same("__again.resumed", "__again.committed == ['flags']", "__again.flags_before == __rollout_flags_before"),
        role("flags_back", **back),
        same("__rollout_flags_undoing.error.kind == 'stale_token'", "__rollout_flags_stuck | length == 0"),
        keep(tmp_path, "overtaken"),
        role("flags_back", **back, rollout_token="{{ __again.token }}"),
        same("__rollout_flags_undoing.committed == ['flags', 'undo']", "__rollout_flags_stuck | length == 0"),
    ]
    everywhere = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "slipway_flags_store": {"kind": "flagd", "path": f"{tmp_path}/{{{{ inventory_hostname }}}}/flags.json"},
    }
    hosts = {"all": {"vars": everywhere, "hosts": {name: {} for name in ("lb1", "lb2", "app1", "app2", "db1")}}}
    plays = [{"hosts": "lb1:lb2", "gather_facts": False, "vars": VARIABLES, "tasks": book}]
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(hosts), encoding="utf-8")
    (tmp_path / "play.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    for host in ("app1", "app2"):
        (tmp_path / host).mkdir()
        (tmp_path / host / "flags.json").write_text(json.dumps({"flags": {"search": ON}}), encoding="utf-8")
    search = {"ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".cache/collections"), "PYTHONPATH": ":".join(sys.path)}
    command = [*ALONE, sys.executable, "-m", "ansible", "playbook", "-i", "hosts.yml", "play.yml"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, **search}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    was_set = kept(tmp_path / "set")
    assert was_set["search"] == ("off", None)
    assert was_set["fresh"][1]["if"][-1] == {"fractional": [["on", 10], ["off", 90]]}
    assert kept(tmp_path / "overtaken") == was_set
    assert kept(tmp_path) == BEFORE
