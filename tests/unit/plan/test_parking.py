# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parks in plan and request, and what a run makes of a deployment that it finds parked."""

from __future__ import annotations

import os
import pwd
import socket
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._ledger.who import Who
from ansible_collections.slipway.release.plugins.module_utils._plan.abort import abort
from ansible_collections.slipway.release.plugins.module_utils._plan.approval import approval
from ansible_collections.slipway.release.plugins.module_utils._plan.operator import operator
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan

from tests.unit.plan.made import BALANCERS, document, fleet_of, inputs_for, leave_unfinished, proven

BOTH = ["before_traffic", "before_settle"]
STEPS = [{"percent": 10, "pause": 5, "approval": True}, {"percent": 50, "park": 600}, {"percent": 80}]
CANARY = {"rollout": "canary", "canary_steps": STEPS}
# What the planner gave for these inputs before there were parks.
REQUEST_BEFORE = "b3c4eba458406f64b5cbbe1e95e1576f0f21f31efac33d9e17df345381a7526f"
CANARY_BEFORE = "ceb5e522df7c00f9545043eb2e4913070a7a39f00cddeabf7278effde16003b3"


def planned(version: str = "1.1", live: dict[str, Any] | None = None, **changes: Any) -> Planned:
    return plan(inputs_for(version, **changes), document(version, **changes), live or fleet_of("1.0", None))


def parked(stage: str, *, waits: str = "until it is approved (approve.yml)", **changes: Any) -> dict[str, Any]:
    """A fleet with this deployment parked, and the balancers where that has left them."""
    live = fleet_of("1.0", None)
    for host in BALANCERS:
        live[host]["balancer"]["match"] = changes.get("canary_match", [])
    began = planned(live=live, **changes)
    leave_unfinished(live, began)
    live["db1"]["ledger"]["unfinished"]["parked"] = {"stage": stage, "waits_for": waits}
    percents = next(park["percents"] for park in began.plan["parks"] if park["stage"] == stage)
    for host in BALANCERS:
        live[host]["balancer"]["recorded"]["percents"] = dict(percents)
    return live


def stages(made: Planned) -> list[tuple[Any, ...]]:
    return [tuple(park[name] for name in ("stage", "after", "seconds", "approval")) for park in made.plan["parks"]]


def test_without_parks_plan_and_request_are_what_they_were() -> None:
    made = planned()
    assert ("parks" in made.plan, made.plan["schema"]) == (False, 1)
    assert made.plan["request"] == REQUEST_BEFORE
    plain = [{"percent": 10, "pause": 5}, {"percent": 50}]
    assert planned(rollout="canary", canary_steps=plain).plan["request"] == CANARY_BEFORE


def test_the_plan_says_where_it_parks_and_an_older_version_must_refuse_it() -> None:
    made = planned(**CANARY, approvals=BOTH)
    assert stages(made) == [
        ("before_traffic", "", 0, True),
        ("canary at 10 %", "", 0, True),
        ("canary at 50 %", "", 600, False),
        ("before_settle", "canary at 100 %", 0, True),
    ]
    assert [park["percents"]["green"] for park in made.plan["parks"]] == [0, 10, 50, 100]
    assert made.plan["schema"] == 2
    assert "park" not in str(made.plan["steps"])


@pytest.mark.parametrize(
    ("rollout", "last"), [("blue_green", "switch"), ("rolling", "batch 2 of 2"), ("simple", "restart")]
)
def test_every_rollout_waits_before_the_traffic_and_before_it_settles(rollout: str, last: str) -> None:
    made = planned(rollout=rollout, approvals=BOTH)
    assert stages(made) == [("before_traffic", "", 0, True), ("before_settle", last, 0, True)]


def test_a_rollback_and_what_moves_no_traffic_wait_for_nobody() -> None:
    assert "parks" not in planned("1.0", fleet_of(None, None), **CANARY, approvals=BOTH).plan
    assert "parks" not in planned("1.0", **CANARY, approvals=BOTH).plan
    live = fleet_of("1.0", "1.1", history=(proven("1.1"), proven("1.0")))
    back = plan(inputs_for(verb="rollback", **CANARY, approvals=BOTH), None, live)
    assert "parks" not in back.plan


def test_other_parks_are_another_request() -> None:
    requests = [
        planned(**changes).plan["request"]
        for changes in (
            {"rollout": "canary", "canary_steps": [{"percent": 10}]},
            {"rollout": "canary", "canary_steps": [{"percent": 10, "park": 5}]},
            {"rollout": "canary", "canary_steps": [{"percent": 10, "approval": True}]},
            {"approvals": ["before_settle"]},
            {"approvals": ["before_traffic"]},
        )
    ]
    assert len(set(requests)) == len(requests)
    assert planned(approvals=BOTH).plan["request"] == planned(approvals=BOTH[::-1]).plan["request"]


