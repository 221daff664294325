# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ansible's documentation structures as Markdown: marked-up text, and tables of options and return values. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Options = Mapping[str, Mapping[str, Any]]

MARKUP = re.compile(r"\b(RV|[BCEILMOPUV])\(((?:[^\\)]|\\.)*)\)")
RULE = re.compile(r"\bHORIZONTALLINE\b")


def text(source: str | Iterable[str]) -> str:
    """One paragraph of Ansible's mark-up, or several joined into one."""
    joined = source if isinstance(source, str) else " ".join(source)
    return MARKUP.sub(_inline, RULE.sub("", " ".join(joined.split())))


def bullets(paragraphs: str | Iterable[str]) -> str:
    """Paragraphs as a list."""
    several = [paragraphs] if isinstance(paragraphs, str) else paragraphs
    return "\n".join(f"- {text(paragraph)}" for paragraph in several)


def option_table(options: Options) -> str:
    """Options with their nested ones, in the order given."""
    rows = [
        (f"`{path}`", _type(option), _default(option), _description(option))
        for path, option in _walk(options, ("suboptions", "options"))
    ]
    return _table(("Name", "Type", "Default", "Description"), rows)


def return_table(values: Options) -> str:
    """Return values with what they contain."""
    rows = [
        (f"`{path}`", _type(value), text(value.get("returned", "always")), _description(value))
        for path, value in _walk(values, ("contains",))
    ]
    return _table(("Name", "Type", "Returned", "Description"), rows)


def _inline(match: re.Match[str]) -> str:
    kind, content = match[1], re.sub(r"\\(.)", r"\1", match[2])
    if kind == "B":
        return f"**{content}**"
    if kind == "I":
        return f"*{content}*"
    if kind == "U":
        return f"<{content}>"
    if kind == "L":
        title, _comma, address = content.rpartition(",")
        return f"[{title}]({address.strip()})"
    return f"`{content.partition('#')[0] if kind == 'P' else content}`"


def _walk(options: Options, nested: tuple[str, ...], prefix: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, option in options.items():
        yield f"{prefix}{name}", option
        for key in nested:
            inner = option.get(key)
            if inner:
                separator = "[]." if option.get("type") == "list" else "."
                yield from _walk(inner, nested, f"{prefix}{name}{separator}")


def _type(option: Mapping[str, Any]) -> str:
    kind = option.get("type", "str")
    return f"list of {option['elements']}" if kind == "list" and "elements" in option else str(kind)


def _default(option: Mapping[str, Any]) -> str:
    if option.get("required"):
        return "**required**"
    default = option.get("default")
    if default is None:
        return ""
    return f"`{default if isinstance(default, str) and default else json.dumps(default)}`"


def _description(option: Mapping[str, Any]) -> str:
    words = [text(option.get("description", ""))]
    if option.get("units"):
        words.append(f"Unit: {text(option['units'])}.")
    choices = option.get("choices")
    if choices:
        words.append(f"One of {', '.join(f'`{choice}`' for choice in choices)}.")
    return " ".join(words)


def _table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heading, tuple("---" for _column in heading), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
