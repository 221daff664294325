# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a deployment ends with a watch, and what the next plan makes of a deployment whose traffic it has returned."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._plan.abort import abort
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan

from tests.unit.plan.made import APPLICATIONS, BALANCERS, document, fleet_of, identifier, inputs_for, proven, slot

SQL = {"name": "orders", "type": "sql", "dsn": "dbname=shop", "query": "SELECT 1", "failure_condition": "result < 1"}
DEFAULTS = {"seconds": 86400, "interval": 10, "failures": 3, "window": 600, "on_error": "keep"}


def planned(version: str, live: dict[str, Any], **changes: Any) -> Planned:
    inputs = inputs_for(version, **changes)
    return plan(inputs, document(version) if inputs.verb == "deploy" else None, live)


def returned(result: str = "returned", *, followed_by: str | None = "followed") -> dict[str, Any]:
    """1.1 was active in green, and the watch has returned the traffic to 1.0 in blue."""
    live = fleet_of("1.0", "1.1", history=(proven("1.0"), {**proven("1.1"), "deployment": "d2"}))
    for host, what in zip(BALANCERS, (result, followed_by)):
        outcome = {
            "deployment": "d2",
            "result": what,
            "reason": f"errors on {host}",
            "peer": "" if host == "lb1" else "x",
        }
        live[host]["balancer"]["watch"] = {"outcome": outcome if what else None, "can_ask": [], "kept": True}
    state = live["db1"]["ledger"]["state"]
    to = {"revision": identifier("1.1"), "version": "1.1"}
    state["active"] = {"slot": "green", **to}
    origin = {"revision": identifier("1.0"), "version": "1.0"}
    state["deployments"] = [{"id": "d2", "result": "active", "slot": "green", "to": to, "from": origin}]
    for host in APPLICATIONS:
        slots = live[host]["release"]["slots"]
        slots["blue"]["instances"]["mailer"]["running"] = False
        slots["green"]["instances"]["mailer"]["running"] = True
    return live


def test_a_switch_ends_with_a_watch_that_returns_to_where_the_traffic_was() -> None:
    made = planned("1.1", fleet_of("1.0", None)).plan
    assert made["watch"] == {**DEFAULTS, "return_to": {"blue": 100, "green": 0}}
    assert "returned" not in made


@pytest.mark.parametrize(
    ("live", "changes"),
    [
        (fleet_of("1.0", None), {"watch": {"seconds": 0}}),
        (fleet_of(None, None), {}),
        (fleet_of("1.0", None), {"rollout": "rolling"}),
        (fleet_of("1.0", None), {"rollout": "simple"}),
        (fleet_of("1.1", "1.0"), {}),
        (fleet_of("1.1", "1.0", history=(proven("1.0"), proven("1.1"))), {"verb": "rollback"}),
    ],
)
def test_without_another_revision_that_stays_warm_there_is_none(live: dict[str, Any], changes: dict[str, Any]) -> None:
    assert "watch" not in planned("1.1", live, **changes).plan


@pytest.mark.parametrize("only", [True, False])
def test_what_was_returned_is_recorded_and_the_next_version_goes_over_it(only: bool) -> None:
    live = returned(followed_by=None if only else "followed")
    found = planned("1.2", live)
    assert (found.returned, found.plan["returned"]["reason"]) == ("d2", "errors on lb1")
    assert (found.plan["from"]["version"], found.plan["slot"], found.plan["stable_slot"]) == ("1.0", "green", "blue")
    assert found.plan["rollback_target"]["version"] == "1.0"


def test_the_version_that_serves_again_is_made_active_with_its_workers() -> None:
    found = planned("1.0", returned())
    assert (found.plan["changes"], found.plan["slot"], found.returned) == (True, "blue", "d2")
    assert found.plan["starts"] == dict.fromkeys(APPLICATIONS, ["mailer"])
    assert found.plan["hosts"] == dict.fromkeys(APPLICATIONS, {"place": False})
    assert "watch" not in found.plan


