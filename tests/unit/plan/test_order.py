# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns of a handover, which only components of one host alone need; and runs that a handover would meet."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan

from tests.unit.plan.made import MAILER, WEB, document, fleet_of, inputs_for

CLOCK = {"name": "clock", "kind": "singleton", "command": "python3 -m shop.clock"}
INDEXER = {"name": "indexer", "kind": "worker", "command": "python3 -m shop.indexer"}


def planned(*components: dict[str, Any], live: dict[str, Any] | None = None, **changes: Any) -> Planned:
    changes["components"] = copy.deepcopy([WEB, *components])
    return plan(inputs_for("1.1", **changes), document("1.1", **changes), live or fleet_of("1.0", None))


@pytest.mark.parametrize(
    ("components", "turns"),
    [
        ([MAILER, INDEXER, CLOCK], None),
        ([MAILER, {**INDEXER, "after": ["mailer", "web"]}, {**CLOCK, "after": ["web"]}], None),
        ([{**MAILER, "after": ["clock"]}, INDEXER, CLOCK], [["clock", "indexer"], ["mailer"]]),
        ([MAILER, {**CLOCK, "after": ["mailer"]}], [["mailer"], ["clock"]]),
        (
            [{**MAILER, "after": ["clock"]}, {**INDEXER, "after": ["mailer"]}, CLOCK],
            [["clock"], ["indexer", "mailer"]],
        ),
    ],
)
def test_hosts_take_turns_where_something_that_runs_on_one_host_comes_before_or_after(
    components: list[dict[str, Any]], turns: list[list[str]] | None
) -> None:
    made = planned(*components).plan
    assert made.get("turns") == ({"green": turns} if turns else None)


def test_the_way_back_takes_the_turns_of_the_revision_before() -> None:
    live = fleet_of("1.0", None)
    ordered = document("1.0", components=copy.deepcopy([WEB, {**MAILER, "after": ["clock"]}, CLOCK]))
    active = live["app1"]["release"]["slots"]["blue"]["revision"]
    live["db1"]["ledger"]["state"]["proven"] = [
        {"revision": active, "version": "1.0", "good": True, "document": ordered}
    ]
    assert planned(MAILER, live=live).plan["turns"] == {"blue": [["clock"], ["mailer"]]}


def test_on_a_single_host_nobody_waits_for_another() -> None:
    live = fleet_of("1.0", None)
    del live["app2"]
    groups = {"all": ["app1", "lb1", "lb2", "db1"], "application": ["app1"], "balancers": ["lb1", "lb2"]}
    for host in groups["balancers"]:
        live[host]["balancer"]["instances"] = {"blue-app1": {}, "green-app1": {}}
    found = inputs_for("1.1", components=[WEB, {**MAILER, "after": ["clock"]}, CLOCK])
    object.__setattr__(found, "application_hosts", groups["application"])
    revision = document("1.1", components=[WEB, {**MAILER, "after": ["clock"]}, CLOCK])
    assert "turns" not in plan(found, revision, live).plan


def test_a_run_that_the_handover_may_meet_is_named_and_the_plan_is_the_same() -> None:
    live = fleet_of("1.0", None)
    report = {"kind": "scheduled", "running": True, "working": False, "stop_timeout": 40}
    for host in ("app1", "app2"):
        live[host]["release"]["slots"]["blue"]["instances"]["report"] = dict(report)
    quiet = planned(MAILER, live=live)
    assert quiet.warnings == []
    live["app2"]["release"]["slots"]["blue"]["instances"]["report"]["working"] = True
    noticed = planned(MAILER, live=live)
    assert noticed.digest == quiet.digest
    (warning,) = noticed.warnings
    assert warning.startswith("report runs now on app2;")
    assert warning.endswith("it is waited for, for 40 seconds at most, and then told to end")
