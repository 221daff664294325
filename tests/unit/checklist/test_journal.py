# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the journal has of a slot, told by a journalctl that answers as the real one does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._checklist import journal
from ansible_collections.slipway.release.plugins.module_utils._checklist.spec import LOG_PATTERN
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SystemFailure

WEB = "slipway-shop-web@green.service"
SECRET = "hunter22-of-the-log"
SINCE = "2026-11-21T07:30:00Z"


def line(message: Any, priority: str = "6", unit: str = WEB) -> dict[str, Any]:
    return {"MESSAGE": message, "PRIORITY": priority, "_SYSTEMD_UNIT": unit}


def logged(monkeypatch: pytest.MonkeyPatch, directory: Path, *lines: dict[str, Any], status: int = 0) -> Path:
    """Have the journal hold these lines; where it says how it was asked."""
    answer, asked = directory / "answer", directory / "asked"
    answer.write_text("".join(f"{json.dumps(one)}\n" for one in lines) + "torn {\n", encoding="utf-8")
    program = directory / "journalctl"
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {asked}\ncat {answer}\nexit {status}\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{directory}:/usr/bin:/bin")
    return asked


@pytest.mark.parametrize(
    ("found", "errors"),
    [
        (line("all is well"), 0),
        (line("2026-11-21 ERROR no stock"), 1),
        (line('{"level": "error"}'), 0),
        (line("Traceback (most recent call last):"), 1),
        (line("TERRORS are no errors"), 0),
        (line("fatal", priority="3"), 1),
        (line("a warning", priority="4"), 0),
        (line(list(b"CRITICAL \xff")), 1),
        (line(None), 0),
    ],
)
def test_errors_are_told_by_priority_and_by_pattern(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, found: dict[str, Any], errors: int
) -> None:
    logged(monkeypatch, tmp_path, found)
    assert journal.counted("shop", "green", SINCE, LOG_PATTERN)["count"] == errors


def test_no_line_is_returned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = "slipway-shop-mailer@green.service"
    logged(monkeypatch, tmp_path, line(f"ERROR {SECRET}"), line(f"ERROR {SECRET}"), line("ERROR", unit=other))
    found = journal.counted("shop", "green", SINCE, LOG_PATTERN)
    assert found == {"count": 3, "units": {other: 1, WEB: 2}, "cut": False}
    assert SECRET not in json.dumps(found)


def test_what_systemd_says_of_a_unit_counts_as_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    logged(monkeypatch, tmp_path, {**line("Failed with result 'exit-code'.", "3", "init.scope"), "UNIT": WEB})
    assert journal.counted("shop", "green", SINCE, LOG_PATTERN)["units"] == {WEB: 1}


@pytest.mark.parametrize(
    ("slot", "units"), [("green", "slipway-shop-*@green.service"), ("", "slipway-shop-*@*.service")]
)
def test_the_units_of_a_slot_are_asked_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, slot: str, units: str
) -> None:
    asked = logged(monkeypatch, tmp_path)
    journal.counted("shop", slot, SINCE, "")
    words = asked.read_text(encoding="utf-8").splitlines()
    assert {f"--unit={units}", "--since=@1795246200"} < set(words)


def test_more_than_is_read_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(journal, "MOST_LINES", 2)
    logged(monkeypatch, tmp_path, line("a"), line("b"))
    assert journal.counted("shop", "", SINCE, "")["cut"]


def test_a_journal_that_cannot_be_read_is_no_clean_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    logged(monkeypatch, tmp_path, status=1)
    with pytest.raises(SystemFailure):
        journal.counted("shop", "green", SINCE, LOG_PATTERN)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    with pytest.raises(SystemFailure):
        journal.counted("shop", "green", SINCE, LOG_PATTERN)


@pytest.mark.parametrize(("since", "pattern"), [("yesterday", "x"), (SINCE, "(")])
def test_what_makes_no_sense_is_refused(since: str, pattern: str) -> None:
    with pytest.raises(InputError):
        journal.counted("shop", "green", since, pattern)
