# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of RFC 5545's recurrence rules that selects days: FREQ from DAILY to YEARLY, INTERVAL, UNTIL, WKST, BYMONTH,
BYMONTHDAY, BYDAY and BYSETPOS. Touches nothing.

The time of day is the window's. The first day counts only where the rule selects it.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache

from .._common.errors import InputError

DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
PARTS = ("FREQ", "INTERVAL", "UNTIL", "WKST", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYSETPOS")
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_BYDAY = re.compile(r"([+-]?[1-9]\d?)?(MO|TU|WE|TH|FR|SA|SU)")
_INTEGER = re.compile(r"[+-]?\d{1,3}")
_EIGHT_DIGITS = re.compile(r"\d{8}", re.ASCII)
# In so many years every date has been on every weekday.
_ALL_CALENDARS = (date(2000, 1, 1), 28 * 366)
_Ordinal = tuple[int, int]


def selected_from_end(day: date) -> int:
    """Which day from the end of its month this is: 1 is the last one."""
    return monthrange(day.year, day.month)[1] - day.day + 1


@dataclass(frozen=True)
class Rule:
    """A rule that has been read.

    :param first: the day that INTERVAL counts from, and before which nothing is selected.
    :param by_day: weekday and ordinal, which is 0 for every such day of the period.
    """

    frequency: str
    interval: int = 1
    first: date | None = None
    until: date | None = None
    week_start: int = 0
    by_month: frozenset[int] = frozenset()
    by_month_day: frozenset[int] = frozenset()
    by_day: frozenset[_Ordinal] = frozenset()
    by_position: frozenset[int] = frozenset()

    def selects(self, day: date) -> bool:
        """Whether the day is one of the rule's."""
        if (self.first and day < self.first) or (self.until and day > self.until):
            return False
        if self.interval > 1 and (self._number(day) - self._number(self.first or day)) % self.interval:
            return False
        return self.matches(day) and (not self.by_position or day in _positioned_days(self, *self._period(day)))

    def matches(self, day: date) -> bool:
        """Whether BYMONTH, BYMONTHDAY and BYDAY select the day."""
        if self.by_month and day.month not in self.by_month:
            return False
        if self.by_month_day and not self.by_month_day.intersection((day.day, -selected_from_end(day))):
            return False
        return not self.by_day or any(self._is_nth(day, weekday, nth) for weekday, nth in self.by_day)

    def _is_nth(self, day: date, weekday: int, nth: int) -> bool:
        if day.weekday() != weekday:
            return False
        first, last = self._ordinals_within(day)
        return nth in (0, (day - first).days // 7 + 1, -((last - day).days // 7 + 1))

    def _ordinals_within(self, day: date) -> tuple[date, date]:
        """The first and the last day of what ordinals of weekdays count in: a year without BYMONTH, or a month."""
        if self.frequency == "YEARLY" and not self.by_month:
            return date(day.year, 1, 1), date(day.year, 12, 31)
        return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])

    def _period(self, day: date) -> tuple[date, date]:
        if self.frequency == "DAILY":
            return day, day
        if self.frequency == "WEEKLY":
            first = day - timedelta(days=(day.weekday() - self.week_start) % 7)
            return first, first + timedelta(days=6)
        if self.frequency == "MONTHLY":
            return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])
        return date(day.year, 1, 1), date(day.year, 12, 31)

    def _number(self, day: date) -> int:
        """A number for the period of a day; that of the next period is one more."""
        if self.frequency == "DAILY":
            return day.toordinal()
        if self.frequency == "WEEKLY":
            return self._period(day)[0].toordinal() // 7
        if self.frequency == "MONTHLY":
            return day.year * 12 + day.month
        return day.year


@lru_cache(maxsize=64)
def _positioned_days(rule: Rule, first: date, last: date) -> frozenset[date]:
    """The days of one period that BYSETPOS leaves."""
    days = (first + timedelta(days=count) for count in range((last - first).days + 1))
    matching = [day for day in days if rule.matches(day)]
    return frozenset(
        day for at, day in enumerate(matching) if rule.by_position.intersection((at + 1, at - len(matching)))
    )


def read_rule(text: str, first: date | None, where: str) -> Rule:
    """Read a rule.

    :param first: the day the rule starts on, where one is given.
    :raises InputError: it is no such rule, or needs a first day to be one.
    """
    parts = _parts(text, where)
    frequency = parts.get("FREQ", "")
    if frequency not in FREQUENCIES:
        raise _error(f"FREQ is {frequency or 'missing'}", where, f"begin it with FREQ= and one of {_list(FREQUENCIES)}")
    rule = Rule(
        frequency=frequency,
        interval=_interval(parts, where),
        first=first,
        until=_until(parts, where),
        week_start=_week_start(parts, where),
        by_month=_numbers(parts, "BYMONTH", 1, 12, where),
        by_month_day=_signed(parts, "BYMONTHDAY", 31, where),
        by_day=_by_day(parts, frequency, where),
        by_position=_signed(parts, "BYSETPOS", 366, where),
    )
    if rule.by_month_day and frequency == "WEEKLY":
        raise _error("BYMONTHDAY says nothing about a week", where, "use FREQ=MONTHLY, or BYDAY")
    rule = _completed(rule, where)
    _refuse_empty(rule, where)
    return rule


