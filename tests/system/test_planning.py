# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is found before a deployment begins: closed balancers, hosts without address, one that only lacked its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.system.fleet import AFTER_SWITCH, ENDING, LEDGER, Fleet, inventory_changed

SLOW_SMOKE = {"slipway_smoke_checks": [{"path": "/slow?ms=3000", "timeout": 10, "successes": 1, "deadline": 20}]}


def test_a_closed_balancer_is_refused(fleet: Fleet) -> None:
    before = fleet.ledger()
    fleet.act("lb2", "lb_switch", open=False)
    try:
        done = fleet.run("deploy", version=fleet.versions.fresh())
    finally:
        fleet.act("lb2", "lb_switch", open=True)
    assert done.code != 0
    assert "lb2: the balancer is closed and serves nothing" in done.reason(), done.reason()
    assert fleet.ledger() == before


def test_a_host_without_an_address_is_refused_before_anything_is_touched(nginx: Fleet, tmp_path: Path) -> None:
    before = nginx.snapshot()
    inventory = inventory_changed(tmp_path, lambda everything: take_address(everything, "app2"))
    done = nginx.run("deploy", *inventory, version=nginx.versions.fresh())
    assert done.code != 0
    assert "slipway_address: app2 have none" in done.reason(), done.reason()
    assert nginx.snapshot() == before


def take_address(everything: dict[str, Any], host: str) -> None:
    """Leave the address of one host undefined."""
    address = everything["vars"].pop("slipway_address")
    for group in everything["children"].values():
        for name, variables in group["hosts"].items():
            if name != host:
                variables["slipway_address"] = address


def test_a_deployment_that_settled_without_its_end_is_closed_as_active_by_the_next(nginx: Fleet) -> None:
    version = nginx.versions.fresh()
    run = nginx.start("deploy", "-e", json.dumps(SLOW_SMOKE), version=version)
    run.wait_for(AFTER_SWITCH)
    # Nothing speaks with the ledger host any more until the end, which never gets through. The boot ends the lease.
    nginx.poweroff(LEDGER)
    run.wait_for(ENDING)
    run.kill()
    nginx.recover()
    left = nginx.ledger()
    assert left["unfinished"]["plan"]["to"]["version"] == version
    assert left["state"]["active"]["version"] != version
    nginx.deploy(nginx.versions.fresh())
    *_earlier, closed, last = nginx.ledger()["state"]["deployments"]
    assert closed["id"] == left["unfinished"]["deployment"]
    assert (closed["result"], closed["reason"]) == ("active", "a new deployment found the traffic settled")
    assert last["result"] == "active"
    done = nginx.run("rollback", rollback_to="previous")
    assert done.code == 0, done.reason()
    nginx.require_active(version)
