# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where one metric or check of a watch stands, from its latest measurements. Pure; touches nothing.

A watch goes on for long, so only what was measured last counts: as many measurements as the metric has in ``count``.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from .._analysis.judge import MetricJudge
from .._analysis.model import ERROR, SUCCESS, Limits, Metric
from .._gate.model import FAIL, INSUFFICIENT, PASS, Check

SHOWN_SAMPLES = 20


@dataclass(frozen=True)
class Sample:
    """One measurement.

    :param verdict: success, failure, inconclusive, no_data or error.
    :param detail: the numbers that decided, or why there are none.
    :param time: when, by the wall clock, for people.
    """

    verdict: str
    detail: str
    time: str

    def to_dict(self) -> dict[str, str]:
        """As JSON has it."""
        return {"verdict": self.verdict, "detail": self.detail, "time": self.time}


@dataclass(frozen=True)
class Standing:
    """What is known of a metric or a check now.

    :param unreadable: its source could not be asked more often in a row than it may.
    """

    name: str
    kind: str
    verdict: str
    reason: str
    unreadable: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"name": self.name, "kind": self.kind, "verdict": self.verdict, "reason": self.reason}


class Track:
    """The latest measurements of one metric or check.

    :param limits: when they make a failure.
    :param count: how many measurements are judged together.
    :param decides: whether a failure returns the traffic.
    """

    def __init__(self, name: str, kind: str, limits: Limits, count: int, *, decides: bool = True) -> None:
        self.name = name
        self.kind = kind
        self.decides = decides
        self.count = count
        self.error_limit = limits.consecutive_error
        self.limits = replace(limits, inconclusive=-1, consecutive_error=sys.maxsize, consecutive_success=0)
        self.samples: tuple[Sample, ...] = ()

    @classmethod
    def of_metric(cls, metric: Metric) -> Track:
        """That of a metric."""
        return cls(metric.name, metric.type, metric.limits, metric.schedule.count, decides=not metric.dry_run)

    @classmethod
    def of_check(cls, check: Check, failures: int) -> Track:
        """That of a check, which must fail so often in a row."""
        return cls(check.name, f"{check.type} check", Limits(failure=-1, consecutive_failure=failures - 1), failures)

    def take(self, sample: Sample) -> None:
        """Take in one measurement; those that do not count any more are forgotten. Called from one thread."""
        kept = [*self.samples, sample]
        while sum(one.verdict != ERROR for one in kept) > self.count or len(kept) > 2 * self.count + SHOWN_SAMPLES:
            kept.pop(0)
        self.samples = tuple(kept)

    def resume(self, samples: Iterable[Mapping[str, str]]) -> None:
        """Go on with the measurements of an earlier process."""
        for one in samples:
            self.take(Sample(one["verdict"], one["detail"], one["time"]))

    def standing(self) -> Standing:
        """What follows from the measurements."""
        samples = self.samples
        judge = MetricJudge(self.limits, self.count)
        for sample in samples:
            if judge.heard(sample.verdict, sample.detail):
                break
        if judge.verdict == FAIL:
            return Standing(self.name, self.kind, FAIL, judge.reason)
        errors = _in_a_row(samples)
        if errors > self.error_limit:
            reason = f"could not be measured {errors} times in a row; the last: {samples[-1].detail}"
            return Standing(self.name, self.kind, INSUFFICIENT, reason, unreadable=True)
        if any(sample.verdict == SUCCESS for sample in samples):
            return Standing(self.name, self.kind, PASS, _last(samples))
        return Standing(self.name, self.kind, INSUFFICIENT, _last(samples) or "not measured yet")


def _in_a_row(samples: tuple[Sample, ...]) -> int:
    count = 0
    for sample in reversed(samples):
        if sample.verdict != ERROR:
            break
        count += 1
    return count


def _last(samples: tuple[Sample, ...]) -> str:
    if not samples:
        return ""
    return f"{samples[-1].verdict}: {samples[-1].detail}" if samples[-1].detail else samples[-1].verdict