def _refuse_empty(rule: Rule, where: str) -> None:
    """A window that is never on is a mistake: a freeze that never holds."""
    always = _with(rule, interval=1, first=None, until=None)
    start, days = _ALL_CALENDARS
    if not any(always.selects(start + timedelta(days=count)) for count in range(days)):
        raise _error("it selects no day of any year", where, "correct the days, such as BYDAY=-1FR for the last Friday")


def _completed(rule: Rule, where: str) -> Rule:
    """The rule with what RFC 5545 takes from the first day."""
    lacking = rule.interval > 1 or not (rule.frequency == "DAILY" or rule.by_day or rule.by_month_day)
    if rule.first is None:
        if lacking:
            raise _error(
                "it does not say which days without a first one",
                where,
                "set starting to the day it begins with, or name the days with BYDAY or BYMONTHDAY",
            )
        return rule
    if rule.by_day or rule.by_month_day or rule.frequency == "DAILY":
        return rule
    if rule.frequency == "WEEKLY":
        return _with(rule, by_day=frozenset({(rule.first.weekday(), 0)}))
    by_month = rule.by_month or (frozenset({rule.first.month}) if rule.frequency == "YEARLY" else rule.by_month)
    return _with(rule, by_month=by_month, by_month_day=frozenset({rule.first.day}))


def _with(rule: Rule, **changes: object) -> Rule:
    return Rule(**{**rule.__dict__, **changes})


def _parts(text: str, where: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for piece in text.strip().upper().removeprefix("RRULE:").split(";"):
        name, separator, value = piece.partition("=")
        if not separator or not value or name in parts:
            raise _error(f"{piece!r} is no part of a rule, or is there twice", where, "write NAME=VALUE;NAME=VALUE")
        if name not in PARTS:
            remedy = "end it with UNTIL=YYYYMMDD" if name == "COUNT" else f"use {_list(PARTS)}; times are from and to"
            raise _error(f"{name} is not understood", where, remedy)
        parts[name] = value
    return parts


def _interval(parts: Mapping[str, str], where: str) -> int:
    text = parts.get("INTERVAL", "1")
    if not text.isdecimal() or not 1 <= int(text) <= 999:
        raise _error(f"INTERVAL={text} is no number from 1 to 999", where, "write such as INTERVAL=2")
    return int(text)


def _until(parts: Mapping[str, str], where: str) -> date | None:
    if "UNTIL" not in parts:
        return None
    text = parts["UNTIL"]
    try:
        if _EIGHT_DIGITS.fullmatch(text):
            return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        pass
    raise _error(f"UNTIL={text} is no day", where, "write the last day, such as UNTIL=20271231")


def _week_start(parts: Mapping[str, str], where: str) -> int:
    text = parts.get("WKST", "MO")
    if text not in DAYS:
        raise _error(f"WKST={text} is no weekday", where, f"use one of {_list(DAYS)}")
    return DAYS.index(text)


def _numbers(parts: Mapping[str, str], name: str, lowest: int, highest: int, where: str) -> frozenset[int]:
    texts = parts[name].split(",") if name in parts else []
    for text in texts:
        if not _INTEGER.fullmatch(text) or not lowest <= int(text) <= highest or not int(text):
            raise _error(f"{text!r} in {name} cannot be", where, f"use numbers from {lowest} to {highest}, but not 0")
    return frozenset(map(int, texts))


def _signed(parts: Mapping[str, str], name: str, most: int, where: str) -> frozenset[int]:
    return _numbers(parts, name, -most, most, where)


def _by_day(parts: Mapping[str, str], frequency: str, where: str) -> frozenset[_Ordinal]:
    found: list[_Ordinal] = []
    for text in parts["BYDAY"].split(",") if "BYDAY" in parts else []:
        read = _BYDAY.fullmatch(text)
        if read is None or (read[1] and frequency not in ("MONTHLY", "YEARLY")):
            raise _error(
                f"{text!r} in BYDAY cannot be", where, "use MO to SU; with MONTHLY and YEARLY also such as 3TH or -1FR"
            )
        found.append((DAYS.index(read[2]), int(read[1] or 0)))
    return frozenset(found)


def _list(words: Iterable[str]) -> str:
    return ", ".join(words)


def _error(what: str, where: str, remedy: str) -> InputError:
    return InputError(what, where=where, remedy=remedy)
