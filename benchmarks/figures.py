# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Medians, percentiles and how they are printed. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def percentile(values: Sequence[float], percent: int) -> float:
    """The percentile by the nearest-rank method."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle value."""
    return percentile(values, 50)


def milliseconds(values: Sequence[float]) -> str:
    """p50 and p99 of microseconds, in milliseconds."""
    return f"p50 {percentile(values, 50) / 1000:.2f} ms, p99 {percentile(values, 99) / 1000:.2f} ms"


def seconds(values: Sequence[float]) -> str:
    """Median and range of seconds."""
    return f"{median(values):.2f} s ({min(values):.2f} to {max(values):.2f})"
