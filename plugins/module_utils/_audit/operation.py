# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module that acts writes intent and outcome itself: one call around the act, no task around the module.

Touches what the log touches. In check mode, and where no audit log is asked for, nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .._common.errors import SlipwayError
from .event import INTENT, OUTCOME, event
from .log import Log
from .record import Head
from .redact import Redactor
from .store import Files

AUDIT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "stream": {"type": "str", "required": True},
        "directory": {"type": "path", "default": "/var/lib/slipway/audit"},
        "context": {"type": "dict", "default": {}},
        "mask": {"type": "list", "elements": "str", "default": []},
        "values": {"type": "list", "elements": "str", "default": [], "no_log": True},
    },
}


class Operation:
    """An act that is under way; what it learns becomes part of the outcome."""

    def __init__(self) -> None:
        self.result = ""
        self.details: dict[str, Any] = {}


class Auditor:
    """Writes what one module does.

    :param log: ``None`` writes nothing.
    :param context: fields that all its events have, such as deployment, token and initiator.
    """

    def __init__(self, log: Log | None, context: Mapping[str, Any], redactor: Redactor) -> None:
        self.log = log
        self.context = dict(context)
        self.redactor = redactor
        self.head: Head | None = None

    @contextmanager
    def operation(self, kind: str, name: str, **fields: Any) -> Iterator[Operation]:
        """Write the intent, let the caller act, and write the outcome, also of an act that fails.

        When the intent cannot be written the act does not happen. An intent without outcome was interrupted.

        :param kind: the type of the events.
        :param name: their operation.
        :param fields: more fields of the events, such as target.
        """
        act = Operation()
        intent = self._write(kind, name, {**fields, "stage": INTENT})
        started = time.monotonic()
        outcome = "failure"
        try:
            yield act
            outcome = "success"
        except SlipwayError as exc:
            act.details = {**act.details, "error": exc.kind, "message": exc.message()}
            raise
        except BaseException as exc:
            act.details = {**act.details, "error": type(exc).__name__}
            raise
        finally:
            more = {
                "stage": OUTCOME,
                "outcome": outcome,
                "correlation": intent,
                "result": act.result,
                "duration_ms": int((time.monotonic() - started) * 1000),
                "details": {**fields.get("details", {}), **act.details},
            }
            self._write(kind, name, {**fields, **more})

    def as_result(self) -> dict[str, Any]:
        """For the module's result: where the log ends, so that the controller can sign it."""
        if self.log is None or self.head is None:
            return {}
        return {"audit": {"stream": self.log.files.stream, "seq": self.head.seq, "hash": self.head.hash}}

    def _write(self, kind: str, name: str, fields: Mapping[str, Any]) -> str:
        if self.log is None:
            return ""
        made = self.redactor.redacted(event({**self.context, "type": kind, "operation": name, **fields}))
        self.head = self.log.append([made]).head
        return str(made["id"])


def auditor(audit: Mapping[str, Any] | None, *, check_mode: bool) -> Auditor:
    """The auditor of a module, from its option of the form AUDIT."""
    if not audit:
        return Auditor(None, {}, Redactor())
    log = None if check_mode else Log(Files(Path(audit["directory"]), audit["stream"]))
    return Auditor(log, audit["context"], Redactor(mask=audit["mask"], values=audit["values"]))
