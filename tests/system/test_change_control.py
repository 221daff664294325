# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change control of whole deployments: what is refused touches nothing, and no way back is stopped."""

from __future__ import annotations

import getpass
import json
import subprocess
import textwrap
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import yaml

from lab.operator import PlaybookRun
from tests.system.databases import FILES, Database
from tests.system.fleet import Fleet, differences, own_log

FROZEN = {
    "timezone": "UTC",
    "windows": [{"name": "year end", "kind": "deny", "starts": "2020-01-01", "ends": "2150-01-01"}],
}
APPROVERS = {"eva": "engineering_manager", "otto": "operations_lead"}
OF_DATABASES = {"dora": "dba"}


def given(policy: Any, **more: Any) -> list[str]:
    """Flags with the variables of change control."""
    return ["-e", json.dumps({"slipway_environment": "production", "slipway_change_policy": policy, **more})]


def keys(directory: Path, approvers: Mapping[str, str]) -> Path:
    """A key for each approver, and the file of allowed signers."""
    lines = []
    for name in approvers:
        words = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / name)]
        subprocess.run(words, check=True)
        lines.append(f"{name}@example.com {(directory / f'{name}.pub').read_text(encoding='ascii')}")
    allowed = directory / "allowed_signers"
    allowed.write_text("".join(lines), encoding="ascii")
    return allowed


def approve(directory: Path, template: Mapping[str, Any], approvers: Mapping[str, str]) -> None:
    """Each approver fills in what is to be signed, and signs it."""
    now = datetime.now(timezone.utc)
    for name, group in approvers.items():
        said = {
            **template,
            "signer": f"{name}@example.com",
            "group": group,
            "given": now.isoformat(),
            "expires": (now + timedelta(hours=1)).isoformat(),
        }
        document = directory / f"{name}.json"
        document.write_text(json.dumps(said), encoding="utf-8")
        words = ["ssh-keygen", "-q", "-Y", "sign", "-n", "slipway-approval", "-f", str(directory.parent / name)]
        subprocess.run([*words, str(document)], check=True, capture_output=True)


def to_sign(refused: PlaybookRun) -> dict[str, Any]:
    """The approval that a refused migration lacks, as it shows it."""
    _before, _mark, shown = refused.output().rpartition("\n    to_sign:\n")
    lines = shown.splitlines(keepends=True)
    block = lines[: next(number for number, line in enumerate(lines) if not line.startswith(" " * 8))]
    return dict(yaml.safe_load(textwrap.dedent("".join(block)))["approval"])


def require_untouched(fleet: Fleet, before: dict[str, Any]) -> None:
    """Files, processes and percents are what they were, and no deployment was begun."""
    assert differences(before, fleet.snapshot()) == []


def test_approvals_let_a_deployment_pass_and_a_freeze_stops_none_but_deployments(either: Fleet, tmp_path: Path) -> None:
    first, version = either.active()["version"], either.versions.fresh()
    evidence = tmp_path / "evidence"
    evidence.mkdir()
    policy = {
        "timezone": "UTC",
        "people": {**{name: [f"{name}@example.com"] for name in APPROVERS}, "dev": [], "me": [getpass.getuser()]},
        "groups": {group: [name] for name, group in APPROVERS.items()},
        "approvals": {"groups": list(APPROVERS.values()), "allowed_signers": str(keys(tmp_path, APPROVERS))},
    }
    request = {
        "slipway_change": {"id": "CR-17", "author": "dev"},
        "slipway_change_evidence": str(evidence),
        "slipway_change_to_sign": str(tmp_path),
    }
    before = either.snapshot()
    refused = either.run("deploy", *given(policy, **request), version=version)
    assert refused.code != 0
    assert "no approval by engineering_manager; no approval by operations_lead. Remedy: let" in refused.reason()
    require_untouched(either, before)
    template = tmp_path / f"{either.app}.approval.json"
    approve(evidence, json.loads(template.read_text(encoding="utf-8")), APPROVERS)
    with either.traffic() as measured:
        either.deploy(version, *given(policy, **request), evidence_directory=str(tmp_path))
    measured.require_none_lost()
    (kept,) = (tmp_path / either.app).glob("*.json")
    verdicts = [one for one in json.loads(kept.read_text(encoding="utf-8"))["verdicts"] if "change" in one["stage"]]
    assert [one["stage"] for one in verdicts] == ["change control", "change control before the traffic moves"]
    for (judged,) in (one["hosts"].values() for one in verdicts):
        assert sorted(approval["person"] for approval in judged["approvals"]) == sorted(APPROVERS)

    before, other = either.snapshot(), either.versions.fresh()
    frozen = either.run("deploy", *given(FROZEN), version=other)
    assert frozen.code != 0
    assert frozen.reason().startswith(
        f"change gate: deploy of {either.app} in production: block: freeze year end holds"
    )
    checked = either.run("deploy", "--check", *given(FROZEN, slipway_change_at="2151-01-01T00:00"), version=other)
    assert checked.code == 0, checked.reason()
    assert "at 2151-01-01T00:00:00+00:00: pass" in " ".join(checked.output().split())
    require_untouched(either, before)
    back = either.run("rollback", *given("{{ lookup('file', '/nowhere') }}"))
    assert back.code == 0, back.reason()
    assert "a rollback always passes" in " ".join(back.output().split())
    either.require_active(first)


