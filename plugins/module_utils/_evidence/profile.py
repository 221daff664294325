# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The performance profile of a revision, and how it compares with the one before.

Touches nothing. A profile is measured at a fixed rate through one balancer: it says how a revision answers that many
requests, not how many it could answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PERCENTILES = ("p50", "p95", "p99")
JUDGED = "p95"


def profile(summary: Mapping[str, Any], before: Mapping[str, Any] | None, asked: Mapping[str, Any]) -> dict[str, Any]:
    """A profile, its ratios to the one before, and its verdict.

    :param summary: of the traffic meter; empty when it has measured nothing.
    :param before: profile of the revision that was active before, or nothing.
    :param asked: ``slipway_profile`` as the plan has it.
    """
    total = summary.get("total") or {}
    latency = total.get("latency_us") or {}
    made: dict[str, Any] = {
        "sent": total.get("sent", 0),
        "ok": total.get("ok", 0),
        "lost": total.get("lost", 0),
        "answered_milli": _a_second(total.get("ok", 0), summary.get("elapsed_us", 0)),
        "latency_us": {name: latency[name] for name in PERCENTILES if name in latency},
        "asked": dict(asked),
        "before": {name: before[name] for name in ("version", "answered_milli", "latency_us")} if before else None,
    }
    made["ratios"] = _ratios(made, before) if before and latency else {}
    return {**made, **dict(zip(("verdict", "reason"), _judged(made, asked)))}


def kept(document: Mapping[str, Any]) -> dict[str, Any] | None:
    """What a later profile is compared with."""
    found = document.get("profile")
    if not found or not found.get("latency_us"):
        return None
    return {"version": document["to"]["version"], **{name: found[name] for name in ("answered_milli", "latency_us")}}


def line(made: Mapping[str, Any]) -> str:
    """One line for the output of a run."""
    latency = made["latency_us"]
    if not latency:
        return f"Profile: {made['reason']}."
    figures = "/".join(f"{latency[name] / 1000:.1f}" for name in PERCENTILES)
    text = f"Profile: {made['answered_milli'] / 1000:.1f} requests/s, p50/p95/p99 {figures} ms"
    if not made["ratios"]:
        return f"{text}; there is none of the revision before."
    ratios = ", ".join(f"{name} {ratio}" for name, ratio in made["ratios"].items())
    return f"{text}; ratios to {made['before']['version']}: {ratios}" + (
        "." if made["verdict"] == "pass" else f". Verdict {made['verdict']}: {made['reason']}."
    )


def _a_second(count: int, elapsed_us: int) -> int:
    """Thousandths of requests a second."""
    return count * 1_000_000_000 // elapsed_us if elapsed_us else 0


def _ratios(made: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, str]:
    found = {"requests/s": _ratio(made["answered_milli"], before["answered_milli"])}
    for name in PERCENTILES:
        found[name] = _ratio(made["latency_us"][name], before["latency_us"].get(name, 0))
    return {name: ratio for name, ratio in found.items() if ratio}


def _ratio(now: int, then: int) -> str:
    """As decimal text with two places, rounded down; nothing where there is nothing to divide by."""
    return f"{now // then}.{now * 100 // then % 100:02}" if then else ""


def _judged(made: Mapping[str, Any], asked: Mapping[str, Any]) -> tuple[str, str]:
    if not made["latency_us"]:
        return "insufficient", "no request was answered"
    most = asked.get("max_ratio") or ""
    if not most or not made["ratios"]:
        return "pass", "nothing is judged" if not most else "there is no profile of the revision before"
    found = made["ratios"].get(JUDGED, "0")
    if float(found) > float(most):
        return "fail", f"{JUDGED} is {found} times that of {made['before']['version']}, more than {most}"
    return "pass", f"{JUDGED} is {found} times that of {made['before']['version']}"
