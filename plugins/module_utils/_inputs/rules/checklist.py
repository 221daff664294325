# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Rules of the checklist. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ..._common.errors import InputError
from .base import Context, problem

NAME = "slipway_checklist"


def checklist(values: dict[str, Any], context: Context) -> Iterator[InputError]:
    """Patterns can be read, ages, shares and limits make sense, and a backup is named once."""
    given = values[NAME]
    for index, pattern in enumerate(given.get("placeholders") or []):
        try:
            re.compile(pattern)
        except re.error as exc:
            yield problem(f"it is no regular expression: {exc}", f"{NAME}.placeholders[{index}]", "correct it")
    if not 0 <= given.get("coverage_least", 0) < 100:
        yield problem("it is out of range", f"{NAME}.coverage_least", "use 0 to 99")
    backup = given.get("backup") or {}
    if backup and bool(backup.get("path")) == bool(backup.get("url")):
        yield problem("it names no backup, or two", f"{NAME}.backup", "set either path or url")
    if backup and backup.get("max_age", 1) < 1:
        yield problem("it is out of range", f"{NAME}.backup.max_age", "use at least 1")
    yield from _after(given.get("after") or {})
    for index, entry in enumerate(given.get("allow") or []):
        if not entry["reason"].strip():
            yield problem("it is empty", f"{NAME}.allow[{index}].reason", "say why it may be so")


def _after(given: dict[str, Any]) -> Iterator[InputError]:
    try:
        re.compile(given.get("log_pattern", ""))
    except re.error as exc:
        yield problem(f"it is no regular expression: {exc}", f"{NAME}.after.log_pattern", "correct it")
    for name, least, most in (("errors_below", 1, 100), ("p95_below", 1, 600_000), ("log_errors", 0, 1_000_000)):
        if not least <= given.get(name, least) <= most:
            yield problem("it is out of range", f"{NAME}.after.{name}", f"use {least} to {most}")
