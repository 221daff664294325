# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A role whose defaults and argument specs disagree is named, and so is a page that is out of date."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import docs

SPECS = """
argument_specs:
  main:
    short_description: Do it
    options:
      thing_a: {type: int, default: 1, description: A.}
      thing_b: {type: int, required: true, description: B.}
"""


def problems(directory: Path, specs: str, defaults: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is wrong with a role of these files."""
    role = directory / "roles" / "thing"
    (role / "meta").mkdir(parents=True)
    (role / "defaults").mkdir()
    if specs:
        (role / "meta" / "argument_specs.yml").write_text(specs, encoding="ascii")
    (role / "defaults" / "main.yml").write_text(defaults, encoding="ascii")
    monkeypatch.chdir(directory)
    return list(docs.role_problems())


@pytest.mark.parametrize(
    ("specs", "defaults", "expected"),
    [
        (SPECS, "thing_a: 1\n", []),
        (SPECS, "thing_a: 2\n", ["one default in the argument spec and another"]),
        (SPECS, "", ["has a default in the argument spec only"]),
        (SPECS, "thing_a: 1\nthing_c: 1\n", ["thing_c has a default and no argument spec"]),
        ("", "", ["argument_specs.yml is missing"]),
    ],
)
def test_problems(
    tmp_path: Path, specs: str, defaults: str, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = problems(tmp_path, specs, defaults, monkeypatch)
    assert len(found) == len(expected)
    assert all(words in problem for words, problem in zip(expected, found))


def test_the_page_of_a_role_shows_how_to_call_each_entry_point() -> None:
    page = docs.role_page("thing", {"plan": {"short_description": "Plan", "options": {"thing_a": {"type": "int"}}}})
    assert "    name: slipway.release.thing\n    tasks_from: plan\n" in page
    assert "| `thing_a` | int |" in page
