# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of notifications. Touches nothing but templates, which are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..._common.errors import InputError
from ..._notify.compose import VARIABLE as TEMPLATES
from ..._notify.compose import check
from ..._notify.factory import make
from .base import Context, problem

CHANNELS = "slipway_notifications"


def channels(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Each channel is one that can be told. No value of it is shown."""
    for index, given in enumerate(values[CHANNELS]):
        try:
            make(given, f"{CHANNELS}[{index}]")
        except InputError as exc:
            yield exc


def templates(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Templates of the operator can be filled in."""
    directory = values[TEMPLATES]
    if not directory:
        return
    if not Path(directory).is_absolute():
        yield problem(f"{directory!r} is no absolute path", TEMPLATES, "begin it with /")
        return
    try:
        check(directory)
    except InputError as exc:
        yield exc
