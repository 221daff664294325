# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``incident_report``: of what went wrong, somebody has said why. Touches nothing."""

from __future__ import annotations

from .model import Finding, Looked, Scene


def look(scene: Scene) -> Looked:
    """Look at the notes that are due. One that is overdue fails."""
    ledgers = [fleet.status["ledger"] for fleet in scene.deployed.fleets.values() if fleet.status.get("ledger")]
    if not ledgers:
        return Looked(skipped="the ledger was not read")
    return Looked(
        [
            Finding(
                f"deployment {note['deployment']}",
                f"its root cause {'was' if note['overdue'] else 'is'} due until {note['due']}",
                "run root_cause.yml",
                fails=note["overdue"],
            )
            for ledger in ledgers
            for note in ledger["notes_due"]
        ]
    )
