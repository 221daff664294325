#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write events to an audit log, copy them to sinks, and keep the log.

Touches <directory>/<stream> and the sinks that it is given.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: audit_emit
short_description: Write events to a tamper-evident audit log
version_added: 0.1.0
description:
  - Appends events to a log of JSON Lines on the host. Each record has the hash of the one before, so that no record can
    be edited, left out or moved without M(slipway.release.audit_verify) telling where.
  - Records are durable when the task ends. What a crash has torn is put aside, and told of in the log.
  - Secrets are masked, or replaced by an HMAC, before anything is hashed.
  - With O(signing_key), the action of the same name signs a checkpoint on the controller, where it stays. It refuses to
    sign a log that does not continue the one that it has signed before. The key never leaves the controller, and the
    host needs nothing but Python.
  - The file is what counts. Sinks get copies, at least once each; what a sink cannot take now it gets with the next
    run, and the task only warns.
options:
  stream:
    description: Name of the stream; lower-case letters, digits, dots, dashes and underscores.
    type: str
    required: true
  directory:
    description: Directory of the streams, on the host, on a local disk.
    type: path
    default: /var/lib/slipway/audit
  command:
    description:
      - V(emit) appends O(events), which may be none, and delivers to O(sinks).
      - V(rotate) closes the segment and begins the next one, by its age where O(rotate_days) says so.
      - V(hold) sets the legal hold O(hold), during which nothing expires. V(release) ends it.
      - V(expire) deletes the oldest segments, when they are older than O(retention_days), and leaves a tombstone that
        is signed with O(signing_key).
    type: str
    choices: [emit, rotate, hold, release, expire]
    default: emit
  events:
    description: Events, which are written together.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description: What it is about, such as C(deployment), C(flag) or C(approval).
        type: str
        required: true
      operation:
        description: What was done, such as C(switch).
        type: str
        required: true
      stage:
        description: V(intent) before an act, V(outcome) after it.
        type: str
        choices: [intent, outcome]
        default: outcome
      action:
        description: What was done, in words of who reads the log; O(events[].operation) when empty.
        type: str
      outcome:
        description: How it ended; that of an intent is C(pending).
        type: str
        choices: [success, failure, refused, unknown]
        default: unknown
      result:
        description: What came of it, in a word.
        type: str
      initiator:
        description: Who did it, as C(user) and C(source_ip). The action fills in the operator.
        type: dict
      target:
        description: What it was done to.
        type: str
      observer:
        description: Who tells; the name of the host when empty.
        type: str
      environment:
        description: Environment, such as C(production).
        type: str
      version:
        description: Version of the application.
        type: str
      commit:
        description: Commit of the application.
        type: str
      strategy:
        description: Kind of the rollout.
        type: str
      change_request:
        description: Identifier of the change request.
        type: str
      duration_ms:
        description: How long it took.
        type: int
      compliance_profiles:
        description: Profiles that apply.
        type: list
        elements: str
      deployment:
        description: Identifier of the deployment.
        type: str
      token:
        description: Its fencing token.
        type: int
      correlation:
        description: RV(ids) of the intent that this is the outcome of.
        type: str
      id:
        description: Identifier of the event; a random one when empty.
        type: str
      details:
        description: Anything else; texts, whole numbers, lists and mappings.
        type: dict
  context:
    description: Fields that each of O(events) has unless it says otherwise.
    type: dict
    default: {}
  level:
    description: V(metadata) leaves C(details) out.
    type: str
    choices: [full, metadata]
    default: full
  redaction:
    description:
      - What is hidden, beside fields whose names say that they are secrets (C(password), C(api_key) and the like) and
        what stands before the @ of a URL.
      - The action adds what the profiles in C(slipway_compliance) hide. What they want an HMAC of is masked without
        O(redaction.key).
    type: dict
    default: {}
    suboptions:
      mask:
        description:
          - Paths of fields that are masked, such as C(details.cards.*.number). C(*) stands for one name or place in a
            list, C(**) for any number of them.
        type: list
        elements: str
        default: []
      hash:
        description: Paths of fields of which an HMAC-SHA-256 is kept, so that equal values are recognised.
        type: list
        elements: str
        default: []
      patterns:
        description: Regular expressions; what matches in any text is masked.
        type: list
        elements: str
        default: []
      values:
        description: Secrets, which are masked wherever they stand, also in base64, URL, JSON or hexadecimal form.
        type: list
        elements: str
        default: []
      key:
        description: Key of the HMAC, of 16 bytes or more, used for nothing else.
        type: str
  sinks:
    description: Who gets copies.
    type: list
    elements: dict
    default: []
    suboptions:
      type:
        description:
          - V(stdout) prints on the controller. V(syslog) sends each record as a message.
          - V(http) sends a batch as one POST of JSON Lines, with the hash of its last record as C(Idempotency-Key).
          - V(postgresql) needs psycopg2 on the host, and no right but INSERT.
          - V(s3) needs boto3 on the host, and a bucket with Object Lock.
        type: str
        required: true
        choices: [http, postgresql, s3, stdout, syslog]
      name:
        description: Under which its place in the log is remembered; the type when empty.
        type: str
      address:
        description: Of V(syslog), a path, C(tcp://host:port) or C(udp://host:port); C(/dev/log) when empty.
        type: str
      tag:
        description: Of V(syslog), the name of the program.
        type: str
      url:
        description: Of V(http).
        type: str
      headers:
        description: Of V(http); never part of any output.
        type: dict
      bearer_token:
        description: Of V(http).
        type: str
      ca:
        description: Of V(http), a file on the host with the certificates to trust.
        type: str
      dsn:
        description: Of V(postgresql), the connection string.
        type: str
      table:
        description: Of V(postgresql); C(slipway_audit) when empty.
        type: str
      bucket:
        description: Of V(s3).
        type: str
      prefix:
        description: Of V(s3); C(audit/<origin>) when empty.
        type: str
      mode:
        description: Of V(s3), the mode of the lock, C(COMPLIANCE) or C(GOVERNANCE); the former when empty.
        type: str
      days:
        description: Of V(s3), for how long an object is locked; 365 when empty.
        type: int
      region:
        description: Of V(s3).
        type: str
      endpoint_url:
        description: Of V(s3), for servers other than those of AWS.
        type: str
      access_key:
        description: Of V(s3); the host's own credentials when empty.
        type: str
      secret_key:
        description: Of V(s3).
        type: str
      session_token:
        description: Of V(s3).
        type: str
  sink_timeout:
    description: Seconds that each sink gets.
    type: int
    default: 10
  rotate_bytes:
    description: Size at which a segment is closed.
    type: int
    default: 67108864
  rotate_days:
    description: V(rotate) closes the segment only when its first event is older than this many days; V(0) is always.
    type: int
    default: 0
  compress:
    description: Whether segments that are closed are compressed.
    type: bool
    default: true
  retention_days:
    description:
      - Days that a segment is kept after it was closed; V(0) is forever.
      - The action refuses fewer than the profiles in C(slipway_compliance) demand, and takes what they do for V(0).
    type: int
    default: 0
  at_most_days:
    description: Days after which V(expire) deletes a segment also where one of O(sinks) has not got it; V(0) is never.
      The action fills in what the profiles in C(slipway_compliance) say. Nothing but a legal hold keeps it longer.
    type: int
    default: 0
  hold:
    description: Name of a legal hold. Required by V(hold) and V(release).
    type: str
    default: ""
  reason:
    description: Why. Required by V(hold) and V(release).
    type: str
    default: ""
  origin:
    description: What checkpoints call this log. The action fills in C(<inventory_hostname>/<stream>).
    type: str
    default: ""
  signing_key:
    description: File on the controller with a private key of Ed25519, in PEM or in the form of OpenSSH. No checkpoint
      is signed when empty.
    type: str
    default: ""
  signing_passphrase:
    description: Its passphrase.
    type: str
    default: ""
  key_name:
    description: Name of the key in signatures.
    type: str
    default: slipway.release/audit
  checkpoint_directory:
    description: Directory of checkpoints, on the controller; C(~/.slipway/audit) when empty.
    type: str
    default: ""
  anchor:
    description: The last checkpoint, which the log must continue. The action fills it in.
    type: dict
  public_keys:
    description: Keys of tombstones. The action fills them in.
    type: list
    elements: str
    default: []
  tombstone:
    description: The signed tombstone of V(expire). The action fills it in.
    type: str
    default: ""
  printed:
    description: Up to where the controller has printed the log. The action fills it in.
    type: dict
attributes:
  check_mode:
    description: Judges and redacts the events without writing.
    support: full
  diff_mode:
    description: Shows the events as they are recorded.
    support: full
  idempotent:
    description: Running it again gives the same result.
    support: partial
    details: V(hold), V(release) and V(expire) are; the other commands record each call.
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.audit_verify
"""

EXAMPLES = r"""
- name: Record an approval, and sign a checkpoint
  slipway.release.audit_emit:
    stream: deployments
    signing_key: ~/.slipway/audit.pem
    events:
      - type: approval
        operation: approve
        outcome: success
        target: shop 1.4.2
        change_request: CHG-1042
        details:
          card: "4111 1111 1111 1111"
    redaction:
      mask: [details.card]
    sinks:
      - type: syslog
        address: tcp://logs.example:601
  become: true

- name: Keep everything that a court may ask for
  slipway.release.audit_emit:
    stream: deployments
    command: hold
    hold: case-7
    reason: Letter of the regulator
  become: true

- name: Delete what is older than seven years
  slipway.release.audit_emit:
    stream: deployments
    command: expire
    retention_days: 2557
    signing_key: ~/.slipway/audit.pem
  become: true
"""

RETURN = r"""
head:
  description: Where the log ends.
  returned: always
  type: dict
  sample: {segment: 2, seq: 1204, hash: 9f86d0…}
ids:
  description: Identifiers of the events, in their order; that of an intent is the C(correlation) of its outcome.
  returned: always
  type: list
  elements: str
hashes:
  description: Hashes of the events, in their order.
  returned: when something was written
  type: list
  elements: str
recovered:
  description: Number of torn lines that were put aside.
  returned: always
  type: int
  sample: 0
rotated:
  description: Number of segments that were closed.
  returned: always
  type: int
  sample: 0
deliveries:
  description: For each sink C(sink), C(sent), C(behind) (records that it has yet to get), C(lost) (records that have
    expired before it got them) and C(error).
  returned: always
  type: list
  elements: dict
expired:
  description: Segments that were deleted, or would be.
  returned: with V(expire)
  type: list
  elements: int
checkpoint:
  description: The signed checkpoint.
  returned: when O(signing_key) is given
  type: str
checkpoint_file:
  description: Where it is kept, on the controller.
  returned: when O(signing_key) is given
  type: str
public_key:
  description: The public key that belongs to it, for those who verify.
  returned: when O(signing_key) is given
  type: str
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from ansible_collections.slipway.release.plugins.module_utils._audit.event import (
    OUTCOMES,
    PENDING,
    STAGES,
    event,
    refuse_ambiguous,
)
from ansible_collections.slipway.release.plugins.module_utils._audit.levels import FULL, LEVELS
from ansible_collections.slipway.release.plugins.module_utils._audit.log import ROTATE, Appended, Log
from ansible_collections.slipway.release.plugins.module_utils._audit.note import Checkpoint, Key
from ansible_collections.slipway.release.plugins.module_utils._audit.outbox import (
    Delivery,
    Place,
    Remembered,
    deliver,
    send,
)
from ansible_collections.slipway.release.plugins.module_utils._audit.places import DIRECTORY
from ansible_collections.slipway.release.plugins.module_utils._audit.redact import Redactor
from ansible_collections.slipway.release.plugins.module_utils._audit.retention import Retention
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks import factory
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks.base import Sink
from ansible_collections.slipway.release.plugins.module_utils._audit.sinks.stdout import Stdout
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import BROKEN, signed_tombstone, verify
from ansible_collections.slipway.release.plugins.module_utils._common.address import secrets_of, without
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    SlipwayError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

EVENT: dict[str, Any] = {
    "type": {"type": "str", "required": True},
    "operation": {"type": "str", "required": True},
    "stage": {"type": "str", "choices": list(STAGES), "default": "outcome"},
    "action": {"type": "str"},
    "outcome": {"type": "str", "choices": [it for it in OUTCOMES if it != PENDING], "default": "unknown"},
    "result": {"type": "str"},
    "initiator": {"type": "dict"},
    "target": {"type": "str"},
    "observer": {"type": "str"},
    "environment": {"type": "str"},
    "version": {"type": "str"},
    "commit": {"type": "str"},
    "strategy": {"type": "str"},
    "change_request": {"type": "str"},
    "duration_ms": {"type": "int"},
    "compliance_profiles": {"type": "list", "elements": "str"},
    "deployment": {"type": "str"},
    "token": {"type": "int", "no_log": False},
    "correlation": {"type": "str"},
    "id": {"type": "str"},
    "details": {"type": "dict"},
}
REDACTION: dict[str, Any] = {
    "mask": {"type": "list", "elements": "str", "default": []},
    "hash": {"type": "list", "elements": "str", "default": []},
    "patterns": {"type": "list", "elements": "str", "default": []},
    "values": {"type": "list", "elements": "str", "default": [], "no_log": True},
    "key": {"type": "str", "no_log": True},
}
SINK: dict[str, Any] = {
    "type": {"type": "str", "required": True, "choices": sorted(factory.SINKS)},
    **{
        name: {"type": "str"}
        for name in ("name", "address", "tag", "url", "ca", "table", "bucket", "prefix", "mode", "region")
    },
    "endpoint_url": {"type": "str"},
    "days": {"type": "int"},
    "headers": {"type": "dict", "no_log": True},
    "bearer_token": {"type": "str", "no_log": True},
    "dsn": {"type": "str", "no_log": True},
    "access_key": {"type": "str", "no_log": False},
    "secret_key": {"type": "str", "no_log": True},
    "session_token": {"type": "str", "no_log": True},
}
ARGUMENTS: dict[str, Any] = {
    "stream": {"type": "str", "required": True},
    "directory": {"type": "path", "default": DIRECTORY},
    "command": {"type": "str", "choices": ["emit", "rotate", "hold", "release", "expire"], "default": "emit"},
    "events": {"type": "list", "elements": "dict", "default": [], "options": EVENT},
    "context": {"type": "dict", "default": {}},
    "level": {"type": "str", "choices": list(LEVELS), "default": FULL},
    "redaction": {"type": "dict", "default": {}, "options": REDACTION},
    "sinks": {"type": "list", "elements": "dict", "default": [], "options": SINK},
    "sink_timeout": {"type": "int", "default": 10},
    "rotate_bytes": {"type": "int", "default": ROTATE},
    "rotate_days": {"type": "int", "default": 0},
    "compress": {"type": "bool", "default": True},
    "retention_days": {"type": "int", "default": 0},
    "at_most_days": {"type": "int", "default": 0},
    "hold": {"type": "str", "default": ""},
    "reason": {"type": "str", "default": ""},
    "origin": {"type": "str", "default": ""},
    "signing_key": {"type": "str", "default": "", "no_log": False},
    "signing_passphrase": {"type": "str", "default": "", "no_log": True},
    "key_name": {"type": "str", "default": "slipway.release/audit", "no_log": False},
    "checkpoint_directory": {"type": "str", "default": ""},
    "anchor": {"type": "dict"},
    "public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "tombstone": {"type": "str", "default": ""},
    "printed": {"type": "dict"},
}


class Course:
    """One call of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.params: dict[str, Any] = module.params
        self.files = Files(Path(self.params["directory"]), self.params["stream"])
        self.log = Log(self.files, rotate=self.params["rotate_bytes"], pack=self.params["compress"])
        self.origin = self.params["origin"] or self.params["stream"]
        self.keys = [Key.read(text) for text in self.params["public_keys"]]
        for it in self.params["sinks"]:
            module.no_log_values.update(secrets_of(it["url"] or ""))
        self.sinks: list[tuple[str, Sink]] = [factory.make(it, self.origin) for it in self.params["sinks"]]
        self.secrets = {secret for _name, sink in self.sinks for secret in sink.secrets()}
        self.anchor = _told("anchor", self.params["anchor"], Checkpoint)
        self.printed = _told("printed", self.params["printed"], Place) or Place()
        module.no_log_values.update(self.secrets)

    def run(self) -> dict[str, Any]:
        """Do what the command says; the result."""
        events = self._events()
        command = self.params["command"]
        by_command = {"emit": self._emit, "rotate": self._rotate, "expire": self._expire}
        result = by_command[command](events) if command in by_command else self._hold(command)
        head = self.log.head()
        made = {"ids": [it["id"] for it in events], "head": asdict(head), "recovered": 0, "rotated": 0, **result}
        made["diff"] = {"before": "", "after": "".join(json.dumps(it, sort_keys=True) + "\n" for it in events)}
        if self.module.check_mode:
            return {**made, "deliveries": []}
        return {**made, **self._continues(), **self._deliver(head.seq)}

    def _events(self) -> list[dict[str, Any]]:
        """The events as they are recorded."""
        given = self.params["redaction"] or {}
        redactor = Redactor(
            given.get("mask") or (),
            given.get("hash") or (),
            given.get("patterns") or (),
            [*(given.get("values") or ()), *self.secrets],
            (given.get("key") or "").encode("utf-8"),
        )
        given_events = [
            {**self.params["context"], **{name: value for name, value in fields.items() if value is not None}}
            for fields in self.params["events"]
        ]
        for fields in given_events:
            redactor.redacted(fields)
        self.module.no_log_values.update(redactor.hidden)
        return [redactor.redacted(event(fields, self.params["level"])) for fields in given_events]

    def _emit(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        if self.module.check_mode or not events:
            for it in events:
                refuse_ambiguous(it)
            return {"changed": bool(events), "hashes": []}
        return _done(self.log.append(events))

    def _rotate(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        self._refuse_events(events)
        days = self.params["rotate_days"]
        if days and not Retention(self.log).aged(days):
            return {"changed": False}
        return {"changed": True} if self.module.check_mode else _done(self.log.rotate())

    def _refuse_events(self, events: list[dict[str, Any]]) -> None:
        if events:
            raise InputError("only emit takes events", where="events", remedy="write them with a task of their own")

    def _hold(self, command: str) -> dict[str, Any]:
        retention = Retention(self.log)
        name, reason = self.params["hold"], self.params["reason"]
        if self.module.check_mode:
            return {"changed": (name in retention.holds()) == (command == "release")}
        initiator = self.params["context"].get("initiator") or {}
        by = str(initiator.get("user", "")) if isinstance(initiator, dict) else str(initiator)
        done = (retention.hold if command == "hold" else retention.release)(name, reason, by)
        return _done(done) if done else {"changed": False}

    def _expire(self, events: list[dict[str, Any]]) -> dict[str, Any]:
        """First the action asks for the tombstone, then it brings that back signed."""
        self._refuse_events(events)
        retention = Retention(self.log)
        got = [
            self.printed.seq if isinstance(sink, Stdout) else Remembered(self.files, name).load().seq
            for name, sink in self.sinks
        ]
        days, at_most = self.params["retention_days"], self.params["at_most_days"]
        due = retention.due(self.origin, days, min(got, default=None), at_most)
        if due is None:
            return {"changed": False, "expired": []}
        expired = [number for number in self.files.closed() if number <= due.segment]
        if self.module.check_mode or not self.params["tombstone"]:
            return {"changed": True, "expired": expired, "due": asdict(due)}
        known = {self.anchor.size: self.anchor.hash} if self.anchor else {}
        return {**_done(retention.expire(self.params["tombstone"], self.keys, due, known)), "expired": expired}

    def _continues(self) -> dict[str, Any]:
        """Whether the log is the one that was signed before, with more at its end."""
        if self.anchor is None:
            return {}
        tombstone = partial(signed_tombstone, self.files, self.keys, self.origin)
        known = {self.anchor.size: self.anchor.hash}
        report = verify(self.files, known, tombstone=tombstone, since=self.anchor.segment)
        if report.verdict != BROKEN:
            return {}
        first = report.findings[0]
        return {"discontinued": f"{first.file}, line {first.line}, record {first.seq}: {first.kind}: {first.message}"}

    def _deliver(self, head_seq: int) -> dict[str, Any]:
        deliveries: list[Delivery] = []
        printed: dict[str, Any] = {}
        timeout = self.params["sink_timeout"]
        for name, sink in self.sinks:
            if isinstance(sink, Stdout):
                places = [self.printed]
                deliveries.append(send(self.files, name, sink, head_seq, places[0], places.append, timeout))
                printed = {"lines": sink.lines, "printed": asdict(places[-1])}
            else:
                deliveries.append(deliver(self.files, name, sink, head_seq, timeout=timeout))
        deliveries = [replace(it, error=without(it.error, self.module.no_log_values)) for it in deliveries]
        for delivery in deliveries:
            if delivery.error:
                self.module.warn(f"audit sink {delivery.sink}, {delivery.behind} records behind: {delivery.error}")
            if delivery.lost:
                self.module.warn(f"audit sink {delivery.sink}: {delivery.lost} records expired before it got them")
        return {"deliveries": [it.as_result() for it in deliveries], **printed}


SHORTEST_FILTERED = 8
_AS_IN_A_RESULT = re.compile(r"[0-9a-fA-FT:.+-]{0,15}")


def _filtered(secret: str) -> bool:
    """Whether Ansible may cut this out of a result; a short one, or a few digits, is a part of numbers and hashes."""
    return len(secret) >= SHORTEST_FILTERED and not _AS_IN_A_RESULT.fullmatch(secret)


_Told = TypeVar("_Told")


def _told(option: str, given: Mapping[str, Any] | None, kind: Callable[..., _Told]) -> _Told | None:
    """What the action says that the controller has kept, as numbers and texts."""
    if not given:
        return None
    try:
        return kind(**{name: str(it) if name in ("origin", "hash") else int(it) for name, it in given.items()})
    except (TypeError, ValueError):
        raise InputError(
            "what the controller has kept is not understood", where=option, remedy="leave it to the action"
        ) from None


def _done(done: Appended) -> dict[str, Any]:
    return {"changed": True, "hashes": list(done.hashes), "recovered": done.recovered, "rotated": done.rotated}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = Course(module).run()
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    except OSError as exc:
        failure = SystemFailure(
            f"the audit log cannot be used: {exc.strerror or exc}",
            where=str(exc.filename or module.params["directory"]),
            remedy="see that the disk has room and the directory can be read and written, then run again",
        )
        module.fail_json(**failure.as_result())
    module.no_log_values = {secret for secret in module.no_log_values if _filtered(secret)}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
