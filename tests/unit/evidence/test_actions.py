# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The actions on the controller: what they collect, send along, and keep of a document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evidence.made import gate
from tests.unit.plan.test_actions import Stand

LEDGER = "slipway.release.ledger"
DOCUMENT = {"schema": 1, "app": "shop", "deployment": "d1", "result": "active"}


class Run:
    """One host's facts during a run, kept as Ansible keeps them."""

    def __init__(self, tmp_path: Path) -> None:
        self.directory = tmp_path / "evidence"
        head = {"token": 5, "seq": 0, "at_ms": 0, "left_off": 0}
        self.variables: dict[str, Any] = {"ansible_facts": {"__slipway_evidence": head}, "hostvars": {}}

    def judges(self, stage: str, verdict: str = "pass") -> dict[str, Any]:
        arguments = {
            "stage": stage,
            "hosts": ["lb1"],
            "results": {"lb1": gate(verdict)},
            "require": {"verdict": "pass"},
        }
        return self._kept(Stand("stage_verdict", arguments).run(self.variables))

    def records(
        self, answer: dict[str, Any], *, check_mode: bool = False, **arguments: Any
    ) -> tuple[Any, dict[str, Any]]:
        """Record something; for Ansible the task never fails, since the roles judge its result."""
        given = {"app": "shop", "command": "finish", "evidence_directory": str(self.directory), **arguments}
        stand = Stand("ledger", given, check_mode=check_mode)
        stand.answers[LEDGER] = answer
        result = stand.run(self.variables)
        self.variables["ansible_facts"].update(result.get("ansible_facts", {}))
        return stand.ran[0][1].get("evidence"), result

    def _kept(self, result: dict[str, Any]) -> dict[str, Any]:
        if result.get("failed"):
            self.variables["ansible_failed_result"] = result
        else:
            self.variables["ansible_facts"].update(result.get("ansible_facts", {}))
        return result


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def stages(evidence: dict[str, Any]) -> list[str]:
    return [entry["stage"] for entry in evidence["judged"]]


def test_what_was_judged_goes_along_with_the_next_record_and_only_with_that(run: Run) -> None:
    run.judges("place")
    run.judges("gate", "fail")
    run.judges("undo")
    evidence, _result = run.records({"changed": True}, command="commit", evidence={"generation": 7})
    assert (stages(evidence), evidence["generation"]) == (["place", "gate", "undo"], 7)
    evidence, _result = run.records({"changed": True}, command="commit")
    assert stages(evidence) == []


def test_a_record_that_failed_is_not_taken_for_sent(run: Run) -> None:
    run.judges("place")
    run.records({"failed": True, "msg": "the disk is full"}, command="commit")
    evidence, _result = run.records({"changed": True}, command="commit")
    assert stages(evidence) == ["place"]


@pytest.mark.parametrize("command", ["begin", "renew", "approve"])
def test_a_renewal_stays_as_small_as_it_is(run: Run, command: str) -> None:
    run.judges("place")
    evidence, _result = run.records({"changed": True}, command=command)
    assert evidence is None


def test_a_result_says_only_what_is_new(run: Run) -> None:
    first, second = run.judges("place"), run.judges("gate")
    assert len(json.dumps(second)) < 1.2 * len(json.dumps(first))


def test_the_document_is_kept_for_its_user_and_not_returned(run: Run) -> None:
    _evidence, result = run.records({"changed": True, "document": dict(DOCUMENT)})
    path = run.directory / "shop" / "d1.json"
    assert result["document_file"] == str(path)
    assert "document" not in result
    assert json.loads(path.read_text(encoding="utf-8")) == DOCUMENT
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_by_default_it_is_in_the_home_directory(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    run.records({"changed": True, "document": dict(DOCUMENT)}, evidence_directory="")
    assert (tmp_path / ".slipway" / "evidence" / "shop" / "d1.json").exists()


def test_a_copy_that_cannot_be_made_is_a_warning(run: Run) -> None:
    run.directory.write_text("in the way", encoding="utf-8")
    _evidence, result = run.records({"changed": True, "document": dict(DOCUMENT), "warnings": ["other"]})
    assert not result.get("failed")
    assert result["document_file"] == ""
    assert result["warnings"][0] == "other"
    assert "d1 is kept on the ledger host alone" in result["warnings"][1]


def test_a_user_without_a_home_keeps_no_copy_and_ends_nothing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere(_path: Path) -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", nowhere)
    _evidence, result = run.records({"changed": True, "document": dict(DOCUMENT)}, evidence_directory="")
    assert (result["changed"], result["document_file"]) == (True, "")
    assert "home directory" in result["warnings"][0]


def test_check_mode_writes_nothing(run: Run) -> None:
    run.records({"changed": True, "document": dict(DOCUMENT)}, check_mode=True)
    assert not run.directory.exists()


def test_outside_a_deployment_nothing_is_added(run: Run) -> None:
    run.variables["ansible_facts"] = {}
    assert "ansible_facts" not in run.judges("place")
    evidence, _result = run.records({"changed": True}, command="release", reason="enough")
    assert evidence is None
