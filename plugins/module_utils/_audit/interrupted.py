# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a log says was begun, and does not say how it ended. Touches nothing.

An act is open between its intent and its outcome. A run, which is one controller with one token, is open from the
lease that it was given until it ends its deployment, parks it or gives the lease back. What is open is under way, or
was interrupted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .event import INTENT
from .record import Record

MOST = 100
_SHOWN = ("time", "type", "operation", "target", "deployment", "token", "id")
_ENDS = ("finish", "park", "release")


class Interrupted:
    """Reads a log record by record, and knows what is open at its end."""

    def __init__(self) -> None:
        self._acts: dict[str, dict[str, Any]] = {}
        self._runs: dict[tuple[str, int], dict[str, Any]] = {}

    def take(self, record: Record) -> None:
        """One more record, in the order of the log."""
        event = record.event
        if event.get("stage") == INTENT:
            self._acts[str(event.get("id"))] = _shown(record, "act")
            return
        self._acts.pop(str(event.get("correlation")), None)
        if event.get("outcome") == "success" and event.get("type") in ("deployment", "lease"):
            self._run(record, event)

    def open(self) -> list[dict[str, Any]]:
        """The first hundred, each with C(what): C(act) or C(run)."""
        found = [*self._acts.values(), *self._runs.values()]
        return sorted(found, key=lambda it: int(it["seq"]))[:MOST]

    def _run(self, record: Record, event: Mapping[str, Any]) -> None:
        deployment, token = str(event.get("deployment", "")), int(event.get("token", 0))
        if event.get("operation") in ("begin", "hold"):
            self._runs[deployment, token] = _shown(record, "run")
        elif event.get("operation") in _ENDS:
            self._runs.pop((deployment, token), None)


def _shown(record: Record, what: str) -> dict[str, Any]:
    return {"what": what, "seq": record.seq, **{name: record.event[name] for name in _SHOWN if name in record.event}}
