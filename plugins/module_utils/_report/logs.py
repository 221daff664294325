# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs that a report is made of: proven first, read once, and refused when they are broken.

Reads the files of streams; touches nothing but their locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from .._audit.note import Key
from .._audit.record import Record
from .._audit.store import Files
from .._audit.verify import BROKEN, Report, signed_tombstone, trusted, verify
from .._common.errors import InputError, StateError

DIRECTORY = "/var/lib/slipway/audit"
LOG: dict[str, Any] = {
    "directory": {"type": "path", "default": DIRECTORY},
    "origin": {"type": "str", "default": ""},
    "checkpoints": {"type": "list", "elements": "str", "default": []},
    "public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "checkpoint_directory": {"type": "str", "default": ""},
}


@dataclass(frozen=True)
class Source:
    """One log.

    :param origin: what checkpoints call it.
    :param heads: hash of a record by its number, as a log says that is proven itself.
    """

    files: Files
    origin: str
    checkpoints: Sequence[str]
    keys: Sequence[Key]
    heads: Mapping[int, str]

    @classmethod
    def read(cls, stream: str, given: Mapping[str, Any]) -> Source:
        """From options of the form LOG.

        :raises InputError: a key or the name of the stream is none.
        """
        keys = [Key.read(text) for text in given["public_keys"]]
        if given["checkpoints"] and not keys:
            remedy = "give the key, or run it with the action of this name"
            raise InputError("checkpoints without public_keys prove nothing", where="public_keys", remedy=remedy)
        files = Files(Path(given["directory"]), stream)
        head = given.get("head") or {}
        heads = {int(head["seq"]): str(head["hash"])} if head else {}
        return cls(files, given["origin"] or stream, given["checkpoints"], keys, heads)


def proven(source: Source, consumer: Callable[[Record], None]) -> Report:
    """Read the whole log; each record that is in its place goes to ``consumer``.

    :raises StateError: there is no such log, or something is wrong with it: then nothing may be concluded from it.
    """
    top = source.files.top
    if not top.is_dir():
        raise StateError("there is no such audit log", where=str(top), remedy="correct the stream or its directory")
    report = Report()
    signed = trusted(source.checkpoints, source.keys, source.origin, report)
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


class Own:
    """Counts the records of one deployment."""

    def __init__(self, deployment: str) -> None:
        self.deployment = deployment
        self.records = self.first = self.last = 0

    def take(self, record: Record) -> None:
        """Look at one."""
        if record.event.get("deployment") == self.deployment:
            self.records += 1
            self.first = self.first or record.seq
            self.last = record.seq


def audit_of(source: Source, deployment: str) -> dict[str, Any]:
    """What a log says of a deployment, with its head.

    :raises StateError: the log is missing or broken.
    """
    own = Own(deployment)
    report = proven(source, own.take)
    return {
        "origin": source.origin,
        "verdict": report.verdict,
        "records": report.records,
        "proven": report.proven,
        "head": asdict(report.head),
        "own": {"records": own.records, "first": own.first, "last": own.last},
    }
