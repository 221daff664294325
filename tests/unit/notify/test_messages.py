# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is told: words by severity, an operator's own in their stead, and to whom."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._notify.compose import OWN, check, compose
from ansible_collections.slipway.release.plugins.module_utils._notify.factory import make
from ansible_collections.slipway.release.plugins.module_utils._notify.model import EVENTS, Wanted

from .made import facts, message


def test_every_event_has_a_template_that_can_be_filled_in_with_next_to_nothing() -> None:
    assert {path.stem for path in OWN.glob("*.j2")} == set(EVENTS)
    for event in EVENTS:
        made = message(event, environment="", region="", from_version="", reason="", deployment="")
        assert made.title and "shop" in made.title and "\n" not in made.title and "  " not in made.title


@pytest.mark.parametrize(
    ("severity", "answer"),
    [("P0", "08:15"), ("P1", "08:30"), ("P2", "10:00"), ("P3", "2027-01-16T08:00")],
)
def test_an_incident_says_by_when(severity: str, answer: str) -> None:
    made = message("incident", severity=severity)
    assert made.title == f"{severity} INCIDENT shop in production"
    assert f"{answer}:00Z, next update by 2027-01-15T08:15:00Z. Post-mortem by 2027-01-17T08:00:00Z." in made.text


def test_an_update_says_when_the_next_one_comes_and_a_resolution_when_the_post_mortem_is_due() -> None:
    assert "Next update by 2027-01-15T08:15:00Z." in message("update").text
    assert "Post-mortem by 2027-01-17T08:00:00Z." in message("resolution").text


def test_an_operator_has_words_of_their_own_for_one_event(tmp_path: Path) -> None:
    (tmp_path / "undone.j2").write_text("{{ app }} is back\n\n{{ reason }}", encoding="utf-8")
    check(str(tmp_path))
    made, wrong = compose(facts("undone"), str(tmp_path))
    assert (made.title, made.text, wrong) == ("shop is back", "The gate of app2 did not pass.", "")
    assert compose(facts("failed"), str(tmp_path))[0] == message("failed")


@pytest.mark.parametrize(
    "template", ["{{ nothing }}", "{{ app", "{{ app.__class__.__mro__ }}", "{{ 1 / 0 }}", "{{ app.nothing() }}"]
)
def test_a_template_that_cannot_be_filled_in_is_told_and_not_used(tmp_path: Path, template: str) -> None:
    (tmp_path / "undone.j2").write_text(template, encoding="utf-8")
    made, wrong = compose(facts("undone"), str(tmp_path))
    assert made == message("undone") and "undone.j2" in wrong
    with pytest.raises(InputError, match="cannot be filled in"):
        check(str(tmp_path))


def test_a_directory_without_a_template_or_with_one_of_no_event_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no template"):
        check(str(tmp_path))
    (tmp_path / "finished.j2").write_text("x", encoding="utf-8")
    with pytest.raises(InputError, match="of no event"):
        check(str(tmp_path))


def test_what_comes_with_the_facts_is_no_template() -> None:
    assert "{{ 7 * 7 }}" in message("undone", reason="{{ 7 * 7 }}").text


def test_who_is_told() -> None:
    paged = Wanted(("undone", "failed", "succeeded", "update", "resolution"), "P1")
    assert not paged.has(facts("undone")), "P2 by itself"
    assert paged.has(facts("undone", severity="P1")) and paged.has(facts("failed")) and paged.has(facts("succeeded"))
    assert not paged.has(facts("update", severity="P3")) and paged.has(facts("resolution", severity="P3"))
    assert not paged.has(facts("parked"))
    chat = make({"channel": "slack", "url": "https://chat.example/x", "on": ["started"]}, "c")
    assert chat.wanted.has(facts("started")) and not chat.wanted.has(facts("failed"))
