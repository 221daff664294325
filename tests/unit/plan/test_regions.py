# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The order of regions: whose turn it is, what stops it, what a failure returns, and what is said at the end."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import Inputs, validate
from ansible_collections.slipway.release.plugins.module_utils._plan import regions, returning
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan

from tests.unit.plan.made import MAILER, WEB, balancer, document, fleet_of, identifier, inputs_for, proven

NAMES = ("eu", "us", "ap")
GROUPS = {
    **{name: [f"lb-{name}", f"app-{name}"] for name in NAMES},
    "balancers": [f"lb-{name}" for name in NAMES],
    "application": [f"app-{name}" for name in NAMES],
    "slipway_regions": [f"{kind}-{name}" for name in NAMES for kind in ("lb", "app")],
}
GROUPS["all"] = [*GROUPS["slipway_regions"], "db1"]
DONE = {"there": [{"done": "there"}], "back": [{"done": "back"}]}
FAILED = [{"reason": "slot green is not ready."}]


def inputs_of(here: str, verb: str = "deploy", /, **changes: Any) -> Inputs:
    """Accepted inputs of a region; ``changes`` are variables without their prefix."""
    variables = {
        "slipway_app": "shop",
        "slipway_version": "1.1",
        "slipway_artifact": "https://artifacts.example/shop.tar.gz",
        "slipway_components": copy.deepcopy([WEB, MAILER]),
        "slipway_ledger_host": "db1",
        "slipway_regions": list(NAMES),
        **({"slipway_reason": "users report errors"} if verb == "abort" else {}),
        **{f"slipway_{name}": value for name, value in changes.items()},
    }
    return validate(variables, GROUPS, verb=verb, region=here)


def order_of(verb: str = "deploy", **changes: Any) -> dict[str, Any]:
    """The order of a run that has done nothing yet."""
    return regions.order([inputs_of(name, verb, **changes) for name in NAMES])


def planned(
    *, changes: bool = True, earlier: tuple[str, ...] = (), version: str = "1.1", before: str = "1.0"
) -> dict[str, Any]:
    """What ``deployment_plan`` returned for a region."""
    return {
        "plan": {
            "changes": changes,
            "from": named(before) if before else None,
            "to": named(version),
            "changed_regions": [change(region) for region in earlier],
        }
    }


def named(version: str) -> dict[str, str]:
    """A revision as plans name it."""
    return {"revision": f"r{version}", "version": version}


def change(region: str, before: str = "1.0", after: str = "1.1") -> dict[str, Any]:
    """What a run has changed in a region."""
    return {"region": region, "from": named(before), "to": named(after)}


def after(run: dict[str, Any], *ends: Any, way: str = "there") -> dict[str, Any]:
    """The order after regions have ended, one after the other: done, or with these answers of their balancers."""
    for end in ends:
        answers, made = end if isinstance(end, tuple) else (end, planned())
        run = regions.concluded(run, way, len(run[way]), made, DONE[way] if answers == "done" else answers)
    return run


def whose(run: dict[str, Any], way: str = "there", place: int | None = None) -> str:
    """The region whose turn it is."""
    return str(regions.turn(run, way, len(run[way]) if place is None else place)["name"])


def test_regions_take_their_turns_in_the_order_of_the_list() -> None:
    run = order_of()
    seen = []
    for _number in NAMES:
        seen.append(whose(run))
        run = after(run, "done")
    assert seen == list(NAMES)
    assert whose(run) == "nowhere"
    assert regions.verdict(run) == {
        "failed": False,
        "msg": "1.1 is active in eu; 1.1 is active in us; 1.1 is active in ap.",
    }


def test_a_turn_has_the_hosts_of_its_region_and_its_ledger_alone() -> None:
    turn = regions.turn(order_of(), "there", 0)
    assert turn["plan"] == ["lb-eu", "app-eu", "db1"]
    assert turn["slots"] == ["lb-eu", "app-eu"]
    assert turn["traffic"] == ["lb-eu"]
    assert not turn["last"]


