# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report shows what the hosts said, and names everything that is not as it must be."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.slipway.release.plugins.module_utils._status.report import lines, report

ACTIVE = {"slot": "green", "revision": "bbbb", "version": "1.1.0"}
SLOTS = {
    "blue": {"revision": "aaaa", "version": "1.0.0", "status": "placed", "running": True},
    "green": {"revision": "bbbb", "version": "1.1.0", "status": "placed", "running": True},
}
STOPPED = {**SLOTS, "green": {**SLOTS["green"], "running": False}}
REVISIONS = [{"id": "aaaa", "version": "1.0.0"}, {"id": "bbbb", "version": "1.1.0"}]
LIVE = {
    "generation": 4,
    "stable": "green",
    "percents": {"blue": 0, "green": 100},
    "usable": {"blue": ["blue-app1"], "green": ["green-app1"]},
    "open": True,
}
BALANCER = {"live": LIVE, "recorded": {"lease": None}, "consistent": True}
FLEET = {
    "app1": {"release": {"slots": SLOTS, "revisions": REVISIONS}},
    "lb1": {"balancer": BALANCER},
    "db1": {
        "ledger": {
            "uuid": "u",
            "lease": None,
            "state": {
                "active": ACTIVE,
                "deployments": [
                    {"id": "d1", "verb": "deploy", "from": None, "to": {"version": "1.0.0"}, "result": "active"},
                    {
                        "id": "d2",
                        "verb": "deploy",
                        "from": {"version": "1.0.0"},
                        "to": {"version": "1.1.0"},
                        "result": "active",
                    },
                ],
            },
        }
    },
}


def fleet(**changes):
    changed = copy.deepcopy(FLEET)
    changed.update(changes)
    return changed


def test_a_lease_is_shown_with_what_it_is_held_for():
    lease = {"token": 4, "deployment": "d3", "holder": "ann@pc", "live": True, "remaining_seconds": 44, "purpose": ""}
    for purpose, whose in (("", "deployment d3"), ("undo", "migrate.yml (undo of the database)")):
        ledger = {**FLEET["db1"]["ledger"], "lease": {**lease, "purpose": purpose}}
        assert f"{whose} holds the lease (ann@pc)" in lines(report("shop", fleet(db1={"ledger": ledger})))


def test_a_healthy_fleet_has_no_problem_and_shows_everything_that_is_known():
    text = "\n".join(lines(report("shop", FLEET)))
    assert "PROBLEM" not in text
    assert "shop: 1.1.0 (revision bbbb) is active in slot green" in text
    assert "green-app1" in text
    assert "blue-app1" not in text, "a slot without a percent takes no traffic"
    assert text.index("d2") < text.index("d1"), "the newest deployment comes first"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"app1": {"unreachable": True}}, "app1 cannot be reached"),
        (
            {"db1": {"ledger": {**FLEET["db1"]["ledger"], "unfinished": {"deployment": "d3"}}}},
            "deployment d3 was left unfinished",
        ),
        ({"db1": {"unreachable": True}}, "the ledger host did not answer"),
        ({"lb1": {"balancer": {"error": "nginx does not run"}}}, "balancer on lb1: nginx does not run"),
        (
            {"lb1": {"balancer": {"live": {**LIVE, "open": False}, "consistent": True}}},
            "balancer lb1 is closed and serves nothing",
        ),
        (
            {"lb1": {"balancer": {"live": LIVE, "consistent": False}}},
            "balancer lb1 does not do what it recorded",
        ),
        (
            {"lb2": {"balancer": {"live": {**LIVE, "percents": {"blue": 100, "green": 0}}, "consistent": True}}},
            "the balancers disagree",
        ),
        (
            {
                "app1": {
                    "release": {
                        "slots": {**SLOTS, "green": {**SLOTS["green"], "running": False}},
                        "revisions": REVISIONS,
                    }
                }
            },
            "app1 does not run the active revision in slot green",
        ),
    ],
)
def test_whatever_is_wrong_is_named(changes, problem):
    made = report("shop", fleet(**changes))
    assert any(problem in found for found in made["problems"]), made["problems"]
    assert any(line.startswith("PROBLEM") and problem in line for line in lines(made))


