# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words of an analysis: metrics, sources, readings, measurements and findings.

Touches nothing.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, ClassVar

from .._common.errors import SlipwayError
from .expression import Condition

SUCCESS = "success"
FAILURE = "failure"
INCONCLUSIVE = "inconclusive"
NO_DATA = "no_data"
ERROR = "error"
A_DAY = 86400


class SourceError(SlipwayError):
    """A source could not be asked, or gave no sensible answer; nothing is known about the release."""

    kind = "source"


@dataclass(frozen=True)
class Moment:
    """When a source is asked.

    :param elapsed: seconds since the start of the analysis.
    :param wall: seconds since 1970 by the clock of this host.
    :param timeout: seconds that the answer may take.
    """

    elapsed: float
    wall: float
    timeout: float


@dataclass(frozen=True)
class Reading:
    """What a source has measured.

    :param values: ``result``, or ``stable`` and ``canary``; numbers, texts, or lists and dictionaries of them.
    :param missing: why this is no data; empty when there is data.
    :param note: what whoever reads the evidence should know.
    :param verdict: that of a measurement, by a source that judges what it has measured; conditions judge the others.
    :param detail: the numbers that such a source has seen.
    """

    values: Mapping[str, Any]
    missing: str = ""
    note: str = ""
    verdict: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Counted:
    """The requests of one side between two readings.

    :param errors: how many of them were answered with a status of 500 or more.
    :param milliseconds: how long they took, by how often that was seen; ``None`` of a source that does not know.
    """

    requests: int
    errors: int
    milliseconds: Mapping[float, int] | None = None


@dataclass(frozen=True)
class Capabilities:
    """What a source can do.

    :param differences: it counts, so a measurement is the difference of two readings, an interval apart.
    :param resumable: a later analysis can go on where an earlier one has stopped reading.
    :param latencies: it knows how long each request took.
    :param judges: it judges what it has measured itself, and the last measurement stands.
    """

    differences: bool = False
    resumable: bool = False
    latencies: bool = False
    judges: bool = False


class Source(ABC):
    """Where the numbers of one metric come from."""

    capabilities: ClassVar[Capabilities] = Capabilities()

    @abstractmethod
    def target(self) -> str:
        """What is asked, for results and messages, without secrets."""

    @abstractmethod
    def measure(self, moment: Moment) -> Reading:
        """Ask once.

        :raises SlipwayError: it could not be asked.
        """

    def begin(self, moment: Moment) -> None:
        """Take the reading that later ones are compared with; only asked of sources of differences.

        :raises SlipwayError: it could not be asked.
        """
        self.measure(moment)

    def resumed(self) -> bool:
        """Whether there is a reading of an earlier analysis to compare with."""
        return False

    def position(self) -> dict[str, Any]:
        """Where a later analysis goes on; empty when there is no such place."""
        return {}

    def seconds(self) -> tuple[int, int]:
        """How long one measurement may take at least and at most."""
        return 0, A_DAY

    def record(self) -> dict[str, Any]:
        """What a later step of the same deployment is judged with; empty of sources that judge nothing."""
        return {}


class CountingSource(Source):
    """A source that has counted every request."""

    @abstractmethod
    def taken(self, moment: Moment) -> tuple[dict[str, Counted], str]:
        """What was counted of each side since the last time, and what whoever reads the evidence should know.

        :raises SlipwayError: it could not be asked; what was counted is given the next time.
        """


class JudgedSource(ABC):
    """What the judge is shown, look by look."""

    @abstractmethod
    def target(self) -> str:
        """What is asked, for results and messages, without secrets."""

    @abstractmethod
    def begin(self, moment: Moment) -> None:
        """Begin the first look.

        :raises SlipwayError: it could not be asked.
        """

    @abstractmethod
    def resumed(self) -> bool:
        """Whether an earlier analysis has begun it."""

    @abstractmethod
    def position(self) -> dict[str, Any]:
        """Where a later analysis goes on."""

    @abstractmethod
    def seen(self, moment: Moment) -> tuple[dict[str, Any], str]:
        """The data of each metric since the look before, and what whoever reads the evidence should know.

        :raises SlipwayError: it could not be asked; what there was is given the next time.
        """

    @abstractmethod
    def judged(self) -> None:
        """What was seen is part of the record now, and is not given again."""

    def seconds(self) -> tuple[int, int]:
        """How long one look may take at least and at most."""
        return 0, A_DAY


@dataclass(frozen=True)
class Limits:
    """When a metric is decided. A limit trips when it is exceeded; -1 is no limit.

    :param failure: failed measurements.
    :param inconclusive: measurements that say nothing, or had no data.
    :param consecutive_failure: failed measurements in a row; 0 is no limit.
    :param consecutive_error: times in a row that the source could not be asked.
    :param consecutive_success: successful measurements in a row that make a pass; 0 is for no such end.
    """

    failure: int = 0
    inconclusive: int = 0
    consecutive_failure: int = 0
    consecutive_error: int = 4
    consecutive_success: int = 0


@dataclass(frozen=True)
class Schedule:
    """When a source is asked; seconds, except ``count``."""

    interval: int = 0
    initial_delay: int = 0
    count: int = 1
    timeout: int = 5


@dataclass(frozen=True)
class Conditions:
    """What makes a measurement good or bad; at least one of both."""

    success: Condition | None = None
    failure: Condition | None = None


@dataclass(frozen=True)
class Metric:
    """One number of a release, or one comparison of two, and what is wanted of it.

    :param must_pass: whether ``insufficient`` at the end speaks against going on; only a source that judges leaves it.
    """

    name: str
    type: str
    source: Source
    schedule: Schedule
    conditions: Conditions
    limits: Limits
    dry_run: bool = False
    must_pass: bool = True


@dataclass(frozen=True)
class Measurement:
    """One time that a source was asked.

    :param value: what was measured; ``None`` when there was no answer.
    :param detail: the numbers that the conditions saw, or why there are none.
    """

    at: Moment
    verdict: str
    detail: str
    value: Any = None

    def as_result(self) -> dict[str, Any]:
        """The measurement for the result of the module."""
        return {
            "at_ms": int(self.at.elapsed * 1000),
            "time": datetime.fromtimestamp(self.at.wall, timezone.utc).isoformat(timespec="milliseconds"),
            "verdict": self.verdict,
            "value": jsonable(self.value),
            "detail": self.detail,
        }


@dataclass
class MetricFinding:
    """The outcome of one metric.

    :param due_in: seconds from the end of a slice to the next measurement; ``None`` when the metric is decided.
    :param goes_on: it is ``insufficient``, and need not pass yet.
    """

    metric: Metric
    verdict: str = ""
    reason: str = ""
    measurements: list[Measurement] = field(default_factory=list)
    due_in: float | None = None
    goes_on: bool = False


def jsonable(value: Any) -> Any:
    """A value as JSON has it: numbers that are none become texts."""
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
