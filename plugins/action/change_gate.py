# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges on the controller whether a change may be made now, or at a given time.

Reads approvals, overrides and compliance profiles there, runs ssh-keygen, and asks the server of the policy; connects
to no host of the inventory and changes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible_collections.slipway.release.plugins.module_utils._change.document import (
    APPROVAL,
    OVERRIDE,
    Document,
    template,
)
from ansible_collections.slipway.release.plugins.module_utils._change.evidence import from_directory, from_server
from ansible_collections.slipway.release.plugins.module_utils._change.gate import (
    ALWAYS,
    BLOCK,
    OPERATIONS,
    WARN,
    Change,
    Verdict,
    judge,
    not_judged,
    shown,
)
from ansible_collections.slipway.release.plugins.module_utils._change.moment import read_moment
from ansible_collections.slipway.release.plugins.module_utils._change.policy import (
    Policy,
    read_policy,
    read_request,
    stricter,
)
from ansible_collections.slipway.release.plugins.module_utils._change.remedy import remedy, summary
from ansible_collections.slipway.release.plugins.module_utils._change.signature import Signers
from ansible_collections.slipway.release.plugins.module_utils._change.subject import GROUPS, Subject, inventory_digest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import load
from ansible_collections.slipway.release.plugins.module_utils._compliance.profile import Profile
from ansible_collections.slipway.release.plugins.module_utils._ledger.who import Who
from ansible_collections.slipway.release.plugins.module_utils._plan.operator import operator

ADDRESSES = ("slipway_address", "ansible_host")
ARGUMENTS = {
    "app": {"type": "str", "required": True},
    "operation": {"type": "str", "default": "deploy", "choices": list(OPERATIONS)},
    "policy": {"type": "dict", "required": True},
    "environment": {"type": "str", "default": ""},
    "region": {"type": "str", "default": ""},
    "artifact_sha256": {"type": "str", "default": ""},
    "commit": {"type": "str", "default": ""},
    "migrations": {"type": "str", "default": ""},
    "ledger_host": {"type": "str", "default": ""},
    "change": {"type": "dict", "default": {}},
    "evidence": {"type": "str", "default": ""},
    "compliance": {"type": "list", "elements": "str", "default": []},
    "gates": {"type": "dict", "default": {}},
    "at": {"type": "str", "default": ""},
    "fail": {"type": "bool", "default": True},
}


class ActionModule(ActionBase):
    """Runs once; nothing of it depends on a host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the verdict; what always passes does so whatever is wrong with the options."""
        super().run(tmp, task_vars)
        operation = str(self._task.args.get("operation", ""))
        try:
            return self._judged(task_vars or {})
        except SlipwayError as exc:
            if operation not in ALWAYS:
                return {"failed": True, "changed": False, **exc.as_result()}
            return _unjudged(operation, exc)
        except AnsibleError as exc:
            if operation not in ALWAYS:
                raise
            return _unjudged(operation, _wrong(str(exc.message)))
        except Exception as exc:
            if operation not in ALWAYS:
                raise
            return _unjudged(operation, _wrong(f"it ended with {type(exc).__name__}"))

    def _judged(self, task_vars: Mapping[str, Any]) -> dict[str, Any]:
        check: Any = self.validate_argument_spec
        _validated, arguments = check(argument_spec=ARGUMENTS)
        options = json.loads(json.dumps(arguments, default=str))
        profile = load(options["compliance"])
        policy = read_policy(options["policy"])
        if profile:
            policy = stricter(policy, profile)
        deployer = operator(task_vars)
        change = Change(
            subject=_subject(options, task_vars),
            at=read_moment(options["at"], policy.zone, "at") if options["at"] else datetime.now(timezone.utc),
            deployer=policy.deployer(Who.read(deployer)),
            gates={str(name): str(verdict) for name, verdict in options["gates"].items()},
        )
        signers = Signers(Path(policy.allowed_signers), policy.revoked_keys)

        def verify(content: bytes, signature: bytes, signer: str, purpose: str, at: datetime) -> str:
            return signers.refusal(content, signature, signer=signer, namespace=purpose, at=at)

        verdict = judge(policy, change, lambda: _evidence(policy, options["evidence"], change.subject), verify)
        return _result(policy, profile, change, verdict, deployer, options)


def _subject(options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Subject:
    request = read_request(options["change"])
    groups = task_vars.get("groups", {})
    hostvars = task_vars.get("hostvars", {})
    ledger_host = options["ledger_host"]
    hosts = {host for group in GROUPS for host in groups.get(group, [])}.union([ledger_host] if ledger_host else [])
    addresses = {
        host: [str(hostvars[host].get(name) or "") for name in ADDRESSES] for host in hosts if host in hostvars
    }
    return Subject(
        app=options["app"],
        operation=options["operation"],
        region=options["region"],
        artifact=options["artifact_sha256"].lower(),
        commit=options["commit"],
        environment=options["environment"],
        inventory=inventory_digest(groups, addresses, ledger_host),
        migrations=options["migrations"],
        change=request["id"],
        justification=request["justification"],
        risk=request["risk"],
        author=request["author"],
    )


def _evidence(policy: Policy, directory: str, subject: Subject) -> list[Document]:
    found = from_directory(Path(os.path.expanduser(directory))) if directory else []
    return found + (from_server(policy.url, policy.headers, subject) if policy.url else [])


def _result(
    policy: Policy,
    profile: Profile | None,
    change: Change,
    verdict: Verdict,
    deployer: str,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    subject = change.subject
    blocked = verdict.verdict == BLOCK
    message = summary(change, verdict)
    return {
        "changed": False,
        "failed": blocked and options["fail"],
        "msg": f"{message}. Remedy: {remedy(policy, change, verdict)}." if blocked else message,
        "warnings": [message] if verdict.verdict == WARN else [],
        **shown(verdict),
        "preview": bool(options["at"]),
        "at": change.at.astimezone(policy.zone).isoformat(timespec="seconds"),
        "deployer": deployer,
        "enforcement": policy.enforcement,
        "approvals": [_told(asdict(judged)) for judged in verdict.approvals],
        "override": _told(asdict(verdict.override)) if verdict.override else {},
        "digest": subject.digest,
        "to_sign": {kind: template(kind, subject) for kind in (APPROVAL, OVERRIDE)},
        "compliance": _told(asdict(profile)) if profile else {},
    }


def _unjudged(operation: str, error: SlipwayError) -> dict[str, Any]:
    verdict = not_judged(operation, error)
    message = f"{verdict.exempt}; it could not be judged: {error.message()}"
    return {"changed": False, "failed": False, "msg": message, "warnings": [message], **shown(verdict)}


def _wrong(what: str) -> InputError:
    return InputError(what, where="change_gate", remedy="correct the options of the task")


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    """What has a value, in types of JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if value}
