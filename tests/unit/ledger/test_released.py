# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ledgers that released versions have written: each is read, resumed and carried on by this one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan

from tests.unit.ledger.made import SetClock
from tests.unit.plan.made import APPLICATIONS, document, fleet_of, inputs_for

RELEASED = Path(__file__).parents[2] / "fixtures" / "ledger"
UNFINISHED = "20261121T104650Z-aaaaa4"


@pytest.fixture(params=[path.name for path in sorted(RELEASED.iterdir())])
def released(request: pytest.FixtureRequest, tmp_path: Path) -> Ledger:
    """Two deployments became active, one failed, one holds a lease of an earlier boot."""
    shutil.copytree(RELEASED / request.param, tmp_path / "ledger")
    return Ledger("shop", root=tmp_path / "ledger", time=SetClock())


def live_of(ledger: Ledger) -> dict[str, Any]:
    info = ledger.info()
    recorded = {item["version"]: item["revision"] for item in info["state"]["proven"]}
    live = fleet_of("1.0", "1.2", stable="green")
    for host in APPLICATIONS:
        slots = live[host]["release"]["slots"]
        for slot in slots.values():
            slot["revision"] = recorded[slot["version"]]
        live[host]["release"]["revisions"] = [{"id": revision} for revision in recorded.values()]
    return {**live, "db1": {"ledger": info}}


def test_it_is_read(released: Ledger) -> None:
    info = released.info()
    assert info["uuid"] == "0c2c9d5e-53b0-4b6b-bb1e-8a1f0a2d7f55"
    assert info["token"] == 4
    assert not info["lease"]["live"]
    assert (info["unfinished"]["deployment"], info["unfinished"]["committed"]) == (UNFINISHED, ["place"])
    assert info["state"]["active"]["version"] == "1.2"
    assert [item["version"] for item in info["state"]["proven"]] == ["1.0", "1.2"]
    assert [item["result"] for item in info["state"]["deployments"]] == ["active", "failed", "active"]
    assert released.storage.events(UNFINISHED)[-1]["stage"] == "place"


def test_its_unfinished_deployment_is_resumed(released: Ledger) -> None:
    live = live_of(released)
    planned = plan(inputs_for("1.3"), live["db1"]["ledger"]["unfinished"]["plan"]["revision"], live)
    assert planned.resume == UNFINISHED
    answer = released.begin(planned.plan, "eve@pc", 60, token_above=planned.token_above)
    assert (answer.deployment, answer.token, answer.resumed, answer.committed) == (UNFINISHED, 5, True, ["place"])
    released.finish(answer.deployment, 5, "active")
    assert released.info()["state"]["active"]["version"] == "1.3"


def test_another_deployment_follows(released: Ledger) -> None:
    planned = plan(inputs_for("1.4"), document("1.4"), live_of(released))
    assert planned.abandon == UNFINISHED
    answer = released.begin(planned.plan, "eve@pc", 60, abandon=planned.abandon)
    assert (answer.token, answer.resumed) == (5, False)
    assert released.info()["state"]["deployments"][-1]["result"] == "abandoned"


def test_a_rollback_finds_its_target(released: Ledger) -> None:
    planned = plan(inputs_for(verb="rollback"), None, live_of(released))
    assert planned.plan["to"]["version"] == "1.0"
