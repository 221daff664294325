# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The judge of one metric: from the verdicts of its measurements to one of its own. Pure: it waits for nothing.

Touches nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from .._gate.model import FAIL, INSUFFICIENT, PASS
from .model import ERROR, FAILURE, INCONCLUSIVE, NO_DATA, SUCCESS, Limits, Metric


class MetricJudge:
    """Counts the measurements of one metric and says when, and how, it is decided.

    A limit trips when it is exceeded. An error is no measurement: it does not count towards ``count`` and never makes a
    metric fail. What was never measured well does not pass, whatever the limits allow.

    :param limits: the limits of the metric.
    :param count: how many measurements are wanted.
    """

    def __init__(self, limits: Limits, count: int) -> None:
        self.limits = limits
        self.count = count
        self.verdict = ""
        self.reason = ""
        self.goes_on = False
        self.counts: Counter[str] = Counter()
        self._in_a_row: Counter[str] = Counter()
        self._last: dict[str, str] = {}

    def heard(self, verdict: str, detail: str) -> bool:
        """Take in one measurement; ``True`` when the metric is decided."""
        self.counts[verdict] += 1
        self._last[verdict] = detail
        if verdict == ERROR:
            self._in_a_row = Counter({FAILURE: self._in_a_row[FAILURE], ERROR: self._in_a_row[ERROR] + 1})
        else:
            self._in_a_row = Counter({verdict: self._in_a_row[verdict] + 1})
        return self._tripped() or self._complete()

    def abandoned(self, why: str) -> None:
        """It was ended by something else, so nothing can be said."""
        self._decide(INSUFFICIENT, why)

    @property
    def measured(self) -> int:
        """Measurements so far, errors aside."""
        return sum(self.counts.values()) - self.counts[ERROR]

    def _tripped(self) -> bool:
        limits, counts, row = self.limits, self.counts, self._in_a_row
        silent = counts[INCONCLUSIVE] + counts[NO_DATA]
        if 0 <= limits.failure < counts[FAILURE]:
            self._decide(
                FAIL, f"{_times(counts[FAILURE], 'failed')}, more than failure_limit {limits.failure}", FAILURE
            )
        elif 0 < limits.consecutive_failure < row[FAILURE]:
            limit = f"more than consecutive_failure_limit {limits.consecutive_failure}"
            self._decide(FAIL, f"failed {row[FAILURE]} times in a row, {limit}", FAILURE)
        elif row[ERROR] > limits.consecutive_error:
            limit = f"more than consecutive_error_limit {limits.consecutive_error}"
            self._decide(INSUFFICIENT, f"could not be measured {row[ERROR]} times in a row, {limit}", ERROR)
        elif 0 <= limits.inconclusive < silent:
            limit = f"more than inconclusive_limit {limits.inconclusive}"
            self._decide(INSUFFICIENT, f"{_times(silent, 'said nothing')}, {limit}", *self._silent())
        return bool(self.verdict)

    def _complete(self) -> bool:
        wanted = self.limits.consecutive_success
        if 0 < wanted <= self._in_a_row[SUCCESS]:
            self._decide(PASS, f"{wanted} successful measurements in a row")
        elif self.measured >= self.count:
            self._at_the_end(wanted)
        return bool(self.verdict)

    def _at_the_end(self, wanted: int) -> None:
        good, bad = self.counts[SUCCESS], self.counts[FAILURE]
        if not good and bad:
            self._decide(FAIL, f"none of {self.count} measurements succeeded, {bad} failed", FAILURE)
        elif not good:
            self._decide(INSUFFICIENT, f"none of {self.count} measurements succeeded", *self._silent())
        elif wanted:
            self._decide(INSUFFICIENT, f"never {wanted} successful measurements in a row, out of {self.count}")
        else:
            self._decide(PASS, f"{good} of {self.count} measurements succeeded, the limits allow the others")

    def _silent(self) -> list[str]:
        return [verdict for verdict in (NO_DATA, INCONCLUSIVE) if verdict in self._last][:1]

    def _decide(self, verdict: str, reason: str, *because: str) -> None:
        self.verdict = verdict
        self.reason = "; the last: ".join([reason, *(self._last[kind] for kind in because)])


class LookJudge(MetricJudge):
    """The judge of a metric whose source judges: a failed look fails it at once, otherwise the last look stands.

    :param must_pass: whether ``insufficient`` at the end speaks against going on.
    """

    def __init__(self, limits: Limits, count: int, must_pass: bool) -> None:
        super().__init__(replace(limits, inconclusive=-1), count)
        self.must_pass = must_pass
        self._latest = ""

    def heard(self, verdict: str, detail: str) -> bool:
        self._latest = self._latest if verdict == ERROR else verdict
        return super().heard(verdict, detail)

    def _tripped(self) -> bool:
        if self.counts[FAILURE]:
            self._decide(FAIL, self._last[FAILURE])
            return True
        return super()._tripped()

    def _at_the_end(self, wanted: int) -> None:
        said = self._last[self._latest]
        if self._latest == SUCCESS:
            self._decide(PASS, said)
        else:
            self.goes_on = not self.must_pass
            self._decide(INSUFFICIENT, f"{said}; this step may end so" if self.goes_on else said)


def judge_of(metric: Metric) -> MetricJudge:
    """The judge of a metric."""
    if metric.source.capabilities.judges:
        return LookJudge(metric.limits, metric.schedule.count, metric.must_pass)
    return MetricJudge(metric.limits, metric.schedule.count)


def _times(count: int, what: str) -> str:
    return f"{what} once" if count == 1 else f"{what} {count} times"
