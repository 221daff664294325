# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: what was left unfinished is resumed, closed or refused."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    LeaseError,
    SlipwayError,
)

from tests.unit.plan.made import (
    APPLICATIONS,
    armed,
    deploy,
    fleet_of,
    leave_unfinished,
    live_lease,
    slot,
    split,
)


def test_the_same_request_resumes_the_recorded_plan_however_far_it_came() -> None:
    live = fleet_of("1.0", None)
    recorded = deploy("1.1", live)
    leave_unfinished(live, recorded)
    for host in APPLICATIONS:
        live[host]["release"]["slots"]["green"] = slot("green", "1.1")
    split(live)
    live["lb1"]["balancer"]["recorded"]["percents"] = {"blue": 70, "green": 30}
    armed(live)
    again = deploy("1.1", live, reason="second try")
    assert (again.resume, again.abandon) == ("d1", "")
    assert (again.plan, again.digest) == (recorded.plan, recorded.digest)
    assert again.carried == 10, "what every balancer gives to the new slot already"


@pytest.mark.parametrize("changes", [{"config": {"A": "b"}}, {"skip": ["smoke"], "reason": "x"}])
def test_other_inputs_do_not_resume_and_are_refused_while_traffic_is_split(changes: dict[str, Any]) -> None:
    live = fleet_of("1.0", None)
    leave_unfinished(live, deploy("1.1", live))
    split(live)
    with pytest.raises(SlipwayError) as refused:
        deploy("1.1", live, **changes)
    assert "d1 of 1.1 was left unfinished" in refused.value.what
    assert "run the same deploy again to resume it, or end it with abort.yml, or wait" in refused.value.remedy


def test_a_rolling_that_was_left_unfinished_does_not_return_by_itself() -> None:
    live = fleet_of("1.0", None)
    leave_unfinished(live, deploy("1.1", live, rollout="rolling"))
    split(live)
    with pytest.raises(SlipwayError) as refused:
        deploy("1.2", live)
    assert refused.value.remedy == "run the same deploy again to resume it, or end it with abort.yml"


def settled_with_a_cold_slot(rollout: str = "blue_green") -> dict[str, Any]:
    """All traffic has settled on 1.1 in green, which was not recorded; on a host blue has gone cold since."""
    live = fleet_of("1.0", "1.1", stable="green")
    leave_unfinished(live, deploy("1.1", fleet_of("1.0", None), rollout=rollout))
    blue = slot("blue", "1.0", running=False)
    blue["instances"]["web"]["enabled"] = False
    live["app2"]["release"]["slots"]["blue"] = blue
    return live


def test_what_has_settled_and_left_a_slot_that_went_cold_since_is_only_ended() -> None:
    """Its gates would fail, and hand its workers back to a slot that serves nobody."""
    again = deploy("1.1", settled_with_a_cold_slot())
    assert (again.resume, again.settled) == ("d1", True)


def test_what_has_settled_and_left_a_slot_that_runs_is_judged_again() -> None:
    live = fleet_of("1.0", "1.1", stable="green")
    leave_unfinished(live, deploy("1.1", fleet_of("1.0", None)))
    again = deploy("1.1", live)
    assert (again.resume, again.settled) == ("d1", False)


def test_what_has_settled_and_left_a_slot_that_died_is_judged_again() -> None:
    live = settled_with_a_cold_slot()
    live["app2"]["release"]["slots"]["blue"]["instances"]["web"]["enabled"] = True
    again = deploy("1.1", live)
    assert (again.resume, again.settled) == ("d1", False)


def test_a_first_deployment_that_has_settled_is_judged_again() -> None:
    live = settled_with_a_cold_slot()
    live["db1"]["ledger"]["unfinished"]["plan"]["from"] = None
    assert not deploy("1.1", live).settled


def test_workers_that_were_not_handed_over_are_named_and_the_next_run_does_it() -> None:
    live = settled_with_a_cold_slot()
    assert deploy("1.1", live).warnings == []
    live["app1"]["release"]["slots"]["green"]["instances"]["mailer"]["running"] = False
    again = deploy("1.1", live)
    assert again.settled and "hands them over" in again.warnings[0]
    live["db1"]["ledger"]["unfinished"] = None
    assert "handover" in [stage["name"] for stage in deploy("1.1", live).plan["stages"]]


@pytest.mark.parametrize("what", ["undo", "batches", "dead", "leased", "parked"])
def test_what_goes_back_or_has_not_settled_is_not_ended(what: str) -> None:
    live = settled_with_a_cold_slot("rolling" if what == "batches" else "blue_green")
    if what == "undo":
        live["db1"]["ledger"]["unfinished"]["committed"].append("undo")
    elif what == "dead":
        live["app1"]["release"]["slots"]["green"]["running"] = False
    elif what == "parked":
        live["db1"]["ledger"]["unfinished"]["parked"] = {"stage": "before_settle", "waits_for": ""}
        live["db1"]["ledger"]["unfinished"]["plan"]["parks"] = [{"stage": "before_settle", "percents": {"green": 100}}]
    elif what == "leased":
        armed(live)
    again = deploy("1.1", live, **({"rollout": "rolling"} if what == "batches" else {}))
    assert (again.resume, again.settled) == ("d1", False)


def test_other_inputs_close_what_was_left_when_the_traffic_is_settled() -> None:
    live = fleet_of("1.0", None)
    leave_unfinished(live, deploy("1.1", live))
    planned = deploy("1.2", live)
    assert (planned.resume, planned.abandon) == ("", "d1")
    assert planned.plan["to"]["version"] == "1.2"


def test_a_live_lease_comes_before_everything_else() -> None:
    live = fleet_of("1.0", None)
    leave_unfinished(live, deploy("1.1", live))
    live_lease(live)
    with pytest.raises(LeaseError):
        deploy("1.1", live)


# -- rollback -------------------------------------------------------------------------------------------------------