def test_the_version_that_was_returned_is_placed_anew_when_it_is_wanted_all_the_same() -> None:
    found = planned("1.1", returned())
    assert found.plan["hosts"] == dict.fromkeys(APPLICATIONS, {"place": True})


@pytest.mark.parametrize("to", ["previous", "latest_good", "1.1"])
def test_it_is_no_target_of_a_rollback(to: str) -> None:
    with pytest.raises((InputError, StateError)) as caught:
        planned("1.0", returned(), verb="rollback", rollback_to=to)
    assert "slipway_rollback_to" in caught.value.message()


def test_nor_is_it_after_the_ledger_has_recorded_it() -> None:
    live = returned()
    live["db1"]["ledger"]["state"]["deployments"][0]["result"] = "returned"
    live["db1"]["ledger"]["state"]["proven"][-1]["good"] = False
    found = planned("1.1", live)
    assert (found.returned, found.plan["hosts"]) == ("", dict.fromkeys(APPLICATIONS, {"place": True}))
    for host in APPLICATIONS:
        live[host]["release"]["slots"]["green"] = slot("green", "1.2")
    with pytest.raises(StateError, match="the watch has returned the traffic from revision"):
        planned("1.0", live, verb="rollback", rollback_to="1.1")


@pytest.mark.parametrize("result", ["ended", "returning", "overtaken"])
def test_any_other_end_of_a_watch_means_nothing(result: str) -> None:
    assert planned("1.2", returned(result, followed_by=result)).returned == ""


def failed_since(live: dict[str, Any]) -> None:
    """A deployment of 1.2 has failed since, untouched, because its slot had got the traffic meanwhile."""
    state = live["db1"]["ledger"]["state"]
    to, active = {"revision": identifier("1.2"), "version": "1.2"}, state["deployments"][-1]["to"]
    state["deployments"].append({"id": "d3", "result": "failed", "slot": "blue", "to": to, "from": active})


def test_what_was_returned_as_another_deployment_began_is_recorded_by_the_next_one() -> None:
    live = returned()
    failed_since(live)
    found = planned("1.2", live)
    assert (found.returned, found.plan["returned"]["deployment"]) == ("d2", "d2")
    assert (found.plan["from"]["version"], found.plan["slot"]) == ("1.0", "green")
    assert planned("1.1", live).plan["hosts"] == dict.fromkeys(APPLICATIONS, {"place": True}), "1.1 counts as failed"


def died_before_its_slot_got_the_traffic() -> dict[str, Any]:
    """The watch has returned 1.1 to 1.0, into the slot that the deployment d3 of 1.2 would have filled."""
    live = returned()
    settled = fleet_of("1.0", "1.1", stable="green", history=(proven("1.0"), proven("1.1")))
    began = planned("1.2", settled)
    assert began.plan["slot"] == "blue"
    live["db1"]["ledger"]["unfinished"] = {
        "deployment": "d3",
        "digest": began.digest,
        "began": "2026-11-21T07:30:00Z",
        "committed": [],
        "plan": began.plan,
    }
    return live


def test_its_way_back_does_not_lead_to_what_the_traffic_has_left() -> None:
    live = died_before_its_slot_got_the_traffic()
    asked = inputs_for(verb="abort", reason="users report errors")
    with pytest.raises(StateError) as caught:
        abort(asked, live)
    assert "nothing of deployment d3 is there" in caught.value.message()
    for host in APPLICATIONS:
        live[host]["release"]["slots"]["blue"] = slot("blue", "1.2")
    live["lb1"]["balancer"]["recorded"]["percents"] = {"blue": 50, "green": 50}
    assert abort(asked, live).resume == "d3", "it has moved the traffic itself"


def test_a_deployment_that_died_before_its_slot_got_the_traffic_is_not_resumed() -> None:
    """It would overwrite what serves."""
    live = died_before_its_slot_got_the_traffic()
    found = planned("1.2", live)
    assert (found.resume, found.abandon, found.abandon_as, found.returned) == ("", "d3", "abandoned", "d2")
    assert (found.plan["slot"], found.plan["stable_slot"]) == ("green", "blue")
    for host in APPLICATIONS:
        live[host]["release"]["slots"]["blue"] = slot("blue", "1.2")
    assert planned("1.2", live).resume == "d3", "it has moved the traffic itself"


