# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A slot that was left is stopped when its time is over, and only where this host and every balancer say it is idle."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import whole
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    SlipwayError,
    StaleTokenError,
    StateError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._release.info import info
from ansible_collections.slipway.release.plugins.module_utils._release.present import Placing, present
from ansible_collections.slipway.release.plugins.module_utils._release.warm import TEMPLATE

from .conftest import ADDRESSES, SECONDS, Machine, release, report

SPLIT = {"blue": 10, "green": 90}


def due(machine: Machine) -> None:
    """The time is over, and nothing was looked at since it began."""
    machine.deployed()
    assert machine.look() == "keep"
    assert machine.status == "warm"
    machine.now_ms += SECONDS * 1000


def require_running(machine: Machine) -> None:
    assert machine.running("blue") and machine.enabled("blue"), "a slot that may get requests was stopped"


def test_it_is_stopped_when_its_time_is_over_and_keeps_its_revision(machine: Machine) -> None:
    machine.deployed()
    assert machine.status == "waiting" and machine.ticking()
    assert machine.look() == "keep"
    assert machine.look(after=SECONDS - 1) == "keep"
    require_running(machine)
    assert machine.look(after=1) == "rest"
    assert not machine.running("blue") and not machine.enabled("blue")
    assert machine.running("green") and machine.enabled("green")
    held = info(machine.host())["slots"]["blue"]
    assert (held["version"], held["status"], held["running"], held["drift"]) == ("1.0", "placed", False, [])
    assert (held["warm"]["status"], held["warm"]["until"]) == ("cold", None)
    assert not machine.ticking()


def test_only_what_answers_requests_is_stopped(machine: Machine) -> None:
    machine.deployed()
    machine.start("green", 2, components=["mailer"])
    (machine.top / "running" / "slipway-shop-mailer@blue.service").write_text("active")
    machine.look()
    assert machine.look(after=SECONDS) == "rest"
    assert machine.running("blue", "mailer") and machine.running("green", "mailer")


def test_whoever_starts_anything_in_the_slot_ends_the_time(machine: Machine) -> None:
    due(machine)
    machine.start("blue", 2, components=["mailer"])
    assert machine.record is None and not machine.ticking()


def test_the_time_begins_once_every_balancer_has_settled(machine: Machine) -> None:
    machine.place("blue", "1.0", 1, keep=False)
    machine.place("green", "2.0", 2)
    machine.settle("blue", 1)
    machine.look(after=SECONDS * 10)
    machine.settle("blue", 2, percents=SPLIT, lease=True)
    machine.look(after=SECONDS * 10)
    machine.settle("green", 2, lease=True)
    machine.look(after=SECONDS * 10)
    machine.reports[ADDRESSES[0]] = report("green", 2)
    machine.look(after=SECONDS * 10)
    assert machine.status == "waiting"
    require_running(machine)
    machine.settle("green", 2)
    assert machine.look(after=SECONDS * 10) == "keep"
    assert machine.status == "warm"
    assert machine.look(after=SECONDS) == "rest"


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"stable": "blue", "percents": whole("blue")}, "waiting"),
        ({"percents": SPLIT}, "waiting"),
        ({"override": True}, "waiting"),
        ({"lease": True}, "waiting"),
        ({"watching": 2}, "warm"),
        ({"watching": None}, "warm"),
        ({"token": 3}, "none"),
        ({"token": 3, "stable": "blue", "percents": whole("blue")}, "none"),
    ],
)
def test_a_balancer_that_leads_or_may_lead_requests_there_keeps_it(
    machine: Machine, changes: dict[str, Any], status: str
) -> None:
    due(machine)
    slot = changes.pop("stable", "green")
    machine.reports[ADDRESSES[1]] = report(slot, changes.pop("token", 2), **changes)
    machine.look()
    require_running(machine)
    assert machine.status == status
    assert machine.ticking() == (status != "none")


