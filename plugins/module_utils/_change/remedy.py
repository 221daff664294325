# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict in words: what was decided and why, and what to do about it. Touches nothing."""

from __future__ import annotations

from .document import APPROVAL, OVERRIDE, namespace
from .gate import Change, Verdict
from .policy import Policy


def summary(change: Change, verdict: Verdict, at: str = "") -> str:
    """One sentence with every reason.

    :param at: the time that was asked for; empty for now.
    """
    subject = change.subject
    where = f"{subject.app} in {subject.environment}" if subject.environment else subject.app
    told = f"change gate: {subject.operation} of {where}{f' at {at}' if at else ''}: {verdict.verdict}"
    if verdict.exempt:
        told += f", {verdict.exempt}"
    return f"{told}: {'; '.join(verdict.reasons())}" if verdict.findings else told


def remedy(policy: Policy, change: Change, verdict: Verdict) -> str:
    """What would let the change pass."""
    kinds = {finding.kind for finding in verdict.findings if not finding.overridden} - {OVERRIDE}
    ways = []
    if "windows" in kinds:
        opens = verdict.next_open
        ways.append(
            f"run at {opens} or later"
            if opens
            else "correct the windows of the policy, which do not open within two years"
        )
    if verdict.missing:
        groups = ", ".join(verdict.missing)
        ways.append(f"let {groups} sign {namespace(APPROVAL)} of digest {change.subject.digest[:12]}")
    if kinds.difference(("windows", "approvals")):
        ways.append("correct what the reasons name")
    if policy.overriding and kinds and kinds.issubset(policy.covers):
        ways.append(f"or let {', '.join(policy.overriding)} sign {namespace(OVERRIDE)}")
    return ", ".join(ways)
