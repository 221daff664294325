# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: rollbacks, and hosts that are lost or come back."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    SlipwayError,
    StateError,
)

from tests.unit.plan.made import (
    APPLICATIONS,
    BALANCERS,
    CLOCK,
    MAILER,
    WEB,
    Live,
    deploy,
    document,
    fleet_of,
    identifier,
    leave_unfinished,
    lost,
    named,
    proven,
    rollback,
    slot,
    split,
    with_clock,
)

HISTORY = ("0.9", "1.0", "1.1")


def rolled_out(**changes: Any) -> Live:
    """1.1 is active in blue, 1.0 is in green, 0.9 is kept."""
    history = changes.pop("history", tuple(proven(version) for version in HISTORY))
    return fleet_of("1.1", changes.pop("green", "1.0"), kept=changes.pop("kept", HISTORY), history=history)


def test_previous_is_what_the_spare_slot_holds_and_nothing_is_placed() -> None:
    made = rollback(rolled_out()).plan
    assert (made["verb"], made["slot"], made["to"]) == ("rollback", "green", named("1.0"))
    assert made["hosts"] == {"app1": {"place": False}, "app2": {"place": False}}
    assert "place" not in [stage["name"] for stage in made["stages"]]
    assert made["revision"] == document("1.0")
    assert made["rollback_target"] == {**named("0.9"), "slot": None}
    assert identifier("0.9") in made["protect"]


def test_previous_is_the_latest_good_one_when_the_spare_slot_holds_a_failed_one() -> None:
    live = rolled_out(green="1.2")
    made = rollback(live).plan
    assert made["to"] == named("1.0")
    assert made["hosts"] == {"app1": {"place": True}, "app2": {"place": True}}


def test_a_rollback_goes_on_without_a_lost_application_host_which_stays_out_of_rotation() -> None:
    live = rolled_out()
    lost(live, "app2")
    made = rollback(live).plan
    assert (made["lost"], made["hosts"], made["to"]) == (["app2"], {"app1": {"place": False}}, named("1.0"))
    assert made["servers"] == {
        "switch": {"green-app2": "quarantine"},
        "settle": {"blue-app2": "quarantine"},
        "undo": {},
    }
    assert "what app2 runs (it cannot be reached)" in made["unknown"]
    assert made["starts"] == made["restarts"] == {"app1": ["mailer"]}


@pytest.mark.parametrize("hosts", [APPLICATIONS, ("app1", "lb1"), ("app1", "db1")])
def test_a_rollback_needs_an_application_host_every_balancer_and_the_ledger(hosts: tuple[str, ...]) -> None:
    live = rolled_out()
    for host in hosts:
        lost(live, host)
    with pytest.raises(StateError) as refused:
        rollback(live)
    assert hosts[-1] in refused.value.what


def test_a_host_that_the_play_does_not_have_is_not_lost() -> None:
    live = rolled_out()
    del live["app2"]
    with pytest.raises(InputError) as refused:
        rollback(live)
    assert refused.value.where == "--limit"


def test_a_rollback_places_the_revision_where_the_spare_slots_of_the_remaining_hosts_lack_it() -> None:
    live = rolled_out(green="1.2")
    lost(live, "app1")
    assert rollback(live).plan["hosts"] == {"app2": {"place": True}}


@pytest.mark.parametrize(("running", "started"), [("app2", "app2"), ("app1", None)])
def test_a_singleton_that_a_lost_host_may_run_is_not_started_elsewhere(running: str, started: str | None) -> None:
    live = with_clock(**{running: True})
    lost(live, "app1")
    identity = identifier("1.0", components=[WEB, MAILER, CLOCK])
    live["app2"]["release"]["slots"]["green"] = slot("green", "0.9")
    live["app2"]["release"]["revisions"] = [{"id": identity, "version": "1.0"}, {"id": "old", "version": "0.8"}]
    old = {**document("0.8", components=[WEB, CLOCK]), "schema": 1}
    live["db1"]["ledger"]["state"]["proven"].append(
        {"revision": "old", "version": "0.8", "good": True, "document": old}
    )
    made = rollback(live, "0.8").plan
    assert made["starts"] == {"app2": ["clock"] if started else []}
    assert made["unstarted"] == ([] if started else ["clock"])


def come_back(live: Live) -> None:
    live["db1"]["ledger"]["state"]["left_out"] = ["blue-app2", "green-app2"]
    take_out(live, **{"blue-app2": "quarantine", "green-app2": "quarantine"})


def take_out(live: Live, **servers: str) -> None:
    for host in BALANCERS:
        live[host]["balancer"]["recorded"]["servers"] = dict(servers)


def test_a_host_that_comes_back_is_admitted_in_the_slot_that_is_gated_and_nowhere_else() -> None:
    live = fleet_of("1.0", None)
    come_back(live)
    assert deploy("1.1", live).plan["servers"]["switch"] == {"green-app2": "ready"}


def test_the_active_version_again_admits_a_host_that_comes_back() -> None:
    live = fleet_of("1.0", None)
    come_back(live)
    made = deploy("1.0", live).plan
    assert (made["slot"], made["stable_slot"], made["changes"]) == ("blue", "blue", True)
    assert made["servers"]["switch"] == {"blue-app2": "ready"}


