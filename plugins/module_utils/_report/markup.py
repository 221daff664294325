# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Markup in which every text is escaped: the only way from a text to a page. Touches nothing."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable
from typing import Union

# Control characters, halves of surrogate pairs, and what turns the direction of a text, so that it reads as another.
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
_VOID = frozenset(("br", "col", "meta", "wbr"))
_JOINT = re.compile(r"(?<=[/_@])(?=\w)")


class Markup(str):
    """Text that is markup already."""


Child = Union[str, int, None, "Iterable[Child]"]


def seen(text: str) -> str:
    """A text in which characters that nobody sees are written as codes."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def escaped(text: str) -> Markup:
    """A text as markup, for content and for values of attributes."""
    return Markup(html.escape(seen(text), quote=True))


def breakable(text: str) -> Markup:
    """A text that a line may break at the joints of its names, before it breaks within a word."""
    return Markup("<wbr>".join(map(escaped, _JOINT.split(text))))


def joined(children: Iterable[Child]) -> Markup:
    """Children as markup; ``None`` is nothing."""
    return Markup("".join(map(_markup, children)))


def element(tag: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """One element.

    :param attributes: an underscore is a dash, one at the end is left off; ``None`` is no attribute.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Markup(f"<{tag}{given}>")
    return Markup(f"<{tag}{given}>{joined(children)}</{tag}>")


def _markup(child: Child) -> str:
    if child is None:
        return ""
    if isinstance(child, Markup):
        return str.__str__(child)
    if isinstance(child, (str, int)):
        return escaped(str(child))
    return joined(child)
