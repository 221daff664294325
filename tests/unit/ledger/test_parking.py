# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A parked deployment: when it may go on, who may approve it, and what may not happen meanwhile."""

from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import digest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, LeaseError, StateError
from ansible_collections.slipway.release.plugins.module_utils._common.files import read_state
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Answer, Ledger

from tests.unit.ledger.made import SetClock, parking_plan_of, plan_of

PLAN = parking_plan_of("1.0", origin="0.9")
DIGEST = digest(PLAN)
FOR_A_TIME, FOR_BOTH = "canary at 10 %", "before_settle"
BEFORE_OUR_SCHEMA = 1


def parked(ledger: Ledger, stage: str = "before_traffic") -> Answer:
    begun = ledger.begin(PLAN, "ann@pc", 60)
    return ledger.park(begun.deployment, begun.token, stage)


def approve(ledger: Ledger, deployment: str, stage: str = "before_traffic", operator: str = "bob@pc") -> Answer:
    return ledger.approve(deployment, stage, DIGEST, operator, "looks good")


def go_on(ledger: Ledger, **how: str) -> Answer:
    return ledger.begin(PLAN, "eve@pc", 60, **how)


def test_the_stage_is_done_the_lease_is_gone_and_what_it_waits_for_is_shown(ledger: Ledger) -> None:
    answer = parked(ledger, FOR_BOTH)
    info = ledger.info()
    assert (info["lease"], info["unfinished"]["committed"]) == (None, ["all", FOR_BOTH])
    assert info["unfinished"]["parked"] == answer.parked
    assert (answer.parked["stage"], answer.parked["holder"], answer.parked["approval"]) == (FOR_BOTH, "ann@pc", True)
    assert answer.parked["waits_for"] == (
        "until 2026-11-21T07:47:40Z (60 s from now) and until it is approved (approve.yml)"
    )
    last = ledger.storage.events(answer.deployment)[-1]
    assert (last["action"], last["stage"], last["evidence"]["seconds"]) == ("park", FOR_BOTH, 60)


def test_only_the_holder_of_a_live_lease_parks_and_only_where_the_plan_says_so(ledger: Ledger, clock: SetClock) -> None:
    begun = ledger.begin(PLAN, "ann@pc", 60)
    with pytest.raises(InputError, match="does not park at 'switch'"):
        ledger.park(begun.deployment, begun.token, "switch")
    clock.pass_seconds(60)
    with pytest.raises(LeaseError, match="has run out"):
        ledger.park(begun.deployment, begun.token, "before_traffic")
    assert ledger.info()["unfinished"]["parked"] is None


def test_it_does_not_go_on_before_its_time_and_then_it_does(ledger: Ledger, clock: SetClock) -> None:
    first = parked(ledger, FOR_A_TIME)
    clock.pass_seconds(599)
    with pytest.raises(StateError, match=r"parked at canary at 10 % until .* \(1 s from now\)"):
        go_on(ledger)
    clock.pass_seconds(1)
    again = go_on(ledger)
    assert (again.deployment, again.token, again.committed) == (first.deployment, first.token + 1, [FOR_A_TIME])
    assert ledger.info()["unfinished"]["parked"] is None


@pytest.mark.parametrize(("behind", "left"), [(0, 500), (600, 600), (-499, 1), (-500, 0), (-86400, 0)])
def test_after_a_boot_the_wall_clock_counts_and_never_for_longer_than_was_asked(
    ledger: Ledger, clock: SetClock, monkeypatch: pytest.MonkeyPatch, behind: int, left: int
) -> None:
    parked(ledger, FOR_A_TIME)
    clock.pass_seconds(100)
    known = clock.now()
    clock.boot, clock.milliseconds = "boot-2", 5000
    offset = known - clock.now()
    real = SetClock.now
    monkeypatch.setattr(SetClock, "now", lambda self: real(self) + offset - type(offset)(seconds=behind))
    assert ledger.info()["unfinished"]["parked"]["remaining_seconds"] == left


