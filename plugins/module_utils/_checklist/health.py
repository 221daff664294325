# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``health``: what serves the users is healthy. Asks the addresses that it is given, from the controller."""

from __future__ import annotations

from .._common.address import shown
from .model import Finding, Looked, Scene
from .remote import fetched
from .reports import NotUnderstood


def look(scene: Scene) -> Looked:
    """Ask each address."""
    addresses = scene.options["health"]
    if not addresses:
        return Looked(skipped="slipway_checklist.health names no address")
    findings = []
    for address in addresses:
        try:
            fetched(address)
        except NotUnderstood as exc:
            findings.append(Finding(shown(address), str(exc), "repair it first, or roll back"))
    return Looked(findings)
