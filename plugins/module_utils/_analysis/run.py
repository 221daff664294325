# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measure all metrics of an analysis to their verdicts.

Touches only what the sources touch. Metrics that are due at the same time are measured at the same time, each in a
daemon thread: a source that hangs in the resolver cannot keep the analysis from ending.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._common.errors import SlipwayError
from .._gate.model import FAIL, INSUFFICIENT, PASS
from .._gate.run import worst
from .earlier import measurements
from .expression import Condition, NoData, NotApplicable
from .judge import MetricJudge, judge_of
from .model import (
    ERROR,
    FAILURE,
    INCONCLUSIVE,
    NO_DATA,
    SUCCESS,
    Conditions,
    Measurement,
    Metric,
    MetricFinding,
    Moment,
    Reading,
)

RETRY_AFTER = 10
HANG_GRACE = 2.0


class Clock:
    """The time of this host.

    :param alarm: nobody waits any more once it is set.
    """

    def __init__(self, alarm: threading.Event | None = None) -> None:
        self._started = time.monotonic()
        self._alarm = alarm or threading.Event()

    def stopped(self) -> bool:
        """Whether there is no use in going on."""
        return self._alarm.is_set()

    def elapsed(self) -> float:
        """Seconds since the clock was made, whatever happens to the time of day."""
        return time.monotonic() - self._started

    def wall(self) -> float:
        """Seconds since 1970."""
        return time.time()

    def wait(self, seconds: float) -> None:
        """Let time pass, until the alarm."""
        self._alarm.wait(seconds)


@dataclass
class _Track:
    """Where one metric stands."""

    metric: Metric
    judge: MetricJudge
    due: float
    begun: bool
    measurements: list[Measurement] = field(default_factory=list)


