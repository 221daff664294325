# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a module that acts writes intent and outcome itself: one call around the act, no task around the module.

Touches what the log touches. In check mode, and where no audit log is asked for, nothing; the log itself is imported
only where there is one, since most of its cost is that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from .._common.errors import SlipwayError
from .levels import FULL, LEVELS
from .places import DIRECTORY, place

if TYPE_CHECKING:
    from .log import Log
    from .record import Head
    from .redact import Redactor

UNCHANGED = "unchanged"
# Seconds that what goes back waits for another writer.
IMPATIENT = 2
REFUSED = ("input", "lease", "stale_token")
# Commands of the ledger that can be the last one of a run, whose record has the heads of the other logs.
LAST_OF_A_RUN = ("park", "finish", "release", "approve", "root_cause", "checklist", "judge")
AUDIT: dict[str, Any] = {
    "type": "dict",
    "options": {
        "stream": {"type": "str", "required": True},
        "directory": {"type": "path", "default": DIRECTORY},
        "context": {"type": "dict", "default": {}},
        "mask": {"type": "list", "elements": "str", "default": []},
        "hash": {"type": "list", "elements": "str", "default": []},
        "hash_key": {"type": "str", "default": "", "no_log": True},
        "patterns": {"type": "list", "elements": "str", "default": []},
        "values": {"type": "list", "elements": "str", "default": [], "no_log": True},
        "level": {"type": "str", "choices": list(LEVELS), "default": FULL},
        "required": {"type": "bool", "default": True},
        "anchor": {"type": "dict"},
        "public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
        "origin": {"type": "str", "default": ""},
        "heads": {"type": "list", "elements": "dict", "default": []},
    },
}


class Operation:
    """An act that is under way; what it learns becomes part of the outcome.

    :ivar result: how it went, in a word.
    :ivar failed: whether it has failed, where that is no exception.
    :ivar details: what belongs to this kind of act.
    :ivar fields: fields of the outcome that are known only now, such as deployment and token.
    """

    def __init__(self) -> None:
        self.result = ""
        self.failed = False
        self.details: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}


class Auditor:
    """Writes what one module does.

    :param log: ``None`` writes nothing.
    :param context: fields that all its events have, such as deployment, token and initiator.
    :param level: one of LEVELS.
    :param required: whether the act needs its intent; one that goes back does not.
    :param warn: is told what could not be written.
    """

    def __init__(
        self,
        log: Log | None,
        context: Mapping[str, Any],
        redactor: Redactor | None,
        *,
        level: str = FULL,
        required: bool = True,
        warn: Callable[[str], None] | None = None,
    ) -> None:
        self.log = log
        self.context = dict(context)
        self.redactor = redactor
        self.level = level
        self.required = required
        self.warn = warn
        self.head: Head | None = None

    @contextmanager
    def operation(self, kind: str, name: str, **fields: Any) -> Iterator[Operation]:
        """Write the intent, let the caller act, and write the outcome, also of an act that fails.

        When the intent cannot be written the act does not happen, unless it needs none. When the outcome cannot be
        written the act has happened all the same: that is a warning, and the log shows an intent without outcome, as
        of one that was interrupted.

        :param kind: the type of the events.
        :param name: their operation.
        :param fields: more fields of the events, such as target.
        :raises SlipwayError: the intent cannot be written.
        """
        act = Operation()
        if self.log is None:
            yield act
            return
        intent = self._intent(kind, name, {**fields, "stage": "intent"})
        started = time.monotonic()
        outcome = "failure"
        try:
            yield act
            outcome = "failure" if act.failed else "success"
        except SlipwayError as exc:
            outcome = "refused" if exc.kind in REFUSED else outcome
            act.details = {**act.details, "error": exc.kind, "message": exc.message()}
            raise
        except BaseException as exc:
            act.details = {**act.details, "error": type(exc).__name__}
            raise
        finally:
            more = {
                **act.fields,
                "stage": "outcome",
                "outcome": outcome,
                "correlation": intent,
                "result": act.result,
                "duration_ms": int((time.monotonic() - started) * 1000),
                "details": {**fields.get("details", {}), **act.details},
            }
            try:
                self._write(kind, name, {**fields, **more})
            except SlipwayError as exc:
                self._say(f"it was done, but its outcome is not in the audit log: {exc.message()}")

    def judged(self, kind: str, name: str, outcome: str, **fields: Any) -> None:
        """Write what was decided of an act before anything of it was begun: an outcome that has no intent.

        :raises SlipwayError: it cannot be written.
        """
        self._write(kind, name, {**fields, "stage": "outcome", "outcome": outcome})

    def as_result(self) -> dict[str, Any]:
        """For the module's result: where the log ends, so that the controller can sign it."""
        if self.log is None or self.head is None:
            return {}
        end = {"segment": self.head.segment, "seq": self.head.seq, "hash": self.head.hash}
        files = self.log.files
        return {"audit": {"stream": files.stream, "directory": str(files.directory), **end}}

    def _intent(self, kind: str, name: str, fields: Mapping[str, Any]) -> str:
        try:
            return self._write(kind, name, fields)
        except SlipwayError as exc:
            if self.required:
                raise
            self._say(f"the audit log does not have this act, which goes on: {exc.message()}")
            return ""

    def _write(self, kind: str, name: str, fields: Mapping[str, Any]) -> str:
        from .event import event

        if self.log is None or self.redactor is None:
            return ""
        made = self.redactor.redacted(event({**self.context, "type": kind, "operation": name, **fields}, self.level))
        self.head = self.log.append([made]).head
        return str(made["id"])

    def _say(self, text: str) -> None:
        if self.warn:
            self.warn(text)


