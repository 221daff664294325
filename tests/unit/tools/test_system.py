# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which files of system tests are run."""

from __future__ import annotations

import pytest

from tools import system


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