def test_traffic_that_has_returned_and_gone_again_begins_the_time_anew(machine: Machine) -> None:
    due(machine)
    machine.settle("blue", 2)
    machine.look()
    machine.settle("green", 2)
    machine.look()
    machine.look(after=SECONDS - 1)
    require_running(machine)
    assert machine.look(after=1) == "rest"


def test_a_balancer_that_does_not_answer_keeps_it_and_is_named(machine: Machine) -> None:
    due(machine)
    machine.reports[ADDRESSES[1]] = None
    machine.look()
    require_running(machine)
    shown = info(machine.host())["slots"]["blue"]["warm"]
    assert shown["complaint"] == f"no answer from the agent at {ADDRESSES[1]}"
    machine.settle("green", 2)
    assert machine.look() == "rest"


def test_a_balancer_that_was_added_and_leads_requests_there_keeps_it(machine: Machine) -> None:
    due(machine)
    machine.reports["10.0.0.3:8470"] = report("blue", 2)
    machine.look()
    require_running(machine)


def test_a_boot_begins_the_time_anew_also_without_the_balancers(machine: Machine) -> None:
    due(machine)
    machine.boot_id, machine.now_ms = "boot-2", SECONDS * 1000 * 1000
    machine.reports[ADDRESSES[0]] = None
    machine.look()
    assert (machine.status, machine.record and machine.record.deadline_ms) == ("waiting", 0)
    machine.settle("green", 2)
    machine.look()
    machine.look(after=SECONDS - 1)
    require_running(machine)
    assert machine.look(after=1) == "rest"


