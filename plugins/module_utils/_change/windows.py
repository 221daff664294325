# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the windows of a policy. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

from .._common.errors import InputError
from .rrule import read_rule
from .spec import WEEKDAYS
from .window import Days, LastBusinessDays, LastDays, Recurring, Weekly, Window

DAY_FORMS = ("days", "rrule", "last_days", "last_business_days")
FORMS = ("starts", *DAY_FORMS)
MOST_BUSINESS_DAYS = 15
YEARS = range(1971, 2200)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
END_OF_DAY = "24:00"


def read_window(given: Mapping[str, Any], holidays: frozenset[date], where: str) -> Window:
    """Read one window, whose options have their types already.

    :raises InputError: naming the option.
    """
    forms = [form for form in FORMS if given.get(form) is not None]
    if len(forms) != 1:
        raise _error(
            f"it has {' and '.join(forms) or 'no days'}",
            where,
            f"give it either starts and ends, or one of {', '.join(DAY_FORMS)}",
        )
    common: dict[str, Any] = {
        "name": given["name"],
        "kind": given["kind"],
        "environments": frozenset(given["environments"]),
        "applications": frozenset(given["applications"]),
    }
    if forms == ["starts"]:
        return Window(**common, **_once(given, where))
    _refuse(given, ("ends",), where, "it belongs to starts")
    if forms != ["rrule"]:
        _refuse(given, ("starting",), where, "it belongs to rrule")
    return Window(
        **common,
        days=_days(forms[0], given, holidays, where),
        opens=_time_of_day(given["from"], f"{where}.from") if given.get("from") is not None else time(),
        closes=_closing(given.get("to"), f"{where}.to"),
    )


def read_day(text: str, where: str) -> date:
    """A day as YYYY-MM-DD.

    :raises InputError: it is none.
    """
    try:
        if _DAY.fullmatch(text) and int(text[:4]) in YEARS:
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise _error(f"{text!r} is no day", where, f"write it as YYYY-MM-DD, from {YEARS[0]} to {YEARS[-1]}")


def _once(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    _refuse(given, ("from", "to", "starting"), where, "starts and ends have times of their own")
    if given.get("ends") is None:
        raise _error("it is not set", f"{where}.ends", "say when the window ends")
    starts = _clock(given["starts"], f"{where}.starts", timedelta(0))
    ends = _clock(given["ends"], f"{where}.ends", timedelta(days=1))
    if starts >= ends:
        raise _error("it is not after starts", f"{where}.ends", "let the window end after it starts")
    return {"starts": starts, "ends": ends}


def _clock(text: str, where: str, of_whole_day: timedelta) -> datetime:
    """A day with or without a time; the end of a day alone is that of the whole day."""
    day, separator, clock = text.strip().replace("T", " ").partition(" ")
    found = read_day(day, where)
    if not separator:
        return datetime.combine(found, time()) + of_whole_day
    return datetime.combine(found, _time_of_day(clock[:5] if clock[5:] == ":00" else clock, where))


def _time_of_day(text: str, where: str) -> time:
    if not _TIME.fullmatch(text):
        raise _error(
            f"{text!r} is no time of day",
            where,
            'write hours and minutes in quotes, such as "09:00", in the zone\'s time',
        )
    return time.fromisoformat(text)


def _closing(text: str | None, where: str) -> time | None:
    return None if text in (None, END_OF_DAY) else _time_of_day(str(text), where)


def _days(form: str, given: Mapping[str, Any], holidays: frozenset[date], where: str) -> Days:
    here = f"{where}.{form}"
    value = given[form]
    if form == "days":
        wrong = [day for day in value if day not in WEEKDAYS]
        if wrong or not value:
            raise _error(f"{', '.join(wrong) or 'nothing'} is no weekday", here, f"use {', '.join(WEEKDAYS)}")
        return Weekly(frozenset(WEEKDAYS.index(day) for day in value))
    if form == "rrule":
        starting = given.get("starting")
        first = read_day(starting, f"{where}.starting") if starting is not None else None
        return Recurring(read_rule(value, first, here))
    most = 31 if form == "last_days" else MOST_BUSINESS_DAYS
    if not 1 <= value <= most:
        raise _error(f"{value} is not from 1 to {most}", here, f"use a number from 1 to {most}")
    return LastDays(value) if form == "last_days" else LastBusinessDays(value, holidays)


def _refuse(given: Mapping[str, Any], names: tuple[str, ...], where: str, because: str) -> None:
    for name in names:
        if given.get(name) is not None:
            raise _error("it has no meaning here", f"{where}.{name}", f"remove it: {because}")


def _error(what: str, where: str, remedy: str) -> InputError:
    return InputError(what, where=where, remedy=remedy)
