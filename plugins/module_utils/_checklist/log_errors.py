# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``log_errors``: what was deployed logs no errors. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .model import Finding, Looked, Scene


def look(scene: Scene) -> Looked:
    """Look at what was counted on each host."""
    logs = {host: found for host, found in scene.deployed.logs.items() if not found.get("skipped")}
    if not logs:
        return Looked(skipped="the logs were not read")
    most = scene.options["after"]["log_errors"]
    return Looked([finding for host, found in logs.items() for finding in _findings(host, found, most)])


def _findings(host: str, found: Mapping[str, Any], most: int) -> Iterator[Finding]:
    if "count" not in found:
        yield Finding(host, f"its log could not be read: {found.get('msg', 'it did not answer')}", "look there")
    elif found["count"] > most:
        units = ", ".join(f"{count} of {unit}" for unit, count in found["units"].items())
        more = "at least " if found["cut"] else ""
        yield Finding(
            host, f"{more}{found['count']} lines of the log are errors ({units})", f"see 'journalctl' on {host}"
        )
