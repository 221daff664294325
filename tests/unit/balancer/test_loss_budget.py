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
from ansible_collections.slipway.release.plugins.module_utils._balancer.loss_budget import (
    Exceeded,
    LossBudget,
    moved_within,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, Outcome
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError

GREEN = Change(percents={"blue": 0, "green": 100})
QUICK = LossBudget("/ready", rate=100, before=0, after=1)


class Fleet:
    """A server on a port of its own, and the move that decides which slot answers."""

    def __init__(self, config: Any) -> None:
        self.state = State.initial("shop", "blue")
        self.bad_slot = ""
        self.refusal = ""
        self.hosts: set[str] = set()
        self.moves: list[dict[str, int]] = []
        fleet = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                slot = max(fleet.state.percents, key=fleet.state.percents.__getitem__)
                fleet.hosts.add(self.headers["Host"])
                self.send_response(500 if slot == fleet.bad_slot else 200)
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
        return Outcome(self.state != before, before, self.state, None, True, [])

    def spend(self, budget: LossBudget = QUICK) -> tuple[Outcome, dict[str, Any]]:
        return moved_within(budget, self.config, self.move, GREEN)


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
