# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a slot's traffic, in the same words whatever source has counted it. Touches nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from itertools import accumulate
from typing import Any

from .model import Reading

CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "other")
QUANTILES = {"p50": 500, "p90": 900, "p95": 950, "p99": 990, "max": 1000}


def figures(statuses: Mapping[str, int]) -> dict[str, Any]:
    """Requests, errors (answers of 500 and more) and their shares in percent, of answers by class."""
    requests, errors = sum(statuses.values()), statuses.get("5xx", 0)
    return {
        "requests": requests,
        "errors": errors,
        "error_rate": 100 * errors / requests if requests else None,
        "success_rate": 100 * (requests - errors) / requests if requests else None,
        "status": {name: statuses.get(name, 0) for name in CLASSES},
    }


def class_of(status: int) -> str:
    """The class of a status, such as 5xx."""
    return f"{status // 100}xx" if 100 <= status <= 599 else "other"


def quantiles(counted: Mapping[float, int]) -> dict[str, float] | None:
    """Mean and exact quantiles by the nearest-rank method; ``None`` of nothing.

    :param counted: value to how often it was seen.
    """
    if not counted:
        return None
    ordered = sorted(counted)
    up_to = list(accumulate(counted[value] for value in ordered))
    whole = up_to[-1]
    found = {
        name: ordered[bisect_left(up_to, max(1, -(-whole * per_mille // 1000)))]
        for name, per_mille in QUANTILES.items()
    }
    return {"mean": round(sum(value * count for value, count in counted.items()) / whole, 3), **found}


def reading(sides: Mapping[str, dict[str, Any]], least: int, note: str) -> Reading:
    """A reading of the sides' figures, which is no data when one has too few requests to say anything."""
    short = [f"{side} has {found['requests']}" for side, found in sides.items() if found["requests"] < least]
    missing = f"no data: fewer than {least} requests: {', '.join(short)}" if short else ""
    return Reading(sides, missing, note)
