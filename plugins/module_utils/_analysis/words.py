# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a judgement says, in one sentence with the numbers that decided. Latencies are milliseconds.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from .._judge.base import Metric, Record
from .._judge.errors import Errors
from .._judge.judge import FAIL, INSUFFICIENT, Judgement, MetricVerdict, State
from .._judge.numbers import exact_text, text
from .._judge.quantile import Limit, Quantile
from .._judge.series import Series


def said(found: Judgement, state: State) -> str:
    """What decided: the metrics that have the verdict of the whole."""
    sentences = []
    for metric, verdict in zip(found.policy.metrics, found.metrics):
        if verdict.verdict == found.verdict:
            records = [look["metrics"].get(metric.name) or {} for look in state.looks]
            sentences.append(f"{metric.name}: {_sentence(metric, verdict, records)}")
    return "; ".join(sentences)


def _sentence(metric: Metric, verdict: MetricVerdict, records: Sequence[Record]) -> str:
    parts = [verdict.reason, *_numbers(metric, verdict, records), f"after {_looks(len(records))}"]
    if verdict.verdict == FAIL:
        harm = verdict.evidence["harm"]
        parts.append(f"e-value {harm['e_value']} where {harm['threshold']} are enough")
    elif verdict.verdict == INSUFFICIENT:
        parts.append(_needed(metric, verdict))
    return ", ".join(part for part in parts if part)


def _numbers(metric: Metric, verdict: MetricVerdict, records: Sequence[Record]) -> list[str]:
    if isinstance(metric, Errors):
        return [_failed(records, "canary", "the canary"), _failed(records, "stable", "stable")]
    if isinstance(metric, (Quantile, Limit)):
        return _latencies(metric, records)
    if isinstance(metric, Series):
        return _shift(verdict.evidence["observed"] or {})
    return []


def _failed(records: Sequence[Record], side: str, words: str) -> str:
    errors, requests = (_sum(records, f"{side}_{what}") for what in ("errors", "requests"))
    return f"{errors} of {requests} requests of {words} failed" + _percent(errors, requests)


def _latencies(metric: Quantile | Limit, records: Sequence[Record]) -> list[str]:
    beyond, requests = _sum(records, "canary_beyond_margin"), _sum(records, "canary_requests")
    counted = f"{beyond} of {requests} requests of the canary took longer than the margin{_percent(beyond, requests)}"
    last: Record = records[-1] if records else {}
    if "canary_quantile" not in last:
        return [counted]
    of_stable = f" and {last['stable_quantile']} ms of stable" if "stable_quantile" in last else ""
    return [f"p{exact_text(metric.percent)} {last['canary_quantile']} ms of the canary{of_stable} at the last", counted]


def _shift(observed: Record) -> list[str]:
    """How far the canary's values lie from those of stable, at the last look."""
    if "shift" not in observed:
        return []
    points = len(observed["canary"])
    lie = f"values of the canary {_signed(observed['shift'])} beside those of stable at the last, of {points} points"
    low, high = observed.get("shift_interval", (None, None))
    return [lie if low is None else f"{lie} (with 95 % {_signed(low)} to {_signed(high)})"]


def _signed(number: str) -> str:
    value = Fraction(number)
    return f"+{text(value)}" if value >= 0 else text(value)


def _needed(metric: Metric, verdict: MetricVerdict) -> str:
    missing: dict[str, Any] = verdict.evidence.get("missing") or {}
    if "requests" in missing:
        return f"about {missing['requests']} more requests are needed, of both sides together"
    if "canary_requests" in missing:
        return f"about {missing['canary_requests']} more requests of the canary are needed"
    if "values" in missing:
        return f"about {missing['values']} more points are needed"
    if isinstance(metric, Quantile) and (verdict.evidence["observed"] or {}).get("stable_quantile") is not None:
        return "latencies of so few milliseconds have no ratio, use kind limit"
    return ""


def _sum(records: Sequence[Record], name: str) -> int:
    return sum(record.get(name, 0) for record in records)


def _percent(part: int, whole: int) -> str:
    return f" ({100 * part / whole:.3g} %)" if whole else ""


def _looks(count: int) -> str:
    return "one look" if count == 1 else f"{count} looks"
