# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of what a deployment measures of its revision, and where its metrics go. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..._common.address import shown
from ..._common.errors import InputError
from .base import Context, problem

RATIO = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3})?")


def profile(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """The meter can do it, and a ratio is a number."""
    asked = values["slipway_profile"]
    for name, (low, high) in {"seconds": (0, 60), "rate": (1, 1000)}.items():
        if not low <= asked.get(name, low) <= high:
            yield problem(f"{asked[name]} is out of range", f"slipway_profile.{name}", f"use {low} to {high}")
    if asked.get("path") and not asked["path"].startswith("/"):
        yield problem(f"{shown(asked['path'])!r} is no path", "slipway_profile.path", "begin it with /")
    ratio = asked.get("max_ratio") or ""
    if ratio and (not RATIO.fullmatch(ratio) or not float(ratio)):
        yield problem(f"{ratio!r} is no ratio", "slipway_profile.max_ratio", 'use a number such as "1.5"')


def metrics_directory(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """It is on another host, so that no relative path makes sense."""
    directory = values["slipway_metrics_directory"]
    if directory and not directory.startswith("/"):
        yield problem(f"{directory!r} is no absolute path", "slipway_metrics_directory", "begin it with /")
