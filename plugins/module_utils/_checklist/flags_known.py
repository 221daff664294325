# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``flags_known``: the release knows every feature flag that is asked for. Touches nothing."""

from __future__ import annotations

from .model import Finding, Looked, Scene


def look(scene: Scene) -> Looked:
    """Compare ``slipway_flags`` with ``slipway_flags_schema``."""
    asked = scene.variables.get("slipway_flags") or []
    if not asked:
        return Looked(skipped="slipway_flags asks for none")
    schema = {str(entry["name"]).upper(): entry for entry in scene.variables.get("slipway_flags_schema") or []}
    findings = []
    for index, flag in enumerate(asked):
        place, name = f"slipway_flags[{index}]", str(flag["name"])
        entry = schema.get(name.upper())
        if entry is None:
            findings.append(Finding(place, f"the release knows no flag {name}", "add it to slipway_flags_schema"))
        elif entry.get("deprecated"):
            findings.append(Finding(place, f"the flag {name} is deprecated", "leave it out", fails=False))
    return Looked(findings)
