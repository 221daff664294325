# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases a schema fits, as pg_migrate_info tells what is applied."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate.fit import forms, misfit
from ansible_collections.slipway.release.plugins.module_utils._migrate.names import version_of


def schema(*members: str, name: str = "public", version: str = "") -> dict[str, Any]:
    """Each member is a version, its phase and its state, such as ``7 expand applied``."""
    rows = [dict(zip(("version", "phase", "state"), member.split())) for member in members]
    return {
        "schema": name,
        "version": version,
        "migrations": [*rows, {"version": "", "phase": "expand", "state": "pending"}],
    }


SEVEN = [f"{number} expand applied" for number in range(1, 8)]


@pytest.mark.parametrize(
    ("members", "least", "most", "reason"),
    [
        (SEVEN, 0, 3, ""),
        (SEVEN, 7, 7, ""),
        (SEVEN, 8, 9, "it needs schema 8, and public is at 7"),
        ([], 0, 9, ""),
        ([], 1, 9, "it needs schema 1, and public is at nothing"),
        ([*SEVEN, "9 expand applied"], 8, 9, ""),
        ([*SEVEN, "8 expand pending"], 8, 9, "it needs schema 8, and 8 is not applied to public"),
        ([*SEVEN, "8 migrate failed", "9 expand applied"], 9, 9, "it needs schema 9, and 8 is not applied to public"),
        ([*SEVEN, "8 expand pending"], 7, 9, ""),
        ([*SEVEN, "8 expand drifted"], 8, 9, ""),
        ([*SEVEN, "8 expand future"], 8, 9, ""),
        ([*SEVEN, "8 contract pending", "9 expand applied"], 9, 9, ""),
        ([*SEVEN, "8 contract pending", "9 expand applied"], 8, 9, "it needs schema 8, and 8 is not applied to public"),
        ([*SEVEN, "8 contract applied"], 1, 8, ""),
        ([*SEVEN, "8 contract applied"], 1, 7, "it works up to schema 7, and public is contracted to 8"),
        ([*SEVEN, "8 contract future"], 1, 7, "it works up to schema 7, and public is contracted to 8"),
        ([*SEVEN, "8 contract pending"], 1, 7, ""),
        ([*SEVEN, "7.1 contract applied"], 1, 7, "it works up to schema 7, and public is contracted to 7.1"),
    ],
)
def test_a_release_works_with_what_is_there(members: list[str], least: int, most: int, reason: str) -> None:
    assert misfit({"min": least, "max": most}, forms([schema(*members)])) == reason


def test_one_that_says_nothing_works_with_everything() -> None:
    assert misfit(None, forms([schema("8 contract applied")])) == ""


def test_it_must_work_with_every_schema() -> None:
    found = forms([schema(*SEVEN, name="one"), schema(*SEVEN[:3], name="two")])
    assert misfit({"min": 4, "max": 9}, found) == "it needs schema 4, and two is at 3"


def test_a_baseline_whose_files_are_gone_is_applied() -> None:
    assert misfit({"min": 5, "max": 9}, forms([schema("6 expand pending", version="5")])) == ""


def test_what_is_pending_is_taken_for_applied() -> None:
    (found,) = forms([schema(*SEVEN, "8 expand pending", "9 migrate pending", "10 contract pending")])
    assert (
        misfit({"min": 9, "max": 9}, [found.after(("expand",))]) == "it needs schema 9, and 9 is not applied to public"
    )
    assert misfit({"min": 9, "max": 9}, [found.after(("expand", "migrate"))]) == ""
    contracted = found.after(("contract",))
    assert misfit({"min": 1, "max": 9}, [contracted]) == "it works up to schema 9, and public is contracted to 10"
    assert misfit({"min": 1, "max": 9}, [found.after(("contract",), version_of("9", "here"))]) == ""


def test_a_contract_that_has_begun_is_contracted_and_not_applied() -> None:
    part = schema(*SEVEN, "8 contract failed", "9 migrate failed")
    assert misfit({"min": 1, "max": 7}, forms([part])) == ""
    part["migrations"][7]["stays"] = part["migrations"][8]["stays"] = True
    (found,) = forms([part])
    assert misfit({"min": 1, "max": 7}, [found]) == "it works up to schema 7, and public is contracted to 8"
    assert misfit({"min": 8, "max": 9}, [found]) == "it needs schema 8, and 8 is not applied to public"
    assert misfit({"min": 1, "max": 8}, [found]) == ""
    assert misfit({"min": 1, "max": 7}, [found.undone_to(version_of("7", "here"))]) == ""
    assert misfit({"min": 8, "max": 8}, [found.after(("contract",))]) == ""


def test_what_is_undone_is_gone_and_what_was_contracted_is_back() -> None:
    (found,) = forms([schema(*SEVEN, "8 contract applied")])
    undone = found.undone_to(version_of("4", "here"))
    assert misfit({"min": 5, "max": 9}, [undone]) == "it needs schema 5, and 5 is not applied to public"
    assert misfit({"min": 4, "max": 4}, [undone]) == ""
