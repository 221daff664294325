# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Counts the errors that the units of a slot have logged. Reads the journal of this host; no line of it is returned."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from .._common.errors import InputError, SystemFailure
from .._common.process import TimeoutExpired, run

MOST_LINES = 50_000
DEADLINE = 60
ERROR = 3
NOTHING = "No data available"
FIELDS = "MESSAGE,PRIORITY,_SYSTEMD_UNIT,UNIT"


def counted(app: str, slot: str, since: str, pattern: str) -> dict[str, Any]:
    """Errors by unit, and whether there was more to read than is read.

    :param slot: whose units; both when empty.
    :param since: time in ISO 8601.
    :param pattern: regular expression; a line that it matches is an error, as is one of priority ``err`` or above.
    :raises InputError: the time or the pattern cannot be read.
    :raises SystemFailure: the journal cannot be read.
    """
    try:
        matches = re.compile(pattern) if pattern else None
    except re.error as exc:
        raise InputError(f"it is no regular expression: {exc}", where="pattern", remedy="correct it") from exc
    lines = _lines(f"slipway-{app}-*@{slot or '*'}.service", _epoch(since))
    units = Counter(_unit(line) for line in lines if _is_error(line, matches))
    return {"count": sum(units.values()), "units": dict(sorted(units.items())), "cut": len(lines) >= MOST_LINES}


def _epoch(since: str) -> int:
    try:
        moment = datetime.fromisoformat(since.replace("Z", "+00:00"))
    except ValueError as exc:
        raise InputError("it is no time", where="since", remedy="write it like 2026-11-21T07:30:00Z") from exc
    return int((moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)).timestamp())


def _lines(units: str, since: int) -> list[dict[str, Any]]:
    argv = ["journalctl", "--quiet", "--no-pager", "--output=json", f"--output-fields={FIELDS}"]
    try:
        done = run([*argv, f"--lines={MOST_LINES}", f"--since=@{since}", f"--unit={units}"], timeout=DEADLINE)
    except (OSError, TimeoutExpired) as exc:
        what = f"the journal cannot be read: {getattr(exc, 'strerror', None) or 'it takes too long'}"
        raise SystemFailure(what, where="journalctl", remedy="see that this host has one") from exc
    if done.returncode and NOTHING not in done.stderr:
        raise SystemFailure("the journal cannot be read", where="journalctl", remedy="run it with become")
    return list(_parsed(done.stdout))


def _parsed(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            yield found


def _unit(line: dict[str, Any]) -> str:
    """The unit that has logged it, or that systemd itself has said something of."""
    return str(line.get("UNIT") or line.get("_SYSTEMD_UNIT") or "unknown")


def _is_error(line: dict[str, Any], matches: re.Pattern[str] | None) -> bool:
    priority, message = str(line.get("PRIORITY", "")), line.get("MESSAGE")
    if priority.isdecimal() and int(priority) <= ERROR:
        return True
    text = bytes(message).decode("utf-8", "replace") if isinstance(message, list) else str(message or "")
    return bool(matches and matches.search(text))