def left(status, *, running, until=None, complaint=""):
    """app1 with a spare slot that is kept warm for a time, or was."""
    warm = {"status": status, "seconds": 600, "until": until, "complaint": complaint}
    blue = {**SLOTS["blue"], "running": running, "warm": warm}
    return {"app1": {"release": {"slots": {**SLOTS, "blue": blue}, "revisions": REVISIONS}}}


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        (left("waiting", running=True), "placed  yes"),
        (left("warm", running=True, until=1793934000), "placed  yes, kept warm until 2026-11-06 03:00:00 UTC"),
        (left("warm", running=True), "placed  yes, kept warm"),
        (left("warm", running=False, until=1793934000), "placed  no"),
        (left("cold", running=False), "placed  no, cold"),
        (left("cold", running=True), "placed  yes"),
    ],
)
def test_a_slot_that_is_kept_warm_for_a_time_or_is_cold_is_shown_and_no_problem(changes, shown):
    made = report("shop", fleet(**changes))
    assert made["problems"] == []
    assert [line for line in lines(made) if line.startswith("app1  blue") and line.endswith(shown)], lines(made)


def test_a_slot_that_nobody_can_stop_is_named():
    changes = left("warm", running=True, complaint="no answer from the agent at 10.0.0.2:8470")
    problem = "app1 keeps slot blue warm, also when its time is over: no answer from the agent at 10.0.0.2:8470"
    assert report("shop", fleet(**changes))["problems"] == [problem]


def running(**components: tuple[str, bool]) -> dict[str, dict[str, object]]:
    """Instances of a slot: name to kind and whether it runs."""
    return {name: {"kind": kind, "running": runs} for name, (kind, runs) in components.items()}


def beside(*hosts: tuple[dict, dict]):
    """A fleet whose application hosts have these instances in the active and in the spare slot."""
    return fleet(
        **{
            f"app{number}": {
                "release": {
                    "slots": {
                        "blue": {**SLOTS["blue"], "instances": spare},
                        "green": {**SLOTS["green"], "instances": active},
                    },
                    "revisions": REVISIONS,
                }
            }
            for number, (active, spare) in enumerate(hosts, start=1)
        }
    )


MAILS = running(web=("http", True), mailer=("worker", True))
TICKS = running(clock=("singleton", True))
STILL = running(clock=("singleton", False))


@pytest.mark.parametrize(
    ("hosts", "problems"),
    [
        ([(MAILS, {})], []),
        ([(running(mailer=("worker", False)), {})], ["app1 does not run mailer in slot green"]),
        ([(running(report=("scheduled", False)), {})], ["app1 does not run report in slot green"]),
        ([(MAILS, MAILS)], ["app1 runs mailer in the spare slot blue"]),
        ([(TICKS, STILL), (STILL, STILL)], []),
        ([(STILL, {}), (STILL, {})], ["no host runs the singleton clock in slot green"]),
        ([(TICKS, {}), (TICKS, {})], ["app1, app2 all run the singleton clock"]),
    ],
)
def test_what_runs_beside_the_http_components_is_judged_too(hosts, problems):
    assert report("shop", beside(*hosts))["problems"] == problems


def test_what_a_deployment_took_out_and_a_balancer_keeps_out_is_named():
    ledger = copy.deepcopy(FLEET["db1"]["ledger"])
    ledger["state"]["left_out"] = ["blue-app1", "green-app1", "green-app2"]
    recorded = {"lease": None, "servers": {"blue-app1": "quarantine", "green-app1": "drain", "blue-app2": "drain"}}
    made = report("shop", fleet(db1={"ledger": ledger}, lb1={"balancer": {**BALANCER, "recorded": recorded}}))
    assert made["problems"] == ["taken out by a deployment, until another one places them: blue-app1, green-app1"]
    assert report("shop", fleet(db1={"ledger": ledger}))["problems"] == []


