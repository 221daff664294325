# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Windows: on which days, from which time to which, for whom a change is allowed or denied. Touches nothing."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from .rrule import Rule, selected_from_end
from .zone import instants

ALLOW, DENY = "allow", "deny"
SATURDAY = 5
A_DAY = timedelta(days=1)


class Span(NamedTuple):
    """From an instant up to another, which is no part of it."""

    start: datetime
    end: datetime


class Days(ABC):
    """Which days a window is on."""

    @abstractmethod
    def selects(self, day: date) -> bool:
        """Whether the window begins on this day."""

    def fills(self, day: date) -> bool:
        """Whether a freeze holds on this day too, because it lies between days that are selected."""
        return self.selects(day)


@dataclass(frozen=True)
class Weekly(Days):
    """The same days of each week; Monday is 0."""

    weekdays: frozenset[int]

    def selects(self, day: date) -> bool:
        return day.weekday() in self.weekdays


@dataclass(frozen=True)
class Recurring(Days):
    """Days that a recurrence rule selects."""

    rule: Rule

    def selects(self, day: date) -> bool:
        return self.rule.selects(day)


@dataclass(frozen=True)
class LastDays(Days):
    """The last days of each month."""

    count: int

    def selects(self, day: date) -> bool:
        return selected_from_end(day) <= self.count


@dataclass(frozen=True)
class LastBusinessDays(Days):
    """The last days of each month that are neither at a weekend nor a holiday.

    A freeze also holds on the days between and after these.
    """

    count: int
    holidays: frozenset[date]

    def selects(self, day: date) -> bool:
        return self._is_business_day(day) and self._left(day) <= self.count

    def fills(self, day: date) -> bool:
        return self.selects(day) or (not self._is_business_day(day) and self._left(day) < self.count)

    def _is_business_day(self, day: date) -> bool:
        return day.weekday() < SATURDAY and day not in self.holidays

    def _left(self, day: date) -> int:
        """Business days from this day to the end of the month, both included."""
        rest = (day + count * A_DAY for count in range(selected_from_end(day)))
        return sum(map(self._is_business_day, rest))


@dataclass(frozen=True)
class Window:
    """A window of a policy.

    :param days: on which days it is; nothing for one that is from ``starts`` to ``ends`` once.
    :param opens: time of day.
    :param closes: time of day; nothing for the end of the day. One that is not later than ``opens`` is of the next day.
    :param environments: those concerned; all when empty.
    :param applications: those concerned; all when empty.
    """

    name: str
    kind: str
    days: Days | None = None
    starts: datetime = datetime.min
    ends: datetime = datetime.max
    opens: time = time()
    closes: time | None = None
    environments: frozenset[str] = frozenset()
    applications: frozenset[str] = frozenset()

    def concerns(self, environment: str, application: str) -> bool:
        """Whether it holds for this application in this environment; of one that is not said, a freeze does."""
        known = bool(environment) or not self.environments or self.kind == DENY
        return known and self.may_concern(environment, application)

    def may_concern(self, environment: str, application: str) -> bool:
        """Whether it could hold for them, where an environment that is not said could be any."""
        named = {name.casefold() for name in self.environments}
        in_environment = not named or not environment or environment.casefold() in named
        return in_environment and (not self.applications or application in self.applications)

    def spans(self, zone: ZoneInfo, first: date, last: date) -> Iterator[Span]:
        """When it is, in order and without overlaps, as far as it begins on one of these days.

        Where the clock is set back over one of its ends, a freeze is as long as it can be, and what allows as short.
        """
        for start, end in _merged(self._on_the_clock(first, last)):
            starts, ends = instants(start, zone), instants(end, zone)
            span = Span(starts[0], ends[1]) if self.kind == DENY else Span(starts[1], ends[0])
            if span.start < span.end:
                yield span

    def _on_the_clock(self, first: date, last: date) -> Iterator[tuple[datetime, datetime]]:
        if self.days is None:
            yield self.starts, self.ends
            return
        chosen = self.days.fills if self.kind == DENY else self.days.selects
        for count in range((last - first).days + 1):
            day = first + count * A_DAY
            if chosen(day):
                yield datetime.combine(day, self.opens), self._closing(day)

    def _closing(self, day: date) -> datetime:
        if self.closes is None:
            return datetime.combine(day + A_DAY, time())
        return datetime.combine(day if self.closes > self.opens else day + A_DAY, self.closes)


def _merged(pairs: Iterable[tuple[datetime, datetime]]) -> Iterator[tuple[datetime, datetime]]:
    """What touches or overlaps as one; both the starts and the ends come in order."""
    current: tuple[datetime, datetime] | None = None
    for start, end in pairs:
        if current and start <= current[1]:
            current = current[0], end
        else:
            if current:
                yield current
            current = start, end
    if current:
        yield current
