# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every playbook with a secret in every variable that may carry one, to its end, to a refusal, and in check mode.

No host of the inventory can be reached, so that nothing is changed. What runs on the controller does run there.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._inputs.spec import SPEC

from tests.unit.secrets import cases
from tests.unit.secrets.canaries import ISSUED, Scan, canary, in_url
from tests.unit.secrets.cases import UNKNOWN, has_secret_of, secret_options
from tests.unit.secrets.runs import Run, echo, run
from tests.unit.secrets.test_modules import closed_port
from tools.environments import TOP

PLAYBOOKS = TOP / "playbooks"
BOOKS = sorted(path.name for path in PLAYBOOKS.glob("*.yml"))
# The others judge their variables by the same task as the first, or none.
EVERY_WAY = ("deploy.yml", "kill_switch.yml", "notify.yml")
SOME_WAYS = ("as it is", "secrets under misspelt names")
# What a playbook is told on the command line, beside the inventory.
ASKED: dict[str, dict[str, Any]] = {
    "abort.yml": {},
    "approve.yml": {},
    "audit_keep.yml": {},
    "audit_verify.yml": {},
    "checklist.yml": {"slipway_version": "1.4.2"},
    "compliance_report.yml": {},
    "deploy.yml": {"slipway_version": "1.4.2"},
    "deployment_report.yml": {},
    "flags.yml": {},
    "kill_switch.yml": {"slipway_flag": "search"},
    "migrate.yml": {},
    "notify.yml": {},
    "release_lease.yml": {},
    "rollback.yml": {},
    "root_cause.yml": {"slipway_deployment": "d1", "slipway_root_cause": "the cache was cold"},
    "site.yml": {"slipway_version": "1.4.2"},
    "status.yml": {},
}


def _url(name: str, port: int) -> str:
    return f"http://user:{in_url(f'{name}.userinfo')}@127.0.0.1:{port}/path?token={in_url(f'{name}.query')}"


