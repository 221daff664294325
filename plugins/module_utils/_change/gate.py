# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges a change by a policy: pass, warn or block, with every reason. Touches nothing but what evidence it is given.

A rollback and a kill switch always pass; what would have stopped a deployment is recorded with them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from .._common.backwards import ALWAYS_ALLOWED
from .._common.errors import SlipwayError
from .document import APPROVAL, OVERRIDE, Court, Document, Judged, Verify
from .openings import Calendar, Matched
from .policy import POLICY_NAME, REQUEST_NAME, Policy
from .subject import Subject

DEPLOY, FAILOVER, MIGRATE, FLAGS = "deploy", "failover", "migrate", "flags"
OPERATIONS = (DEPLOY, FAILOVER, MIGRATE, FLAGS, *ALWAYS_ALLOWED)
PASS, WARN, BLOCK = "pass", "warn", "block"
AUTHOR_APPROVER, APPROVER_DEPLOYER = "author_approver", "approver_deployer"
OF_AN_APPROVER = (AUTHOR_APPROVER, APPROVER_DEPLOYER)
MOST_SHOWN = 3
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Change:
    """What is to be done, by whom and when.

    :param deployer: a name that ``people`` of the policy may know.
    :param gates: name of what was checked before to its verdict.
    :param exempt: why it passes whatever is found; empty where nothing but its operation could be a reason.
    """

    subject: Subject
    at: datetime
    deployer: str
    gates: Mapping[str, str] = field(default_factory=dict)
    exempt: str = ""


@dataclass(frozen=True)
class Finding:
    """Something that stands against a change.

    :param kind: what an override may cover.
    :param critical: whether it blocks also where findings only warn.
    :param overridden: whether an override is good for it.
    """

    kind: str
    what: str
    critical: bool = False
    overridden: bool = False


@dataclass
class Verdict:
    """What came of it."""

    verdict: str = PASS
    exempt: str = ""
    findings: list[Finding] = field(default_factory=list)
    next_open: str = ""
    windows: list[dict[str, str]] = field(default_factory=list)
    approvals: list[Judged] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    override: Judged | None = None

    def reasons(self) -> list[str]:
        """One sentence for each finding."""
        return [f"{item.what} (overridden)" if item.overridden else item.what for item in self.findings]


def judge(policy: Policy, change: Change, evidence: Callable[[], Sequence[Document]], verify: Verify) -> Verdict:
    """Judge a change.

    :param evidence: reads approvals and overrides; it is called where they are needed.
    :param verify: as a court's.
    """
    why = change.exempt or exempt(change.subject.operation)
    if why:
        return _exempt(policy, change, why)
    verdict = Verdict()
    needed = _needed(policy, change)
    findings = [
        *_windows(policy, change, verdict),
        *_requested(policy, change),
        *_deployed_by(policy, change),
        *(() if change.subject.operation == FLAGS else (*_residency(policy, change), *_gates(policy, change))),
    ]
    if needed or (policy.overriding and findings):
        try:
            verdict.approvals = _judged(policy, change, evidence(), verify)
        except SlipwayError as exc:
            findings.append(Finding("evidence", exc.message().rstrip(".")))
        verdict.missing, lacking = _approvals(policy, change, needed, verdict.approvals)
        findings += lacking
    verdict.findings, verdict.override = _overridden(policy, findings, verdict.approvals)
    verdict.verdict = _verdict(policy, verdict.findings)
    return verdict


def exempt(operation: str) -> str:
    """Why an operation passes whatever the policy says; empty where it does not."""
    if operation not in ALWAYS_ALLOWED:
        return ""
    return f"{'an' if operation[0] in 'aeiou' else 'a'} {operation.replace('_', ' ')} always passes"


def _exempt(policy: Policy, change: Change, why: str) -> Verdict:
    verdict = Verdict(exempt=why)
    verdict.findings = [*_windows(policy, change, verdict), *_residency(policy, change)]
    return verdict


def _verdict(policy: Policy, findings: Sequence[Finding]) -> str:
    open_findings = [finding for finding in findings if not finding.overridden]
    if not open_findings or policy.enforcement == "none":
        return PASS
    if policy.enforcement == "block" or any(finding.critical for finding in open_findings):
        return BLOCK
    return WARN


