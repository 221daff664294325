# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs in forms that other programs read: CSV for people, OCSF (API Activity) for a SIEM. Writes one file.

The file appears under its name when the whole log has been read and nothing of it is broken.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from .._common.files import fsync_directory
from .event import FIELDS
from .record import Malformed, Record

CSV, OCSF = FORMATS = ("csv", "ocsf")
OCSF_VERSION = "1.3.0"
_CHAIN = ("seq", "segment", "stream", "hash", "prev_hash")
_PLAIN = tuple(name for name in FIELDS if name != "initiator")
COLUMNS = (*_CHAIN, *_PLAIN, "initiator_user", "initiator_source_ip")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_API_ACTIVITY, _APPLICATION_ACTIVITY, _OTHER = 6003, 6, 99
_STATUS = {"success": (1, "Success"), "failure": (2, "Failure"), "refused": (2, "Failure")}
_INFORMATIONAL, _HIGH = 1, 4


class Export:
    """Takes records one by one.

    :param path: of the file; beside it a temporary one grows.
    """

    def __init__(self, path: Path, form: str) -> None:
        self.path = path
        self.form = form
        self.records = 0
        self.temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        descriptor = os.open(self.temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        self.handle: IO[str] = io.TextIOWrapper(io.FileIO(descriptor, "w"), encoding="utf-8", newline="")
        self.writer = csv.writer(self.handle)
        if form == CSV:
            self.writer.writerow(COLUMNS)

    def take(self, record: Record) -> None:
        """Write one."""
        self.records += 1
        if self.form == CSV:
            self.writer.writerow(csv_row(record))
        else:
            self.handle.write(json.dumps(ocsf(record), sort_keys=True, ensure_ascii=False) + "\n")

    def keep(self) -> None:
        """Give the file its name."""
        self.handle.flush()
        os.fsync(self.handle.fileno())
        self.handle.close()
        os.rename(self.temporary, self.path)
        fsync_directory(self.path.parent)

    def drop(self) -> None:
        """Leave nothing."""
        self.handle.close()
        self.temporary.unlink(missing_ok=True)


def csv_row(record: Record) -> list[str]:
    """The columns of a record; what a spreadsheet would take for a formula begins with an apostrophe."""
    chain = [record.seq, record.segment, record.stream, record.hash, record.prev_hash]
    initiator = record.event.get("initiator", {})
    person = initiator if isinstance(initiator, Mapping) else {"user": initiator}
    values = [*chain, *(record.event.get(name) for name in _PLAIN), person.get("user"), person.get("source_ip")]
    return [_cell(value) for value in values]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _milliseconds(time: Any) -> int:
    try:
        return int(datetime.fromisoformat(str(time)).timestamp() * 1000)
    except ValueError:
        raise Malformed("it says no time") from None


def ocsf(record: Record) -> dict[str, Any]:
    """A record as an event of the class API Activity; what has no place there is in ``unmapped``.

    :raises Malformed: it does not say when it happened.
    """
    event = record.event
    status, word = _STATUS.get(str(event.get("outcome")), (0, "Unknown"))
    initiator = event.get("initiator", {})
    person = initiator if isinstance(initiator, Mapping) else {"user": initiator}
    made: dict[str, Any] = {
        "activity_id": _OTHER,
        "activity_name": str(event.get("operation", "")),
        "category_uid": _APPLICATION_ACTIVITY,
        "class_uid": _API_ACTIVITY,
        "type_uid": _API_ACTIVITY * 100 + _OTHER,
        "time": _milliseconds(event.get("time")),
        "severity_id": _INFORMATIONAL if status != 2 else _HIGH,
        "status_id": status,
        "status": word,
        "message": f"{event.get('type')}: {event.get('operation')} ({event.get('stage')})",
        "actor": {"user": {"name": str(person.get("user", "unknown"))}},
        "api": {"operation": str(event.get("action", "")), "service": {"name": "slipway.release"}},
        "src_endpoint": {"name": str(event.get("observer", "unknown"))},
        "metadata": {
            "version": OCSF_VERSION,
            "uid": str(event.get("id", "")),
            "sequence": record.seq,
            "log_name": record.stream,
            "product": {"name": "slipway.release", "vendor_name": "slipway"},
        },
        "unmapped": {
            "hash": record.hash,
            "prev_hash": record.prev_hash,
            "segment": record.segment,
            **{name: event[name] for name in _UNMAPPED if name in event},
        },
    }
    if person.get("source_ip"):
        made["src_endpoint"]["ip"] = str(person["source_ip"])
    if event.get("target"):
        made["resources"] = [{"name": str(event["target"])}]
    if "duration_ms" in event:
        made["duration"] = event["duration_ms"]
    if event.get("correlation"):
        made["metadata"]["correlation_uid"] = str(event["correlation"])
    if event.get("result"):
        made["status_detail"] = str(event["result"])
    return made


_UNMAPPED = (
    "type",
    "stage",
    "environment",
    "version",
    "commit",
    "strategy",
    "change_request",
    "deployment",
    "token",
    "compliance_profiles",
    "details",
)