def test_an_unfinished_deployment_that_was_returned_is_not_resumed() -> None:
    before = planned("1.1", fleet_of("1.0", "1.1"))
    live = returned()
    live["db1"]["ledger"]["state"]["deployments"] = []
    live["db1"]["ledger"]["unfinished"] = {
        "deployment": "d2",
        "digest": before.digest,
        "began": "2026-11-21T07:30:00Z",
        "committed": ["place", "gate", "switch"],
        "plan": before.plan,
    }
    found = planned("1.1", live)
    assert (found.resume, found.abandon, found.abandon_as, found.returned) == ("", "d2", "returned", "")
    assert found.digest != before.digest, "the ledger resumes what has the same digest"


@pytest.mark.parametrize(("can_ask", "refused"), [([], True), (["psycopg2"], False)])
def test_a_source_that_a_balancer_cannot_ask_is_refused_before_anything_is_touched(
    can_ask: list[str], refused: bool
) -> None:
    live = fleet_of("1.0", None)
    live["lb1"]["balancer"]["watch"] = {"can_ask": ["psycopg2"], "kept": True}
    live["lb2"]["balancer"]["watch"] = {"can_ask": can_ask, "kept": True}
    if not refused:
        assert planned("1.1", live, analysis=[SQL]).plan["watch"]
        return
    with pytest.raises(StateError) as caught:
        planned("1.1", live, analysis=[SQL])
    assert "lb2" in caught.value.message()
    assert "python3-psycopg2" in caught.value.message()
    assert "watch" not in planned("1.1", live, analysis=[SQL], bake=10, watch={"seconds": 0}).plan


STEPS = {"rollout": "canary", "canary_steps": [{"percent": 10, "approval": True}]}
NOBODY = {"can_ask": ["psycopg2"], "kept": False, "unkept": "slipway-watch@shop.service is masked"}


@pytest.mark.parametrize("changes", [{}, {**STEPS, "watch": {"seconds": 0}}, {"approvals": ["before_settle"]}])
def test_a_balancer_on_which_nobody_keeps_watches_is_refused_before_anything_is_touched(
    changes: dict[str, Any],
) -> None:
    live = fleet_of("1.0", None)
    live["lb1"]["balancer"]["watch"] = {**NOBODY, "kept": True, "unkept": ""}
    live["lb2"]["balancer"]["watch"] = NOBODY
    with pytest.raises(StateError) as caught:
        planned("1.1", live, **changes)
    assert caught.value.where == "lb2"
    assert "is masked" in caught.value.what and "site.yml" in caught.value.remedy


@pytest.mark.parametrize(
    ("live", "changes"),
    [
        (fleet_of("1.0", None), {"watch": {"seconds": 0}}),
        (fleet_of("1.0", None), {"approvals": ["before_traffic"], "watch": {"seconds": 0}}),
        (fleet_of("1.0", None), {"rollout": "rolling", "approvals": ["before_settle"]}),
        (fleet_of(None, None), {}),
        (fleet_of("1.1", "1.0", history=(proven("1.0"), proven("1.1"))), {"verb": "rollback"}),
    ],
)
def test_nobody_is_needed_where_nothing_is_watched(live: dict[str, Any], changes: dict[str, Any]) -> None:
    for host in BALANCERS:
        live[host]["balancer"]["watch"] = {**NOBODY, "can_ask": []}
    assert planned("1.1", live, analysis=[SQL], bake=10, **changes).plan["changes"]


def test_a_hold_needs_the_driver_although_nothing_is_watched_after_the_run() -> None:
    live = fleet_of("1.0", None)
    live["lb2"]["balancer"]["watch"] = {"can_ask": [], "kept": True, "unkept": ""}
    with pytest.raises(StateError, match="orders while the deployment is parked") as caught:
        planned("1.1", live, analysis=[SQL], bake=10, **STEPS, watch={"seconds": 0})
    assert "python3-psycopg2" in caught.value.remedy
