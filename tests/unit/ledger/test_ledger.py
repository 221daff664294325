# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger's commands: who may act, with which token, and what is recorded."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import digest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    LeaseError,
    StaleTokenError,
    StateError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._ledger import history
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Answer, Ledger

from tests.unit.ledger.made import SetClock, plan_of


def test_the_first_deployment_gets_token_1_and_a_sortable_id(ledger: Ledger) -> None:
    answer = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    assert (answer.changed, answer.token, answer.resumed) == (True, 1, False)
    assert answer.deployment.startswith("20261121T074640Z-")
    assert len(answer.deployment) == len("20261121T073000Z-abcdef")
    assert ledger.info()["lease"] == {
        "token": 1,
        "deployment": answer.deployment,
        "holder": "ann@pc",
        "live": True,
        "remaining_seconds": 60,
        "purpose": "",
    }


def test_a_live_lease_is_refused_with_who_what_and_how_long(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.pass_seconds(20)
    with pytest.raises(LeaseError) as refused:
        ledger.begin(plan_of("1.0"), "bob@pc", 60)
    for part in (first.deployment, "ann@pc", "40 more seconds"):
        assert part in refused.value.what
    assert ledger.info()["token"] == 1


def test_the_same_plan_resumes_after_expiry_with_a_higher_token(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    ledger.commit(first.deployment, 1, "place", {"hosts": 3})
    clock.pass_seconds(60)
    again = ledger.begin(plan_of("1.0"), "bob@pc", 60)
    assert (again.deployment, again.token, again.resumed, again.committed) == (first.deployment, 2, True, ["place"])
    assert [event["action"] for event in ledger.storage.events(first.deployment)] == ["begin", "commit", "resume"]


def test_with_a_reason_the_live_lease_of_the_same_plan_is_taken_over(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    taken = ledger.begin(plan_of("1.0"), "bob@pc", 60, take_over="users report errors")
    assert (taken.deployment, taken.token, taken.resumed) == (first.deployment, 2, True)
    last = ledger.storage.events(first.deployment)[-1]
    assert (last["action"], last["reason"], last["holder"]) == ("resume", "users report errors", "bob@pc")
    with pytest.raises(StaleTokenError):
        ledger.commit(first.deployment, 1, "gate", {})


def test_another_plan_never_takes_a_live_lease_over(ledger: Ledger) -> None:
    ledger.begin(plan_of("1.0"), "ann@pc", 60)
    with pytest.raises(LeaseError):
        ledger.begin(plan_of("1.1"), "bob@pc", 60, take_over="users report errors")


@pytest.mark.parametrize("take_over", ["", "users report errors"])
@pytest.mark.parametrize("result", ["active", "failed"])
def test_what_has_ended_meanwhile_is_neither_resumed_nor_begun_anew(
    ledger: Ledger, take_over: str, result: str
) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    seen = ledger.info()["token"]
    ledger.finish(first.deployment, first.token, result)
    with pytest.raises(StateError, match=f"deployment {first.deployment} has ended meanwhile"):
        ledger.begin(plan_of("1.0"), "bob@pc", 60, token_seen=seen, resume=first.deployment, take_over=take_over)
    assert (ledger.info()["unfinished"], ledger.info()["lease"]) == (None, None)


def test_who_comes_second_is_told_who_holds_the_lease(ledger: Ledger) -> None:
    seen = ledger.info()["token"]
    ledger.begin(plan_of("1.0"), "ann@pc", 60, token_seen=seen)
    with pytest.raises(LeaseError, match="of ann@pc holds the lease for"):
        ledger.begin(plan_of("1.1"), "bob@pc", 60, token_seen=seen)


@pytest.mark.parametrize("wanted", ["1.0", "1.1"])
def test_a_controller_that_stood_still_since_it_planned_begins_nothing(ledger: Ledger, wanted: str) -> None:
    seen = ledger.info()["token"]
    other = ledger.begin(plan_of("1.0"), "ann@pc", 60, token_seen=seen)
    ledger.finish(other.deployment, other.token, "active")
    with pytest.raises(StateError, match="has begun since the plan was made"):
        ledger.begin(plan_of(wanted), "bob@pc", 60, token_seen=seen)
    assert ledger.info()["token"] == other.token
    assert ledger.begin(plan_of(wanted), "bob@pc", 60, token_seen=other.token).token == other.token + 1


def test_another_plan_needs_the_unfinished_deployment_named(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.pass_seconds(60)
    with pytest.raises(StateError, match="left unfinished"):
        ledger.begin(plan_of("1.1"), "bob@pc", 60)
    second = ledger.begin(plan_of("1.1"), "bob@pc", 60, abandon=first.deployment)
    assert (second.token, second.resumed) == (2, False)
    assert ledger.info()["state"]["deployments"][0]["result"] == "abandoned"
    assert ledger.storage.events(first.deployment)[-1]["result"] == "abandoned"


def test_the_lease_ends_when_the_ledger_host_has_booted(ledger: Ledger, clock: SetClock) -> None:
    ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.boot = "boot-2"
    assert ledger.begin(plan_of("1.0"), "bob@pc", 60).token == 2


def test_the_token_is_above_what_hosts_have_seen(ledger: Ledger) -> None:
    assert ledger.begin(plan_of("1.0"), "ann@pc", 60, token_above=41).token == 42


def test_the_token_survives_a_lost_lease_file(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60, token_above=7)
    ledger.finish(first.deployment, 8, "active")
    (ledger.storage.directory / "lease.json").unlink()
    assert ledger.begin(plan_of("1.1"), "ann@pc", 60).token == 9


def test_the_uuid_is_given_once(ledger: Ledger) -> None:
    assert ledger.info()["uuid"] == ""
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    ledger.finish(first.deployment, 1, "active")
    assert ledger.begin(plan_of("1.1"), "ann@pc", 60).uuid == first.uuid == ledger.info()["uuid"]


@pytest.mark.parametrize("command", ["renew", "commit"])
def test_a_sign_of_life_gives_the_lease_its_full_length(ledger: Ledger, clock: SetClock, command: str) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.pass_seconds(50)
    if command == "renew":
        ledger.renew(first.deployment, 1)
    else:
        ledger.commit(first.deployment, 1, "gate", {})
    assert ledger.info()["lease"]["remaining_seconds"] == 60


def test_an_expired_lease_is_not_renewed(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.pass_seconds(60)
    with pytest.raises(LeaseError, match="run out"):
        ledger.renew(first.deployment, 1)
    with pytest.raises(LeaseError, match="run out"):
        ledger.commit(first.deployment, 1, "gate", {})


def test_without_a_live_lease_nothing_is_called_active_but_failure_is_recorded(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.pass_seconds(60)
    with pytest.raises(LeaseError, match="run out"):
        ledger.finish(first.deployment, 1, "active")
    assert ledger.finish(first.deployment, 1, "failed", "lost").changed
    assert ledger.info()["unfinished"] is None


def test_a_replaced_deployment_can_do_nothing(ledger: Ledger, clock: SetClock) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.pass_seconds(60)
    ledger.begin(plan_of("1.0"), "bob@pc", 60)
    before = ledger.info()
    commands: list[Callable[[], Answer]] = [
        lambda: ledger.renew(first.deployment, 1),
        lambda: ledger.commit(first.deployment, 1, "switch", {}),
        lambda: ledger.finish(first.deployment, 1, "failed"),
        lambda: ledger.release("mine", 1),
    ]
    for command in commands:
        with pytest.raises(StaleTokenError, match="token 1 is stale"):
            command()
    assert ledger.info() == before


def test_a_replaced_deployment_learns_so_from_a_release_also_when_the_newer_one_has_ended(
    ledger: Ledger, clock: SetClock
) -> None:
    ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.pass_seconds(60)
    second = ledger.begin(plan_of("1.0"), "bob@pc", 60)
    ledger.finish(second.deployment, second.token, "active")
    before = ledger.info()
    with pytest.raises(StaleTokenError, match="token 1 is stale, the ledger has issued 2"):
        ledger.release("mine", 1)
    assert ledger.info() == before
    assert not ledger.release("mine", 2).changed


def test_finish_records_the_outcome_and_ends_the_lease(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    ledger.finish(first.deployment, 1, "active", evidence={"requests": 1000})
    info = ledger.info()
    assert info["lease"] is None
    assert info["unfinished"] is None
    assert info["state"]["active"] == {"slot": "green", "revision": "r1.0", "version": "1.0"}
    assert [item["version"] for item in info["state"]["proven"]] == ["1.0"]
    assert info["state"]["deployments"][0]["result"] == "active"
    assert ledger.begin(plan_of("1.1"), "ann@pc", 60).token == 2


def test_finishing_twice_is_one_outcome_and_another_one_is_refused(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    assert ledger.finish(first.deployment, 1, "failed").changed
    assert not ledger.finish(first.deployment, 1, "failed").changed
    with pytest.raises(StateError, match="already ended as failed"):
        ledger.finish(first.deployment, 1, "active")
    assert len(ledger.info()["state"]["deployments"]) == 1


def test_an_operator_releases_the_lease_and_the_same_plan_resumes(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    assert ledger.release("controller switched off").deployment == first.deployment
    assert not ledger.release("again").changed
    with pytest.raises(LeaseError, match="holds no lease"):
        ledger.renew(first.deployment, 1)
    again = ledger.begin(plan_of("1.0"), "bob@pc", 60)
    assert (again.resumed, again.token) == (True, 2)
    assert ledger.storage.events(first.deployment)[1]["reason"] == "controller switched off"


def test_the_unfinished_deployment_is_shown_with_its_plan(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    ledger.commit(first.deployment, 1, "place", {})
    unfinished = ledger.info()["unfinished"]
    assert unfinished["plan"] == plan_of("1.0")
    assert unfinished["digest"] == digest(plan_of("1.0"))
    assert unfinished["committed"] == ["place"]


def test_a_stage_is_committed_once(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    ledger.commit(first.deployment, 1, "place", {})
    assert ledger.commit(first.deployment, 1, "place", {}).committed == ["place"]


def test_every_event_says_who_when_and_with_which_token(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    ledger.commit(first.deployment, 1, "switch", {"generation": 7})
    ledger.finish(first.deployment, 1, "failed", "not ready")
    events = ledger.storage.events(first.deployment)
    assert [(event["kind"], event["action"]) for event in events] == [
        ("intent", "begin"),
        ("outcome", "commit"),
        ("outcome", "finish"),
    ]
    for event in events:
        assert {"schema", "time", "boottime_ms", "boot_id", "app", "deployment", "token", "holder"} <= set(event)
    assert events[1]["evidence"] == {"generation": 7}
    assert (events[2]["result"], events[2]["reason"]) == ("failed", "not ready")


@pytest.mark.parametrize("evidence", [{"ratio": 0.5}, {"é": 1}, {"n": 2**53}])
def test_evidence_without_a_canonical_form_is_refused(ledger: Ledger, evidence: dict[str, Any]) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    with pytest.raises(InputError) as refused:
        ledger.commit(first.deployment, 1, "gate", evidence)
    assert refused.value.where == "evidence"


def test_check_mode_judges_and_writes_nothing(tmp_path: Path, clock: SetClock) -> None:
    checked = Ledger("shop", root=tmp_path, time=clock, check_mode=True)
    assert checked.begin(plan_of("1.0"), "ann@pc", 60).token == 1
    assert list(tmp_path.iterdir()) == []
    Ledger("shop", root=tmp_path, time=clock).begin(plan_of("1.0"), "ann@pc", 60)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    with pytest.raises(LeaseError):
        checked.begin(plan_of("1.1"), "ann@pc", 60)
    assert checked.finish(checked.info()["lease"]["deployment"], 1, "active").changed
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_only_the_owner_can_read_the_files(ledger: Ledger) -> None:
    ledger.begin(plan_of("1.0"), "ann@pc", 60)
    for path in [ledger.storage.directory, *ledger.storage.directory.rglob("*")]:
        assert path.stat().st_mode & 0o077 == 0, path


def test_a_torn_event_is_left_out_and_the_next_one_is_whole(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    path = ledger.storage.directory / "deployments" / first.deployment / "events.jsonl"
    with path.open("ab") as events:
        events.write(b'{"schema": 1, "act')
    ledger.commit(first.deployment, 1, "place", {})
    assert [event["action"] for event in ledger.storage.events(first.deployment)] == ["begin", "commit"]


def test_an_app_without_a_ledger_has_an_empty_one(ledger: Ledger) -> None:
    assert ledger.info() == {
        "uuid": "",
        "token": 0,
        "lease": None,
        "unfinished": None,
        "state": {"active": None, "proven": [], "left_out": [], "deployments": []},
        "last": None,
        "notes_due": [],
        "flags_set": None,
    }
    assert ledger.storage.events("never") == []


@pytest.mark.parametrize("name", ["lease.json", "state.json"])
def test_a_newer_schema_is_refused_with_upgrade(ledger: Ledger, name: str) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    ledger.finish(first.deployment, 1, "active")
    path = ledger.storage.directory / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": 2}))
    with pytest.raises(StateError) as refused:
        ledger.begin(plan_of("1.1"), "ann@pc", 60)
    assert "upgrade" in refused.value.remedy


class FullDisk:
    """The disk is full from the ``nth`` durable write on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, nth: int) -> None:
        self.left = nth
        real = os.fsync

        def fsync(descriptor: int) -> None:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            real(descriptor)

        monkeypatch.setattr(os, "fsync", fsync)


BEGIN_FSYNCS = 10


@pytest.mark.parametrize("nth", range(BEGIN_FSYNCS - 1))
def test_a_full_disk_is_one_error_and_begin_leaves_nothing(
    ledger: Ledger, clock: SetClock, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    with monkeypatch.context() as patch:
        disk = FullDisk(patch, nth)
        with pytest.raises(SystemFailure) as refused:
            ledger.begin(plan_of("1.0"), "ann@pc", 60)
        assert disk.left < 0
    assert "No space left" in refused.value.what
    assert "disk has room" in refused.value.remedy
    assert ledger.info()["lease"] is None
    assert list(ledger.storage.directory.glob("deployments/*")) == []
    assert ledger.begin(plan_of("1.1"), "ann@pc", 60).token == 1


def test_a_begin_that_could_not_be_acknowledged_expires_like_that_of_a_killed_controller(
    ledger: Ledger, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        FullDisk(patch, BEGIN_FSYNCS - 1)
        with pytest.raises(SystemFailure):
            ledger.begin(plan_of("1.0"), "ann@pc", 60)
    with pytest.raises(LeaseError):
        ledger.begin(plan_of("1.0"), "ann@pc", 60)
    clock.pass_seconds(60)
    assert ledger.begin(plan_of("1.0"), "ann@pc", 60).token == 2


@pytest.mark.parametrize("nth", range(2))
def test_a_full_disk_at_the_end_leaves_the_deployment_open(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    with monkeypatch.context() as patch:
        FullDisk(patch, nth)
        with pytest.raises(SystemFailure):
            ledger.finish(first.deployment, 1, "active")
    assert ledger.info()["unfinished"]["deployment"] == first.deployment
    assert ledger.info()["state"]["active"] is None
    assert ledger.finish(first.deployment, 1, "active").changed


def test_an_event_that_could_not_be_made_durable_is_not_there(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    path = ledger.storage.directory / "deployments" / first.deployment / "events.jsonl"
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        FullDisk(patch, 0)
        with pytest.raises(SystemFailure):
            ledger.commit(first.deployment, 1, "place", {})
    assert path.read_bytes() == before


def test_the_difference_shows_lease_and_outcome(ledger: Ledger) -> None:
    first = ledger.begin(plan_of("1.0"), "ann@pc", 60)
    assert ledger.summary()["unfinished"] == {"deployment": first.deployment, "committed": []}
    ledger.finish(first.deployment, 1, "failed")
    assert ledger.summary() == {
        "token": 1,
        "lease": None,
        "unfinished": None,
        "deployments": {first.deployment: "failed"},
    }


def ended(state: dict[str, Any], plan: dict[str, Any], result: str = "active") -> dict[str, Any]:
    identifier = f"d{len(state['deployments'])}"
    return history.closed(state, plan, {"id": identifier, "result": result, "token": 1})


def goodness(state: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(item["version"], item["good"]) for item in state["proven"]]


def test_a_revision_that_was_rolled_back_from_is_not_good_until_it_is_active_again() -> None:
    state = ended(history.empty(), plan_of("1.0"))
    state = ended(state, plan_of("1.1", origin="1.0"))
    assert goodness(state) == [("1.0", True), ("1.1", True)]
    state = ended(state, plan_of("1.0", origin="1.1", verb="rollback"))
    assert goodness(state) == [("1.1", False), ("1.0", True)]
    state = ended(state, plan_of("1.1", origin="1.0"))
    assert goodness(state) == [("1.0", True), ("1.1", True)]


@pytest.mark.parametrize("result", ["failed", "aborted", "abandoned"])
def test_a_deployment_that_did_not_become_active_proves_nothing(result: str) -> None:
    state = ended(history.empty(), plan_of("1.0"))
    state = ended(state, plan_of("1.1", origin="1.0"), result)
    assert goodness(state) == [("1.0", True)]
    assert state["active"] == {"slot": "blue", "revision": "r1.0", "version": "1.0"}


def test_a_failed_first_deployment_leaves_nothing_active() -> None:
    assert ended(history.empty(), plan_of("1.0"), "failed")["active"] is None


def test_history_is_bounded() -> None:
    state = history.empty()
    for number in range(60):
        state = ended(state, plan_of(f"1.{number}"))
    assert len(state["deployments"]) == history.KEPT_DEPLOYMENTS
    assert len(state["proven"]) == history.KEPT_PROVEN
    assert state["proven"][-1]["version"] == "1.59"


def left_out_after(state: dict[str, Any], result: str, **plan: Any) -> list[str]:
    entry = {"id": "d", "result": result, "token": 1}
    left: list[str] = history.closed(state, {**plan_of("1.0", verb="rollback"), **plan}, entry)["left_out"]
    return left


QUARANTINE = {
    "lost": ["app3"],
    "servers": {"switch": {"green-app3": "quarantine"}, "settle": {"blue-app3": "quarantine"}},
}


@pytest.mark.parametrize("result", history.RESULTS)
def test_the_instances_of_a_lost_host_are_remembered_however_the_rollback_left_out_after(result: str) -> None:
    assert left_out_after(history.empty(), result, **QUARANTINE) == ["blue-app3", "green-app3"]


@pytest.mark.parametrize(("result", "left"), [("active", ["green-app2"]), ("failed", ["blue-app2", "green-app2"])])
def test_what_a_deployment_admits_is_forgotten_once_it_is_active(result: str, left: list[str]) -> None:
    state = {**history.empty(), "left_out": ["blue-app2", "green-app2"]}
    assert left_out_after(state, result, servers={"switch": {"blue-app2": "ready"}, "settle": {}}) == left


BATCHES = [
    {
        "out": {"servers": {"blue-app1": "drain", "green-app1": "quarantine"}},
        "into": {"servers": {"green-app1": "ready", "green-app2": "quarantine"}},
    },
    {
        "out": {"servers": {"blue-app2": "drain", "green-app2": "quarantine"}},
        "into": {"servers": {"green-app2": "ready", "blue-app1": "ready", "blue-app2": "ready"}},
    },
]


@pytest.mark.parametrize(
    ("result", "left"),
    [
        ("active", []),
        *((result, ["blue-app1", "blue-app2", "green-app1", "green-app2"]) for result in history.RESULTS[1:]),
    ],
)
def test_what_batches_took_out_is_remembered_unless_they_all_came_to_their_end(result: str, left: list[str]) -> None:
    assert left_out_after(history.empty(), result, batches=BATCHES) == left
    assert left_out_after(history.empty(), "failed", batches=[{**BATCHES[0], "out": None}]) == ["green-app2"]


@pytest.mark.parametrize(("result", "left"), [("active", []), ("failed", ["blue-app2"])])
def test_what_only_the_way_back_takes_out_is_remembered_when_it_was_gone(result: str, left: list[str]) -> None:
    servers = {"switch": {}, "settle": {}, "undo": {"blue-app2": "quarantine"}}
    assert left_out_after(history.empty(), result, servers=servers) == left


def test_instances_of_a_host_that_is_gone_for_good_are_forgotten() -> None:
    assert left_out_after({**history.empty(), "left_out": ["blue-app9", "green-app1"]}, "active") == ["green-app1"]


def test_every_region_has_a_lease_and_tokens_of_its_own(tmp_path: Path, clock: SetClock) -> None:
    eu, us, whole = (Ledger("shop", region, root=tmp_path, time=clock) for region in ("eu", "us", ""))
    first = eu.begin(plan_of("1.0"), "ann@pc", 60)
    second = us.begin(plan_of("1.0"), "ann@pc", 60)
    assert (first.token, second.token) == (1, 1)
    assert first.uuid != second.uuid
    assert whole.info()["token"] == 0
    us.finish(second.deployment, second.token, "active", "", {})
    assert eu.info()["unfinished"]["deployment"] == first.deployment


def test_metrics_count_deployments_also_those_that_are_forgotten(ledger: Ledger, clock: SetClock) -> None:
    for number in range(history.KEPT_DEPLOYMENTS + 3):
        begun = ledger.begin(plan_of(f"1.{number}"), "a", 60)
        assert ledger.figures()["under_way"] and ledger.figures()["began"] == int(clock.now().timestamp())
        assert ledger.figures()["lease_expires"] == int(clock.now().timestamp()) + 60
        ledger.finish(begun.deployment, begun.token, "active" if number == 0 else "failed")
    found = ledger.figures()
    assert found["runs"] == {**dict.fromkeys(history.RESULTS, 0), "active": 1, "failed": history.KEPT_DEPLOYMENTS + 2}
    assert found["succeeded"] == int(clock.now().timestamp()), "long forgotten"
    assert (found["under_way"], found["began"], found["lease_expires"]) == (False, None, None)


def test_an_older_ledger_counts_what_it_remembers() -> None:
    state = {**ended(ended(history.empty(), plan_of("1.0")), plan_of("1.1", origin="1.0"), "failed"), "runs": None}
    assert history.runs(state) == {**dict.fromkeys(history.RESULTS, 0), "active": 1, "failed": 1}
