# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a page as a browser would, as far as Python's parser does. Touches nothing."""

from __future__ import annotations

from html.parser import HTMLParser

VOID = {"meta", "br", "col", "wbr"}


class Page(HTMLParser):
    """Elements, attributes and visible text of a page whose tags must match."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[str] = []
        self.joined = False
        self.tables: list[tuple[str, list[list[str]]]] = []
        self.feed(text)
        self.close()
        assert self.open == [], f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _value in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        self.joined = tag == "wbr"
        if tag == "table":
            self.tables.append(("", []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if {"style", "title", "desc"}.isdisjoint(self.open):
            self.texts.append(data)
            if self.joined:
                self.texts[-2:] = ["".join(self.texts[-2:])]
        self.joined = False
        if "caption" in self.open:
            caption, rows = self.tables[-1]
            self.tables[-1] = (caption + data, rows)
        elif {"td", "th"}.intersection(self.open):
            self.tables[-1][1][-1][-1] += data

    @property
    def text(self) -> str:
        """What is to be seen, in a row."""
        return " ".join(" ".join(self.texts).split())

    def table(self, caption: str) -> list[dict[str, str]]:
        """The rows of the table whose caption begins so, by name of the column."""
        rows = next(rows for found, rows in self.tables if found.startswith(caption))
        return [dict(zip(rows[0], row)) for row in rows[1:]]

    def attributes(self, tag: str) -> list[dict[str, str]]:
        """Of every element of this name."""
        return [attributes for name, attributes in self.elements if name == tag]


def refuse_what_asks_others(text: str) -> None:
    """A page must be whole in itself, and nothing in it may act."""
    page = Page(text)
    allowed = {
        "html",
        "head",
        "meta",
        "title",
        "style",
        "body",
        "header",
        "main",
        "footer",
        "section",
        "h1",
        "h2",
        "h3",
    }
    allowed |= {"p", "ul", "li", "dl", "dt", "dd", "div", "span", "code", "table", "caption", "thead", "tbody", "tr"}
    allowed |= {"th", "td", "figure", "figcaption", "svg", "desc", "path", "line", "rect", "circle", "text", "wbr"}
    assert {tag for tag, _attributes in page.elements} <= allowed
    for tag, attributes in page.elements:
        active = [name for name in attributes if name.startswith("on") or name in ("href", "src", "style", "action")]
        assert not active, (tag, active)
    style = text.partition("<style>")[2].partition("</style>")[0]
    assert style and "url(" not in style and "@import" not in style
    policies = [meta for meta in page.attributes("meta") if meta.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1 and policies[0]["content"].startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policies[0]["content"]


def refuse_what_is_not_accessible(text: str) -> None:
    """Every chart has a title, a description and a table in its section; identifiers are unique."""
    page = Page(text)
    ids = [attributes["id"] for _tag, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for _tag, attributes in page.elements:
        for name in attributes.get("aria-labelledby", "").split():
            assert name in ids, name
    charts = [svg for svg in page.attributes("svg") if svg.get("role") == "img"]
    assert all(len(svg["aria-labelledby"].split()) == 2 for svg in charts)
    for part in text.split("<section")[1:]:
        if 'role="img"' in part:
            assert "<table" in part, part[:80]
