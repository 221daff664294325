# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: one situation gives one plan, and a fleet in the wrong state is refused before it is touched."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import digest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    LeaseError,
    SlipwayError,
    StateError,
)
from ansible_collections.slipway.release.plugins.module_utils._inputs.spec import ROLLOUTS
from ansible_collections.slipway.release.plugins.module_utils._plan import factory
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan

from tests.unit.plan.made import (
    APPLICATIONS,
    BALANCERS,
    MAILER,
    MIB,
    PORTS,
    WEB,
    document,
    fleet_of,
    identifier,
    inputs_for,
    leave_unfinished,
    live_lease,
    proven,
    slot,
    split,
)

Live = dict[str, Any]
STAGES = ["place", "gate", "smoke", "switch", "verify", "handover", "settle"]


def deploy(version: str, live: Live, **changes: Any) -> Planned:
    size = changes.pop("artifact_bytes", 0)
    return plan(inputs_for(version, **changes), document(version, **changes), live, artifact_bytes=size)


def rollback(live: Live, to: str = "previous", **changes: Any) -> Planned:
    return plan(inputs_for(verb="rollback", rollback_to=to, **changes), None, live)


def named(version: str) -> dict[str, str]:
    return {"revision": identifier(version), "version": version}


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


def consuming(live: Live, host: str, in_slot: str, name: str, running: bool, kind: str = "worker") -> None:
    instances = live[host]["release"]["slots"][in_slot]["instances"]
    instances[name] = {"kind": kind, "running": running, "port": None}


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


CLOCK = {**MAILER, "name": "clock", "kind": "singleton"}


def with_clock(**running: bool) -> Live:
    """A fleet that has deployed a singleton, which runs where it is said."""
    live = fleet_of(None, None)
    made = document("1.0", components=[WEB, MAILER, CLOCK])
    for host in APPLICATIONS:
        live[host] = fleet_of("1.0", None)[host]
        live[host]["release"]["slots"]["blue"]["revision"] = identifier("1.0", components=[WEB, MAILER, CLOCK])
        consuming(live, host, "blue", "clock", running.get(host, False), "singleton")
    live["db1"]["ledger"]["state"]["proven"] = [
        {**proven("1.0"), "revision": identifier("1.0", components=[WEB, MAILER, CLOCK]), "document": made}
    ]
    return live


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


def lost(live: Live, host: str) -> None:
    live[host] = {"unreachable": True, "msg": "timed out"}


def unread(live: Live) -> None:
    live["app1"]["release"] = {"error": "no python"}


def module_lost(live: Live) -> None:
    live["app1"] = {"failed": True, "msg": "sudo: a password is required"}


def never_set_up(live: Live) -> None:
    live["lb2"]["balancer"]["recorded"] = None


def balancer_down(live: Live) -> None:
    live["lb2"]["balancer"].update(error="nginx does not run", consistent=False)


def disagree(live: Live) -> None:
    live["lb2"]["balancer"]["recorded"].update(stable="green", percents={"blue": 0, "green": 100})


def armed(live: Live) -> None:
    live["lb1"]["balancer"]["recorded"]["lease"] = {"token": 4}


def not_100(live: Live) -> None:
    live["lb1"]["balancer"]["recorded"]["percents"] = {"blue": 90, "green": 20}


def inconsistent(live: Live) -> None:
    live["lb1"]["balancer"]["consistent"] = False


def unregistered(live: Live) -> None:
    del live["lb1"]["balancer"]["instances"]["green-app2"]


def left_over(live: Live) -> None:
    live["lb1"]["balancer"]["instances"]["green-app3"] = {"usable": True}


def foreign_process(live: Live) -> None:
    live["app2"]["release"]["ports"]["8082"] = "nginx (pid 812)"


def swapped(live: Live) -> None:
    for host in APPLICATIONS:
        live[host]["release"]["ports"]["8082"] = "slipway-shop-web@blue.service"


def swapped_by_instances(live: Live) -> None:
    live["app1"]["release"]["ports"] = {}
    live["app1"]["release"]["slots"]["blue"]["instances"]["web"]["port"] = PORTS["green"]


def no_memory(live: Live) -> None:
    live["app2"]["release"]["memory_available"] = 100 * MIB


def no_disk(live: Live) -> None:
    live["app2"]["release"]["free_bytes"] = 29 * MIB


def old_ledger(live: Live) -> None:
    live["db1"]["ledger"]["token"] = 3


def other_ledger(live: Live) -> None:
    live["app1"]["release"]["ledger"] = "u"
    live["lb2"]["balancer"]["ledger"] = "v"


def new_ledger(live: Live) -> None:
    live["app1"]["release"]["ledger"] = "u"
    live["db1"]["ledger"]["uuid"] = ""


