# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching: what is refused, what is asked, what is armed, and that the running balancer is believed, not the file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import Lease, State
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import (
    Change,
    Outcome,
    Surroundings,
    switch,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    StaleTokenError,
    StateError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

GREEN = {"blue": 0, "green": 100}
BLUE = {"blue": 100, "green": 0}
HALF = {"blue": 50, "green": 50}


@dataclass
class Bench:
    """A switch with everything around it in hand."""

    balancer: Any
    now_ms: int = 1_000_000
    boot_id: str = "boot"
    dead: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def unready(self, config: BalancerConfig, instances: Iterable[str]) -> dict[str, str]:
        names = list(instances)
        self.asked += names
        return {name: "answers 503" for name in names if name in self.dead}

    def __call__(self, token: int = 5, check: bool = False, **change: Any) -> Outcome:
        surroundings = Surroundings(lambda: self.now_ms, lambda: self.boot_id, self.unready)
        fence = Fence(self.balancer.directory, token)
        self.asked = []
        return switch(self.balancer, fence, Change(**change), check=check, surroundings=surroundings)

    def journal(self) -> list[dict[str, Any]]:
        path = self.balancer.directory / "journal.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def bench(memory: Any, state: Callable[..., State]) -> Bench:
    memory.apply(state(100, 7, token=4))
    memory.applied = 0
    return Bench(memory)


def test_a_switch_raises_the_generation_and_is_read_back(bench: Bench) -> None:
    outcome = bench(percents=GREEN)
    assert (outcome.changed, outcome.verified) == (True, True)
    assert outcome.before is not None
    assert (outcome.before.generation, outcome.after.generation, outcome.after.token) == (7, 8, 5)
    assert outcome.live is not None
    assert outcome.live.percents == GREEN
    assert [step["name"] for step in outcome.steps] == ["read", "ready", "apply", "verify"]
    assert all(isinstance(step["elapsed_us"], int) for step in outcome.steps)


def test_the_same_again_changes_nothing(bench: Bench) -> None:
    bench(percents=GREEN, stable="green", servers={"blue-app1": "drain"})
    lines = len(bench.journal())
    outcome = bench(token=6, percents=GREEN, stable="green", servers={"blue-app1": "drain"})
    assert (outcome.changed, outcome.verified, outcome.after.generation) == (False, True, 8)
    assert (bench.balancer.applied, len(bench.journal())) == (1, lines)


def test_a_recorded_state_that_the_process_does_not_follow_is_applied_again(bench: Bench) -> None:
    bench.balancer.state = replace(bench.balancer.state, percents=GREEN, generation=8)
    outcome = bench(percents=GREEN)
    assert (outcome.changed, outcome.after.generation) == (True, 9)
    assert bench.balancer.does.percents == GREEN


def test_a_process_that_does_not_obey_is_reported(bench: Bench) -> None:
    bench.balancer.ignores = True
    with pytest.raises(SystemFailure, match="instead of"):
        bench(percents=GREEN)
    assert "failed" in bench.journal()[-1]


def test_a_stale_token_is_refused_before_anything(bench: Bench) -> None:
    bench(token=9, percents=HALF)
    for check in (False, True):
        with pytest.raises(StaleTokenError):
            bench(token=8, check=check, percents=GREEN)
    assert bench.balancer.applied == 1


def test_the_token_is_checked_again_immediately_before_acting(bench: Bench) -> None:
    def newer_deployment(config: BalancerConfig, instances: Iterable[str]) -> dict[str, str]:
        (bench.balancer.directory / "token").write_text("9\n")
        return {}

    surroundings = Surroundings(lambda: 0, lambda: "boot", newer_deployment)
    with pytest.raises(StaleTokenError):
        switch(bench.balancer, Fence(bench.balancer.directory, 5), Change(percents=GREEN), surroundings=surroundings)
    assert bench.balancer.applied == 0


def test_check_mode_asks_everything_and_changes_nothing(bench: Bench) -> None:
    before = sorted(bench.balancer.directory.rglob("*"))
    outcome = bench(check=True, percents=GREEN)
    assert (outcome.changed, outcome.after.percents, outcome.after.generation) == (True, GREEN, 8)
    assert bench.asked == ["green-app1", "green-app2", "green-app3"]
    assert (bench.balancer.applied, sorted(bench.balancer.directory.rglob("*"))) == (0, before)
    assert not bench(check=True, percents=BLUE).changed


def test_every_instance_of_a_slot_that_gains_must_be_ready(bench: Bench) -> None:
    bench.dead = {"green-app2"}
    with pytest.raises(StateError) as refused:
        bench(percents={"blue": 99, "green": 1})
    assert "green-app2 (127.0.0.1:9102: answers 503)" in refused.value.what
    assert "green-app1" not in refused.value.what
    assert bench.balancer.applied == 0


def test_a_stable_slot_that_is_dead_does_not_keep_the_traffic_from_leaving_it(bench: Bench) -> None:
    bench.dead = {"blue-app1", "blue-app2", "blue-app3"}
    assert bench(percents=HALF, lease_seconds=60, return_to=BLUE).verified
    assert not any(name.startswith("blue") for name in bench.asked)
    assert bench(percents=GREEN).verified


def test_a_drained_instance_need_not_be_ready(bench: Bench) -> None:
    bench.dead = {"green-app2"}
    assert bench(percents=GREEN, servers={"green-app2": "drain"}).verified


def test_force_does_not_ask(bench: Bench) -> None:
    bench.dead = {"green-app1", "green-app2", "green-app3"}
    assert bench(percents=GREEN, force=True).verified
    assert bench.asked == []


def test_an_instance_that_answers_is_no_longer_dead(bench: Bench) -> None:
    bench(token=0, down={"green-app1": True})
    assert bench(percents=GREEN).after.down == ()


def test_the_stable_slot_takes_traffic_back_with_one_ready_instance(bench: Bench) -> None:
    bench(percents=GREEN)
    bench.dead = {"blue-app1"}
    outcome = bench(percents=BLUE)
    assert outcome.after.down == ("blue-app1",)
    bench(percents=GREEN)
    bench.dead = {"blue-app1", "blue-app2", "blue-app3"}
    with pytest.raises(StateError, match="not ready"):
        bench(percents=BLUE)


def test_a_server_returned_by_name_must_be_ready(bench: Bench) -> None:
    bench(servers={"blue-app1": "drain"})
    bench.dead = {"blue-app1"}
    with pytest.raises(StateError, match="blue-app1"):
        bench(servers={"blue-app1": "ready"})
    bench.dead = set()
    assert bench(servers={"blue-app1": "ready"}).after.servers == {}


def test_an_added_host_gets_no_traffic_before_it_is_ready(bench: Bench) -> None:
    servers = {
        "blue": {**bench.balancer.config.servers["blue"], "app4": "127.0.0.1:9004"},
        "green": {**bench.balancer.config.servers["green"], "app4": "127.0.0.1:9104"},
    }
    live = bench.balancer.live()
    bench.balancer.live = lambda: live
    bench.balancer.config = replace(bench.balancer.config, servers=servers)
    bench.dead = {"blue-app4"}
    outcome = bench(check=True)
    assert (outcome.changed, outcome.after.down) == (True, ("blue-app4",))
    bench.dead = set()
    assert bench(check=True).after.down == ()


def test_a_removed_host_is_forgotten(bench: Bench) -> None:
    bench(servers={"blue-app3": "drain"})
    servers = {slot: {"app1": hosts["app1"]} for slot, hosts in bench.balancer.config.servers.items()}
    bench.balancer.config = replace(bench.balancer.config, servers=servers)
    assert bench().after.servers == {}


def test_the_watch_is_believed(bench: Bench) -> None:
    bench.dead = {"blue-app1"}
    assert bench(token=0, down={"blue-app1": True}).after.down == ("blue-app1",)
    assert bench(token=0, down={"blue-app1": False}).after.down == ()
    assert bench.asked == []
    assert bench.balancer.state.token == 4


def test_the_last_server_of_a_slot_with_traffic_cannot_be_taken_out(bench: Bench) -> None:
    names = bench.balancer.config.instances("blue")
    with pytest.raises(StateError, match="without any server"):
        bench(servers=dict.fromkeys(names, "quarantine"), force=True)


@pytest.mark.parametrize("asked", ["drain", "quarantine"])
def test_the_last_ready_server_of_a_slot_with_traffic_is_not_taken_out(bench: Bench, asked: str) -> None:
    bench.dead = {"blue-app2", "blue-app3"}
    with pytest.raises(StateError, match="blue-app1 would leave slot blue with traffic and nobody ready") as refused:
        bench(servers={"blue-app1": asked}, percents=HALF)
    assert "blue-app2, blue-app3 not ready" in refused.value.what
    assert bench.balancer.applied == 0
    assert bench(servers={"blue-app1": asked}, force=True).after.servers == {"blue-app1": asked}


def test_a_server_is_taken_out_when_one_that_stays_is_ready_or_none_is_lost(bench: Bench) -> None:
    bench.dead = {"blue-app2"}
    assert bench(servers={"blue-app1": "drain"}).after.down == (), "what stays is the watch's to judge"
    bench.dead = {"blue-app2", "blue-app3"}
    assert bench(servers={"blue-app2": "drain"}).changed, "it was not ready itself"


def test_a_slot_that_gives_its_traffic_up_may_lose_its_last_ready_server(bench: Bench) -> None:
    bench.dead = {"blue-app2", "blue-app3"}
    assert bench(servers={"blue-app1": "drain"}, percents=GREEN).changed


def test_a_lease_is_armed_and_armed_again(bench: Bench) -> None:
    first = bench(percents=HALF, lease_seconds=300).after.lease
    assert first == Lease(5, 1_300_000, "boot", BLUE)
    bench.now_ms += 1000
    again = bench(lease_seconds=300, return_to={"blue": 90, "green": 10})
    assert again.after.lease == Lease(5, 1_301_000, "boot", {"blue": 90, "green": 10})
    assert (again.changed, again.after.percents) == (True, HALF)


def test_an_expired_lease_returns_the_traffic_once(bench: Bench) -> None:
    bench(percents=GREEN, lease_seconds=300)
    bench.now_ms += 299_999
    assert not bench(token=0, return_expired=True).changed
    bench.now_ms += 1
    outcome = bench(token=0, return_expired=True)
    assert (outcome.changed, outcome.after.percents, outcome.after.lease) == (True, BLUE, None)
    assert not bench(token=0, return_expired=True).changed


def test_a_boot_ends_a_lease(bench: Bench) -> None:
    bench(percents=GREEN, lease_seconds=300)
    bench.boot_id = "next boot"
    assert bench(token=0, return_expired=True).after.percents == BLUE


def test_a_renewed_lease_is_not_returned_by_an_agent_that_read_the_old_one(bench: Bench) -> None:
    bench(percents=GREEN, lease_seconds=300)
    bench.now_ms += 300_000
    bench(lease_seconds=300)
    assert not bench(token=0, return_expired=True).changed


def test_settling_disarms_and_needs_all_traffic_on_the_stable_slot(bench: Bench) -> None:
    bench(percents=HALF, lease_seconds=300)
    with pytest.raises(InputError, match="50 %"):
        bench(settle=True)
    bench(percents=GREEN, lease_seconds=300)
    outcome = bench(stable="green", settle=True)
    assert (outcome.after.stable, outcome.after.lease) == ("green", None)


def test_a_newer_deployment_that_moves_traffic_replaces_the_lease_of_the_old(bench: Bench) -> None:
    bench(token=5, percents=HALF, lease_seconds=300)
    assert bench(token=6, servers={"blue-app1": "drain"}).after.lease is not None
    assert bench(token=6, percents=GREEN).after.lease is None


def test_a_balancer_without_a_state_begins_only_when_told(memory: Any) -> None:
    bench = Bench(memory)
    with pytest.raises(StateError, match="no recorded state"):
        bench(percents=GREEN)
    outcome = bench(initial=True, stable="green")
    assert (outcome.before, outcome.after.percents, outcome.after.generation) == (None, GREEN, 1)
    assert not bench(initial=True).changed


def test_opening_and_closing_is_read_back(bench: Bench) -> None:
    assert bench(open=True).changed
    assert bench.balancer.is_open
    assert not bench(open=True).changed
    bench.balancer.close = lambda: None
    with pytest.raises(SystemFailure, match="open all the same"):
        bench(open=False)


@pytest.mark.parametrize(
    "change",
    [
        {"percents": {"blue": 60, "green": 60}},
        {"percents": {"blue": 100, "red": 0}},
        {"servers": {"blue-app9": "drain"}},
        {"servers": {"blue-app1": "asleep"}},
        {"return_to": BLUE},
        {"lease_seconds": 5, "settle": True},
        {"lease_seconds": 5, "token": 0},
        {"drain": ("blue",)},
        {"drain": ("blue-app1",)},
        {"drain": ("red",)},
    ],
)
def test_contradictions_are_refused_before_anything(bench: Bench, change: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        bench(**change)
    assert bench.balancer.applied == 0


def test_what_gets_no_requests_may_be_drained(bench: Bench) -> None:
    assert bench(percents=GREEN, drain=("blue", "blue-app1")).verified
    assert bench(servers={"green-app1": "drain"}, drain=("green-app1",)).verified


def test_intent_comes_before_outcome_and_both_name_the_token(bench: Bench) -> None:
    bench(percents=GREEN)
    intent, outcome = bench.journal()
    assert (intent["event"], intent["token"], intent["after"]["percents"]) == ("intent", 5, GREEN)
    assert (outcome["event"], outcome["generation"], outcome["live"]["percents"]) == ("outcome", 8, GREEN)


def test_an_unreadable_live_state_is_replaced(bench: Bench) -> None:
    answers = [StateError("no generation", where="x", remedy="y")]
    live = bench.balancer.live

    def once_unreadable() -> Any:
        if answers:
            raise answers.pop()
        return live()

    bench.balancer.live = once_unreadable
    assert bench().changed


def test_a_balancer_that_is_down_is_not_changed(bench: Bench, tmp_path: Path) -> None:
    def down() -> Any:
        raise SystemFailure("down", where="x", remedy="y")

    bench.balancer.live = down
    with pytest.raises(SystemFailure):
        bench(percents=GREEN)
    assert bench.balancer.applied == 0