class Analysis:
    """All metrics of one call.

    The analysis ends as soon as one metric has failed: the release is known to be bad, and what is still open can
    not change that.

    :param metrics: what to measure.
    :param deadline: seconds after which what is undecided stays so; 0 for no such end.
    :param duration: seconds that it takes at least, unless something speaks against going on.
    :param slice_seconds: seconds after which a later analysis goes on; 0 for none.
    :param earlier: what the analysis before returned as its metrics, when this one goes on.
    """

    def __init__(
        self,
        metrics: list[Metric],
        *,
        clock: Clock | None = None,
        deadline: int = 0,
        duration: int = 0,
        slice_seconds: int = 0,
        earlier: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        self.clock = clock or Clock()
        self.deadline = deadline
        self.duration = max(duration, slice_seconds)
        self.slice_seconds = slice_seconds
        found = {one["name"]: one for one in earlier}
        self._tracks = [_track(metric, found.get(metric.name)) for metric in metrics]

    def run(self) -> list[MetricFinding]:
        """Measure every metric until it is decided, and wait for what is left of the time."""
        while not self.clock.stopped() and (open_tracks := self._open()):
            due = min(track.due for track in open_tracks)
            if self.slice_seconds and due >= self.slice_seconds:
                break
            if self.deadline and max(due, self.clock.elapsed()) >= self.deadline:
                self._expire(open_tracks)
            else:
                self._round(open_tracks, due)
        if on_course(self._findings()):
            self.clock.wait(max(0.0, self.duration - self.clock.elapsed()))
        return self._findings()

    def _open(self) -> list[_Track]:
        return [track for track in self._tracks if not track.judge.verdict]

    def _findings(self) -> list[MetricFinding]:
        return [_finding(track, self.clock.elapsed()) for track in self._tracks]

    def _round(self, open_tracks: list[_Track], due: float) -> None:
        self.clock.wait(max(0.0, due - self.clock.elapsed()))
        if self.clock.stopped():
            return
        asked = [track for track in open_tracks if track.due <= due]
        self._ask(asked)
        failed = [track.metric.name for track in asked if track.judge.verdict == FAIL and not track.metric.dry_run]
        if failed:
            for track in open_tracks:
                if not track.judge.verdict:
                    track.judge.abandoned(f"not decided: metric '{failed[0]}' failed first")

    def _expire(self, open_tracks: list[_Track]) -> None:
        self.clock.wait(max(0.0, self.deadline - self.clock.elapsed()))
        if self.clock.stopped():
            return
        for track in open_tracks:
            counted = f"{track.judge.measured} of {track.judge.count} measurements"
            track.judge.abandoned(f"not decided by the deadline of {self.deadline} s: {counted} were made")

    def _ask(self, asked: list[_Track]) -> None:
        """Ask the sources of several metrics at the same time, and take in what they say."""
        questions = [_Question(track, self._moment(track)) for track in asked]
        for question in questions:
            question.start()
        ends = time.monotonic() + max(question.moment.timeout for question in questions) + HANG_GRACE
        for question in questions:
            question.join(max(0.0, ends - time.monotonic()))
            self._heard(question.track, question)

    def _moment(self, track: _Track) -> Moment:
        elapsed = self.clock.elapsed()
        left = self.deadline - elapsed if self.deadline else float("inf")
        return Moment(elapsed, self.clock.wall(), max(0.001, min(track.metric.schedule.timeout, left)))

    def _heard(self, track: _Track, question: _Question) -> None:
        interval = track.metric.schedule.interval
        measurement = question.measurement
        if measurement is None:
            lost = Measurement(question.moment, ERROR, "the source did not come back within its timeout")
            track.measurements.append(lost)
            track.judge.heard(ERROR, lost.detail)
            track.judge.abandoned(lost.detail)
        elif measurement.verdict == ERROR:
            track.measurements.append(measurement)
            track.judge.heard(ERROR, measurement.detail)
            track.due = self.clock.elapsed() + RETRY_AFTER
        elif not track.begun:
            track.begun = True
            track.due = question.moment.elapsed + interval
        else:
            track.measurements.append(measurement)
            track.judge.heard(measurement.verdict, measurement.detail)
            track.due = max(track.due + interval, self.clock.elapsed())


class _Question(threading.Thread):
    """One source being asked."""

    def __init__(self, track: _Track, moment: Moment) -> None:
        super().__init__(daemon=True)
        self.track = track
        self.moment = moment
        self.measurement: Measurement | None = None

    def run(self) -> None:
        self.measurement = asked(self.track.metric, self.moment, begun=self.track.begun)


def asked(metric: Metric, moment: Moment, *, begun: bool) -> Measurement:
    """What the source of a metric says now, judged by its conditions.

    :param begun: whether it has taken the reading that this one is compared with; otherwise it takes that one.
    """
    try:
        if not begun:
            metric.source.begin(moment)
            return Measurement(moment, SUCCESS, "")
        return judged(metric.conditions, metric.source.measure(moment), moment)
    except SlipwayError as exc:
        return Measurement(moment, ERROR, f"{exc.where}: {exc.what.rstrip('.')}; {exc.remedy.rstrip('.')}")


def judged(conditions: Conditions, reading: Reading, moment: Moment) -> Measurement:
    """What the conditions say to a reading, or what its source has said."""
    seen: dict[str, Any] = {}
    value = reading.values.get("result") if set(reading.values) == {"result"} else dict(reading.values)
    if reading.verdict:
        return Measurement(moment, reading.verdict, _joined(reading.detail, reading.note), value)
    try:
        verdict = NO_DATA if reading.missing else _verdict(conditions, reading, seen)
        detail = reading.missing or ", ".join(f"{name} = {item}" for name, item in seen.items())
    except NoData as exc:
        verdict, detail = NO_DATA, f"no data: {exc}"
    except NotApplicable as exc:
        verdict, detail = ERROR, str(exc)
    return Measurement(moment, verdict, _joined(detail, reading.note), value)


def _joined(*parts: str) -> str:
    return "; ".join(part for part in parts if part)


def _verdict(conditions: Conditions, reading: Reading, seen: dict[str, Any]) -> str:
    """Both conditions are looked at, so that missing data of one is never hidden by the other."""
    failed = _holds(conditions.failure, reading, seen)
    if failed:
        return FAILURE
    succeeded = _holds(conditions.success, reading, seen)
    if succeeded or conditions.success is None:
        return SUCCESS
    return FAILURE if failed is None else INCONCLUSIVE


def _holds(condition: Condition | None, reading: Reading, seen: dict[str, Any]) -> bool | None:
    if condition is None:
        return None
    held, values = condition.holds(reading.values)
    seen.update(values)
    return held


def _track(metric: Metric, earlier: Mapping[str, Any] | None) -> _Track:
    judge = judge_of(metric)
    ready = not metric.source.capabilities.differences or metric.source.resumed()
    if earlier is None:
        return _Track(metric, judge, metric.schedule.initial_delay, begun=ready)
    made = measurements(earlier)
    for measurement in made:
        judge.heard(measurement.verdict, measurement.detail)
    return _Track(metric, judge, earlier["due_in_ms"] / 1000, begun=ready, measurements=made)


def _finding(track: _Track, elapsed: float) -> MetricFinding:
    judge, made = track.judge, list(track.measurements)
    if judge.verdict:
        return MetricFinding(track.metric, judge.verdict, judge.reason, made, goes_on=judge.goes_on)
    so_far = f"not decided yet: {judge.measured} of {judge.count} measurements were made"
    return MetricFinding(track.metric, INSUFFICIENT, so_far, made, due_in=max(0.0, track.due - elapsed))


def unmeasured(metrics: list[Metric], why: str) -> list[MetricFinding]:
    """Findings of metrics that were not measured."""
    return [MetricFinding(metric, INSUFFICIENT, why) for metric in metrics]


def deciding(findings: list[MetricFinding]) -> list[str]:
    """The verdicts of the metrics that decide."""
    return [finding.verdict for finding in findings if not finding.metric.dry_run]


def verdict(findings: list[MetricFinding]) -> str:
    """The worst verdict of the metrics that decide; without any there is no data, which is no pass."""
    return worst(deciding(findings))


def on_course(findings: list[MetricFinding]) -> bool:
    """Whether nothing that was measured speaks against going on; what is undecided may still be measured later."""
    return all(
        finding.verdict == PASS or finding.due_in is not None or finding.goes_on
        for finding in findings
        if not finding.metric.dry_run
    )


def as_results(findings: list[MetricFinding]) -> list[dict[str, Any]]:
    """The findings for the result of the module."""
    return [_as_result(finding) for finding in findings]


def _as_result(finding: MetricFinding) -> dict[str, Any]:
    metric = finding.metric
    made = [measurement.verdict for measurement in finding.measurements]
    conditions = {"success_condition": metric.conditions.success, "failure_condition": metric.conditions.failure}
    return {
        "name": metric.name,
        "type": metric.type,
        "target": metric.source.target(),
        **{name: condition.text if condition else "" for name, condition in conditions.items()},
        "dry_run": metric.dry_run,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "successes": made.count(SUCCESS),
        "failures": made.count(FAILURE),
        "inconclusive": made.count(INCONCLUSIVE),
        "no_data": made.count(NO_DATA),
        "errors": made.count(ERROR),
        "measurements": [measurement.as_result() for measurement in finding.measurements],
        "position": metric.source.position(),
        "record": metric.source.record(),
        "finished": finding.due_in is None,
        "due_in_ms": int((finding.due_in or 0) * 1000),
    }
