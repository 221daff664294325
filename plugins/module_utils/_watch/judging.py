# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges everything of one watch, each metric and all checks in a thread of their own, so that none delays another.

Touches only what the sources and the checks touch.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any

from .._analysis.model import ERROR, FAILURE, SUCCESS, Metric, Moment
from .._analysis.run import RETRY_AFTER, asked
from .._balancer.watch import GIVE_BACK, WatchRequest
from .._gate.model import FAIL, INSUFFICIENT, PASS, Check, Finding
from .._gate.run import Gate
from .parse import Judged
from .track import Sample, Standing, Track


class Judging:
    """What a watch judges.

    :param asks: why the balancer itself cannot serve now; empty where it can. A check that fails then says nothing.
    """

    def __init__(self, request: WatchRequest, judged: Judged, asks: Callable[[], str]) -> None:
        self.request = request
        self.stop = threading.Event()
        self._asks = asks
        self._checks = [(check, Track.of_check(check, request.failures)) for check in judged.checks]
        self._metrics = [(metric, Track.of_metric(metric)) for metric in judged.metrics]

    @property
    def tracks(self) -> list[Track]:
        """Of the checks, then of the metrics."""
        return [track for _check, track in self._checks] + [track for _metric, track in self._metrics]

    def resume(self, samples: Mapping[str, Any]) -> None:
        """Go on with what an earlier process has measured; sources that count begin to count anew."""
        for track in self.tracks:
            track.resume(samples.get(track.name, []))

    def start(self) -> None:
        """Begin to judge."""
        duties: list[Callable[[], None]] = [partial(self._measure, *pair) for pair in self._metrics]
        if self._checks:
            duties.append(self._check)
        for duty in duties:
            threading.Thread(target=duty, daemon=True).start()

    def standings(self) -> list[Standing]:
        """Where everything stands."""
        return [track.standing() for track in self.tracks]

    def failed(self) -> tuple[Standing, Track] | None:
        """What speaks against the slot that is judged; ``None`` when nothing does."""
        for track in self.tracks:
            standing = track.standing()
            if track.decides and (standing.verdict == FAIL or self._returns_unreadable(standing, track)):
                return standing, track
        return None

    def _returns_unreadable(self, standing: Standing, track: Track) -> bool:
        of_metric = any(track is found for _metric, found in self._metrics)
        return standing.unreadable and of_metric and self.request.on_error == GIVE_BACK

    def _measure(self, metric: Metric, track: Track) -> None:
        began = time.monotonic()
        due, begun = began + metric.schedule.initial_delay, not metric.source.capabilities.differences
        looks = 0
        while not self.stop.wait(max(0.0, due - time.monotonic())) and not _has_judged(metric, looks):
            now = time.monotonic()
            found = asked(metric, Moment(now - began, time.time(), metric.schedule.timeout), begun=begun)
            if found.verdict == ERROR:
                due = time.monotonic() + RETRY_AFTER
            else:
                due = max(now + metric.schedule.interval, time.monotonic())
            if begun or found.verdict == ERROR:
                track.take(_sample(found.verdict, found.detail))
                looks += found.verdict != ERROR
            begun = begun or found.verdict != ERROR

    def _check(self) -> None:
        due = time.monotonic()
        while not self.stop.wait(max(0.0, due - time.monotonic())):
            due = time.monotonic() + self.request.interval
            findings = Gate([check for check, _track in self._checks]).run()
            closed = self._asks() if any(finding.verdict != PASS for finding in findings) else ""
            for finding, (check, track) in zip(findings, self._checks):
                track.take(_checked(check, finding, closed))


def _has_judged(metric: Metric, looks: int) -> bool:
    """Whether a statistical judge has had all the looks that it was promised."""
    return metric.source.capabilities.judges and looks >= metric.schedule.count


def _checked(check: Check, finding: Finding, closed: str) -> Sample:
    if finding.verdict == PASS:
        return _sample(SUCCESS, "")
    if closed or finding.verdict == INSUFFICIENT:
        return _sample(ERROR, closed or finding.reason)
    details = [attempt.answer.detail for attempt in finding.attempts if attempt.answer.detail]
    return _sample(FAILURE, f"{check.probe.target()}: {details[-1] if details else finding.reason}")


def _sample(verdict: str, detail: str) -> Sample:
    return Sample(verdict, detail, datetime.now(timezone.utc).isoformat(timespec="milliseconds"))
