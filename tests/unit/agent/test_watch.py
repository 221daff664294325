# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The health watch: what it takes out, what it puts back, and what it never does."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.watch import Watch, probe, watched
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig, Match
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, switch
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence

from .conftest import CONFIG, FakeBalancer, state

BLUE = ("blue-app1", "blue-app2", "blue-app3")


class Instances:
    """Instances of which some are dead; counts how often each was asked."""

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.asked: list[str] = []

    def probe(self, _config: BalancerConfig, names: Iterable[str]) -> dict[str, str]:
        """As the watch asks."""
        asked = list(names)
        self.asked += asked
        return {name: "Connection refused" if name in self.dead else "" for name in asked}


@pytest.fixture
def instances() -> Instances:
    """All alive."""
    return Instances()


@pytest.fixture
def watch(balancer: FakeBalancer, instances: Instances) -> Watch:
    """The watch of a balancer with all traffic to blue; fall 2, rise 2."""
    return Watch(balancer, Log(), instances.probe)


def rounds(watch: Watch, count: int) -> None:
    """Some rounds of the watch."""
    for _round in range(count):
        watch.step()


def usable(watch: Watch) -> tuple[str, ...]:
    """Blue's usable instances."""
    return watch.balancer.live().usable["blue"]


def test_an_instance_is_out_after_fall_failures_and_not_before(watch: Watch, instances: Instances) -> None:
    rounds(watch, 5)
    instances.dead = {"blue-app2"}
    rounds(watch, 1)
    assert usable(watch) == BLUE
    rounds(watch, 1)
    assert usable(watch) == ("blue-app1", "blue-app3")


def test_it_is_back_after_rise_successes_and_not_before(watch: Watch, instances: Instances) -> None:
    instances.dead = {"blue-app2"}
    rounds(watch, 2)
    instances.dead = set()
    rounds(watch, 1)
    assert usable(watch) == ("blue-app1", "blue-app3")
    rounds(watch, 1)
    assert usable(watch) == BLUE


def test_failures_that_are_not_consecutive_do_not_add_up(watch: Watch, instances: Instances) -> None:
    for dead in ({"blue-app2"}, set(), {"blue-app2"}, set(), {"blue-app2"}):
        instances.dead = dead
        rounds(watch, 1)
    assert usable(watch) == BLUE


def test_the_last_usable_instance_is_never_taken_out(watch: Watch, instances: Instances) -> None:
    instances.dead = set(BLUE)
    rounds(watch, 5)
    assert len(usable(watch)) == 1
    recorded = watch.balancer.recorded()
    assert recorded is not None
    assert len(recorded.down) == 2


def test_a_dead_one_that_was_kept_goes_as_soon_as_another_is_back(watch: Watch, instances: Instances) -> None:
    instances.dead = set(BLUE)
    rounds(watch, 3)
    (kept,) = usable(watch)
    back = next(name for name in BLUE if name != kept)
    instances.dead -= {back}
    rounds(watch, 2)
    assert usable(watch) == (back,)


def test_nothing_is_written_while_nothing_changes(watch: Watch, instances: Instances, balancer: FakeBalancer) -> None:
    rounds(watch, 5)
    assert balancer.applied == []
    instances.dead = {"blue-app2"}
    rounds(watch, 10)
    assert len(balancer.applied) == 1


def test_only_instances_that_take_traffic_are_asked(watch: Watch, instances: Instances, balancer: FakeBalancer) -> None:
    balancer.apply(replace(state(generation=5), servers={"blue-app3": "quarantine"}))
    rounds(watch, 1)
    assert instances.asked == ["blue-app1", "blue-app2"]
    assert watched(CONFIG, replace(state(), percents={"blue": 99, "green": 1}))[3:] == [
        "green-app1",
        "green-app2",
        "green-app3",
    ]


def test_an_instance_that_a_switch_found_ready_must_fail_anew(
    watch: Watch, instances: Instances, balancer: FakeBalancer
) -> None:
    instances.dead = {"blue-app2"}
    rounds(watch, 5)
    switch(balancer, Fence(balancer.directory, 0), Change(down={"blue-app2": False}, force=True))
    rounds(watch, 1)
    assert usable(watch) == BLUE
    rounds(watch, 1)
    assert usable(watch) == ("blue-app1", "blue-app3")


def test_the_token_and_the_lease_of_a_deployment_are_kept(
    watch: Watch, instances: Instances, balancer: FakeBalancer
) -> None:
    instances.dead = {"blue-app2"}
    rounds(watch, 2)
    after = balancer.recorded()
    assert after is not None
    assert (after.token, after.generation) == (7, 5)
    switch(balancer, Fence(balancer.directory, 7), Change(force=True))


def test_the_probe_tells_dead_from_alive(serve_status: dict[str, int], closed_port: int) -> None:
    servers = {
        "blue": {"app1": f"127.0.0.1:{serve_status['200']}", "app2": f"127.0.0.1:{serve_status['503']}"},
        "green": {"app1": f"127.0.0.1:{closed_port}"},
    }
    config = replace(CONFIG, servers=servers)
    assert probe(config, ["blue-app1", "blue-app2", "green-app1"]) == {
        "blue-app1": "",
        "blue-app2": "status 503",
        "green-app1": "Connection refused",
    }
    assert probe(config, []) == {}


def overridden(balancer: FakeBalancer, blue: int) -> None:
    """Matched requests are led to green, whatever the percents."""
    balancer.config = replace(CONFIG, match=(Match("cookie", "canary", ("1",)),))
    balancer.apply(replace(state(), percents={"blue": blue, "green": 100 - blue}, override=True))


def test_the_slot_that_the_override_leads_to_is_asked_and_none_is_kept(
    watch: Watch, balancer: FakeBalancer, instances: Instances
) -> None:
    overridden(balancer, 100)
    instances.dead = {*CONFIG.instances("green"), *BLUE}
    rounds(watch, 4)
    recorded = balancer.recorded()
    assert recorded is not None and recorded.overriding(CONFIG) == ()
    assert set(CONFIG.instances("green")) < set(recorded.down)
    assert len(set(BLUE) - set(recorded.down)) == 1, "everyone's slot keeps its last"
    instances.dead = set()
    rounds(watch, 2)
    recorded = balancer.recorded()
    assert recorded is not None and recorded.overriding(CONFIG) == CONFIG.instances("green")


def test_a_slot_that_shares_the_traffic_falls_back_to_all_when_the_override_keeps_none(
    watch: Watch, balancer: FakeBalancer, instances: Instances
) -> None:
    overridden(balancer, 90)
    instances.dead = set(CONFIG.instances("green"))
    rounds(watch, 3)
    recorded = balancer.recorded()
    assert recorded is not None
    assert (recorded.overriding(CONFIG), recorded.usable(CONFIG, "green")) == ((), CONFIG.instances("green"))
