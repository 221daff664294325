# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action and its playbook, as an operator runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.action.checklist import ARGUMENTS
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, validate
from ansible_collections.slipway.release.plugins.modules import checklist as documented

from tests.unit.inputs.test_validate import GROUPS, good
from tests.unit.running import play
from tools.environments import COLLECTIONS, TOP

SECRET = "hunter22-of-the-release"


def played(
    directory: Path, *more: str, **options: Any
) -> tuple[subprocess.CompletedProcess[str], list[dict[str, Any]]]:
    """Run the stage with a release that holds a secret; what was kept."""
    release = directory / "release"
    release.mkdir(exist_ok=True)
    (release / "app.py").write_text(f"url = 'https://me:{SECRET}@db.test/'\n", encoding="utf-8")
    (release / "app.yml").write_text("debug: false\n", encoding="utf-8")
    variables = {
        "slipway_app": "shop",
        "slipway_artifact": str(release),
        "slipway_checklist": options,
        "slipway_evidence_directory": str(directory / "evidence"),
        "ansible_python_interpreter": sys.executable,
    }
    (directory / "hosts.yml").write_text(yaml.safe_dump({"all": {"vars": variables}}), encoding="utf-8")
    before, after = (
        {"hosts": "localhost", "gather_facts": False, "tasks": [{"ansible.builtin.debug": {"msg": text}}]}
        for text in ("first", "and then")
    )
    stage = {"import_playbook": str(TOP / "playbooks" / "stages" / "checklist.yml")}
    (directory / "play.yml").write_text(yaml.safe_dump([before, stage, after]), encoding="utf-8")
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-vvv", "-i", "hosts.yml", "play.yml", *more],
        cwd=directory,
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr
    kept = sorted((directory / "evidence").rglob("checklist-*.json"))
    assert not any(SECRET in path.read_text(encoding="utf-8") for path in kept)
    return done, [json.loads(path.read_text(encoding="utf-8")) for path in kept]


def test_what_fails_blocks_and_is_kept(tmp_path: Path) -> None:
    done, kept = played(tmp_path, enforcement="block")
    assert done.returncode != 0
    assert "and then" not in done.stdout
    assert "app.py:1: a password in a URL lies there" in done.stdout
    assert [(document["verdict"], document["gates"]["secrets"]) for document in kept] == [("block", "fail")]


def test_before_a_deployment_it_leaves_the_judgement_to_the_plan(tmp_path: Path) -> None:
    for wrong in ({"enforcement": "block"}, {"release": "{{ nowhere }}"}):
        done, _kept = played(tmp_path, "-e", '{"checklist_fails": false}', **wrong)
        assert done.returncode == 0 and "and then" in done.stdout, done.stdout
    books = yaml.safe_load((TOP / "playbooks" / "deploy.yml").read_text(encoding="utf-8"))
    assert [book["vars"] for book in books if "checklist" in str(book)] == [{"checklist_fails": False}]


def test_what_is_warned_of_goes_on(tmp_path: Path) -> None:
    done, kept = played(tmp_path, enforcement="warn")
    assert done.returncode == 0, done.stdout
    assert "and then" in done.stdout
    assert kept[0]["verdict"] == "warn"


def test_check_mode_judges_and_keeps_nothing(tmp_path: Path) -> None:
    done, kept = played(tmp_path, "--check", enforcement="block")
    assert done.returncode != 0
    assert kept == []


def test_without_a_checklist_no_task_is_run(tmp_path: Path) -> None:
    done, kept = played(tmp_path)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("TASK [") == 2
    assert kept == []


def test_after_a_deployment_it_says_what_fails_and_fails_only_where_it_is_told_to(tmp_path: Path) -> None:
    asked = {
        "app": "shop",
        "phase": "after",
        "checklist": {"after": {"required": ["smoke_tests"], "p95_below": "500"}},
        "live": {"db1": {"unreachable": True}},
        "audits": {"db1": {"verdict": "broken"}},
        "evidence_directory": str(tmp_path / "evidence"),
    }
    tasks = [
        {"slipway.release.checklist": {**asked, "fail": False}, "register": "first"},
        {"ansible.builtin.debug": {"msg": "verdict {{ first.verdict }}, of {{ first.deployments }}"}},
        {"slipway.release.checklist": asked},
    ]
    done = play(tmp_path, [{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], {"all": {}}, COLLECTIONS)
    output = " ".join(done.stdout.split())
    assert done.returncode != 0 and "verdict fail, of {}" in output
    for sentence in ("running: the application: db1 cannot be reached", "smoke_tests: smoke_tests: it is required"):
        assert f"the checklist after the deployment: {sentence}" in output + " ".join(done.stderr.split())
    assert "the checklist after the deployment fails: running: the application: db1 cannot be reached" in output
    kept = [json.loads(path.read_text(encoding="utf-8")) for path in (tmp_path / "evidence").rglob("checklist-*.json")]
    assert [document["phase"] for document in kept] == ["after", "after"]
    assert {document["gates"]["audit_log"] for document in kept} == {"fail"}


def test_the_documentation_has_the_options_of_the_action() -> None:
    options = yaml.safe_load(documented.DOCUMENTATION)["options"]
    assert {name: option["type"] for name, option in options.items()} == {
        name: option["type"] for name, option in ARGUMENTS.items()
    }


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"placeholders": ["("]}, "slipway_checklist.placeholders[0]"),
        ({"coverage_least": 100}, "slipway_checklist.coverage_least"),
        ({"backup": {}, "enforcement": "maybe"}, "slipway_checklist.enforcement"),
        ({"backup": {"path": "/a", "url": "https://b.test"}}, "slipway_checklist.backup"),
        ({"backup": {"path": "/a", "max_age": 0}}, "slipway_checklist.backup.max_age"),
        ({"allow": [{"item": "secrets", "place": "*", "reason": " "}]}, "slipway_checklist.allow[0].reason"),
        ({"stagign": "/a"}, "slipway_checklist.stagign"),
        ({"after": {"log_pattern": "("}}, "slipway_checklist.after.log_pattern"),
        ({"after": {"errors_below": 0}}, "slipway_checklist.after.errors_below"),
        ({"after": {"p95_below": 0}}, "slipway_checklist.after.p95_below"),
        ({"after": {"log_errors": -1}}, "slipway_checklist.after.log_errors"),
        ({"after": {"required": ["backup", "secrets"]}}, "slipway_checklist.after.required"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path: Path, options: dict[str, Any], where: str) -> None:
    with pytest.raises(InputProblems) as refused:
        validate({**good(tmp_path), "slipway_checklist": options}, GROUPS, base=tmp_path)
    assert [problem.where for problem in (refused.value, *refused.value.others)] == [where]


def test_what_makes_sense_is_taken(tmp_path: Path) -> None:
    options = {"placeholders": ["x+"], "backup": {"url": "https://b.test"}, "required": ["backup"]}
    found = validate({**good(tmp_path), "slipway_checklist": options}, GROUPS, base=tmp_path)
    assert found.checklist["required"] == ["backup"]
