# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of system tests are run, and what they wait for."""

from __future__ import annotations

import pytest

from tests.system.fleet import TASKS
from tools import system
from tools.environments import TOP


def test_all_areas_are_run_when_none_is_named() -> None:
    assert system.areas("") == sorted(system.TESTS.glob("test_*.py"))


def test_named_areas_are_run_alone() -> None:
    assert system.areas("undo,killed") == [system.TESTS / "test_undo.py", system.TESTS / "test_killed.py"]


def test_an_unknown_area_is_refused_before_a_lab_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AREA", "nothing")
    assert system.main([]) == 1
    assert "no tests for AREA=nothing" in capsys.readouterr().out


@pytest.mark.parametrize("name", TASKS)
def test_the_tasks_that_system_tests_wait_for_exist(name: str) -> None:
    tasks = [path.read_text(encoding="utf-8") for path in TOP.glob("roles/*/tasks/*.yml")]
    assert any(f"- name: {name}\n" in text for text in tasks)