REFUSALS: list[tuple[Callable[[Live], None], str, str, str]] = [
    (lambda live: lost(live, "app2"), "inventory", "app2 (application host)", "site.yml"),
    (lambda live: lost(live, "lb1"), "inventory", "lb1 (balancer)", "bring the hosts back"),
    (lambda live: lost(live, "db1"), "inventory", "db1 (ledger host)", "bring the hosts back"),
    (lambda live: live.pop("app1"), "--limit", "the play runs without app1", "run without --limit"),
    (lambda live: live.pop("db1"), "--limit", "the play runs without db1", "run without --limit"),
    (unread, "app1", "no python", "repair the host"),
    (module_lost, "app1", "a password is required", "repair the host"),
    (never_set_up, "lb2", "no recorded state", "site.yml"),
    (balancer_down, "lb2", "nginx does not run", "repair the host"),
    (disagree, "group balancers", "lb2: stable green", "resume the deployment"),
    (split, "group balancers", "blue 90 %, green 10 %", "resume the deployment"),
    (armed, "group balancers", "lease armed", "lease has run out"),
    (not_100, "lb1", "do not sum to 100", "lb_switch"),
    (inconsistent, "lb1", "state file", "site.yml"),
    (unregistered, "lb1", "green-app2", "site.yml"),
    (left_over, "lb1", "green-app3", "site.yml"),
    (foreign_process, "slipway_components, ports.green of web", "nginx (pid 812)", "choose another port"),
    (swapped, "slipway_components, ports.green of web", "belongs to slot blue", "swapped"),
    (swapped_by_instances, "slipway_components, ports.green of web", "belongs to slot blue", "swapped"),
    (no_memory, "app2", "100 MiB of memory are available, slot green may need 256 MiB", "memory_max"),
    (no_disk, "app2", "29 MiB of disk are free, placing the release needs 30 MiB", "slipway_keep_revisions"),
    (old_ledger, "ledger on db1", "issued token 3, hosts have seen 4", "slipway_adopt_ledger=true"),
    (other_ledger, "ledger on db1", "it is u, but lb2 obeys v", "slipway_adopt_ledger=true"),
    (new_ledger, "ledger on db1", "it is a new one, but app1 obeys u", "slipway_adopt_ledger=true"),
    (live_lease, "ledger on db1", "of ann@pc holds the lease for 44 more seconds", "wait"),
]


@pytest.mark.parametrize(("change", "where", "what", "remedy"), REFUSALS)
def test_a_fleet_in_the_wrong_state_is_refused(
    change: Callable[[Live], None], where: str, what: str, remedy: str
) -> None:
    live = fleet_of("1.0", None)
    deploy("1.1", live, artifact_bytes=10 * MIB)
    change(live)
    with pytest.raises(SlipwayError) as refused:
        deploy("1.1", live, artifact_bytes=10 * MIB)
    assert refused.value.where == where
    assert what in refused.value.what
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("change", [old_ledger, other_ledger, new_ledger])
def test_a_lost_ledger_is_adopted_with_a_token_above_all_and_nothing_is_forced(change: Callable[[Live], None]) -> None:
    live = fleet_of("1.0", None)
    change(live)
    with pytest.raises(StateError):
        deploy("1.1", live, force=True, reason="forcing is something else")
    planned = deploy("1.1", live, adopt_ledger=True, reason="the ledger host was replaced")
    assert planned.token_above == 4
    assert (planned.plan["options"]["adopt_ledger"], planned.plan["options"]["force"]) == (True, False)


def test_a_foreign_process_on_the_port_of_the_other_slot_is_no_matter() -> None:
    live = fleet_of("1.0", None)
    for host in APPLICATIONS:
        live[host]["release"]["slots"]["blue"]["instances"] = {}
        live[host]["release"]["ports"]["8081"] = "nginx (pid 812)"
    assert deploy("1.1", live).plan["slot"] == "green"


def test_memory_of_a_slot_that_is_replaced_is_not_counted_twice() -> None:
    live = fleet_of("1.0", "0.9")
    no_memory(live)
    assert deploy("1.1", live).plan["changes"]


def test_a_host_with_memory_for_one_instance_can_be_rolled() -> None:
    live = fleet_of("1.0", None)
    no_memory(live)
    assert deploy("1.1", live, rollout="rolling").plan["changes"]


def test_a_revision_that_shares_no_schema_version_with_the_active_one_is_refused() -> None:
    active = proven("1.0")
    active["document"]["schema_range"] = {"min": 3, "max": 4}
    live = fleet_of("1.0", None, history=(active,))
    assert deploy("1.1", live, schema_range={"min": 4, "max": 5}).plan["changes"]
    for bounds in ({"min": 5, "max": 6}, {"min": 1, "max": 2}):
        with pytest.raises(SlipwayError) as refused:
            deploy("1.1", live, schema_range=bounds)
        assert refused.value.where == "slipway_schema_range"


# -- a deployment that was left unfinished --------------------------------------------------------------------------


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
