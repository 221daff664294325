# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: one situation gives one plan."""

from __future__ import annotations

import copy
import json

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import digest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    StateError,
)
from ansible_collections.slipway.release.plugins.module_utils._inputs.spec import ROLLOUTS
from ansible_collections.slipway.release.plugins.module_utils._plan import factory

from tests.unit.plan.made import (
    APPLICATIONS,
    BALANCERS,
    CLOCK,
    MAILER,
    MIB,
    WEB,
    consuming,
    deploy,
    fleet_of,
    identifier,
    leave_unfinished,
    named,
    slot,
    with_clock,
)

STAGES = ["place", "gate", "smoke", "switch", "verify", "handover", "settle"]


def test_the_first_deployment_fills_the_stable_slot() -> None:
    made = deploy("1.0", fleet_of(None, None)).plan
    assert (made["slot"], made["stable_slot"], made["from"]) == ("blue", "blue", None)
    assert made["percents"]["before"] == made["percents"]["after"] == {"blue": 100, "green": 0}
    assert made["hosts"] == {"app1": {"place": True}, "app2": {"place": True}}
    assert made["rollback_target"] is None
    assert made["changes"]


@pytest.mark.parametrize(("stable", "spare"), [("blue", "green"), ("green", "blue")])
def test_a_new_version_goes_to_the_spare_slot(stable: str, spare: str) -> None:
    live = fleet_of("1.0", None, stable=stable) if stable == "blue" else fleet_of(None, "1.0", stable=stable)
    made = deploy("1.1", live).plan
    assert (made["slot"], made["stable_slot"]) == (spare, stable)
    assert (made["from"], made["to"]) == (named("1.0"), named("1.1"))
    assert made["percents"] == {"before": {stable: 100, spare: 0}, "after": {stable: 0, spare: 100}}
    assert [stage["name"] for stage in made["stages"]] == STAGES
    assert made["handover"] == ["mailer"]
    assert made["rollback_target"] == {**named("1.0"), "slot": stable}
    assert made["protect"] == sorted([identifier("1.0"), identifier("1.1")])
    assert made["balancers"] == list(BALANCERS)


def test_smoke_is_left_out_when_skipped_and_the_reason_is_in_the_plan() -> None:
    made = deploy("1.1", fleet_of("1.0", None), skip=["smoke"], reason="night").plan
    assert "smoke" not in [stage["name"] for stage in made["stages"]]
    assert made["options"] == {"adopt_ledger": False, "force": False, "skip": ["smoke"], "reason": "night"}


def test_without_workers_there_is_no_handover_and_a_dropped_worker_is_retired() -> None:
    made = deploy("1.1", fleet_of("1.0", None), components=[WEB]).plan
    assert "handover" not in [stage["name"] for stage in made["stages"]]
    assert (made["handover"], made["retired"]) == ([], ["mailer"])


def test_a_singleton_starts_on_one_host_and_a_worker_on_all() -> None:
    clock = {**MAILER, "name": "clock", "kind": "singleton"}
    made = deploy("1.1", fleet_of("1.0", None), components=[WEB, MAILER, clock]).plan
    assert made["starts"] == {"app1": ["mailer", "clock"], "app2": ["mailer"]}
    assert made["restarts"] == {"app1": ["mailer"], "app2": ["mailer"]}


def test_the_active_revision_again_changes_nothing() -> None:
    made = deploy("1.0", fleet_of("1.0", "0.9")).plan
    assert (made["changes"], made["stages"], made["slot"]) == (False, [], "blue")
    assert made["hosts"] == {"app1": {"place": False}, "app2": {"place": False}}


def test_another_configuration_is_another_revision() -> None:
    assert deploy("1.0", fleet_of("1.0", None), config={"LEVEL": "debug"}).plan["slot"] == "green"


def test_what_does_not_run_is_started_where_it_is() -> None:
    live = fleet_of("1.0", "0.9")
    live["app2"]["release"]["slots"]["blue"]["running"] = False
    made = deploy("1.0", live).plan
    assert (made["slot"], made["changes"]) == ("blue", True)
    assert made["hosts"] == {"app1": {"place": False}, "app2": {"place": True}}
    assert made["percents"]["before"] == made["percents"]["after"]


def test_a_fix_is_planned_although_the_active_revision_runs_nowhere() -> None:
    live = fleet_of("1.0", None)
    for host in ("app1", "app2"):
        live[host]["release"]["slots"]["blue"]["running"] = False
    made = deploy("1.1", live).plan
    assert (made["slot"], made["stable_slot"], made["changes"]) == ("green", "blue", True)
    assert made["percents"]["after"] == {"blue": 0, "green": 100}


def test_a_new_host_gets_the_active_revision_into_the_active_slot() -> None:
    live = fleet_of("1.0", None)
    live["app2"]["release"]["slots"]["blue"] = slot("blue", None)
    made = deploy("1.0", live).plan
    assert (made["slot"], made["hosts"]["app2"]) == ("blue", {"place": True})
    assert made["stops_on_failure"] == ["app2"], "the others serve from this slot"