def _windows(policy: Policy, change: Change, verdict: Verdict) -> list[Finding]:
    calendar = Calendar(
        policy.windows,
        policy.zone,
        change.at,
        environment=change.subject.environment,
        application=change.subject.app,
        runway=policy.runway,
    )
    moment = calendar.at(change.at)
    opens = calendar.next_open(change.at)
    verdict.next_open = calendar.shown(opens) if opens else ""
    verdict.windows = [
        _shown(match, effect, calendar)
        for effect, matches in (("denies", moment.denying), ("ahead", moment.ahead), ("allows", moment.allowing))
        for match in matches
    ]
    return [Finding("windows", what) for what in calendar.why(change.at)]


def _shown(match: Matched, effect: str, calendar: Calendar) -> dict[str, str]:
    start, end = match.span
    return {
        "name": match.window.name,
        "effect": effect,
        "start": calendar.shown(start),
        "end": calendar.shown(end),
    }


def _requested(policy: Policy, change: Change) -> list[Finding]:
    said = {**change.subject.fields(), "id": change.subject.change}
    return [
        Finding("change_request", f"the change request has no {name}: set {REQUEST_NAME}.{name}")
        for name in policy.change_request
        if not said[name].strip()
    ]


def _deployed_by(policy: Policy, change: Change) -> list[Finding]:
    people, author = policy.people, change.subject.author
    deployer = people.person(change.deployer)
    found = []
    if policy.deployers and not people.in_any(deployer, policy.deployers):
        found.append(
            Finding("deployer", f"{deployer or change.deployer} is in none of the groups {', '.join(policy.deployers)}")
        )
    if "author_deployer" in policy.separate:
        if not deployer or not people.person(author):
            unknown = change.deployer if not deployer else author or "the author, who is not named"
            found.append(Finding("segregation", f"{unknown} is nobody in {POLICY_NAME}.people"))
        elif deployer == people.person(author):
            found.append(Finding("segregation", f"{deployer} is the author and deploys", critical=True))
    return found


def _residency(policy: Policy, change: Change) -> list[Finding]:
    allowed = [*policy.regions, *(policy.failover_regions if change.subject.operation == FAILOVER else ())]
    if policy.region_required and not policy.regions:
        return [Finding("residency", f"it is not said where data may be: set {POLICY_NAME}.residency.regions")]
    if not policy.regions or change.subject.region in allowed:
        return []
    where = f"region {change.subject.region}" if change.subject.region else "a region that is not named"
    return [Finding("residency", f"{where} is not among {', '.join(allowed)}, where data may be", critical=True)]


def _gates(policy: Policy, change: Change) -> list[Finding]:
    return [
        Finding("gates", f"gate {name}: {change.gates.get(name) or 'it was not run'}")
        for name in policy.gates
        if change.gates.get(name) != PASS
    ]


def _needed(policy: Policy, change: Change) -> list[str]:
    if change.subject.operation == FLAGS:
        return []
    groups = [*policy.approving, *(policy.ddl if change.subject.migrations else ())]
    return list(dict.fromkeys(groups))


def _judged(policy: Policy, change: Change, documents: Sequence[Document], verify: Verify) -> list[Judged]:
    unknown = [
        f"{what} cannot be told from who overrides" for what, _remedy in _unknown(policy, change, OF_AN_APPROVER)
    ]
    withheld = [*unknown, *_unbound(change)]
    court = Court(
        subject=change.subject,
        at=change.at,
        people=policy.people,
        groups={
            APPROVAL: frozenset([*policy.approving, *policy.ddl]),
            OVERRIDE: frozenset(policy.overriding),
        },
        max_age={APPROVAL: policy.approval_max_age, OVERRIDE: policy.override_max_age},
        barred={APPROVAL: _barred(policy, change, policy.separate), OVERRIDE: _barred(policy, change, OF_AN_APPROVER)},
        withheld={OVERRIDE: withheld[0]} if withheld else {},
        verify=verify,
    )
    return _of_one_person_each([court.judge(document) for document in documents])


def _of_one_person_each(judged: Sequence[Judged]) -> list[Judged]:
    """The documents, without those of a key that has signed as several persons: nobody knows which of them it was."""
    holders: dict[str, set[str]] = {}
    for item in judged:
        if item.accepted and item.key:
            holders.setdefault(item.key, set()).add(item.person)
    return [
        replace(
            item,
            refusal=f"key {item.key} signs for {' and '.join(sorted(holders[item.key]))}, and is nobody's own",
            illicit=True,
        )
        if item.accepted and len(holders.get(item.key, ())) > 1
        else item
        for item in judged
    ]


