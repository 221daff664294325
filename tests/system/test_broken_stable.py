# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The active revision serves nobody, and the next one is the fix: what is broken already keeps it from nothing."""

from __future__ import annotations

import json

import pytest

from tests.system.fleet import APPLICATION, Fleet

STEPS = [{"percent": 10, "pause": 0}, {"percent": 50, "pause": 0}]


@pytest.mark.parametrize("rollout", ["blue_green", "canary"])
def test_a_fix_replaces_a_revision_that_is_dead_on_every_host(fleet: Fleet, rollout: str) -> None:
    before, fix = fleet.active(), fleet.versions.fresh()
    for host in APPLICATION:
        fleet.inside(host, "systemctl", "stop", f"slipway-{fleet.app}-web@{before['slot']}.service")
    given = {"slipway_rollout": rollout, "slipway_canary_steps": STEPS}
    done = fleet.run("deploy", "-e", json.dumps(given), version=fix)
    assert done.code == 0, f"{done.log}: {done.reason()}"
    fleet.require_active(fix)
    assert fleet.served(count=30) == {fix: 30}
