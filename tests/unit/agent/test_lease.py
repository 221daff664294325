# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A lease that runs out returns the traffic and bars its deployment; one that is renewed is not touched."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent import lease as lease_module
from ansible_collections.slipway.release.plugins.module_utils._agent.lease import LeaseKeeper
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._audit.left import leave
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, Surroundings, switch
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

from .conftest import FakeBalancer, lease, state


class World:
    """Time, boot and readiness that a test decides on."""

    def __init__(self) -> None:
        self.now = 9_999
        self.boot = "this boot"
        self.unready: dict[str, str] = {}

    def surroundings(self) -> Surroundings:
        """As ``switch`` sees it."""
        return Surroundings(
            now_ms=lambda: self.now,
            boot_id=lambda: self.boot,
            unready=lambda _config, names: {name: self.unready[name] for name in names if name in self.unready},
        )


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world in which retries need no waiting."""
    monkeypatch.setattr(lease_module, "RETRY_SECONDS", 0.0)
    return World()


@pytest.fixture
def keeper(balancer: FakeBalancer, world: World) -> LeaseKeeper:
    """The keeper of a balancer whose traffic went to green under a lease that ends at 10,000 ms."""
    balancer.apply(state(slot="green", generation=5, armed=lease()))
    return LeaseKeeper(balancer, Log(), world.surroundings())


def test_a_lease_that_still_runs_is_not_touched(keeper: LeaseKeeper, balancer: FakeBalancer) -> None:
    before = balancer.recorded()
    assert not keeper.step()
    assert balancer.recorded() == before
    assert Fence(balancer.directory, 0).barred() == 0


@pytest.mark.parametrize(("now", "boot"), [(10_000, "this boot"), (9_999, "another boot")])
def test_a_lease_that_ran_out_returns_the_traffic(
    keeper: LeaseKeeper, balancer: FakeBalancer, world: World, now: int, boot: str
) -> None:
    world.now, world.boot = now, boot
    assert keeper.step()
    assert balancer.live().percents == {"blue": 100, "green": 0}
    after = balancer.recorded()
    assert after is not None
    assert (after.lease, after.token, after.generation) == (None, 7, 6)
    assert not keeper.step()


def test_what_was_returned_is_in_the_audit_log_and_the_return_never_waits_for_it(
    keeper: LeaseKeeper, balancer: FakeBalancer, world: World, tmp_path: Path
) -> None:
    context = {"deployment": "d7", "token": 7}
    leave(balancer.directory, {"directory": f"{tmp_path}/log", "stream": "deployments", "mask": [], "context": context})
    world.now = 10_000
    assert keeper.step()
    keeper.trail.end(30)
    found = [
        json.loads(line)["event"]
        for line in (tmp_path / "log/deployments/current.jsonl").read_text("utf-8").splitlines()
    ]
    assert [(it["result"], it["deployment"], it["token"]) for it in found[1:]] == [("returned", "d7", 7)]
    details = found[1]["details"]
    assert (details["from"], details["to"]) == ({"blue": 0, "green": 100}, {"blue": 100, "green": 0})
    assert "ran out" in details["reason"]


def test_a_return_that_did_not_happen_is_not_in_the_audit_log(
    keeper: LeaseKeeper, balancer: FakeBalancer, world: World, tmp_path: Path
) -> None:
    leave(balancer.directory, {"directory": f"{tmp_path}/log", "stream": "deployments", "mask": [], "context": {}})
    world.now = 10_000
    world.unready = {f"blue-app{n}": "refused" for n in (1, 2, 3)}
    assert not keeper.step()
    keeper.trail.end(30)
    assert not (tmp_path / "log").exists()


def test_the_deployment_that_lost_its_lease_is_refused_and_the_next_is_not(
    keeper: LeaseKeeper, balancer: FakeBalancer, world: World
) -> None:
    world.now = 10_000
    keeper.step()
    back = Change(percents={"blue": 0, "green": 100}, lease_seconds=60)
    with pytest.raises(StaleTokenError) as caught:
        switch(balancer, Fence(balancer.directory, 7), back, surroundings=world.surroundings())
    assert "lease" in caught.value.message()
    assert balancer.live().percents["blue"] == 100
    switch(balancer, Fence(balancer.directory, 8), back, surroundings=world.surroundings())
    assert balancer.live().percents["green"] == 100


def test_a_lease_renewed_in_time_stays(keeper: LeaseKeeper, balancer: FakeBalancer, world: World) -> None:
    switch(balancer, Fence(balancer.directory, 7), Change(lease_seconds=60), surroundings=world.surroundings())
    world.now = 10_001
    assert not keeper.step()
    assert balancer.live().percents["green"] == 100


def test_a_lease_renewed_while_the_keeper_waited_for_the_lock_stays(
    keeper: LeaseKeeper, balancer: FakeBalancer, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.now = 10_000
    renewed = state(slot="green", generation=6, armed=lease(deadline_ms=20_000))
    held = Fence.held

    def renewed_first(self: Fence, timeout: float = 30) -> object:
        balancer.apply(renewed)
        return held(self, timeout)

    monkeypatch.setattr(Fence, "held", renewed_first)
    assert not keeper.step()
    assert balancer.recorded() == renewed
    assert Fence(balancer.directory, 0).barred() == 0


def test_without_a_ready_instance_to_return_to_it_keeps_trying(
    keeper: LeaseKeeper, balancer: FakeBalancer, world: World
) -> None:
    world.now = 10_000
    world.unready = {f"blue-app{n}": "refused" for n in (1, 2, 3)}
    assert not keeper.step()
    assert balancer.live().percents["green"] == 100
    del world.unready["blue-app2"]
    assert keeper.step()
    assert balancer.live().percents["blue"] == 100
    assert balancer.live().usable["blue"] == ("blue-app2",)


def test_what_an_operator_took_out_stays_out(keeper: LeaseKeeper, balancer: FakeBalancer, world: World) -> None:
    recorded = balancer.recorded()
    assert recorded is not None
    balancer.apply(replace(recorded, servers={"blue-app1": "quarantine"}))
    world.now = 10_000
    keeper.step()
    assert balancer.live().usable["blue"] == ("blue-app2", "blue-app3")