def test_before_the_first_deployment_it_says_so():
    nothing = {"ledger": {"uuid": None, "lease": None, "state": {"active": None, "deployments": []}}}
    assert lines(report("shop", {"db1": nothing}))[0] == "shop: no revision is active"


def watching(**changes):
    """The first balancer with this watch, and where the traffic is then."""
    live = fleet()
    watch = {"kept": True, "armed": None, "outcome": None, **changes}
    live["lb1"]["balancer"] = {**BALANCER, "watch": watch}
    for number, slot in enumerate(("blue", "green")):
        live["db1"]["ledger"]["state"]["deployments"][number].update(slot=slot)
    return live


ARMED = {
    "deployment": "d2",
    "left_seconds": 3600,
    "judged": [{"name": "errors", "verdict": "pass", "reason": "success"}],
}
DONE = {"deployment": "d2", "result": "returned", "reason": "errors: failed once"}


def test_an_armed_watch_is_shown_and_is_no_problem():
    text = "\n".join(lines(report("shop", watching(armed=ARMED))))
    assert "PROBLEM" not in text
    assert "3600 s" in text and "errors pass" in text


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"armed": ARMED, "kept": False}, "nobody keeps the watch on lb1"),
        (
            {"armed": ARMED, "outcome": {**DONE, "result": "returning", "refused": "blue is not ready"}},
            "but the traffic cannot return: blue is not ready",
        ),
        (
            {
                "armed": {
                    **ARMED,
                    "judged": [{"name": "orders", "verdict": "insufficient", "reason": "5 times in a row; no answer"}],
                }
            },
            "cannot judge orders",
        ),
    ],
)
def test_what_a_watch_cannot_do_is_named(changes, problem):
    assert problem in "\n".join(lines(report("shop", watching(**changes))))


def test_a_returned_deployment_is_not_called_active_and_workers_are_named():
    live = watching(outcome=DONE)
    live["db1"]["ledger"]["state"]["deployments"][1]["from"] = {"version": "1.0.0", "revision": "aaaa"}
    back = {**LIVE, "percents": {"blue": 100, "green": 0}, "stable": "blue"}
    live["lb1"]["balancer"]["live"] = back
    slots = copy.deepcopy(SLOTS)
    slots["green"]["instances"] = {"mailer": {"kind": "worker", "running": True}}
    slots["blue"]["instances"] = {"mailer": {"kind": "worker", "running": False}}
    live["app1"]["release"]["slots"] = slots
    text = "\n".join(lines(report("shop", live)))
    assert "1.0.0 (revision aaaa) is active in slot blue" in text
    assert "the watch has returned the traffic of deployment d2 to slot blue (lb1: errors: failed once)" in text
    assert "app1 runs mailer in the spare slot green" in text
    live["db1"]["ledger"]["state"]["deployments"][1]["result"] = "returned"
    live["db1"]["ledger"]["state"]["active"] = {"slot": "blue", "revision": "aaaa", "version": "1.0.0"}
    assert "the watch has returned" not in "\n".join(lines(report("shop", live))), "a run has recorded it"


def test_flags_of_a_release_that_has_lost_its_traffic_are_named():
    live = watching(outcome=DONE)
    live["db1"]["ledger"]["state"]["deployments"][1]["from"] = {"version": "1.0.0", "revision": "aaaa"}
    live["db1"]["ledger"]["flags_set"] = {"deployment": "d2", "names": ["basket", "search"]}
    said = "feature flags that deployment d2 has set stay until somebody acts (kill_switch.yml): basket, search"
    assert said in report("shop", live)["problems"]
    live["db1"]["ledger"]["flags_set"]["deployment"] = "d3"
    assert said not in report("shop", live)["problems"]
    live["db1"]["ledger"]["flags_set"]["deployment"] = "d2"
    live["lb1"]["balancer"]["watch"]["outcome"] = None
    assert said not in report("shop", live)["problems"], "it has its traffic"