def _unbound(change: Change) -> list[str]:
    """What a document would have to be about, and cannot be because it is not said."""
    found = []
    if change.subject.operation == MIGRATE:
        if not change.subject.migrations:
            found.append("an approval needs migrations that are due")
    elif not _SHA256.fullmatch(change.subject.artifact):
        found.append("an approval needs artifact_sha256 in 64 hexadecimal digits")
    if not change.subject.environment.strip():
        found.append("an approval needs the environment: set slipway_environment")
    return found


def _barred(policy: Policy, change: Change, separate: Collection[str]) -> dict[str, str]:
    author, deployer = policy.people.person(change.subject.author), policy.people.person(change.deployer)
    barred = {}
    if APPROVER_DEPLOYER in separate and deployer:
        barred[deployer] = f"{deployer} deploys, which is self-approval"
    if AUTHOR_APPROVER in separate and author:
        barred[author] = f"{author} is the author, which is self-approval"
    return barred


def _unknown(policy: Policy, change: Change, separate: Collection[str]) -> list[tuple[str, str]]:
    """Who must be told from somebody and cannot be, each with the variable that helps."""
    found = []
    for separation, name, role in (
        (AUTHOR_APPROVER, change.subject.author, "the author"),
        (APPROVER_DEPLOYER, change.deployer, "who deploys"),
    ):
        if separation in separate and not policy.people.person(name):
            who = f"{role}, {name}," if name else f"{role} of the change is not named and"
            found.append((who, f"{POLICY_NAME}.people" if name else f"{REQUEST_NAME}.author"))
    return found


def _approvals(
    policy: Policy, change: Change, needed: Sequence[str], judged: Sequence[Judged]
) -> tuple[list[str], list[Finding]]:
    """Groups whose approval is missing, and what stands against the change because of approvals."""
    accepted = [item for item in judged if item.accepted and item.kind == APPROVAL]
    by_group = {group: [item.person for item in accepted if item.group == group] for group in needed}
    missing = _unmet(needed, by_group)
    findings = []
    for group in missing:
        refused = [item for item in judged if item.group == group and item.kind == APPROVAL and item.refusal]
        because = "; ".join(f"{item.source}: {item.refusal}" for item in refused[-MOST_SHOWN:])
        what = f"no approval by {group}{f' ({because})' if because else ''}"
        findings.append(Finding("approvals", what, critical=any(item.illicit for item in refused)))
    if needed:
        findings += [Finding("subject", what) for what in _unbound(change)]
        findings += [
            Finding("segregation", f"{who} cannot be told from who approves: set {remedy}")
            for who, remedy in _unknown(policy, change, policy.separate)
        ]
    return missing, findings


def _unmet(needed: Sequence[str], by_group: Mapping[str, Sequence[str]]) -> list[str]:
    """The groups left over when as many as possible have a person of their own; nobody approves twice."""
    given: dict[str, str] = {}

    def place(group: str, tried: set[str]) -> bool:
        for person in by_group[group]:
            if person not in tried:
                tried.add(person)
                if person not in given or place(given[person], tried):
                    given[person] = group
                    return True
        return False

    return [group for group in needed if not place(group, set())]


def _overridden(
    policy: Policy, findings: Sequence[Finding], judged: Sequence[Judged]
) -> tuple[list[Finding], Judged | None]:
    override = next((item for item in judged if item.accepted and item.kind == OVERRIDE), None)
    covered = [finding for finding in findings if finding.kind in policy.covers and not finding.critical]
    if override is None or not covered:
        return [*findings, *(_refused_overrides(judged) if findings else ())], None
    return [replace(finding, overridden=finding in covered) for finding in findings], override


def _refused_overrides(judged: Sequence[Judged]) -> list[Finding]:
    refused = [item for item in judged if item.kind == OVERRIDE and item.refusal]
    return [
        Finding("override", f"override {item.source}: {item.refusal}", critical=item.illicit)
        for item in sorted(refused, key=lambda item: item.illicit)[-MOST_SHOWN:]
    ]


def shown(verdict: Verdict) -> dict[str, Any]:
    """The verdict as a module returns it."""
    return {
        "verdict": verdict.verdict,
        "allowed": verdict.verdict != BLOCK,
        "exempt": verdict.exempt,
        "findings": [asdict(finding) for finding in verdict.findings],
        "reasons": verdict.reasons(),
        "next_open": verdict.next_open,
        "windows": verdict.windows,
        "missing": verdict.missing,
    }


def not_judged(why: str, error: SlipwayError) -> Verdict:
    """The verdict over what passes in any case, where the policy itself is wrong."""
    return Verdict(exempt=why, findings=[Finding("policy", error.message())])