def auditor(audit: Mapping[str, Any] | None, *, check_mode: bool, warn: Callable[[str], None] | None = None) -> Auditor:
    """The auditor of a module, from its option of the form AUDIT.

    :param warn: is told what could not be written, as ``AnsibleModule.warn``.
    :raises SlipwayError: the option cannot be followed.
    """
    if not audit or check_mode:
        return Auditor(None, {}, None)
    from .log import Log
    from .redact import Redactor
    from .store import LOCK_TIMEOUT, Files

    directory, has_place = place(audit["directory"])
    required = has_place and bool(audit.get("required", True))
    redactor = Redactor(
        audit["mask"],
        audit.get("hash") or (),
        audit.get("patterns") or (),
        audit["values"],
        (audit.get("hash_key") or "").encode("utf-8"),
    )
    log = Log(Files(directory, audit["stream"]), patience=LOCK_TIMEOUT if required else IMPATIENT)
    level = audit.get("level") or FULL
    return Auditor(log, audit["context"], redactor, level=level, required=required, warn=warn)


def auditor_of(module: Any, *, acts: bool = True) -> Auditor:
    """The auditor of an Ansible module that has the option ``audit``; what the module hides is hidden here too.

    :param acts: ``False`` where what it is asked for changes nothing that anybody would look for.
    """
    audit = module.params["audit"] if acts else None
    if audit:
        audit = {**audit, "values": [*audit["values"], *module.no_log_values]}
    return auditor(audit, check_mode=module.check_mode, warn=module.warn)


def discontinued(audit: Mapping[str, Any]) -> str:
    """Why the log is not the one of which the controller has signed a checkpoint; empty when it is, or none is known.

    :param audit: the option, with ``anchor``, ``public_keys`` and ``origin``.
    """
    from .note import Key
    from .store import Files
    from .verify import BROKEN, signed_tombstone, verify

    anchor = audit["anchor"]
    if not anchor:
        return ""
    files = Files(place(audit["directory"])[0], audit["stream"])
    tombstone = partial(signed_tombstone, files, [Key.read(text) for text in audit["public_keys"]], audit["origin"])
    known = {int(anchor["size"]): str(anchor["hash"])}
    report = verify(files, known, tombstone=tombstone, since=int(anchor["segment"]))
    if report.verdict != BROKEN:
        return ""
    first = report.findings[0]
    return f"{first.file}, line {first.line}, record {first.seq}: {first.kind}: {first.message}"