@pytest.mark.parametrize("ahead", [-600, 600])
def test_without_a_boot_a_wall_clock_ten_minutes_off_has_no_effect(
    ledger: Ledger, clock: SetClock, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    parked(ledger, FOR_A_TIME)
    clock.pass_seconds(300)
    real = SetClock.now
    shift = clock.now() - real(SetClock(clock.milliseconds - ahead * 1000))
    monkeypatch.setattr(SetClock, "now", lambda self: real(self) + shift)
    assert ledger.info()["unfinished"]["parked"]["remaining_seconds"] == 300


def test_it_goes_on_once_another_operator_has_approved_it(ledger: Ledger) -> None:
    first = parked(ledger)
    with pytest.raises(StateError, match="until it is approved"):
        go_on(ledger)
    assert approve(ledger, first.deployment).parked["waits_for"] == ""
    assert ledger.info()["unfinished"]["approvals"] == [
        {"stage": "before_traffic", "operator": "bob@pc", "reason": "looks good", "given": "2026-11-21T07:46:40Z"}
    ]
    again = go_on(ledger)
    assert again.committed == ["before_traffic"]
    ledger.finish(again.deployment, again.token, "active")
    assert ledger.info()["state"]["deployments"][-1]["approvals"][0]["operator"] == "bob@pc"
    assert "approve" in [event["action"] for event in ledger.storage.events(first.deployment)]


def test_time_and_approval_are_both_waited_for(ledger: Ledger, clock: SetClock) -> None:
    first = parked(ledger, FOR_BOTH)
    approve(ledger, first.deployment, FOR_BOTH)
    with pytest.raises(StateError, match="until 2026"):
        go_on(ledger)
    clock.pass_seconds(60)
    assert go_on(ledger).resumed


@pytest.mark.parametrize("operator", ["ann@pc", "ann@another-controller"])
def test_who_has_run_it_approves_only_where_that_is_allowed(ledger: Ledger, operator: str) -> None:
    first = parked(ledger)
    with pytest.raises(LeaseError, match="ann has begun this deployment"):
        approve(ledger, first.deployment, operator=operator)
    assert ledger.info()["unfinished"].get("approvals") is None
    assert ledger.approve(
        first.deployment, "before_traffic", DIGEST, operator, "nobody else is here", self_approval=True
    ).changed


def test_who_began_it_does_not_approve_what_another_has_run_further(ledger: Ledger, clock: SetClock) -> None:
    begun = ledger.begin(PLAN, "ann@pc", 60)
    clock.pass_seconds(60)
    again = ledger.begin(PLAN, "bob@pc", 60)
    ledger.park(begun.deployment, again.token, "before_traffic")
    for operator in ("ann@pc", "bob@pc"):
        with pytest.raises(LeaseError):
            approve(ledger, begun.deployment, operator=operator)
    assert approve(ledger, begun.deployment, operator="cleo@pc").changed


def test_two_operators_may_approve_and_each_is_recorded_once(ledger: Ledger) -> None:
    first = parked(ledger)
    assert approve(ledger, first.deployment).changed
    assert not approve(ledger, first.deployment).changed
    assert approve(ledger, first.deployment, operator="cleo@pc").changed
    assert [given["operator"] for given in ledger.info()["unfinished"]["approvals"]] == ["bob@pc", "cleo@pc"]


def test_an_approval_holds_for_this_deployment_stage_and_plan_alone(ledger: Ledger, clock: SetClock) -> None:
    first = parked(ledger)
    for deployment, stage, of_plan in (
        ("20261121T073000Z-000000", "before_traffic", DIGEST),
        (first.deployment, FOR_BOTH, DIGEST),
        (first.deployment, "before_traffic", digest(plan_of("1.0"))),
    ):
        with pytest.raises(StateError, match="is not parked at"):
            ledger.approve(deployment, stage, of_plan, "bob@pc", "looks good")
    approve(ledger, first.deployment)
    token = go_on(ledger).token
    ledger.park(first.deployment, token, FOR_BOTH)
    clock.pass_seconds(60)
    with pytest.raises(StateError, match="parked at before_settle until it is approved"):
        go_on(ledger)


def test_nothing_is_approved_before_it_is_parked_or_where_only_time_is_waited_for(ledger: Ledger) -> None:
    begun = ledger.begin(PLAN, "ann@pc", 60)
    with pytest.raises(StateError, match="is not parked at"):
        approve(ledger, begun.deployment)
    ledger.park(begun.deployment, begun.token, FOR_A_TIME)
    with pytest.raises(StateError, match="waits for no approval"):
        approve(ledger, begun.deployment, FOR_A_TIME)


def test_of_two_that_go_on_one_holds_the_lease(ledger: Ledger) -> None:
    first = parked(ledger)
    approve(ledger, first.deployment)
    seen = ledger.info()["token"]
    go_on(ledger, token_seen=seen)
    with pytest.raises(LeaseError, match="of eve@pc holds the lease"):
        ledger.begin(PLAN, "joe@pc", 60, token_seen=seen)


def test_an_abort_and_a_way_back_wait_for_nothing(ledger: Ledger, clock: SetClock) -> None:
    first = parked(ledger)
    taken = go_on(ledger, resume=first.deployment, take_over="users report errors")
    assert (taken.deployment, "undo" in taken.committed) == (first.deployment, False)
    clock.pass_seconds(60)
    ledger.park(first.deployment, go_on(ledger).token, FOR_BOTH)
    back = go_on(ledger, resume=first.deployment, way_back="lb1 returned the traffic")
    assert back.committed == ["before_traffic", "all", FOR_BOTH, "undo"]
    assert ledger.storage.events(first.deployment)[-1]["reason"] == "lb1 returned the traffic"


def test_another_plan_does_not_push_a_parked_one_aside(ledger: Ledger) -> None:
    first = parked(ledger)
    with pytest.raises(StateError, match="is parked at before_traffic, and this is another plan"):
        ledger.begin(plan_of("1.1"), "bob@pc", 60, abandon=first.deployment)
    assert ledger.info()["unfinished"]["deployment"] == first.deployment
    ledger.begin(plan_of("1.1"), "bob@pc", 60, abandon=first.deployment, abandon_as="returned")
    assert ledger.info()["state"]["deployments"][-1]["result"] == "returned"


def test_an_older_version_refuses_a_plan_that_parks_and_reads_everything_else(ledger: Ledger) -> None:
    first = parked(ledger)
    plan_file = ledger.storage.directory / "deployments" / first.deployment / "plan.json"
    with pytest.raises(StateError, match="has schema 2, this collection understands up to 1"):
        read_state(plan_file, BEFORE_OUR_SCHEMA)
    assert ledger.storage.plan(first.deployment) == PLAN
    ledger.begin(PLAN, "ann@pc", 60, take_over="no more")
    ledger.finish(first.deployment, 2, "aborted")
    plain = ledger.begin(plan_of("1.1"), "ann@pc", 60)
    for name in ("lease.json", "state.json", f"deployments/{plain.deployment}/plan.json"):
        assert json.loads((ledger.storage.directory / name).read_text())["schema"] == BEFORE_OUR_SCHEMA


@pytest.mark.parametrize(
    ("holder", "operator", "shared"),
    [
        ("ann@pc", "ann@laptop", "ann"),
        ("ann@pc", "bob@pc", ""),
        ("ann (AWX as runner)@ee1", "bob (AWX as runner)@ee2", ""),
        ("ann (AWX as runner)@ee1", "ann (AWX as runner)@ee2", "ann"),
        ("ann (AWX as runner)@ee1", "ann@pc", "ann"),
        ("ann@pc", "bob (AWX as ann)@pc", "the account ann"),
        ("ann@pc", "bob (AWX as runner)@ee1", ""),
        ("ann.b@example.org (AWX as runner)@ee1", "ann.b@example.org (AWX as runner)@ee1", "ann.b@example.org"),
    ],
)
def test_who_approves_shares_neither_name_nor_account_with_who_is_approved(
    ledger: Ledger, holder: str, operator: str, shared: str
) -> None:
    begun = ledger.begin(PLAN, holder, 60)
    ledger.park(begun.deployment, begun.token, "before_traffic")
    if not shared:
        assert approve(ledger, begun.deployment, operator=operator).changed
        return
    with pytest.raises(LeaseError, match=f"^{shared} has begun this deployment"):
        approve(ledger, begun.deployment, operator=operator)
