# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``audit_log``: the audit log of every host is what was written. Touches nothing."""

from __future__ import annotations

from .model import Finding, Looked, Scene

# What no checkpoint covers yet is neither right nor wrong; a host on which nothing was done has no log.
GOOD = ("intact", "unproven", "absent")


def look(scene: Scene) -> Looked:
    """Look at how the log of each host stands."""
    verdicts = {host: str(found.get("verdict", "unknown")) for host, found in scene.deployed.audits.items()}
    if set(verdicts.values()) <= {"absent"}:
        return Looked(skipped="there is no audit log" if verdicts else "the audit log was not verified")
    return Looked(
        [
            Finding(host, f"its audit log is {verdict}", "keep a copy as evidence, and see audit_verify.yml")
            for host, verdict in verdicts.items()
            if verdict not in GOOD
        ]
    )