@pytest.mark.parametrize("place", [1, 2, 3])
def test_no_region_starts_before_those_before_it_have_ended(place: int) -> None:
    assert whose(order_of(), place=place) == "nowhere"


def test_a_region_that_has_ended_has_no_other_turn() -> None:
    assert whose(after(order_of(), "done"), place=0) == "nowhere"


@pytest.mark.parametrize(
    "answers",
    [FAILED, [{"done": "there"}, *FAILED], [{"done": "there"}, {}], [{}], [], [{"done": "back"}]],
    ids=["failed", "failed on one balancer", "silent on one balancer", "silent", "without balancers", "another way"],
)
def test_a_region_that_has_not_come_to_its_end_stops_the_order(answers: list[dict[str, Any]]) -> None:
    run = after(order_of(), "done", answers)
    assert whose(run) == "nowhere"
    assert regions.verdict(run)["failed"]


def test_a_run_that_was_cut_off_is_not_taken_for_a_success() -> None:
    run = after(order_of(), "done")
    assert regions.verdict(run)["failed"]
    assert "us has not come to its end; ap was not touched" in regions.verdict(run)["msg"]


def test_a_failure_leaves_the_finished_regions_by_default() -> None:
    run = after(order_of(), "done", FAILED)
    assert whose(run, "back") == "nowhere"
    assert regions.verdict(run) == {
        "failed": True,
        "msg": "1.1 is active in eu; us has failed: slot green is not ready; eu is left as it is, on 1.1; "
        "ap was not touched.",
    }


def test_a_failure_returns_the_regions_in_reverse_order_if_wanted() -> None:
    run = after(order_of(regions_on_failure="return"), "done", "done", FAILED)
    assert whose(run, "back") == "us"
    run = after(run, ("done", planned(version="1.0")), way="back")
    assert whose(run, "back") == "eu"
    run = after(run, (FAILED, planned(version="1.0")), way="back")
    assert whose(run, "back") == "nowhere"
    verdict = regions.verdict(run)
    assert verdict["failed"]
    assert "us has returned to 1.0; eu has not returned: slot green is not ready" in verdict["msg"]
    assert "left as it is" not in verdict["msg"]


def test_one_region_that_cannot_return_does_not_keep_the_others() -> None:
    run = after(order_of(regions_on_failure="return"), "done", "done", FAILED)
    assert whose(after(run, FAILED, way="back"), "back") == "eu"


def test_a_region_goes_back_to_what_it_had_and_from_what_it_got() -> None:
    run = after(order_of(regions_on_failure="return"), ("done", planned(before="0.9")), FAILED)
    assert regions.turn(run, "back", 0)["returns"] == {"before": named("0.9"), "deployed": named("1.1")}
    assert regions.turn(run, "there", 1)["returns"] == {}


@pytest.mark.parametrize("before", ["1.1", ""], ids=["filled a host that came back", "had nothing"])
def test_a_region_that_has_no_other_revision_to_go_back_to_is_left(before: str) -> None:
    run = after(order_of(regions_on_failure="return"), ("done", planned(before=before)), FAILED)
    assert whose(run, "back") == "nowhere"
    assert "eu is left as it is, on 1.1" in regions.verdict(run)["msg"]


def test_what_was_returned_before_is_told_as_it_is() -> None:
    run = after(order_of(regions_on_failure="return"), "done", FAILED)
    run = after(run, ("done", planned(changes=False, version="1.0")), way="back")
    assert "eu had left it before, and stays on 1.0" in regions.verdict(run)["msg"]


def test_nothing_returns_where_nothing_has_failed() -> None:
    assert whose(after(order_of(regions_on_failure="return"), "done", "done", "done"), "back") == "nowhere"