def test_a_freeze_that_begins_meanwhile_stops_it_before_the_traffic_moves(either: Fleet, tmp_path: Path) -> None:
    before, version = either.active(), either.versions.fresh()
    policy, frozen = tmp_path / "policy.json", tmp_path / "frozen.json"
    policy.write_text(json.dumps({"timezone": "UTC"}), encoding="utf-8")
    frozen.write_text(json.dumps(FROZEN), encoding="utf-8")
    command = {"command": f"cp {frozen} {policy}", "hosts": "controller", "timeout": 10}
    freeze = {"name": "freeze", "at": "before_traffic", **command}
    read = f"{{{{ lookup('file', '{policy}') | from_json }}}}"
    with either.traffic() as measured:
        done = either.run("deploy", *given(read, slipway_hooks=[freeze], **own_log(tmp_path)), version=version)
    assert done.code != 0
    assert "change control before the traffic moves" in done.reason(), done.reason()
    assert "freeze year end holds" in done.reason()
    measured.require_none_lost()
    assert measured.versions() == {before["version"]}
    either.require_active(before["version"])


def test_a_migration_waits_for_its_window_and_for_who_answers_for_the_database(
    nginx: Fleet, database: Database, tmp_path: Path
) -> None:
    database.write(FILES)
    before = nginx.snapshot(), nginx.ledger()
    frozen = nginx.run("migrate", *database.flags, *given(FROZEN))
    assert frozen.code != 0
    assert "change gate: migrate of shop in production: block: freeze year end holds" in frozen.output()

    evidence = tmp_path / "evidence"
    evidence.mkdir()
    policy = {
        "timezone": "UTC",
        "windows": [{"name": "always", "kind": "allow", "starts": "2020-01-01", "ends": "2150-01-01"}],
        "people": {"dora": ["dora@example.com"], "dev": [], "me": [getpass.getuser()]},
        "groups": {"dba": ["dora"]},
        "approvals": {"ddl": ["dba"], "allowed_signers": str(keys(tmp_path, OF_DATABASES))},
    }
    request = {"slipway_change": {"id": "CR-18", "author": "dev"}, "slipway_change_evidence": str(evidence)}
    flags = [*database.flags, *given(policy, **request)]
    unsigned = nginx.run("migrate", *flags)
    assert unsigned.code != 0 and "no approval by dba" in unsigned.output()
    approve(evidence, to_sign(unsigned), OF_DATABASES)
    database.write({"003_more.sql": "ALTER TABLE orders ADD COLUMN more text;"})
    others = nginx.run("migrate", *flags)
    assert others.code != 0 and "no approval by dba" in others.output()
    assert "it is for migrations" in " ".join(others.output().split())
    assert differences(before[0], nginx.snapshot()) == [] and nginx.ledger() == before[1]
    assert database.applied() == []

    (database.files / "003_more.sql").unlink()
    done = nginx.run("migrate", *flags)
    assert done.code == 0, done.reason()
    assert database.applied() == ["1", "2"] and nginx.ledger()["lease"] is None
