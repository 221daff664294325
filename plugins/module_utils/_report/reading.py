# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one audit log contributes to a report of a period: its proof, its facts, and acts that were interrupted.

Reads the log once, in order; what it keeps grows with the deployments and not with the log.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from .._audit.event import INTENT
from .._audit.record import Record
from .._audit.sources import Source
from .deployments import fact_of, heads_of, initiator, is_of_log, latest
from .logs import proven
from .period import Period
from .words import DAY, moment

# A deployment that is undone in the period may have become active long before it.
LOOK_BACK = 400 * DAY
Part = dict[str, Any]


class Reader:
    """Takes the records of one log."""

    def __init__(self, period: Period) -> None:
        self.since = period.start - LOOK_BACK
        self.period = period
        self.facts: list[dict[str, Any]] = []
        self.pending: dict[str, dict[str, Any]] = {}
        self.first_at: int | None = None
        self.last_at: int | None = None
        self.in_period = 0
        self.heads: list[tuple[int, dict[str, Any]]] = []

    def take(self, found: Record) -> None:
        """Look at one record."""
        event = found.event
        at = moment(str(event["time"]))
        self.first_at = at if self.first_at is None else min(at, self.first_at)
        self.last_at = at if self.last_at is None else max(at, self.last_at)
        if is_of_log(event):
            return
        self.in_period += self.period.has(at)
        if event.get("stage") == INTENT:
            self.pending[str(event.get("id"))] = {
                "seq": found.seq,
                "at": at,
                "type": str(event.get("type")),
                "operation": str(event.get("operation")),
                "target": str(event.get("target", "")),
                "deployment": str(event.get("deployment", "")),
                "by": initiator(event),
            }
            return
        self.pending.pop(str(event.get("correlation", "")), None)
        self.heads += [(found.seq, head) for head in heads_of(found)]
        fact = fact_of(found) if at >= self.since else None
        if fact:
            self.facts.append(fact)


def read(source: Source, period: Period) -> Part:
    """The contribution of a log, in plain types.

    :raises StateError: the log is missing or broken.
    """
    reader = Reader(period)
    report = proven(source, reader.take)
    return {
        "log": {
            "origin": source.origin,
            "verdict": report.verdict,
            "records": report.records,
            "in_period": reader.in_period,
            "proven": report.proven,
            "head": asdict(report.head),
            "first_at": reader.first_at,
            "last_at": reader.last_at,
        },
        "heads": latest(reader.heads, report.proven),
        "facts": reader.facts,
        "interrupted": [act for act in reader.pending.values() if period.has(act["at"])],
    }


def is_part(value: Any) -> bool:
    """Whether this is what ``read`` has returned."""
    return isinstance(value, Mapping) and all(name in value for name in ("log", "heads", "facts", "interrupted"))
