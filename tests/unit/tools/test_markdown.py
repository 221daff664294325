# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's mark-up and option structures become Markdown."""

from __future__ import annotations

import pytest

from tools.markdown import option_table, return_table, text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Waits for O(drain), then V(cut).", "Waits for `drain`, then `cut`."),
        ("C(http(s\\)) URL", "`http(s)` URL"),
        (
            "See M(slipway.release.lb_info) and RV(live) and E(PORT).",
            "See `slipway.release.lb_info` and `live` and `PORT`.",
        ),
        ("B(never) I(often)", "**never** *often*"),
        ("P(ansible.builtin.file#lookup)", "`ansible.builtin.file`"),
        ("L(manual,https://example.org)", "[manual](https://example.org)"),
        ("U(https://example.org)", "<https://example.org>"),
        (["One.", "Two  lines\nhere."], "One. Two lines here."),
        ("CIV(x) is no mark-up", "CIV(x) is no mark-up"),
    ],
)
def test_text(source: str | list[str], expected: str) -> None:
    assert text(source) == expected


def test_nested_options_carry_the_path_of_their_parents() -> None:
    table = option_table(
        {
            "checks": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "description": "What to check.",
                "options": {"timeout": {"type": "int", "default": 1, "units": "seconds", "description": "One answer."}},
            },
            "mode": {"default": "", "choices": ["a|b", "c"], "description": ["How."]},
        }
    )
    assert table.splitlines()[2:] == [
        "| `checks` | list of dict | **required** | What to check. |",
        "| `checks[].timeout` | int | `1` | One answer. Unit: seconds. |",
        '| `mode` | str | `""` | How. One of `a\\|b`, `c`. |',
    ]


def test_return_values_with_what_they_contain() -> None:
    contained = {"name": {"type": "str", "description": "Its name."}}
    values = {"steps": {"type": "dict", "returned": "changed", "description": "Steps.", "contains": contained}}
    assert return_table(values).splitlines()[2:] == [
        "| `steps` | dict | changed | Steps. |",
        "| `steps.name` | str | always | Its name. |",
    ]