def test_the_wall_clock_decides_nothing(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.deployed()
    machine.look()
    monkeypatch.setattr("time.time", lambda: 4e9)
    machine.look(after=SECONDS - 1)
    require_running(machine)
    monkeypatch.setattr("time.time", lambda: 0.0)
    assert machine.look(after=1) == "rest"


@pytest.mark.parametrize("how", ["another revision", "failed", "token"])
def test_a_slot_that_is_not_what_was_recorded_is_left_alone(machine: Machine, how: str) -> None:
    due(machine)
    host = machine.host()
    if how == "token":
        with host.fence.held():
            host.fence.learn(3)
    elif how == "failed":
        host.mark("blue", replace(host.file.read().slots["blue"], status="failed"))
    else:
        record = machine.record
        assert record is not None
        host.warm.write(replace(record, revision="0123456789abcdef"))
    assert machine.look() == "end"
    require_running(machine)
    assert machine.record is None and not machine.ticking()


def test_looking_takes_no_lock_as_long_as_nothing_changes(machine: Machine) -> None:
    machine.deployed()
    machine.look()
    with machine.host().acting():
        assert machine.look(after=SECONDS / 2) == "keep"


def test_a_newer_deployment_that_waits_for_the_lock_comes_first(machine: Machine) -> None:
    due(machine)

    def announced() -> None:
        if machine.asked % 2 == 0:
            (machine.layout.state / "announced").write_text("3\n")

    machine.asked = 0
    machine.while_asking = announced
    with pytest.raises(StaleTokenError):
        machine.look()
    require_running(machine)
    assert machine.look() == "end"


def test_a_new_deployment_that_fills_the_slot_ends_it_and_begins_another(machine: Machine) -> None:
    due(machine)
    machine.place("blue", "3.0", 3, active_slot="green")
    record = machine.record
    assert record is not None and (record.slot, record.token, record.status) == ("green", 3, "waiting")
    machine.look(after=SECONDS * 5)
    assert machine.running("blue") and machine.running("green")


def test_a_deployment_without_a_time_ends_it(machine: Machine) -> None:
    due(machine)
    machine.place("blue", "3.0", 3, keep=False, active_slot="green")
    assert machine.record is None and not machine.ticking()


@pytest.mark.parametrize("cold", [False, True])
def test_a_rollback_finds_it_running_or_starts_it_first(machine: Machine, cold: bool) -> None:
    due(machine)
    if cold:
        assert machine.look() == "rest"
        machine.place("blue", "1.0", 3, active_slot="green")
    else:
        machine.start("blue", 3, keep=True)
    assert machine.running("blue") and machine.enabled("blue")
    record = machine.record
    assert record is not None and (record.slot, record.token) == ("green", 3)
    machine.settle("blue", 3)
    machine.look()
    assert machine.look(after=SECONDS) == "rest"
    assert machine.running("blue") and not machine.running("green")


def test_starting_what_others_wait_for_in_the_new_slot_ends_nothing(machine: Machine) -> None:
    machine.place("blue", "1.0", 1, keep=False)
    machine.place("green", "2.0", 2)
    machine.stop("blue", 2, ["mailer"])
    machine.start("green", 2, components=["mailer"])
    assert machine.status == "waiting" and machine.ticking()


def test_a_deployment_that_fails_leaves_no_time_behind(machine: Machine) -> None:
    machine.place("blue", "1.0", 1, keep=False)
    machine.place("green", "2.0", 2)
    machine.stop("green", 2)
    assert machine.record is None and not machine.ticking()
    require_running(machine)


def test_a_release_that_cannot_be_fetched_leaves_no_time_behind(machine: Machine) -> None:
    machine.place("blue", "1.0", 1, keep=False)
    archive, _document = release(machine.top, "2.0")
    archive.write_bytes(b"no archive")
    with pytest.raises(SlipwayError, match="the artifact is refused"):
        machine.place("green", "2.0", 2)
    assert machine.record is None and not machine.ticking()
    require_running(machine)


def test_a_slot_that_does_not_start_leaves_no_time_behind_for_the_one_that_serves(machine: Machine) -> None:
    due(machine)
    assert machine.look() == "rest"
    machine.broken = True
    with pytest.raises(SystemFailure, match="did not start"):
        machine.start("blue", 3, keep=True)
    assert machine.record is None and not machine.ticking()


def test_the_same_request_again_changes_nothing_and_loses_no_time(machine: Machine) -> None:
    machine.deployed()
    machine.look()
    before = machine.record
    assert not machine.place("green", "2.0", 2).changed
    assert machine.record == before


def test_a_timer_that_somebody_has_stopped_is_started_by_the_same_request(machine: Machine) -> None:
    machine.deployed()
    (machine.top / "running" / "slipway-warm@shop.timer").unlink()
    assert machine.place("green", "2.0", 2).changed
    assert machine.ticking()


def test_the_first_release_leaves_nothing(machine: Machine) -> None:
    machine.place("blue", "1.0", 1)
    assert machine.record is None and not machine.ticking()


def test_without_the_timer_it_is_refused_before_anything_is_placed(machine: Machine) -> None:
    machine.place("blue", "1.0", 1, keep=False)
    (machine.layout.units / TEMPLATE).unlink()
    with pytest.raises(StateError, match="nobody would end") as refused:
        machine.place("green", "2.0", 2)
    assert "site.yml" in str(refused.value.remedy)
    assert machine.layout.linked("green") is None
    assert info(machine.host())["can_keep_warm"] is False


def test_check_mode_changes_nothing(machine: Machine) -> None:
    machine.deployed()
    before = machine.record
    _archive, document = release(machine.top, "3.0")
    assert present(machine.host(3, check=True), Placing("blue", document, active_slot="green")).changed
    assert machine.record == before and machine.ticking()


def test_killed_between_the_record_and_the_timer_the_next_look_ends_the_timer(machine: Machine) -> None:
    due(machine)
    machine.host().warm.remove()
    assert machine.look() == "end"
    assert not machine.ticking()
    require_running(machine)


def test_the_record_has_a_version_and_a_newer_one_is_refused(machine: Machine) -> None:
    machine.deployed()
    path = machine.host().warm.path
    content = json.loads(path.read_text())
    assert content["schema"] == 1
    path.write_text(json.dumps({**content, "schema": 2}))
    with pytest.raises(StateError, match="schema 2"):
        machine.look()
    require_running(machine)
    path.write_text(json.dumps({"schema": 1, "slot": "blue"}))
    with pytest.raises(StateError, match="cannot be read"):
        machine.look()
