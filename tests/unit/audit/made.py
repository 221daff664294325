# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs for tests, whole ones and forged lines. Writes below the directory that it is given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.event import event
from ansible_collections.slipway.release.plugins.module_utils._audit.log import Log
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Head, made
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files

STREAM = "deployments"


def an_event(number: int = 0, **more: Any) -> dict[str, Any]:
    """One that might be of a deployment."""
    return event({"type": "deployment", "operation": "switch", "token": number, "outcome": "success", **more})


def files(directory: Path) -> Files:
    """Where the stream is."""
    return Files(directory, STREAM)


def log(directory: Path, **options: Any) -> Log:
    """Its writer."""
    return Log(files(directory), **options)


def filled(directory: Path, records: int = 20, segments: int = 3, *, pack: bool = False) -> Head:
    """A log with some segments; where it ends."""
    writer = log(directory, pack=pack)
    for segment in range(segments):
        if segment:
            writer.rotate()
        for number in range(records // segments):
            writer.append([an_event(number)])
    return writer.head()


def lines(path: Path) -> list[bytes]:
    """The lines of a segment with their line feeds."""
    return path.read_bytes().splitlines(keepends=True)


def chained(events: list[dict[str, Any]], head: Head | None = None) -> bytes:
    """Lines that somebody made who knows the format."""
    head, found = head or Head(), b""
    for one in events:
        line, head = made(STREAM, head, one)
        found += line
    return found
