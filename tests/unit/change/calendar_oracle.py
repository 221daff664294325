# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calendar a second time, by python-dateutil alone: its recurrence rules and its own reading of time zones.

Windows are plain mappings, as an operator writes them. Nothing of the collection is imported.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Any

from dateutil import rrule, tz

FIRST, LAST = datetime(2015, 11, 1), datetime(2037, 3, 1)
Pair = tuple[datetime, datetime]
WEEKDAYS = {"mon": rrule.MO, "tue": rrule.TU, "wed": rrule.WE, "thu": rrule.TH, "fri": rrule.FR, "sat": rrule.SA}
WEEKDAYS["sun"] = rrule.SU


def spans(window: dict[str, Any], zone: str, holidays: list[str]) -> list[Pair]:
    """Every span of a window over the years, as UTC without a zone."""
    known = tz.gettz(zone)
    found = []
    for start, end in joined(list(on_the_clock(window, holidays))):
        starts, ends = both(start, known), both(end, known)
        pair = (min(starts), max(ends)) if window["kind"] == "deny" else (max(starts), min(ends))
        if pair[0] < pair[1]:
            found.append(pair)
    return found


def both(clock: datetime, zone: Any) -> list[datetime]:
    """Every instant at which the clock comes to show this, the last second before being no later than that."""
    if not tz.datetime_exists(clock, zone):
        jumped = clock
        while not tz.datetime_exists(jumped, zone):
            jumped += timedelta(minutes=1)
        return [jumped.replace(tzinfo=zone).astimezone(tz.UTC).replace(tzinfo=None)]
    return [tz.enfold(clock, fold=fold).replace(tzinfo=zone).astimezone(tz.UTC).replace(tzinfo=None) for fold in (0, 1)]


def joined(pairs: list[Pair]) -> list[Pair]:
    found: list[Pair] = []
    for start, end in sorted(pairs):
        if found and found[-1][1] >= start:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def on_the_clock(window: dict[str, Any], holidays: list[str]) -> Iterator[Pair]:
    if "starts" in window:
        yield datetime.fromisoformat(window["starts"]), datetime.fromisoformat(window["ends"])
        return
    opens = time.fromisoformat(window.get("from", "00:00"))
    closes = window.get("to", "24:00")
    for day in days(window, holidays):
        start = datetime.combine(day, opens)
        if closes == "24:00":
            end = datetime.combine(day + timedelta(days=1), time())
        else:
            end = datetime.combine(day, time.fromisoformat(closes))
            end += timedelta(days=1 if end <= start else 0)
        yield start, end


def days(window: dict[str, Any], holidays: list[str]) -> list[date]:
    if "rrule" in window:
        begins = datetime.fromisoformat(window["starting"]) if "starting" in window else FIRST
        rule = rrule.rrulestr(window["rrule"], dtstart=begins)
        return [found.date() for found in rule.between(FIRST, LAST, inc=True)]
    if "days" in window:
        weekdays = [WEEKDAYS[day] for day in window["days"]]
        return [found.date() for found in rrule.rrule(rrule.DAILY, byweekday=weekdays, dtstart=FIRST, until=LAST)]
    if "last_days" in window:
        ends = list(range(-window["last_days"], 0))
        return [found.date() for found in rrule.rrule(rrule.MONTHLY, bymonthday=ends, dtstart=FIRST, until=LAST)]
    return last_business_days(window["last_business_days"], window["kind"] == "deny", set(holidays))


def last_business_days(count: int, filled: bool, holidays: set[str]) -> list[date]:
    chosen: list[date] = []
    for first in rrule.rrule(rrule.MONTHLY, dtstart=FIRST, until=LAST):
        month = list(rrule.rrule(rrule.DAILY, dtstart=first, until=first + timedelta(days=31)))
        month = [day for day in month if day.month == first.month]
        business = [day for day in month if day.weekday() < 5 and str(day.date()) not in holidays][-count:]
        wanted = [day for day in month if business and day >= business[0]] if filled else business
        chosen += [day.date() for day in wanted]
    return chosen


class Oracle:
    """The verdict at an instant, from the spans of every window."""

    def __init__(self, windows: list[dict[str, Any]], zone: str, holidays: list[str], runway: int) -> None:
        self.denied = joined(
            [pair for item in windows if item["kind"] == "deny" for pair in spans(item, zone, holidays)]
        )
        self.allowed = joined(
            [pair for item in windows if item["kind"] == "allow" for pair in spans(item, zone, holidays)]
        )
        self.limited = any(window["kind"] == "allow" for window in windows)
        self.runway = timedelta(seconds=runway)

    def open(self, at: datetime) -> bool:
        over = at + self.runway
        if any(start <= at < end or at < start < over for start, end in self.denied):
            return False
        return not self.limited or any(start <= at < end for start, end in self.allowed)

    def next_open(self, at: datetime, until: datetime) -> datetime | None:
        """By trying every instant at which anything changes."""
        edges = {at, *(end for _start, end in self.denied), *(start for start, _end in self.allowed)}
        return next((edge for edge in sorted(edges) if at <= edge < until and self.open(edge)), None)
