# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a change on the controller, for the module and for a deployment's plan.

Reads approvals, overrides and compliance profiles there, runs ssh-keygen, and asks the server of the policy; connects
to no host of the inventory and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from .._checklist.found import found
from .._common.errors import InputError, SlipwayError
from .._compliance.load import load
from .._compliance.profile import Profile
from .._ledger.who import Who
from .._plan.operator import operator
from .document import APPROVAL, OVERRIDE, Document, template
from .evidence import from_directory, from_server
from .gate import BLOCK, Change, Verdict, judge, not_judged, shown
from .moment import read_moment
from .policy import POLICY_NAME, Policy, read_policy, read_request, stricter
from .remedy import remedy, summary
from .signature import Signed, Signers
from .subject import GROUPS, Subject, inventory_digest

ADDRESSES = ("slipway_address", "ansible_host")
# What an option is where it is not given.
VARIABLES = {
    "policy": POLICY_NAME,
    "compliance": "slipway_compliance",
    "environment": "slipway_environment",
    "region": "slipway_inventory_region",
    "change": "slipway_change",
    "evidence": "slipway_change_evidence",
    "gates": "slipway_change_gates",
    "ledger_host": "slipway_ledger_host",
}


def with_variables(
    options: Mapping[str, Any], variables: Mapping[str, Any], evaluated: Callable[[Any], Any]
) -> dict[str, Any]:
    """The options, and variables for those that are not given.

    :param evaluated: the value of a variable, which may be a template.
    """
    made = {name: value for name, value in options.items() if value is not None}
    for option, variable in VARIABLES.items():
        if option not in made and variable in variables:
            made[option] = evaluated(variables[variable])
    return made


def whatever_is_wrong(exempt: str, judging: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What ``judging`` returns; where it fails, what passes in any case does so all the same.

    :param exempt: why it passes in any case; empty where it does not.
    :raises Exception: what ``judging`` raises, where it does not pass in any case.
    """
    try:
        return judging()
    except SlipwayError as exc:
        if not exempt:
            raise
        return _unjudged(exempt, exc)
    except Exception as exc:
        if not exempt:
            raise
        said = getattr(exc, "message", "")
        what = said if isinstance(said, str) and said else f"it ended with {type(exc).__name__}"
        return _unjudged(
            exempt, InputError(what, where="change gate", remedy="correct the options or variables that it names")
        )


def _gates(options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> dict[str, str]:
    """What was checked before. What the checklist of this run has found counts before what is only said."""
    given = {**(options.get("gates") or {}), **(found(task_vars).get("gates") or {})}
    return {str(name): str(verdict) for name, verdict in given.items()}


def judged(options: Mapping[str, Any], task_vars: Mapping[str, Any], exempt: str = "") -> dict[str, Any]:
    """The verdict over a change, as ``change_gate`` returns it.

    :param options: those of the module; ``policy`` must not be empty.
    :param exempt: why this change passes whatever is found.
    :raises SlipwayError: an option is wrong.
    """
    if not options.get("policy"):
        raise InputError("it is not set", where=POLICY_NAME, remedy="say at least the timezone, or do not ask")
    profile = load(options.get("compliance") or [])
    policy = read_policy(options["policy"])
    if profile:
        policy = stricter(policy, profile)
    if options.get("begun"):
        policy = replace(policy, runway=timedelta(0))
    deployer = operator(task_vars)
    at = options.get("at") or ""
    change = Change(
        subject=_subject(options, task_vars),
        at=read_moment(at, policy.zone, "at") if at else datetime.now(timezone.utc),
        deployer=policy.deployer(Who.read(deployer)),
        gates=_gates(options, task_vars),
        exempt=exempt,
    )
    signers = Signers(Path(policy.allowed_signers), policy.revoked_keys)

    def verify(content: bytes, signature: bytes, signer: str, purpose: str, at: datetime) -> Signed:
        return signers.verified(content, signature, signer=signer, namespace=purpose, at=at)

    evidence = options.get("evidence") or ""
    verdict = judge(policy, change, lambda: _evidence(policy, evidence, change.subject), verify)
    return _result(policy, profile, change, verdict, deployer, preview=bool(at))


def _subject(options: Mapping[str, Any], task_vars: Mapping[str, Any]) -> Subject:
    request = read_request(options.get("change") or {})
    groups = task_vars.get("groups", {})
    hostvars = task_vars.get("hostvars", {})
    ledger_host = options.get("ledger_host") or ""
    hosts = {host for group in GROUPS for host in groups.get(group, [])}.union([ledger_host] if ledger_host else [])
    addresses = {
        host: [str(hostvars[host].get(name) or "") for name in ADDRESSES] for host in hosts if host in hostvars
    }
    return Subject(
        app=options["app"],
        operation=options["operation"],
        region=options.get("region") or "",
        artifact=(options.get("artifact_sha256") or "").lower(),
        commit=options.get("commit") or "",
        environment=options.get("environment") or "",
        inventory=inventory_digest(groups, addresses, ledger_host),
        migrations=options.get("migrations") or "",
        change=request["id"],
        justification=request["justification"],
        risk=request["risk"],
        author=request["author"],
    )


def _evidence(policy: Policy, directory: str, subject: Subject) -> list[Document]:
    found = from_directory(Path(os.path.expanduser(directory))) if directory else []
    return found + (from_server(policy.url, policy.headers, subject) if policy.url else [])


def _result(
    policy: Policy, profile: Profile | None, change: Change, verdict: Verdict, deployer: str, *, preview: bool
) -> dict[str, Any]:
    subject = change.subject
    at = change.at.astimezone(policy.zone).isoformat(timespec="seconds")
    message = summary(change, verdict, at if preview else "")
    return {
        "msg": f"{message}. Remedy: {remedy(policy, change, verdict)}." if verdict.verdict == BLOCK else message,
        **shown(verdict),
        "preview": preview,
        "at": at,
        "deployer": deployer,
        "enforcement": policy.enforcement,
        "approvals": [_told(asdict(judged)) for judged in verdict.approvals],
        "override": _told(asdict(verdict.override)) if verdict.override else {},
        "digest": subject.digest,
        "to_sign": {kind: template(kind, subject) for kind in (APPROVAL, OVERRIDE)},
        "compliance": _told(asdict(profile)) if profile else {},
    }


def _unjudged(exempt: str, error: SlipwayError) -> dict[str, Any]:
    verdict = not_judged(exempt, error)
    return {"msg": f"{verdict.exempt}; it could not be judged: {error.message()}", "unjudged": True, **shown(verdict)}


def _told(found: Mapping[str, Any]) -> dict[str, Any]:
    """What has a value, in types of JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items() if value}
