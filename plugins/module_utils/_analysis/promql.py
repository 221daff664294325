# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the text of a query tells of the time that it looks at. Touches nothing."""

from __future__ import annotations

import re

_NOT_CODE = re.compile(r""""(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\#[^\n]*""")
_RANGE = re.compile(r"\[\s*([0-9a-z.]+)\s*(:?)[^\]]*\]")
_DURATION = re.compile(r"(?:\d+(?:ms|[smhdwy]))+")
_PART = re.compile(r"(\d+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


def seconds_of(duration: str) -> float:
    """The seconds of a duration, such as ``1m30s``.

    :raises ValueError: it is none.
    """
    if _DURATION.fullmatch(duration):
        return float(sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(duration)))
    return float(duration)


def reach(query: str) -> float:
    """The seconds before a point that its value may be made of.

    The longest range that the query has, and for a subquery what that adds to it. What is no duration counts nothing:
    the server refuses it.
    """
    longest = added = 0.0
    for duration, colon in _RANGE.findall(_code(query)):
        try:
            seconds = seconds_of(duration)
        except ValueError:
            continue
        if colon:
            added += seconds
        else:
            longest = max(longest, seconds)
    return longest + added


def looks_at_a_fixed_time(query: str) -> bool:
    """Whether it has the modifier ``@``, so that several points may have the same value."""
    return "@" in _code(query)


def _code(query: str) -> str:
    """Without texts and comments."""
    return _NOT_CODE.sub(" ", query)
