# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page says of an audit log that stands behind it. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .markup import Markup
from .page import badge, code, facts, listed, notice, paragraph, section, table

KINDS = {"intact": "good", "unproven": "warn", "broken": "bad"}


def audit_part(made: Mapping[str, Any]) -> Markup:
    """The section of a deployment's page.

    :param made: figures with ``audit``, empty when no log was asked, ``logs``, ``unread`` and ``returned``.
    """
    audit = made["audit"]
    if not audit:
        return section("Audit log", paragraph("No audit log was asked for this report."), name="audit")
    head = audit["head"]
    return section(
        "Audit log",
        _warning(audit),
        _unread(made["unread"]),
        facts(
            [
                ("Log", audit["origin"]),
                ("Verdict", badge(KINDS[audit["verdict"]], audit["verdict"])),
                ("Records", f"{audit['records']}, proven up to {audit['proven']}"),
                ("Head", code(f"{head['seq']} {head['hash']}")),
                ("Of this deployment", _own(audit)),
            ]
        ),
        _others(made["logs"]),
        _returned(made["returned"]),
        name="audit",
    )


def _others(logs: Sequence[Mapping[str, Any]]) -> Markup | None:
    if not logs:
        return None
    rows = [
        [
            log["origin"],
            badge(KINDS[log["verdict"]], log["verdict"]),
            f"{log['records']}, proven up to {log['proven']}",
            _own(log),
        ]
        for log in logs
    ]
    return table("Logs of other hosts and accounts", ["Log", "Verdict", "Records", "Of this deployment"], rows)


def _returned(returned: Sequence[Mapping[str, Any]]) -> Markup | None:
    """What agents did on their own, when no controller was there."""
    if not returned:
        return None
    rows = [
        [one["time"], one["log"], _percents(one.get("from")), _percents(one.get("to")), one["reason"]]
        for one in returned
    ]
    return table("Traffic that balancers have returned by themselves", ["Time", "Log", "From", "To", "Reason"], rows)


def _percents(given: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{slot} {percent} %" for slot, percent in sorted((given or {}).items()))


def _unread(unread: Sequence[Mapping[str, str]]) -> Markup | None:
    if not unread:
        return None
    lines = [f"{one['host']}: {one['message']}" for one in unread]
    return notice("warn", "Logs that could not be read", listed(lines))


def _own(audit: Mapping[str, Any]) -> str:
    own = audit["own"]
    if not own["records"]:
        return "no record"
    return f"{own['records']} records, {own['first']} to {own['last']}"


def _warning(audit: Mapping[str, Any]) -> Markup | None:
    own = audit["own"]
    if own["records"] and own["last"] <= audit["proven"]:
        return None
    if not own["records"]:
        return notice("warn", "The audit log does not have this deployment", paragraph("Nothing in it names it."))
    text = f"No checkpoint covers the records after {audit['proven']}; those of this deployment end at {own['last']}."
    return notice("warn", "Unproven", paragraph(text))
