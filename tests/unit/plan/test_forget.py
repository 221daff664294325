# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the rollout's tasks leave on a host: all of it is forgotten before a region is returned in the same run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROLE = Path(__file__).resolve().parents[3] / "roles" / "rollout"
FORGET = ROLE / "tasks" / "forget.yml"


def tasks_of(found: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Every task, those in blocks too."""
    for task in found:
        yield task
        for part in ("block", "rescue", "always"):
            yield from tasks_of(task.get(part, []))


def left_behind() -> set[str]:
    """Names that the tasks of the role register or set."""
    names = set()
    for file in (ROLE / "tasks").glob("*.yml"):
        for task in tasks_of(yaml.safe_load(file.read_text(encoding="utf-8"))) if file != FORGET else ():
            names |= {task["register"]} if "register" in task else set()
            names |= set(task.get("ansible.builtin.set_fact", {}))
    return names


def forgotten() -> dict[str, Any]:
    """Name to what it is led back to."""
    (task,) = yaml.safe_load(FORGET.read_text(encoding="utf-8"))
    found: dict[str, Any] = task["ansible.builtin.set_fact"]
    return found


def test_everything_that_the_tasks_leave_behind_is_forgotten() -> None:
    assert set(forgotten()) == left_behind()


def test_what_is_forgotten_is_what_it_was_before() -> None:
    initial = yaml.safe_load((ROLE / "vars" / "main.yml").read_text(encoding="utf-8"))
    assert {name: value for name, value in forgotten().items() if name in initial} == {
        name: value for name, value in initial.items() if name in forgotten()
    }


@pytest.mark.parametrize("file", sorted(str(path.relative_to(ROLE)) for path in ROLE.glob("*/*.yml")))
def test_nobody_asks_whether_what_a_fact_cannot_cease_to_be_is_defined(file: str) -> None:
    asked = re.findall(r"(__rollout_\w+) is (?:not )?defined", (ROLE / file).read_text(encoding="utf-8"))
    assert not left_behind().intersection(asked), "it stays defined in a second pass"
