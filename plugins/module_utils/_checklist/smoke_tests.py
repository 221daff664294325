# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``smoke_tests``: smoke tests were run in the deployment, and none has failed. Touches nothing."""

from __future__ import annotations

from .model import Finding, Looked, Scene


def look(scene: Scene) -> Looked:
    """Look at what the deployment has counted."""
    counted = {region: fleet.last["smoke_tests"] for region, fleet in scene.deployed.fleets.items() if fleet.last}
    if not any(tests["ran"] for tests in counted.values()):
        return Looked(skipped="no smoke test was run")
    return Looked(
        [
            Finding(region or "the application", _what(tests), "give it smoke tests, or see deployment_report.yml")
            for region, tests in counted.items()
            if tests["failed"] or not tests["ran"]
        ]
    )


def _what(tests: dict[str, int]) -> str:
    return f"{tests['failed']} of {tests['ran']} smoke tests have failed" if tests["ran"] else "no smoke test was run"