def test_a_region_that_has_left_no_record_returns_those_before_it() -> None:
    run = after(order_of(regions_on_failure="return"), "done")
    assert whose(run, "back") == "eu"
    run = after(run, ("done", planned(version="1.0")), way="back")
    assert regions.verdict(run) == {
        "failed": True,
        "msg": "1.1 is active in eu; eu has returned to 1.0; us has not come to its end; ap was not touched.",
    }


def test_a_region_that_had_the_revision_before_the_run_is_not_returned() -> None:
    run = after(order_of(regions_on_failure="return"), ("done", planned(changes=False)), FAILED)
    assert whose(run, "back") == "nowhere"


def test_a_resumed_run_returns_what_the_killed_one_had_changed() -> None:
    run = after(order_of(regions_on_failure="return"), ("done", planned(changes=False, before="1.1")))
    run = after(run, (FAILED, planned(earlier=("eu",))))
    assert whose(run, "back") == "eu"
    assert regions.turn(run, "back", 0)["returns"] == {"before": named("1.0"), "deployed": named("1.1")}


def test_names_alone_that_an_earlier_version_has_recorded_return_nothing() -> None:
    run = after(order_of(regions_on_failure="return"), ("done", planned(changes=False, before="1.1")))
    recorded = planned()
    recorded["plan"]["changed_regions"] = ["eu"]
    run = after(run, (FAILED, recorded))
    assert whose(run, "back") == "nowhere"
    assert "eu is left as it is, on 1.1" in regions.verdict(run)["msg"]


def test_a_region_that_fails_after_it_has_become_active_is_returned_too() -> None:
    unhealthy = [{"reason": "lb-us does not answer", "active": True}]
    run = after(order_of(regions_on_failure="return"), "done", unhealthy)
    assert whose(run, "back") == "us"
    left = regions.verdict(after(order_of(), "done", unhealthy))["msg"]
    assert "us is left as it is, on 1.1" in left


def test_a_failed_rollback_returns_nothing() -> None:
    run = after(order_of("rollback", regions_on_failure="return"), "done", FAILED)
    assert whose(run, "back") == "nowhere"


@pytest.mark.parametrize("verb", ["rollback", "abort"])
def test_the_ways_back_take_the_last_region_first(verb: str) -> None:
    assert [region["name"] for region in order_of(verb)["regions"]] == ["ap", "us", "eu"]


def test_one_region_alone_can_be_rolled_back() -> None:
    run = order_of("rollback", region="us")
    assert [region["name"] for region in run["regions"]] == ["us"]
    assert regions.turn(run, "there", 0)["last"]
    assert not regions.verdict(after(run, "done"))["failed"]


def test_an_abort_goes_on_past_a_region_that_fails() -> None:
    run = after(order_of("abort"), FAILED)
    assert whose(run) == "us"
    assert regions.turn(run, "there", 1)["slots"] == []
    run = after(run, "done", ("done", planned(changes=False)))
    assert regions.verdict(run)["failed"]


def test_an_abort_of_nothing_fails() -> None:
    nothing = ("done", planned(changes=False))
    verdict = regions.verdict(after(order_of("abort"), nothing, nothing, nothing))
    assert verdict["failed"]
    assert "there is nothing to abort" in verdict["msg"]


def test_a_check_plans_every_region_with_what_the_run_would_have_changed() -> None:
    run = after(order_of(), [{"done": "planned"}])
    assert whose(run) == "us"
    assert regions.changed(run) == [change("eu")]
    run = after(run, [{"done": "planned"}], ([{"done": "planned"}], planned(changes=False)))
    assert regions.verdict(run) == {
        "failed": False,
        "msg": "eu would get 1.1; us would get 1.1; ap has 1.1 already.",
    }


def test_regions_with_the_same_virtual_address_are_refused() -> None:
    with pytest.raises(InputError, match=r"192\.0\.2\.9 is that of eu and of us"):
        order_of(virtual_address="192.0.2.9/24")


