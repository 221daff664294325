# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Any value in a form that the ledger takes: no floats, no integers that readers disagree on, no endless texts.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LONGEST_TEXT = 600
MOST_ITEMS = 200
DEEPEST = 8
LARGEST = 2**53


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` with floats as decimal text, long texts cut, and nothing nested beyond eight levels."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < LARGEST else str(value)
    if isinstance(value, float):
        return repr(value)
    if depth >= DEEPEST:
        return cut(str(value))
    if isinstance(value, Mapping):
        kept = list(value.items())[:MOST_ITEMS]
        return {_name(key): plain(item, depth + 1) for key, item in kept}
    if isinstance(value, (list, tuple)):
        return [plain(item, depth + 1) for item in list(value)[:MOST_ITEMS]]
    return cut(str(value))


def cut(text: str, longest: int = LONGEST_TEXT) -> str:
    """One line of text that is not longer than that."""
    line = " ".join(text.split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."


def _name(key: Any) -> str:
    return str(key).encode("ascii", "backslashreplace").decode("ascii")
