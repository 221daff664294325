# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The performance profile: its figures, its ratios to the one before, and its verdict."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import canonical
from ansible_collections.slipway.release.plugins.module_utils._evidence.profile import kept, line, profile

BEFORE = {"version": "1.0", "answered_milli": 50_000, "latency_us": {"p50": 1000, "p95": 2000, "p99": 4000}}


def measured(p95: int = 3000) -> dict[str, Any]:
    latency = {"p50": 1000, "p95": p95, "p99": 6000, "max": 9000}
    return {"elapsed_us": 10_000_000, "total": {"sent": 500, "ok": 490, "lost": 10, "latency_us": latency}}


def test_its_figures_and_ratios_are_exact() -> None:
    made = profile(measured(), BEFORE, {"max_ratio": ""})
    assert made["answered_milli"] == 49_000
    assert made["latency_us"] == {"p50": 1000, "p95": 3000, "p99": 6000}
    assert made["ratios"] == {"requests/s": "0.98", "p50": "1.00", "p95": "1.50", "p99": "1.50"}
    assert made["verdict"] == "pass"
    canonical(made)
    assert line(made) == (
        "Profile: 49.0 requests/s, p50/p95/p99 1.0/3.0/6.0 ms; "
        "ratios to 1.0: requests/s 0.98, p50 1.00, p95 1.50, p99 1.50."
    )


@pytest.mark.parametrize(("p95", "verdict"), [(3000, "pass"), (3020, "fail"), (200_000, "fail")])
def test_a_ratio_may_be_reached_and_not_exceeded(p95: int, verdict: str) -> None:
    made = profile(measured(p95), BEFORE, {"max_ratio": "1.5"})
    assert made["verdict"] == verdict
    assert (f"Verdict {verdict}" in line(made)) == (verdict == "fail")


def test_the_first_one_has_nothing_to_be_compared_with() -> None:
    made = profile(measured(), None, {"max_ratio": "1.5"})
    assert (made["verdict"], made["ratios"], made["before"]) == ("pass", {}, None)
    assert line(made).endswith("there is none of the revision before.")


def test_without_an_answer_there_is_no_verdict() -> None:
    made = profile({}, BEFORE, {"max_ratio": "1.5"})
    assert (made["verdict"], made["ratios"]) == ("insufficient", {})
    assert kept({"to": {"version": "1.1"}, "profile": made}) is None
    assert line(made) == "Profile: no request was answered."


def test_what_is_kept_is_what_a_later_one_is_compared_with() -> None:
    made = profile(measured(), BEFORE, {"max_ratio": ""})
    again = profile(measured(), kept({"to": {"version": "1.1"}, "profile": made}), {"max_ratio": "1"})
    assert set(again["ratios"].values()) == {"1.00"}
    assert again["verdict"] == "pass"
