# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which areas of integration tests are run, and on which machines."""

from __future__ import annotations

import pytest

from lab.plan import check_name
from tools import integration


def test_all_areas_are_run_when_none_is_named_each_on_a_lab_of_its_own() -> None:
    areas = integration.areas("", "it-12ab")
    assert {area.name for area in areas} == {path.parent.name for path in integration.TESTS.glob("*/test_*.py")}
    assert len({check_name(area.lab) for area in areas}) == len(areas) > 1


def test_one_area_has_the_same_lab_as_among_all() -> None:
    (area,) = integration.areas("nginx", "it")
    assert area in integration.areas("", "it")


def test_an_unknown_area_is_refused_before_a_lab_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AREA", "nothing")
    assert integration.main([]) == 1
    assert "no tests for AREA=nothing" in capsys.readouterr().out
