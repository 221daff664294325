# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The request-loss budget against a server that fails for as long as the traffic is on one of its slots."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import Sticky
from ansible_collections.slipway.release.plugins.module_utils._balancer.loss_budget import (
    Exceeded,
    LossBudget,
    back,
    judged,
    moved_within,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import Lease, State
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, Outcome
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError

GREEN = Change(percents={"blue": 0, "green": 100})
QUICK = LossBudget("/ready", rate=100, before=0, after=1)


class Fleet:
    """A server on a port of its own, and the move that decides which slot answers."""

    def __init__(self, config: Any) -> None:
        self.state = State.initial("shop", "blue")
        self.bad_slot = ""
        self.names_slot = False
        self.refusal = ""
        self.hosts: set[str] = set()
        self.keys: list[str] = []
        self.moves: list[dict[str, int]] = []
        self.changes: list[Change] = []
        fleet = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                slot = max(fleet.state.percents, key=fleet.state.percents.__getitem__)
                fleet.hosts.add(self.headers["Host"])
                fleet.keys.append(self.headers["X-User"] or "")
                self.send_response(500 if slot == fleet.bad_slot else 200)
                if fleet.names_slot:
                    self.send_header("X-Slipway-Slot", slot)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.config = replace(config, port=self.server.server_address[1], server_names=("_", "shop.example"))

    def move(self, change: Change) -> Outcome:
        if self.refusal and len(self.moves) == 1:
            raise StateError(self.refusal, where="blue", remedy="look at it")
        before = self.state
        self.state = replace(before, percents=change.percents or before.percents)
        self.moves.append(dict(self.state.percents))
        self.changes.append(change)
        return Outcome(self.state != before, before, self.state, None, True, [])

    def spend(self, budget: LossBudget = QUICK, change: Change = GREEN) -> tuple[Outcome, dict[str, Any]]:
        return moved_within(budget, self.config, self.move, change)


@pytest.fixture
def fleet(config: Any) -> Iterator[Fleet]:
    made = Fleet(config)
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_a_move_within_the_budget_stays(fleet: Fleet) -> None:
    outcome, loss = fleet.spend()
    assert outcome.changed
    assert fleet.moves == [{"blue": 0, "green": 100}]
    assert loss["summary"]["total"]["lost"] == 0
    assert loss["summary"]["total"]["ok"] >= 50
    assert fleet.hosts == {"shop.example"}


def test_what_exceeds_the_budget_is_moved_back(fleet: Fleet) -> None:
    fleet.bad_slot = "green"
    with pytest.raises(Exceeded, match=r"requests lost, 0 allowed: \d+ status; the traffic was moved back") as caught:
        fleet.spend()
    assert fleet.moves == [{"blue": 0, "green": 100}, {"blue": 100, "green": 0}]
    assert caught.value.as_result()["loss"]["summary"]["total"]["lost_by"]["status"] > 0


def test_a_larger_budget_lets_it_stay(fleet: Fleet) -> None:
    fleet.bad_slot = "green"
    _outcome, loss = fleet.spend(replace(QUICK, max_lost=1000))
    assert loss["summary"]["total"]["lost"] > 0
    assert fleet.state.percents["green"] == 100


def test_a_way_back_that_is_refused_is_said(fleet: Fleet) -> None:
    fleet.bad_slot, fleet.refusal = "green", "blue-app1 is not ready"
    with pytest.raises(Exceeded, match="could not be moved back: blue: blue-app1 is not ready"):
        fleet.spend()


def test_a_move_that_fails_ends_the_meter(fleet: Fleet) -> None:
    def refused(change: Change) -> Outcome:
        raise StateError("green-app1 is not ready", where="green", remedy="look at it")

    with pytest.raises(StateError, match="green-app1 is not ready"):
        moved_within(QUICK, fleet.config, refused, GREEN)
    assert multiprocessing.active_children() == []


def test_what_the_active_slot_loses_already_is_not_blamed_on_the_move(fleet: Fleet) -> None:
    """Without that a rollback or a fix would be returned to the very revision that it replaces."""
    fleet.bad_slot = "blue"
    budget = replace(QUICK, before=1)
    _outcome, loss = fleet.spend(budget)
    assert loss["summary"]["around"]["before"]["ok"] == 0
    # Insufficient where an answer of the old revision came after the move had begun.
    assert loss["verdict"] in ("pass", "insufficient")
    assert fleet.moves == [{"blue": 0, "green": 100}]


def test_losses_before_and_after_prove_nothing_about_the_move(fleet: Fleet) -> None:
    fleet.state, fleet.bad_slot = replace(fleet.state, percents={"blue": 80, "green": 20}), "blue"
    outcome, loss = fleet.spend(replace(QUICK, before=1), Change(percents={"blue": 60, "green": 40}))
    around = loss["summary"]["around"]
    assert loss["verdict"] == "insufficient"
    before, since = ({"lost": part["lost"], "sent": part["sent"]} for part in (around["before"], around["since"]))
    assert loss["reason"] == (
        f"{since['lost']} of {since['sent']} requests were lost since the move began, "
        f"but {before['lost']} of {before['sent']} were lost before it already"
    )
    assert min(before["lost"], since["lost"]) > 0
    assert fleet.state == outcome.after


def test_a_bad_answer_of_a_slot_that_gained_nothing_is_its_own(fleet: Fleet) -> None:
    fleet.bad_slot, fleet.names_slot = "blue", True
    _outcome, loss = fleet.spend(QUICK, Change(percents={"blue": 90, "green": 10}))
    since = loss["summary"]["around"]["since"]
    assert (since["sent"], since["lost"]) == (0, 0)
    assert since["answered_elsewhere"] > 0
    assert fleet.moves == [{"blue": 90, "green": 10}]


def test_a_bad_answer_of_the_slot_that_gained_is_lost(fleet: Fleet) -> None:
    fleet.bad_slot, fleet.names_slot = "green", True
    with pytest.raises(Exceeded):
        fleet.spend()


def test_a_forced_move_stays(fleet: Fleet) -> None:
    fleet.bad_slot = "green"
    _outcome, loss = fleet.spend(QUICK, replace(GREEN, force=True))
    assert loss["verdict"] == "fail"
    assert fleet.moves == [{"blue": 0, "green": 100}]


def counted(sent: int, lost: int, ok: int | None = None) -> dict[str, Any]:
    answered = sent - lost if ok is None else ok
    return {"sent": sent, "lost": lost, "ok": answered, "late": 0, "lost_by": {"reset": lost}}


@pytest.mark.parametrize(
    ("before", "since", "verdict"),
    [
        (counted(50, 0), counted(50, 0), "pass"),
        (counted(50, 9), counted(50, 0), "pass"),
        (counted(50, 0), counted(50, 1), "fail"),
        (counted(50, 1), counted(50, 1), "insufficient"),
        (counted(0, 0), counted(50, 50), "insufficient"),
        (counted(50, 0), counted(0, 0), "insufficient"),
    ],
)
def test_only_what_the_move_has_met_is_its_own(before: Any, since: Any, verdict: str) -> None:
    total = {"scheduled": before["sent"] + since["sent"], "not_sent": 0}
    summary = {"total": total, "around": {"before": before, "since": since}}
    assert judged(LossBudget("/"), summary)[0] == verdict


def test_without_a_look_before_the_move_every_loss_is_its_own() -> None:
    summary = {"total": {}, "around": {"before": counted(0, 0), "since": counted(5, 1)}}
    assert judged(QUICK, summary)[0] == "fail"


LEASED = State.initial("shop", "blue")
INTO = Change(
    percents={"blue": 50, "green": 50},
    servers={"green-app1": "ready", "green-app2": "quarantine", "blue-app1": "drain"},
    lease_seconds=300,
    return_to={"blue": 50, "green": 50},
)


def test_the_way_back_puts_servers_and_the_lease_back_too() -> None:
    lease = Lease(token=7, deadline_ms=1, boot_id="b", return_to={"blue": 100, "green": 0})
    before = replace(LEASED, lease=lease, servers={"green-app1": "quarantine", "blue-app1": "drain"})
    assert back(INTO, before) == Change(
        percents={"blue": 100, "green": 0},
        stable="blue",
        servers={"green-app1": "quarantine", "green-app2": "ready"},
        lease_seconds=300,
        return_to={"blue": 100, "green": 0},
    )


def test_the_way_back_disarms_what_was_not_armed() -> None:
    undone = back(INTO, LEASED)
    assert (undone.settle, undone.lease_seconds, undone.return_to) == (True, 0, None)


def test_the_way_back_to_shared_traffic_keeps_a_lease() -> None:
    undone = back(INTO, replace(LEASED, percents={"blue": 70, "green": 30}))
    assert (undone.settle, undone.lease_seconds, undone.return_to) == (False, 300, {"blue": 70, "green": 30})


def test_the_way_back_arms_nothing_for_a_move_that_armed_nothing() -> None:
    undone = back(GREEN, LEASED)
    assert (undone.settle, undone.lease_seconds, undone.return_to) == (False, 0, None)


def test_every_request_is_a_user_of_its_own_where_a_header_names_them(fleet: Fleet) -> None:
    fleet.config = replace(fleet.config, sticky=Sticky("header", "X-User"))
    fleet.spend()
    assert len(set(fleet.keys)) == len(fleet.keys) >= 50


@pytest.mark.parametrize(
    ("sticky", "expected"),
    [
        (Sticky("cookie", "shop"), "cookie:shop"),
        (Sticky("header", "X-User"), "header:X-User"),
        (Sticky("address", ""), ""),
        (Sticky("request", ""), ""),
    ],
)
def test_the_key_of_the_meter_is_where_the_balancer_looks(config: Any, sticky: Sticky, expected: str) -> None:
    assert QUICK.options(replace(config, sticky=sticky)).sticky == expected


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"path": "ready"}, "path"),
        ({"rate": 0}, "rate"),
        ({"rate": 1001}, "rate"),
        ({"before": -1}, "before"),
        ({"after": 61}, "after"),
        ({"max_lost": -1}, "max_lost"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_moves(
    fleet: Fleet, values: dict[str, Any], name: str
) -> None:
    with pytest.raises(InputError) as caught:
        fleet.spend(replace(QUICK, **values))
    assert caught.value.where == f"loss_budget.{name}"
    assert fleet.moves == []
