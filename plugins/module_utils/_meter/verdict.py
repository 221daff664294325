# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a summary against a budget of lost requests. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PASS, FAIL, INSUFFICIENT = "pass", "fail", "insufficient"
MOST_LATE_PERCENT = 1


def judge(summary: Mapping[str, Any], max_lost: int) -> tuple[str, str]:
    """Verdict and reason. No data, or a meter that could not keep its schedule, is never a pass.

    :param max_lost: how many requests may be lost.
    """
    total = summary["total"]
    if total["lost"] > max_lost:
        kinds = ", ".join(f"{count} {kind}" for kind, count in total["lost_by"].items() if count)
        return FAIL, f"{total['lost']} of {total['sent']} requests lost, {max_lost} allowed: {kinds}"
    if not total["ok"]:
        return INSUFFICIENT, "no request was answered"
    if total["not_sent"]:
        return INSUFFICIENT, f"the meter could not send {total['not_sent']} of {total['scheduled']} requests"
    if total["late"] * 100 > total["sent"] * MOST_LATE_PERCENT:
        return INSUFFICIENT, f"the meter sent {total['late']} of {total['sent']} requests late"
    return PASS, f"{total['lost']} of {total['sent']} requests lost"