@pytest.mark.parametrize("stage", ["before_traffic", "canary at 10 %", "before_settle"])
def test_what_is_parked_waits_and_then_goes_on_with_its_own_plan(stage: str) -> None:
    wanted = {**CANARY, "approvals": BOTH}
    live = parked(stage, **wanted)
    waiting = planned(live=live, **wanted)
    assert waiting.parked == {**live["db1"]["ledger"]["unfinished"]["parked"], "deployment": "d1"}
    live["db1"]["ledger"]["unfinished"]["parked"]["waits_for"] = ""
    due = planned(live=live, **wanted)
    assert (due.parked, due.way_back, due.resume) == ({}, "", "d1")
    assert due.plan == live["db1"]["ledger"]["unfinished"]["plan"]


@pytest.mark.parametrize("waits", ["", "until it is approved (approve.yml)"])
@pytest.mark.parametrize("host", BALANCERS)
def test_where_a_balancer_has_returned_the_traffic_it_goes_back_without_waiting(host: str, waits: str) -> None:
    live = parked("canary at 10 %", waits=waits, **CANARY)
    live[host]["balancer"]["recorded"]["percents"] = {"blue": 100, "green": 0}
    found = planned(live=live, **CANARY)
    assert found.way_back == f"{host} returned the traffic while it was parked at canary at 10 %"
    assert (found.parked, found.resume) == ({}, "d1")


def test_traffic_that_no_lease_returns_is_taken_up_before_anything_else() -> None:
    live = parked("canary at 10 %", waits="", **CANARY)
    assert planned(live=live, **CANARY).held
    for leased in (1, 2):
        live[BALANCERS[leased - 1]]["balancer"]["recorded"]["lease"] = {"token": 4}
        assert planned(live=live, **CANARY).held == (leased < len(BALANCERS))
    assert not planned(live=parked("before_traffic", waits="", approvals=BOTH), approvals=BOTH).held
    settled = parked("before_settle", waits="", approvals=BOTH)
    for host in BALANCERS:
        settled[host]["balancer"]["recorded"]["stable"] = "green"
    assert not planned(live=settled, approvals=BOTH).held


def test_another_deployment_and_a_rollback_are_refused_while_one_is_parked() -> None:
    live = parked("before_traffic", approvals=BOTH)
    live["db1"]["ledger"]["state"]["proven"] = [proven("0.9"), proven("1.0")]
    for attempt in (
        lambda: planned("1.2", live, approvals=BOTH),
        lambda: planned(live=live),
        lambda: plan(inputs_for(verb="rollback"), None, live),
    ):
        with pytest.raises(StateError, match="deployment d1 of 1.1 is parked at before_traffic") as refused:
            attempt()
        assert refused.value.remedy == "run the same deployment again to go on with it, or end it with abort.yml"


def test_a_deployment_whose_controller_died_between_hold_and_record_waits_for_no_lease() -> None:
    live = parked("canary at 10 %", **CANARY)
    live["db1"]["ledger"]["unfinished"]["parked"] = None
    with pytest.raises(StateError) as refused:
        planned("1.2", live, **CANARY)
    assert "began to park" in refused.value.what
    assert refused.value.remedy == "run the same deploy again to park it, or end it with abort.yml"
    with pytest.raises(StateError) as unapproved:
        approval(inputs_for(verb="approve", reason="looks good"), live)
    assert "deployment d1 is unfinished" in unapproved.value.what
    assert "parked once the same is run again" in unapproved.value.remedy
    again = planned(live=live, **CANARY)
    assert (again.resume, again.held, again.parked, again.way_back) == ("d1", True, {}, "")
    assert abort(inputs_for(verb="abort", reason="no more"), live).resume == "d1"
    for host in BALANCERS:
        live[host]["balancer"]["recorded"]["lease"] = {"token": 4}
    with pytest.raises(StateError, match="while traffic was moving") as waiting:
        planned("1.2", live, **CANARY)
    assert "wait until the balancers have returned" in waiting.value.remedy


def test_divided_traffic_that_nobody_returns_is_not_waited_for() -> None:
    live = fleet_of("1.0", None)
    for host in BALANCERS:
        live[host]["balancer"]["recorded"]["percents"] = {"blue": 90, "green": 10}
    with pytest.raises(StateError) as refused:
        planned(live=live)
    assert "no lease does that" in refused.value.remedy and "lb_switch" in refused.value.remedy
    for host in BALANCERS:
        live[host]["balancer"]["recorded"]["lease"] = {"token": 4}
    with pytest.raises(StateError) as leased:
        planned(live=live)
    assert "wait until its lease has run out" in leased.value.remedy


def test_what_the_watch_has_returned_gives_way_to_a_fix_and_is_not_begun_again_by_itself() -> None:
    live = parked("canary at 10 %", **CANARY)
    for host in BALANCERS:
        balancer = live[host]["balancer"]
        balancer["recorded"]["percents"] = {"blue": 100, "green": 0}
        outcome = {"deployment": "d1", "result": "returned", "reason": "errors", "peer": ""}
        balancer["watch"] = {"outcome": outcome, "can_ask": [], "kept": True}
    fix = planned("1.2", live, **CANARY)
    assert (fix.resume, fix.abandon, fix.abandon_as) == ("", "d1", "returned")
    again = planned(live=live, **CANARY)
    assert (again.resume, again.way_back) == (
        "d1",
        "lb1, lb2 returned the traffic while it was parked at canary at 10 %",
    )