PARKED = {
    "stage": "canary at 10 %",
    "holder": "ann@pc",
    "since": "2026-11-21T07:30:00Z",
    "waits_for": "until it is approved (approve.yml)",
}
GIVEN = {"stage": "before_traffic", "operator": "bob@pc", "reason": "seen", "given": "2026-11-21T07:20:00Z"}


def parked(waits_for: str) -> dict:
    unfinished = {
        "deployment": "d3",
        "plan": {"to": {"version": "1.2.0"}},
        "parked": {**PARKED, "waits_for": waits_for},
        "approvals": [GIVEN],
    }
    return fleet(db1={"ledger": {**FLEET["db1"]["ledger"], "unfinished": unfinished}})


@pytest.mark.parametrize(
    ("waits_for", "said"),
    [
        ("until it is approved (approve.yml)", "until it is approved (approve.yml)"),
        ("", "and may go on: run the same deployment again"),
    ],
)
def test_what_is_parked_is_shown_with_who_approved_and_is_no_problem(waits_for, said):
    made = report("shop", parked(waits_for))
    assert made["problems"] == []
    assert made["ledger"]["parked"]["approvals"] == [GIVEN]
    assert lines(made)[-2:] == [
        f"deployment d3 of 1.2.0 is parked at canary at 10 % since 2026-11-21T07:30:00Z (ann@pc), {said}",
        "approved at before_traffic by bob@pc on 2026-11-21T07:20:00Z: seen",
    ]


def test_what_is_parked_and_has_lost_its_traffic_is_a_problem():
    live = parked("until it is approved (approve.yml)")
    outcome = {"deployment": "d3", "result": "returned", "reason": "errors: 9 % of 200"}
    live["lb1"]["balancer"]["watch"] = {"outcome": outcome, "armed": None, "kept": True}
    (problem,) = report("shop", live)["problems"]
    assert "the parked deployment d3 (lb1: errors: 9 % of 200): run the same again, which goes back" in problem
    live["lb1"]["balancer"]["watch"]["outcome"] = {**outcome, "deployment": "d0"}
    assert report("shop", live)["problems"] == []


def test_instances_that_only_testers_reach_are_among_those_that_take_traffic():
    def taking(**live):
        text = lines(report("shop", fleet(lb1={"balancer": {**BALANCER, "live": {**LIVE, **live}}})))
        return next(line for line in text if line.startswith("lb1 "))

    assert "blue-app1" in taking(override=True) and "green-app1" in taking(override=True)
    assert "blue-app1" not in taking()


def test_the_last_deployment_is_told_in_one_line_from_its_evidence():
    last = {
        "deployment": "d2",
        "version": "1.1.0",
        "result": "failed",
        "verdict": "fail",
        "elapsed_ms": 42_120,
        "lost": 2,
        "sent": 190,
        "percents": [0, 10, 0],
        "by_hand": ["It was not stopped on app2; the next deployment overwrites it."],
    }
    made = report("shop", fleet(db1={"ledger": {**FLEET["db1"]["ledger"], "last": last}}))
    assert made["ledger"]["last"] == last
    told = (
        "last deployment d2 of 1.1.0: failed in 42 s, verdict fail, 2 of 190 measured requests lost, "
        "percents 0 > 10 > 0, left to do by hand: It was not stopped on app2; the next deployment overwrites it."
    )
    assert [line for line in lines(made) if line.startswith("last deployment")] == [told]
    assert "last deployment" not in "\n".join(lines(report("shop", FLEET)))