def test_what_a_failure_stops_in_the_slot_that_serves_is_taken_out_first() -> None:
    live = fleet_of("1.0", None)
    live["app2"]["release"]["slots"]["blue"] = fleet_of(None, None)["app2"]["release"]["slots"]["blue"]
    made = deploy("1.0", live).plan
    assert (made["stops_on_failure"], made["servers"]["undo"]) == (["app2"], {"blue-app2": "quarantine"})
    first = deploy("1.0", fleet_of(None, None)).plan
    assert (first["stops_on_failure"], first["servers"]["undo"]) == (["app1", "app2"], {}), "nobody else would serve"


def test_what_came_back_already_is_no_change() -> None:
    live = fleet_of("1.0", None)
    come_back(live)
    take_out(live)
    assert not deploy("1.0", live).plan["changes"]
    take_out(live, **{"blue-app2": "drain"})
    live["lb2"]["balancer"]["recorded"]["servers"] = {}
    assert deploy("1.0", live).plan["servers"]["switch"] == {"blue-app2": "ready"}, "one balancer is enough"


def test_what_a_deployment_left_unfinished_took_out_is_admitted_in_the_slot_that_is_gated() -> None:
    live = fleet_of("1.0", None)
    leave_unfinished(live, deploy("1.1", live, rollout="rolling"))
    take_out(live, **{"blue-app1": "drain", "green-app2": "quarantine"})
    planned = deploy("1.2", live)
    assert (planned.abandon, planned.plan["servers"]["switch"]) == ("d1", {"green-app2": "ready"})


def test_a_quarantine_that_an_operator_asked_for_stays() -> None:
    live = fleet_of("1.0", None)
    take_out(live, **{"blue-app2": "quarantine"})
    assert not deploy("1.0", live).plan["changes"]
    assert deploy("1.1", live).plan["servers"] == {"switch": {}, "settle": {}, "undo": {}}


def test_the_promised_rollback_target_is_kept_on_every_host() -> None:
    live = fleet_of("1.0", None, kept=("0.9",), history=(proven("0.9"), proven("1.0")))
    assert deploy("1.1", live).plan["rollback_target"] == {**named("1.0"), "slot": "blue"}
    live["app2"]["release"]["slots"]["blue"] = slot("blue", None)
    live["app2"]["release"]["revisions"] = [{"id": identifier("0.9"), "version": "0.9"}]
    assert deploy("1.1", live).plan["rollback_target"] == {**named("0.9"), "slot": None}


def test_previous_is_the_latest_good_one_when_the_spare_slots_differ() -> None:
    live = rolled_out()
    live["app1"]["release"]["slots"]["green"] = slot("green", "0.9")
    assert rollback(live).plan["to"] == named("1.0")


def test_nothing_returns_by_itself_to_what_was_rolled_back_from() -> None:
    history = (proven("0.9"), proven("1.0", good=False), proven("1.1"))
    live = rolled_out(history=history)
    assert rollback(live).plan["to"] == named("0.9")
    assert rollback(live, "latest_good").plan["to"] == named("0.9")
    assert rollback(live, "1.0").plan["to"] == named("1.0")


def test_latest_good_must_be_kept_on_every_host() -> None:
    live = rolled_out()
    live["app2"]["release"]["revisions"] = [
        item for item in live["app2"]["release"]["revisions"] if item["version"] != "1.0"
    ]
    assert rollback(live, "latest_good").plan["to"] == named("0.9")
    with pytest.raises(SlipwayError) as refused:
        rollback(live, "1.0")
    assert "not kept on app2" in refused.value.what
    assert refused.value.where == "slipway_rollback_to"


def test_a_version_that_has_failed_on_a_host_is_refused() -> None:
    live = rolled_out()
    live["app1"]["release"]["slots"]["green"]["status"] = "failed"
    with pytest.raises(SlipwayError) as refused:
        rollback(live, "1.0")
    assert "has failed on app1" in refused.value.what


@pytest.mark.parametrize(
    ("to", "what", "remedy"),
    [
        ("3.0", "has never been active", "choose one of 0.9, 1.0"),
        ("previous", "no other revision", "deploy a version instead"),
        ("latest_good", "no other revision", "deploy a version instead"),
    ],
)
def test_a_target_that_does_not_exist_is_refused_with_the_choices(to: str, what: str, remedy: str) -> None:
    live = rolled_out() if to == "3.0" else fleet_of("1.1", None, history=(proven("1.1"),))
    with pytest.raises(InputError) as refused:
        rollback(live, to)
    assert refused.value.where == "slipway_rollback_to"
    assert what in refused.value.what
    assert remedy in refused.value.remedy


def test_rolling_back_to_the_active_version_changes_nothing() -> None:
    assert not rollback(rolled_out(), "1.1").plan["changes"]


def test_a_target_whose_schema_range_does_not_fit_is_refused() -> None:
    history = tuple(proven(version) for version in HISTORY)
    history[1]["document"]["schema_range"] = {"min": 1, "max": 2}
    history[2]["document"]["schema_range"] = {"min": 3, "max": 4}
    with pytest.raises(SlipwayError) as refused:
        rollback(rolled_out(history=history), "1.0")
    assert refused.value.where == "slipway_schema_range"


def test_a_rollback_that_was_left_unfinished_is_resumed() -> None:
    live = rolled_out()
    recorded = rollback(live)
    leave_unfinished(live, recorded)
    split(live)
    assert rollback(live).digest == recorded.digest
    with pytest.raises(SlipwayError, match="left unfinished"):
        rollback(live, "0.9")


def test_the_workers_of_the_plan_are_those_of_its_revision() -> None:
    assert MAILER["name"] in rollback(rolled_out()).plan["handover"]
