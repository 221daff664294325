# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a deployment has left behind, from what hosts have said of it. Reads its evidence, where that is named."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .._evidence.summary import summary
from .._status import regions
from .model import Deployed, Fleet
from .reports import NotUnderstood, read


def after(options: Mapping[str, Any]) -> Deployed:
    """What items after a deployment look at.

    :param options: those of module ``checklist``.
    """
    return Deployed(
        fleets=_read(options) if options["live"] else _known(options["document"]),
        audits=options["audits"],
        logs=options["logs"],
        flags=options["stores"],
        database=options["database"],
    )


def deployments(deployed: Deployed) -> dict[str, str]:
    """Region to the deployment that was looked at there."""
    return {region: str(fleet.last["deployment"]) for region, fleet in deployed.fleets.items() if fleet.last}


def _read(options: Mapping[str, Any]) -> dict[str, Fleet]:
    made = regions.report(options["app"], options["live"], options["regions"])
    parts = made.get("regions") or {"": made}
    return {region: Fleet((part["ledger"] or {}).get("last") or {}, part) for region, part in parts.items()}


def _known(path: str) -> dict[str, Fleet]:
    """From the evidence alone; nothing where it cannot be read."""
    try:
        document = json.loads(read(path)) if path else {}
    except (NotUnderstood, ValueError):
        return {}
    return {document.get("region", ""): Fleet(summary(document))} if document else {}
