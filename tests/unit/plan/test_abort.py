# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An abort takes up what is unfinished, also without hosts that are lost, and nothing that has ended."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._plan.abort import abort
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan

from tests.unit.plan.made import (
    APPLICATIONS,
    BALANCERS,
    document,
    fleet_of,
    inputs_for,
    leave_unfinished,
    live_lease,
    slot,
    split,
)

Live = dict[str, Any]


def aborted(live: Live) -> Planned:
    return abort(inputs_for(verb="abort", reason="users report errors"), live)


def under_way() -> tuple[Live, Planned]:
    """1.0 is active, a deployment of 1.1 has begun and has moved some traffic."""
    live = fleet_of("1.0", None)
    began = plan(inputs_for("1.1"), document("1.1"), live)
    leave_unfinished(live, began)
    split(live)
    return live, began


def test_the_recorded_plan_is_taken_up_although_its_lease_is_live() -> None:
    live, began = under_way()
    live_lease(live)
    live["db1"]["ledger"]["token"] = 7
    made = aborted(live)
    assert (made.resume, made.plan, made.digest) == ("d1", began.plan, began.digest)
    assert (made.token_seen, made.abandon) == (7, "")


@pytest.mark.parametrize("lost", [["app1"], ["app1", "app2"], ["lb1"], ["app1", "lb2"]])
def test_lost_hosts_do_not_keep_the_others_from_returning(lost: list[str]) -> None:
    live, _began = under_way()
    for host in lost:
        live[host] = {"unreachable": True}
    assert aborted(live).resume == "d1"


@pytest.mark.parametrize(
    ("host", "part", "facts"),
    [
        ("lb2", "balancer", {"error": "nginx does not run"}),
        ("lb2", "balancer", {**fleet_of("1.0", None)["lb2"]["balancer"], "recorded": None}),
        ("app1", "release", {"error": "its record cannot be read"}),
    ],
)
def test_a_host_that_cannot_be_read_is_left_out_like_a_lost_one(host: str, part: str, facts: dict[str, Any]) -> None:
    live, _began = under_way()
    live[host] = {part: facts}
    assert aborted(live).resume == "d1"


def test_an_inventory_without_a_host_of_the_deployment_is_refused_before_anything_is_taken_over() -> None:
    live, began = under_way()
    began.plan["balancers"].append("lb9")
    began.plan["hosts"]["app9"] = {"place": True}
    with pytest.raises(SlipwayError) as refused:
        aborted(live)
    assert "app9, lb9" in refused.value.what
    assert refused.value.where == "inventory"


@pytest.mark.parametrize("lost", [["db1"], ["lb1", "lb2"]])
def test_without_the_ledger_or_any_balancer_nobody_can_return_anything(lost: list[str]) -> None:
    live, _began = under_way()
    for host in lost:
        live[host] = {"unreachable": True}
    with pytest.raises(SlipwayError) as refused:
        aborted(live)
    for host in lost:
        assert host in refused.value.what


def test_a_finished_deployment_is_rolled_back_instead() -> None:
    with pytest.raises(SlipwayError) as refused:
        aborted(fleet_of("1.0", "1.1"))
    assert "no deployment is under way" in refused.value.what
    assert "rollback.yml" in refused.value.remedy


def settled() -> Live:
    """All traffic is on 1.1, and only the ledger does not know."""
    live, _began = under_way()
    for host in BALANCERS:
        live[host]["balancer"]["recorded"].update({"stable": "green", "percents": {"green": 100, "blue": 0}})
    for host in APPLICATIONS:
        live[host]["release"]["slots"]["green"] = slot("green", "1.1")
    return live


def test_one_that_has_settled_is_rolled_back_instead() -> None:
    with pytest.raises(SlipwayError) as refused:
        aborted(settled())
    assert "only lacks its last record" in refused.value.what
    assert "release_lease.yml" in refused.value.remedy


@pytest.mark.parametrize("lost", [["lb2"], ["app1", "app2"]])
def test_one_that_has_settled_as_far_as_can_be_seen_is_aborted(lost: list[str]) -> None:
    live = settled()
    for host in lost:
        live[host] = {"unreachable": True}
    assert aborted(live).resume == "d1"


def test_the_first_deployment_that_serves_is_not_taken_away() -> None:
    live = fleet_of(None, None)
    began = plan(inputs_for("1.0"), document("1.0"), live)
    leave_unfinished(live, began)
    assert aborted(live).plan["slot"] == aborted(live).plan["stable_slot"]
    for host in APPLICATIONS:
        live[host]["release"]["slots"][began.plan["slot"]] = slot(began.plan["slot"], "1.0")
    with pytest.raises(SlipwayError) as refused:
        aborted(live)
    assert "only lacks its last record" in refused.value.what


def test_a_reason_is_required() -> None:
    with pytest.raises(SlipwayError) as refused:
        inputs_for(verb="abort")
    assert refused.value.where == "slipway_reason"
    assert "abort.yml needs a reason" in refused.value.what


def test_the_lease_is_released_with_a_reason_alone() -> None:
    with pytest.raises(SlipwayError) as refused:
        inputs_for(verb="release_lease", reason=" ")
    assert "release_lease.yml needs a reason" in refused.value.what
