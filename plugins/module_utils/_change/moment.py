# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time that a preview is asked for. Touches nothing."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

from .._common.errors import InputError
from .windows import YEARS
from .zone import UTC


def read_moment(text: str, zone: ZoneInfo, where: str) -> datetime:
    """An instant in UTC; without an offset it is what the zone's clock shows.

    :raises InputError: it is none.
    """
    try:
        found = datetime.fromisoformat(re.sub(r"Z$", "+00:00", text.strip()))
    except ValueError:
        found = None
    if found is None or found.year not in YEARS:
        raise InputError(
            f"{text!r} is no time",
            where=where,
            remedy="write such as 2026-12-01T08:00, in the zone of the policy, or 2026-12-01T07:00:00Z",
        )
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)