@pytest.mark.parametrize("stage", ["before_traffic", "before_settle"])
def test_what_is_parked_can_be_aborted(stage: str) -> None:
    found = abort(inputs_for(verb="abort", reason="no more"), parked(stage, approvals=BOTH))
    assert (found.resume, found.parked) == ("d1", {})


def test_an_approval_names_what_is_parked_and_nothing_else() -> None:
    live = parked("before_traffic", approvals=BOTH)
    approve = {"verb": "approve", "reason": "looks good"}
    found = approval(inputs_for(**approve, deployment="d1"), live)
    assert found == approval(inputs_for(**approve), live)
    unfinished = live["db1"]["ledger"]["unfinished"]
    assert (found.deployment, found.stage, found.digest) == ("d1", "before_traffic", unfinished["digest"])
    with pytest.raises(StateError, match="d1 is parked, not d2"):
        approval(inputs_for(**approve, deployment="d2"), live)
    unfinished["parked"] = None
    with pytest.raises(StateError, match="no deployment is parked"):
        approval(inputs_for(**approve), live)
    with pytest.raises(StateError, match="it cannot be read: no space"):
        approval(inputs_for(**approve), {"db1": {"ledger": {"error": "no space"}}})


def test_neither_a_variable_nor_the_environment_of_a_shell_names_who_approves(monkeypatch: pytest.MonkeyPatch) -> None:
    account = pwd.getpwuid(os.getuid()).pw_name
    for name in ("LOGNAME", "USER", "SUDO_USER"):
        monkeypatch.setenv(name, "bob")
    for name in ("JOB_ID", "AWX_HOST"):
        monkeypatch.delenv(name, raising=False)
    said = {"awx_user_name": "bob", "tower_user_name": "bob", "awx_job_id": "17"}
    assert operator(said) == f"{account}@{socket.gethostname()}"
    monkeypatch.setenv("JOB_ID", "17")
    assert operator(said) == f"{account}@{socket.gethostname()}", "the environment of some other job"
    monkeypatch.setenv("AWX_HOST", "https://awx.example")
    assert operator({**said, "awx_job_id": 18}) == f"{account}@{socket.gethostname()}", "variables of another job"


def test_in_a_job_of_awx_it_is_who_launched_that_and_the_account_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOB_ID", "17")
    monkeypatch.setenv("AWX_HOST", "https://awx.example")
    account = pwd.getpwuid(os.getuid()).pw_name
    for variables in (
        {"awx_user_name": "ann", "tower_user_name": "old", "awx_job_id": 17, "tower_job_id": 17},
        {"tower_user_name": "ann", "tower_job_id": "17"},
    ):
        assert Who.read(operator(variables)) == Who("ann", account, socket.gethostname(), True)
    odd = Who.read(operator({"awx_user_name": "bob (AWX as root)@x", "awx_job_id": 17}))
    assert (odd.account, odd.host, odd.by_awx) == (account, socket.gethostname(), True)
    scheduled = Who.read(operator({"awx_job_id": 17}))
    assert scheduled == Who("unattended", account, socket.gethostname(), True)
    assert Who("ann", account, "another", True).shares_with(scheduled) == ""


TESTERS = [{"header": "X-Canary", "values": ["always"]}]
AT_NOTHING = {
    "rollout": "canary",
    "canary_match": TESTERS,
    "canary_steps": [{"percent": 0, "approval": True}, {"percent": 50}],
}


def with_testers(*, override: bool, waits: str = "") -> dict[str, Any]:
    """A fleet with a deployment parked at 0 %, where only testers reach it."""
    live = parked("canary at 0 %", waits=waits, **AT_NOTHING)
    for host in BALANCERS:
        live[host]["balancer"]["recorded"]["override"] = override
    return live


def test_what_only_testers_reach_is_held_and_nothing_else_begins() -> None:
    assert planned(live=with_testers(override=True), **AT_NOTHING).held
    waiting = with_testers(override=True, waits="until it is approved (approve.yml)")
    with pytest.raises(StateError):
        planned("1.2", waiting, **AT_NOTHING)


def test_at_nothing_too_it_goes_back_when_the_watch_has_taken_it_from_the_testers() -> None:
    live = with_testers(override=False)
    deployment = live["db1"]["ledger"]["unfinished"]["deployment"]
    outcome = {"deployment": deployment, "result": "returned", "reason": "errors", "peer": ""}
    live["lb1"]["balancer"]["watch"] = {"outcome": outcome}
    assert "returned the traffic while it was parked" in planned(live=live, **AT_NOTHING).way_back
