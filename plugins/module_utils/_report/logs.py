# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs that a report is made of: proven first, read once, and refused when they are broken.

Reads the files of streams; touches nothing but their locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from .._audit.by_itself import returned_of
from .._audit.places import reading_as_owner
from .._audit.record import Record
from .._audit.sources import Source
from .._audit.verify import BROKEN, Report, signed_tombstone, trusted, verify
from .._common.errors import StateError
from .deployments import heads_of, latest


def proven(source: Source, consumer: Callable[[Record], None]) -> Report:
    """Read the whole log; each record that is in its place goes to ``consumer``.

    :raises StateError: something is wrong with it: then nothing may be concluded from it.
    """
    report = Report()
    signed = trusted(source.checkpoints, source.keys, source.origin, report)
    with reading_as_owner(source.account):
        verify(
            source.files,
            {**source.heads, **signed},
            report=report,
            tombstone=partial(signed_tombstone, source.files, source.keys, source.origin),
            consumer=consumer,
        )
    if report.verdict == BROKEN:
        first = next(finding for finding in report.findings if finding.kind != "unproven")
        raise StateError(
            f"the audit log is broken: line {first.line}, record {first.seq}: {first.kind}: {first.message}",
            where=first.file,
            remedy="no report is made of it; run audit_verify, and keep a copy as evidence",
        )
    return report


NOTHING: dict[str, Any] = {"records": 0, "first": 0, "last": 0, "returned": []}


class Own:
    """Counts the records of deployments, and keeps what says that traffic returned by itself."""

    def __init__(self, deployments: Iterable[str]) -> None:
        self.found = {name: {**NOTHING, "returned": []} for name in deployments}
        self.heads: list[tuple[int, dict[str, Any]]] = []

    def take(self, record: Record) -> None:
        """Look at one."""
        self.heads += [(record.seq, head) for head in heads_of(record)]
        own = self.found.get(str(record.event.get("deployment")))
        if own is None:
            return
        own["records"] += 1
        own["first"] = own["first"] or record.seq
        own["last"] = record.seq
        returned = returned_of(record)
        if returned:
            own["returned"].append(returned)


def audit_of(source: Source, deployments: Iterable[str]) -> dict[str, Any]:
    """What a log says of deployments, with its head, and where other logs ended by what it says.

    :raises StateError: the log is broken.
    """
    own = Own(deployments)
    report = proven(source, own.take)
    return {
        "origin": source.origin,
        "verdict": report.verdict,
        "records": report.records,
        "proven": report.proven,
        "head": asdict(report.head),
        "own": own.found,
        "heads": latest(own.heads, report.proven),
    }


def is_log(value: Any) -> bool:
    """Whether this is what ``audit_of`` has returned."""
    return isinstance(value, Mapping) and all(name in value for name in ("origin", "verdict", "proven", "own", "heads"))


def of_deployment(log: Mapping[str, Any], deployment: str) -> dict[str, Any]:
    """What is said of one of them."""
    rest = {name: value for name, value in log.items() if name not in ("own", "heads")}
    return {**rest, "own": log["own"].get(deployment, NOTHING)}