def test_every_region_but_the_last_bakes() -> None:
    baked = {name: inputs_of(name, bake=5, region_bake=60).bake for name in NAMES}
    assert baked == {"eu": 65, "us": 65, "ap": 5}
    assert inputs_of("eu", "rollback", bake=5, region_bake=60).bake == 5


def region_inputs(verb: str = "deploy") -> Inputs:
    """The inputs of a region with two balancers and two application hosts."""
    groups = {"eu": ["lb1", "lb2", "app1", "app2"], "slipway_regions": ["lb1", "lb2", "app1", "app2"]}
    groups |= {"all": [*groups["eu"], "db1"], "balancers": ["lb1", "lb2"], "application": ["app1", "app2"]}
    variables = {
        "slipway_app": "shop",
        "slipway_version": "1.2",
        "slipway_artifact": "https://artifacts.example/shop.tar.gz",
        "slipway_components": copy.deepcopy([WEB, MAILER]),
        "slipway_ledger_host": "db1",
        "slipway_regions": ["eu"],
    }
    return validate(variables, groups, verb=verb, region="eu")


def test_a_plan_names_its_region_and_those_that_were_changed_before() -> None:
    made = plan(region_inputs(), document("1.2"), fleet_of("1.0", None), changed_regions=[change("us")]).plan
    assert (made["region"], made["changed_regions"]) == ("eu", [change("us")])
    without = plan(inputs_for("1.1"), document("1.1"), fleet_of("1.0", None)).plan
    assert not {"region", "changed_regions"} & set(without)


HISTORY = tuple(proven(version) for version in ("1.0", "1.1", "1.2"))


def returns(before: str, deployed: str) -> dict[str, Any]:
    """What a region goes back from and to."""
    return {
        "before": {"revision": identifier(before), "version": before},
        "deployed": {"revision": identifier(deployed), "version": deployed},
    }


@pytest.mark.parametrize("before", ["1.0", "1.1"])
def test_a_return_goes_to_what_is_recorded_whichever_revision_is_the_previous_one(before: str) -> None:
    fleet = fleet_of("1.2", "1.1", kept=("1.0",), history=HISTORY)
    inputs = returning.inputs_of(region_inputs("rollback"), returns(before, "1.2"))
    assert returning.replaced_by(inputs, fleet, returns(before, "1.2")) is None
    made = plan(inputs, None, fleet).plan
    assert (made["verb"], made["to"]["version"], made["changes"]) == ("rollback", before, True)


def test_what_somebody_else_has_made_active_meanwhile_is_left_alone() -> None:
    fleet = fleet_of("1.1", "1.2", kept=("1.0",), history=HISTORY)
    other = returning.replaced_by(region_inputs("rollback"), fleet, returns("1.1", "1.2"))
    assert other == {"revision": identifier("1.1"), "version": "1.1"}


def test_a_region_in_which_a_balancer_still_leads_to_what_was_deployed_is_not_left_alone() -> None:
    fleet = fleet_of("1.1", "1.2", kept=("1.0",), history=HISTORY)
    fleet["lb2"] = balancer("green")
    assert returning.replaced_by(region_inputs("rollback"), fleet, returns("1.1", "1.2")) is None


def test_a_return_is_refused_where_a_new_host_never_had_what_was_active_before() -> None:
    fleet = fleet_of("1.2", "1.1", kept=("1.0",), history=HISTORY)
    known = fleet["app2"]["release"]["revisions"]
    fleet["app2"]["release"]["revisions"] = [item for item in known if item["id"] != identifier("1.1")]
    inputs = returning.inputs_of(region_inputs("rollback"), returns("1.1", "1.2"))
    with pytest.raises(StateError, match=r"of version 1\.1 is not kept on app2") as caught:
        plan(inputs, None, fleet)
    assert "deploy that version again" in caught.value.remedy
