# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``flags_set``: feature flags are what was asked for. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .model import Finding, Looked, Scene


def look(scene: Scene) -> Looked:
    """Look at what each store lacks."""
    if not scene.deployed.flags:
        return Looked(skipped="no store of feature flags was read")
    return Looked([finding for host, found in scene.deployed.flags.items() for finding in _findings(host, found)])


def _findings(host: str, found: Mapping[str, Any]) -> Iterator[Finding]:
    if "due" not in found:
        yield Finding(host, f"they could not be read: {found.get('msg', 'it did not answer')}", "look there")
    for flag in found.get("due", ()):
        wanted = f"{flag['strategy']} {flag['percentage']} %"
        yield Finding(str(found["store"]), f"the flag {flag['name']} is not {wanted}", "run flags.yml")
