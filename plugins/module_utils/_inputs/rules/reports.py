# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of reports. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..._common.errors import InputError
from ..._report.period import Period, now_ms
from .base import Context, problem


def period(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """It is one."""
    try:
        Period.read(values["slipway_report_period"], now_ms())
    except InputError as exc:
        yield problem(exc.what, "slipway_report_period", exc.remedy)
