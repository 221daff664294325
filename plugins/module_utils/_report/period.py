# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The period of a report: a quarter, a month, a year, or from one day to another, in UTC. Touches nothing."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import date, timedelta

from .._common.errors import InputError
from .words import DAY, moment

_QUARTER = re.compile(r"(\d{4})-[qQ]([1-4])")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True)
class Period:
    """A period, in milliseconds since the epoch.

    :ivar end: the first moment that is not in it.
    """

    name: str
    start: int
    end: int

    @classmethod
    def read(cls, text: str, now: int) -> Period:
        """A period by its name; the last whole quarter when empty.

        :param text: such as ``2026-Q4``, ``2026-11``, ``2026`` or ``2026-10-01/2026-11-15``, both days included.
        :raises InputError: it is none.
        """
        name = text.strip() or _last_quarter(now)
        try:
            first, after = _days(name)
        except (ValueError, OverflowError):
            remedy = "use 2026-Q4, 2026-11, 2026, or 2026-10-01/2026-11-15"
            raise InputError(f"{text!r} is no period", where="period", remedy=remedy) from None
        return cls(name.upper(), moment(f"{first}T00:00:00+00:00"), moment(f"{after}T00:00:00+00:00"))

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start) // DAY

    def has(self, at: int | None) -> bool:
        """Whether a moment is in it."""
        return at is not None and self.start <= at < self.end


def _days(name: str) -> tuple[date, date]:
    quarter, month = _QUARTER.fullmatch(name), _MONTH.fullmatch(name)
    if quarter:
        first = date(int(quarter[1]), 3 * int(quarter[2]) - 2, 1)
        return first, _month_after(_month_after(_month_after(first)))
    if month:
        first = date(int(month[1]), int(month[2]), 1)
        return first, _month_after(first)
    if _YEAR.fullmatch(name):
        return date(int(name), 1, 1), date(int(name) + 1, 1, 1)
    first_day, _slash, last_day = name.partition("/")
    first, last = date.fromisoformat(first_day), date.fromisoformat(last_day)
    if last < first:
        raise ValueError(name)
    return first, last + timedelta(days=1)


def _month_after(first: date) -> date:
    return (first + timedelta(days=31)).replace(day=1)


def _last_quarter(now: int) -> str:
    today = date(1970, 1, 1) + timedelta(days=now // DAY)
    number = (today.month - 1) // 3
    return f"{today.year}-Q{number}" if number else f"{today.year - 1}-Q4"


def now_ms() -> int:
    """Wall time in milliseconds since the epoch."""
    return int(time.time() * 1000)
