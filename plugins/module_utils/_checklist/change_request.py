# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``change_request``: the change has a request with what must be said. Touches nothing."""

from __future__ import annotations

from .model import Finding, Looked, Scene

NEEDED = ("id", "justification", "risk")


def look(scene: Scene) -> Looked:
    """Read ``slipway_change``."""
    said = scene.variables.get("slipway_change") or {}
    if not said:
        return Looked(skipped="slipway_change says nothing")
    return Looked(
        [
            Finding(f"slipway_change.{name}", "it is not set", "say it in the change request")
            for name in NEEDED
            if not str(said.get(name) or "").strip()
        ]
    )
