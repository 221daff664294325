# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markup: whatever a text is, it is a text on the page."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._report.markup import Markup, breakable, element, joined
from ansible_collections.slipway.release.plugins.module_utils._report.page import page, table
from ansible_collections.slipway.release.plugins.module_utils._report.words import cut, length, moment, when

from .seen import Page

HOSTILE = ["<script>alert(1)</script>", '" onload="x', "' x='", "&amp;", "]]>", "<!--", "</style>", "</title>"]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_a_text(text: str) -> None:
    made = page(text, text, text, [table(text, [text], [[text]]), element("p", text, id=text)], text)
    found = Page(made)
    assert found.table(text) == [{text: text}]
    assert {tag for tag, _attributes in found.elements}.isdisjoint({"script", "img", "iframe"})
    assert found.attributes("p")[1]["id"] == text


def test_what_nobody_sees_is_written_as_its_code() -> None:
    assert joined(["a\u202eb\x00c\u200bd\ud800e"]) == "a\\u202eb\\u0000c\\u200bd\\ud800e"


def test_markup_is_not_escaped_twice() -> None:
    assert element("p", element("b", "<"), None, ["x", Markup("<br>")], 3) == "<p><b>&lt;</b>x<br>3</p>"


def test_an_attribute_that_is_none_is_left_out() -> None:
    assert element("p", class_=None, data_x='"') == '<p data-x="&quot;"></p>'


@pytest.mark.parametrize(
    ("span", "text"),
    [(0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (61_000, "1 min 1 s"), (3_600_000, "1 h"), (90_061_000, "1 d 1 h")],
)
def test_durations_have_two_units(span: int, text: str) -> None:
    assert length(span) == text


def test_times_are_utc_whatever_their_offset() -> None:
    assert when(moment("2026-11-21T12:00:00.500+02:00")) == "2026-11-21 10:00:00"
    with pytest.raises(ValueError, match="no offset"):
        moment("2026-11-21T12:00:00")


def test_a_long_name_is_cut() -> None:
    assert (cut("x" * 34), cut("x" * 35)) == ("x" * 34, "x" * 33 + "…")


def test_a_name_breaks_at_its_joints() -> None:
    assert breakable("db1/before_<b>@x y") == "db1/<wbr>before_&lt;b&gt;@<wbr>x y"
