# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instants of a time zone: where its clock is set forward or back, a window is taken for the stricter.

Reads the controller's time zone database.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from .._common.errors import InputError

UTC = timezone.utc
_SECOND = timedelta(seconds=1)


def read_zone(name: str, where: str) -> ZoneInfo:
    """The time zone of this name.

    :raises InputError: the controller knows none of that name.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise InputError(
            f"{name!r} is no time zone that this controller knows",
            where=where,
            remedy="use a name such as Europe/Berlin or UTC; where there are no time zones at all, install tzdata",
        ) from exc


def instants(clock: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """The first and the last instant at which the zone's clock comes to show ``clock``.

    They differ where the clock is set back over it. Where it is set forward over it, both are the moment of that.

    :param clock: without a time zone.
    """
    first = clock.replace(tzinfo=zone, fold=0).astimezone(UTC)
    last = clock.replace(tzinfo=zone, fold=1).astimezone(UTC)
    if first <= last:
        return first, last
    set_forward = _set_forward(last, first, zone)
    return set_forward, set_forward


def _set_forward(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The moment between two instants from which on the zone has another offset."""
    offset = before.astimezone(zone).utcoffset()
    low, high = 0, round((after - before) / _SECOND)
    while low < high:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(zone).utcoffset() == offset:
            low = middle + 1
        else:
            high = middle
    return before + low * _SECOND
