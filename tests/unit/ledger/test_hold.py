# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lease for something that is no deployment: nothing begins meanwhile, and nothing is left to resume."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    LeaseError,
    StaleTokenError,
    StateError,
)
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger

from tests.unit.ledger.made import SetClock, parking_plan_of, plan_of


def test_no_deployment_begins_meanwhile_and_the_next_has_a_higher_token(ledger: Ledger) -> None:
    held = ledger.hold("contract", "ops@laptop", 300, "two weeks have passed")
    assert (held.changed, held.token) == (True, 1)
    with pytest.raises(LeaseError, match="of ops@laptop holds the lease for 300 more seconds"):
        ledger.begin(plan_of("1.0"), "else@there", 300)
    ledger.release("it has ended", held.token)
    assert ledger.info()["lease"] is None
    assert ledger.begin(plan_of("1.0"), "else@there", 300).token == 2


def test_its_token_is_above_what_the_database_has_seen(ledger: Ledger) -> None:
    assert ledger.hold("contract", "ops@laptop", 300, token_above=41).token == 42


def test_it_runs_out_and_leaves_nothing_to_resume(ledger: Ledger, clock: SetClock) -> None:
    held = ledger.hold("contract", "ops@laptop", 300)
    clock.pass_seconds(200)
    ledger.renew(held.deployment, held.token)
    clock.pass_seconds(299)
    assert ledger.info()["lease"]["live"]
    clock.pass_seconds(1)
    assert ledger.info()["unfinished"] is None
    assert ledger.begin(plan_of("1.0"), "else@there", 300).resumed is False
    with pytest.raises(StaleTokenError):
        ledger.renew(held.deployment, held.token)


def test_it_does_not_come_between_the_parts_of_a_deployment(ledger: Ledger, clock: SetClock) -> None:
    begun = ledger.begin(parking_plan_of("1.0"), "ops@laptop", 300)
    with pytest.raises(LeaseError):
        ledger.hold("contract", "ops@laptop", 300)
    ledger.park(begun.deployment, begun.token, "before_traffic")
    with pytest.raises(StateError, match="is parked at before_traffic, and contract must not come between"):
        ledger.hold("contract", "ops@laptop", 300)
    clock.pass_seconds(301)
    ledger.begin(parking_plan_of("1.0"), "ops@laptop", 300, way_back="told so")
    clock.pass_seconds(301)
    with pytest.raises(StateError, match="was left unfinished"):
        ledger.hold("contract", "ops@laptop", 300)


def test_it_has_neither_stages_nor_a_result(ledger: Ledger) -> None:
    held = ledger.hold("contract", "ops@laptop", 300)
    for record in (
        lambda: ledger.commit(held.deployment, held.token, "place", {}),
        lambda: ledger.park(held.deployment, held.token, "before_traffic"),
        lambda: ledger.finish(held.deployment, held.token, "active"),
    ):
        with pytest.raises(StateError, match="no deployment"):
            record()
    assert ledger.info()["state"]["deployments"] == []


def test_it_is_recorded_who_held_it_and_why(ledger: Ledger) -> None:
    held = ledger.hold("contract", "ops@laptop", 300, "two weeks have passed")
    ledger.release("it has ended", held.token)
    events = ledger.storage.events(held.deployment)
    assert [(event["kind"], event["action"], event["holder"]) for event in events] == [
        ("intent", "hold", "ops@laptop"),
        ("outcome", "release", "ops@laptop"),
    ]
    assert events[0]["reason"] == "two weeks have passed" and events[0]["evidence"] == {"purpose": "contract"}


WAYS = ("abort.yml", "deployment", "resume")


def names_no_deployment(error: LeaseError) -> bool:
    return not any(way in error.message() for way in WAYS)


def test_who_is_kept_out_is_told_what_it_is_held_for_and_what_ends_it(ledger: Ledger) -> None:
    ledger.hold("contract", "ops@laptop", 300)
    for attempt in (
        lambda: ledger.begin(plan_of("1.0"), "else@there", 300),
        lambda: ledger.hold("undo", "else@there", 300),
    ):
        with pytest.raises(LeaseError) as refused:
            attempt()
        said = "migrate.yml (contract of the database) of ops@laptop holds the lease for 300 more seconds"
        assert refused.value.what == said
        assert refused.value.remedy == "wait for its end; with its controller gone, see release_lease.yml"
        assert names_no_deployment(refused.value)
    assert ledger.info()["lease"]["purpose"] == "contract"


def test_who_held_it_is_told_to_run_migrate_yml_again(ledger: Ledger, clock: SetClock) -> None:
    held = ledger.hold("undo", "ops@laptop", 300)
    clock.pass_seconds(301)
    with pytest.raises(LeaseError, match="the lease of migrate.yml .undo of the database. has run out") as late:
        ledger.renew(held.deployment, held.token)
    assert "run migrate.yml again" in late.value.remedy and names_no_deployment(late.value)
    released = ledger.release("it is gone")
    assert (released.purpose, released.deployment) == ("undo", held.deployment)
    with pytest.raises(LeaseError, match="migrate.yml .undo of the database. holds no lease") as gone:
        ledger.renew(held.deployment, held.token)
    assert "run migrate.yml again" in gone.value.remedy and names_no_deployment(gone.value)


def test_a_lease_of_a_deployment_is_held_for_nothing_else(ledger: Ledger) -> None:
    ledger.hold("contract", "ops@laptop", 300)
    ledger.release("it is gone")
    begun = ledger.begin(plan_of("1.0"), "ops@laptop", 300)
    assert ledger.info()["lease"]["purpose"] == ""
    with pytest.raises(LeaseError, match=f"deployment {begun.deployment} of ops@laptop holds") as refused:
        ledger.begin(plan_of("1.1"), "else@there", 300)
    assert "end it with abort.yml" in refused.value.remedy
    assert ledger.release("it is gone").purpose == ""