def test_a_stopped_worker_of_the_active_revision_is_started_again() -> None:
    live = fleet_of("1.0", "0.9")
    consuming(live, "app2", "blue", "mailer", False)
    made = deploy("1.0", live).plan
    assert (made["slot"], made["stable_slot"], made["changes"]) == ("blue", "blue", True)
    assert made["hosts"] == {"app1": {"place": False}, "app2": {"place": False}}
    assert "handover" in [stage["name"] for stage in made["stages"]]
    assert made["starts"]["app2"] == ["mailer"]


def test_a_worker_that_still_runs_in_the_spare_slot_is_a_change() -> None:
    live = fleet_of("1.0", "0.9")
    consuming(live, "app1", "green", "mailer", True)
    assert deploy("1.0", live).plan["changes"]


@pytest.mark.parametrize("host", APPLICATIONS)
def test_a_singleton_stays_where_it_runs(host: str) -> None:
    made = deploy("1.0", with_clock(**{host: True}), components=[WEB, MAILER, CLOCK]).plan
    assert not made["changes"]
    assert [name for name, started in made["starts"].items() if "clock" in started] == [host]


def test_a_singleton_that_runs_nowhere_is_a_change() -> None:
    made = deploy("1.0", with_clock(), components=[WEB, MAILER, CLOCK]).plan
    assert made["changes"]
    assert made["starts"]["app1"] == ["mailer", "clock"]


def test_a_failed_spare_slot_is_stopped_where_this_deployment_filled_it() -> None:
    assert deploy("1.1", fleet_of("1.0", "0.9")).plan["stops_on_failure"] == list(APPLICATIONS)
    assert deploy("0.9", fleet_of("1.0", "0.9")).plan["stops_on_failure"] == [], "a warm way back is never stopped"


def test_a_closed_balancer_is_refused_before_anything_moves() -> None:
    live = fleet_of("1.0", None)
    live[BALANCERS[0]]["balancer"]["live"] = {"open": False}
    with pytest.raises(StateError) as refused:
        deploy("1.1", live)
    assert refused.value.where == BALANCERS[0]
    assert "open: true" in refused.value.remedy


@pytest.mark.parametrize(("stable", "result"), [("green", "active"), ("blue", "abandoned")])
def test_an_unfinished_deployment_is_closed_as_what_the_traffic_says(stable: str, result: str) -> None:
    live = fleet_of("1.0", "1.1", stable=stable)
    leave_unfinished(live, deploy("1.1", fleet_of("1.0", None)))
    made = deploy("1.2", live)
    assert (made.abandon, made.abandon_as) == ("d1", result)


def test_an_active_slot_that_runs_something_else_is_never_filled() -> None:
    live = fleet_of("1.0", None)
    live["app2"]["release"]["slots"]["blue"] = slot("blue", "0.9")
    made = deploy("1.0", live).plan
    assert (made["slot"], made["hosts"]["app1"]) == ("green", {"place": True})


def test_a_stopped_revision_in_the_active_slot_is_not_overwritten() -> None:
    live = fleet_of("1.0", None)
    for host in APPLICATIONS:
        live[host]["release"]["slots"]["blue"]["running"] = False
    assert deploy("1.1", live).plan["slot"] == "green"


def test_what_the_spare_slot_already_runs_is_not_placed_again() -> None:
    live = fleet_of("1.0", "1.1")
    live["app2"]["release"]["slots"]["green"]["status"] = "failed"
    assert deploy("1.1", live).plan["hosts"] == {"app1": {"place": False}, "app2": {"place": True}}


def test_where_hosts_differ_the_active_revision_is_that_of_most() -> None:
    live = fleet_of("1.0", None)
    live["app1"]["release"]["slots"]["blue"] = slot("blue", "0.9", status="failed")
    assert deploy("1.1", live).plan["from"] == named("1.0")


def test_a_plan_holds_nothing_that_differs_between_check_and_run() -> None:
    live = fleet_of("1.0", None)
    first = deploy("1.1", live)
    later = copy.deepcopy(live)
    later["db1"]["ledger"].update(token=9, uuid="other")
    for host in BALANCERS:
        later[host]["balancer"]["token"] = 9
        later[host]["balancer"]["recorded"]["generation"] = 12
    for host in APPLICATIONS:
        later[host]["release"].update(token=9, free_bytes=900 * MIB, memory_available=900 * MIB)
    again = deploy("1.1", later)
    assert first.digest == again.digest == digest(first.plan)
    assert first.plan == again.plan
    assert json.loads(json.dumps(first.plan)) == first.plan
    assert again.token_above == 9


def test_unknowns_are_marked() -> None:
    plain = [{key: value for key, value in WEB.items() if key != "memory_max"}]
    made = deploy("1.1", fleet_of("1.0", None), components=plain, schema_range={"min": 1, "max": 2}).plan
    assert made["unknown"] == ["memory that web needs (it has no memory_max)", "schema version of the database"]
    assert deploy("1.1", fleet_of("1.0", None)).plan["unknown"] == []


def test_every_rollout_that_is_accepted_exists() -> None:
    assert tuple(factory.ROLLOUTS) == ROLLOUTS
    with pytest.raises(InputError) as refused:
        factory.rollout("waterfall")
    assert refused.value.where == "slipway_rollout"


# -- refusals -------------------------------------------------------------------------------------------------------
