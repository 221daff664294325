# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host does by itself, in its audit log: an agent returns traffic when nobody is there to ask.

Writes to the log of the host, as the module has left it that armed the return.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .event import event
from .left import left
from .log import Log
from .operation import IMPATIENT
from .record import Record
from .redact import Redactor
from .store import Files

TRAFFIC, RETURN, RETURNED = "traffic", "return", "returned"
AGENT = {"user": "slipway-agent"}
MOST = 20


class Trail:
    """Writes what an agent has done, in a thread of its own: whatever the disk does, the agent goes on at once.

    :param directory: in which ``audit.json`` was left.
    :param say: is told what could not be written, which is all that comes of it.
    """

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        self.directory = directory
        self.say = say
        self._thread: threading.Thread | None = None

    def returned(self, app: str, token: int, details: Mapping[str, Any], *, deployment: str = "") -> None:
        """The traffic has returned.

        :param token: of the deployment that has lost it.
        :param details: ``from`` and ``to``, which are percents, ``generation`` and ``reason``.
        :param deployment: where it is known; that of the token otherwise.
        """
        fields = {"target": app, "token": token, "details": dict(details), "deployment": deployment}
        self._thread = threading.Thread(target=self._write, args=(fields,), name="audit", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as exc:
            self._thread = None
            self.say(f"the audit log does not have the return of the traffic: {exc}")

    def end(self, seconds: float) -> None:
        """Give what is being written a moment."""
        if self._thread:
            self._thread.join(seconds)

    def _write(self, fields: dict[str, Any]) -> None:
        try:
            found = left(self.directory)
            if found is None:
                return
            known = found["context"] if found["context"].get("token") == fields["token"] else {}
            given = {name: value for name, value in fields.items() if value}
            done = {"stage": "outcome", "outcome": "success", "result": RETURNED, "initiator": AGENT}
            made = event({**known, "type": TRAFFIC, "operation": RETURN, **done, **given}, found["level"])
            log = Log(Files(Path(found["directory"]), found["stream"]), patience=IMPATIENT)
            log.append([Redactor(mask=found["mask"], patterns=found["patterns"]).redacted(made)])
        except Exception as exc:  # noqa: BLE001 - a thread that breaks would end the agent
            self.say(f"the audit log does not have the return of the traffic: {exc}")


class Returns:
    """Reads a log record by record, and keeps the last times that traffic was returned so."""

    def __init__(self) -> None:
        self._found: deque[dict[str, Any]] = deque(maxlen=MOST)

    def take(self, record: Record) -> None:
        """One more record, in the order of the log."""
        found = returned_of(record)
        if found:
            self._found.append({**found, "deployment": str(record.event.get("deployment", ""))})

    def last(self) -> list[dict[str, Any]]:
        """At most twenty, the oldest first."""
        return list(self._found)


def returned_of(found: Record) -> dict[str, Any] | None:
    """What a record says of traffic that a balancer has returned by itself; ``None`` of any other record."""
    given = found.event.get("details")
    is_so = (found.event.get("type"), found.event.get("operation")) == (TRAFFIC, RETURN)
    if not is_so or not isinstance(given, Mapping):
        return None
    percents = {name: dict(given[name]) for name in ("from", "to") if isinstance(given.get(name), Mapping)}
    return {"time": str(found.event["time"]), "seq": found.seq, "reason": str(given.get("reason", "")), **percents}
