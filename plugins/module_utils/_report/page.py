# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page around a report: one file without scripts, which asks nobody for anything, on a screen and on paper.

Touches nothing. The policy of its content forbids everything but its own style, which is named by its hash.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence

from .markup import Child, Markup, breakable, element, joined
from .style import STYLE

NOTHING = "–"
# Columns with words of this program alone, which need not be broken.
SHORT = (
    "Time",
    "Slot",
    "Verdict",
    "Took",
    "Result",
    "Action",
    "Ended",
    "Phase",
    "Due",
    "State",
    "Kind",
    "Verb",
    "Lead time",
)


def page(title: str, kind: str, lead: Child, parts: Iterable[Child], foot: Child) -> str:
    """The whole document.

    :param kind: what sort of report it is, above the title.
    :param lead: below the title.
    :param foot: where the figures come from.
    """
    digest = base64.b64encode(hashlib.sha256(STYLE.encode("utf-8")).digest()).decode("ascii")
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="referrer", content="no-referrer"),
        element("meta", name="robots", content="noindex"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", Markup(STYLE)),
    )
    top = element(
        "header", element("p", kind, class_="kind"), element("h1", title), element("div", lead, class_="lead")
    )
    body = element("body", top, element("main", parts), element("footer", foot))
    return f"<!doctype html>\n{element('html', head, body, lang='en')}\n"


def section(heading: str, *children: Child, name: str) -> Markup:
    """A part with a heading.

    :param name: its identifier in the page.
    """
    return element("section", element("h2", heading, id=name), *children, aria_labelledby=name)


def paragraph(*children: Child, class_: str | None = None) -> Markup:
    """A paragraph."""
    return element("p", *children, class_=class_)


def notice(kind: str, heading: str, *children: Child) -> Markup:
    """Something that nobody must overlook.

    :param kind: ``bad``, ``warn`` or ``good``.
    """
    return element("div", element("p", heading, class_="heading"), *children, class_=f"notice {kind}", role="note")


def listed(items: Iterable[Child]) -> Markup:
    """A list."""
    return element("ul", [element("li", item) for item in items])


def tiles(figures: Iterable[tuple[str, Child, Child]]) -> Markup:
    """Figures that come first: a name, the figure, and what explains it."""
    return element(
        "dl",
        [
            element(
                "div",
                element("dt", name),
                element("dd", figure, class_="figure"),
                element("dd", note, class_="note") if note else None,
            )
            for name, figure, note in figures
        ],
        class_="tiles",
    )


def facts(pairs: Iterable[tuple[str, Child]]) -> Markup:
    """Names with their values."""
    return element(
        "dl", [element("div", element("dt", name), element("dd", value)) for name, value in pairs], class_="facts"
    )


def badge(kind: str, word: str) -> Markup:
    """A word that also has a colour.

    :param kind: ``bad``, ``warn``, ``good`` or ``plain``.
    """
    return element("span", word, class_=f"badge {kind}")


def code(text: str) -> Markup:
    """An identifier, or a digest."""
    return element("code", text)


def table(
    caption: str, names: Sequence[str], rows: Iterable[Sequence[Child]], *, numbers: Sequence[str] = ()
) -> Markup:
    """A table; on a narrow screen each row is a card, whose cells say the name of their column.

    :param numbers: names of the columns that are aligned at their last digit.
    """
    kinds = ["number" if name in numbers else "short" if name in SHORT else None for name in names]
    head = element(
        "tr",
        [element("th", name, scope="col", class_=kind, role="columnheader") for name, kind in zip(names, kinds)],
        role="row",
    )
    body = [
        element(
            "tr",
            [
                element(
                    "td",
                    element("span", _cell(cell)),
                    data_name=name,
                    class_=kind,
                    role="cell",
                )
                for name, kind, cell in zip(names, kinds, row)
            ],
            role="row",
        )
        for row in rows
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", head, role="rowgroup"),
        element("tbody", joined(body), role="rowgroup"),
        role="table",
    )


def _cell(cell: Child) -> Child:
    if cell in (None, ""):
        return NOTHING
    return breakable(cell) if isinstance(cell, str) and not isinstance(cell, Markup) else cell