def _header(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {canary(name)}"}


def _dsn(name: str, port: int) -> str:
    return f"host=127.0.0.1 port={port} user=shop dbname=shop password='{canary(name)}' connect_timeout=1"


def variables(port: int, root: Path) -> dict[str, Any]:
    """What an operator may set, with secrets.

    :param root: where the audit log is, as the playbooks act on this computer too.
    """
    store, metrics = "slipway_flags_store", cases.metrics("slipway_analysis", port)
    for metric in metrics:
        metric.pop("count")
    return {
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
        "slipway_artifact": f"http://127.0.0.1:{port}/shop.tar.gz?token={in_url('slipway_artifact.query')}",
        "slipway_artifact_sha256": "a" * 64,
        "slipway_ledger_host": "db1",
        "slipway_address": "{{ inventory_hostname }}.example.net",
        "slipway_reason": "the test says so",
        "slipway_flags": [{"name": "search", "strategy": "full"}],
        "slipway_flags_verify": 0,
        "slipway_flags_store": {
            "kind": "unleash",
            "url": f"http://127.0.0.1:{port}",
            "token": canary(f"{store}.token"),
            "client_token": canary(f"{store}.client_token"),
            "environment": "production",
            "secret_headers": _header(f"{store}.secret_headers"),
            "timeout": 1,
        },
        "slipway_flags_evaluator": {
            "url": _url("slipway_flags_evaluator.url", port),
            "secret_headers": _header("slipway_flags_evaluator.secret_headers"),
            "timeout": 1,
        },
        "slipway_hooks": [
            {
                "name": "tell",
                "at": "before_slots",
                "url": f"http://127.0.0.1:{port}/{in_url('slipway_hooks.url')}",
                "headers": _header("slipway_hooks.headers"),
            }
        ],
        "slipway_analysis": metrics,
        "slipway_pre_analysis": cases.metrics("slipway_pre_analysis", port),
        "slipway_smoke_checks": [
            {
                "name": "page",
                "path": f"/?token={in_url('slipway_smoke_checks.path.query')}",
                "secret_headers": _header("slipway_smoke_checks.secret_headers"),
            }
        ],
        "slipway_change_policy": {
            "timezone": "UTC",
            "people": {"eva": ["eva"], "dev": ["dev"]},
            "groups": {"lead": ["eva"]},
            "approvals": {
                "groups": ["lead"],
                "url": f"https://127.0.0.1:{port}/{in_url('slipway_change_policy.approvals.url')}",
                "headers": _header("slipway_change_policy.approvals.headers"),
            },
        },
        "slipway_audit": {
            "directory": str(root / "audit"),
            "values": [canary("slipway_audit.values")],
            "hash": ["details.name"],
            "hash_key": canary("slipway_audit.hash_key"),
            "sinks": [
                {
                    "type": "http",
                    "url": _url("slipway_audit.sinks.url", port),
                    "headers": {"X-Token": canary("slipway_audit.sinks.headers")},
                    "bearer_token": canary("slipway_audit.sinks.bearer_token"),
                },
                {"type": "postgresql", "dsn": _dsn("slipway_audit.sinks.dsn", port)},
            ],
        },
        "slipway_notifications": cases.channels("slipway_notifications", port),
        "slipway_checklist": {
            "enforcement": "warn",
            "staging": _url("slipway_checklist.staging", port),
            "health": [_url("slipway_checklist.health", port)],
            "backup": {"url": _url("slipway_checklist.backup.url", port)},
            "after": {
                "alerts": _url("slipway_checklist.after.alerts", port),
                "acceptance": _url("slipway_checklist.after.acceptance", port),
            },
        },
        "slipway_migrations": {
            "path": str(TOP / "tests" / "fixtures" / "migrate"),
            "dsn": _dsn("slipway_migrations.dsn", port),
            "scratch_dsn": _dsn("slipway_migrations.scratch_dsn", port),
            "secret_placeholders": {"password": canary("slipway_migrations.secret_placeholders")},
            "connect_timeout": 1,
            "lock_deadline": 1,
        },
    }


def refused(given: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The variables as operators get them wrong."""
    first = {name: (value[0] if isinstance(value, list) and value else value) for name, value in given.items()}
    nested = [name for name, value in first.items() if isinstance(value, dict) and cases.any_secret(value)]
    unknown = {name: {**first[name], UNKNOWN: 1} for name in nested}
    return {
        "as it is": given,
        "an unknown variable": {**given, "slipway_flags_tokne": canary("slipway_unknown")},
        "unknown sub-options": {**given, **{n: [v] if isinstance(given[n], list) else v for n, v in unknown.items()}},
        "secrets under misspelt names": cases.everywhere(given, cases.misspelt),
        "secrets of a wrong type": cases.everywhere(given, cases.of_another_type),
        "text instead of a structure": {**given, **{name: json.dumps(given[name]) for name in nested}},
    }


def inventory(port: int) -> dict[str, Any]:
    """Hosts that nobody reaches."""
    host = {"ansible_host": "127.0.0.1", "ansible_port": port, "ansible_ssh_common_args": "-o ConnectTimeout=1"}
    groups = {"application": ("app1", "app2"), "balancers": ("lb1",), "ledger": ("db1",)}
    hosts = {name: {"hosts": {it: dict(host) for it in listed}} for name, listed in groups.items()}
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    return {"all": {"hosts": {"localhost": here}, "children": hosts}}


@pytest.mark.parametrize("book", BOOKS)
def test_no_secret_of_a_variable_comes_out(book: str, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(inventory(closed_port())), encoding="utf-8")
    with echo() as port:
        given = {**variables(port, tmp_path), **ASKED[book]}
        ways = {way: made for way, made in refused(given).items() if book in EVERY_WAY or way in SOME_WAYS}
        for number, (wrong, made) in enumerate(ways.items()):
            done = played(tmp_path / str(number), tmp_path / "hosts.yml", book, made)
            assert "PLAY [" in done.output, f"{wrong}: {done.output}"
            assert done.leaks == {}, wrong
        checked = played(tmp_path / "check", tmp_path / "hosts.yml", book, given, "--check", "--diff")
        assert checked.leaks == {}


def played(directory: Path, hosts: Path, book: str, given: dict[str, Any], *more: str) -> Run:
    """Run a playbook with these variables."""
    directory.mkdir()
    secrets = directory / "secrets.json"
    secrets.write_text(json.dumps(given), encoding="utf-8")
    return run(directory / "root", PLAYBOOKS / book, hosts, secrets, Scan(ISSUED), *more)


def test_every_playbook_has_a_case() -> None:
    assert sorted(ASKED) == BOOKS


def test_every_stage_belongs_to_a_playbook() -> None:
    texts = {path: path.read_text(encoding="utf-8") for path in PLAYBOOKS.rglob("*.yml")}
    for stage in (PLAYBOOKS / "stages").glob("*.yml"):
        used = rf"['/ ]{stage.stem}\b"
        assert any(re.search(used, text) for path, text in texts.items() if path != stage), stage.name


@pytest.mark.parametrize("variable", sorted(SPEC))
def test_every_variable_that_is_declared_secret_has_one(variable: str, tmp_path: Path) -> None:
    text = json.dumps(variables(1, tmp_path))
    options = list(secret_options({variable: SPEC[variable]}, ""))
    inner = [option for option in options if not any(it.startswith(f"{option}.") for it in options)]
    lacking = [option[1:] for option in inner if not has_secret_of(option[1:], text)]
    assert [name for name in lacking if not any(issued.startswith(f"{name}.") for issued in ISSUED)] == []
