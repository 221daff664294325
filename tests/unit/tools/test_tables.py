# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the documentation promises is there: the tests that it names, and the triggers that it shows."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, validate

TOP = Path(__file__).resolve().parents[3]
PAINS = (TOP / "docs/pains.md").read_text(encoding="utf-8")
TRIGGERS = (TOP / "docs/triggers.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| (\d+) \|.*$", PAINS, re.MULTILINE)
NAMED = re.findall(r"`(tests/[^`]*)::([^`]*)`", PAINS)
VARIABLES: dict[str, Any] = {
    "slipway_app": "shop",
    "slipway_version": "1.4.2",
    "slipway_artifact": "https://artifacts.example/shop.tar.gz",
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
    "slipway_rollout": "canary",
    "slipway_canary_steps": [{"percent": 10, "pause": 600}],
}
GROUPS = {"all": ["app1", "lb1", "db1"], "application": ["app1"], "balancers": ["lb1"]}


def shown() -> list[dict[str, Any]]:
    """The metrics that the page of triggers shows."""
    (block,) = re.findall(r"```yaml\n(.*?)```", TRIGGERS, re.DOTALL)
    metrics: list[dict[str, Any]] = yaml.safe_load(block)["slipway_analysis"]
    return metrics


def functions(path: Path) -> set[str]:
    """The functions of a file."""
    return {
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    }


def test_every_pain_has_tests() -> None:
    assert [str(number) for number in range(1, 13)] == ROWS
    for row in [line for line in PAINS.splitlines() if re.match(r"\| \d", line)]:
        assert "`tests/" in row, row


@pytest.mark.parametrize(("path", "name"), NAMED, ids=[name for _path, name in NAMED])
def test_every_test_that_is_named_exists(path: str, name: str) -> None:
    assert name in functions(TOP / path)


@pytest.mark.parametrize("metric", shown(), ids=[metric["name"] for metric in shown()])
def test_every_trigger_is_accepted_as_it_is_shown(metric: dict[str, Any]) -> None:
    accepted = validate({**VARIABLES, "slipway_analysis": [metric]}, GROUPS)
    assert accepted.analysis == [metric]
    with pytest.raises(InputProblems):
        validate({**VARIABLES, "slipway_analysis": [{**metric, "unheard_of": 1}]}, GROUPS)


def test_every_trigger_that_is_shown_has_a_test_on_the_real_program() -> None:
    tested = functions(TOP / "tests/integration/gate/test_triggers.py")
    ratio = functions(TOP / "tests/unit/analysis/test_triggers.py")
    for metric in shown():
        name = "test_" + re.sub(r"[^a-z0-9]+", "_", metric["name"].replace("%", "percent").lower()).strip("_")
        if name.startswith(("test_memory_", "test_cpu_")):
            name = "test_cpu_and_memory_of_the_canary_against_stable"
        assert name in tested | ratio, name
