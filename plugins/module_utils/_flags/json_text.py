# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""JSON that is edited: what was not asked for keeps its order and its form. Touches nothing."""

from __future__ import annotations

import json
import math
import re
from typing import Any

# An escape of half a character, which no file of UTF-8 can have in any other form.
_LONE_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Ambiguous(ValueError):
    """A name stands twice in one object, so readers do not agree on what it says."""


def loads(text: str) -> Any:
    """What a text says.

    :raises ValueError: it is no JSON, or ambiguous.
    """
    return json.loads(text, object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)


def dumps_like(value: Any, text: str) -> str:
    """JSON with the indentation, the escapes and the end of a text."""
    found = re.search(r"[\[{]\r?\n([ \t]+)\S", text)
    indent = found[1] if found else (None if text.strip() and "\n" not in text.strip() else "  ")
    separators = (",", ":") if indent is None and ": " not in text else (", " if indent is None else ",", ": ")
    ascii_only = text.isascii() or _LONE_SURROGATE.search(text) is not None
    made = json.dumps(value, indent=indent, separators=separators, ensure_ascii=ascii_only)
    made += "\n" if text.endswith("\n") else ""
    return made.replace("\n", "\r\n") if "\r\n" in text else made


def _finite(number: str) -> float:
    found = float(number)
    if not math.isfinite(found):
        raise ValueError(f"{number} is no number that can be written again")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Ambiguous(f"{name!r} stands twice in one object")
        found[name] = value
    return found
