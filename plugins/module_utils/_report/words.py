# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Figures and times as people read them. Touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone

NOT_KNOWN = "unknown"
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


def moment(time: str) -> int:
    """Milliseconds since the epoch of an ISO time with its offset.

    :raises ValueError: it is none.
    """
    found = datetime.fromisoformat(time.replace("Z", "+00:00"))
    if found.tzinfo is None:
        raise ValueError(f"{time} has no offset")
    return round((found - datetime.fromtimestamp(0, timezone.utc)).total_seconds() * 1000)


def iso(at_ms: int) -> str:
    """The same as text, to the second."""
    return f"{_utc(at_ms):%Y-%m-%dT%H:%M:%SZ}"


def when(at_ms: int | None) -> str:
    """Date and time in UTC."""
    return f"{_utc(at_ms):%Y-%m-%d %H:%M:%S}" if at_ms is not None else NOT_KNOWN


def day(at_ms: int) -> str:
    """The date in UTC."""
    return f"{_utc(at_ms):%Y-%m-%d}"


def clock(at_ms: int) -> str:
    """The time of day in UTC."""
    return f"{_utc(at_ms):%H:%M:%S}"


def length(span_ms: int | None) -> str:
    """A duration in the two largest units that say something."""
    if span_ms is None:
        return NOT_KNOWN
    if span_ms < 1000:
        return f"{span_ms} ms"
    if span_ms < 10_000:
        return f"{span_ms / 1000:.1f} s"
    parts = [(span_ms // DAY, "d"), (span_ms % DAY // HOUR, "h"), (span_ms % HOUR // MINUTE, "min")]
    parts.append((span_ms % MINUTE // 1000, "s"))
    first = next(place for place, (count, _unit) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)


def number(value: float) -> str:
    """A number with at most two places."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def cut(text: str, longest: int = 34) -> str:
    """A text that is not longer than that."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def counted(count: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def enumerated(names: Sequence[str], most: int = 6) -> str:
    """Names in a row, not more than ``most``."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")


def _utc(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms // 1000, timezone.utc)
