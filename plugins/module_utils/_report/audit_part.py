# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a page says of an audit log that stands behind it. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .markup import Markup
from .page import badge, code, facts, notice, paragraph, section

KINDS = {"intact": "good", "unproven": "warn", "broken": "bad"}


def audit_part(audit: Mapping[str, Any]) -> Markup:
    """The section of a deployment's page.

    :param audit: of `audit_of`; empty when no log was asked.
    """
    if not audit:
        return section("Audit log", paragraph("No audit log was asked for this report."), name="audit")
    head = audit["head"]
    return section(
        "Audit log",
        _warning(audit),
        facts(
            [
                ("Log", audit["origin"]),
                ("Verdict", badge(KINDS[audit["verdict"]], audit["verdict"])),
                ("Records", f"{audit['records']}, proven up to {audit['proven']}"),
                ("Head", code(f"{head['seq']} {head['hash']}")),
                ("Of this deployment", _own(audit)),
            ]
        ),
        name="audit",
    )


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
