# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""States and the assignment of buckets: every rule that users feel."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.assign import BUCKETS, assignment
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import SLOTS, BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import Lease, State
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError

Make = Callable[..., State]


def slots(buckets: tuple[str, ...]) -> Counter[str]:
    return Counter(name.split("-")[0] for name in buckets)


def test_a_state_survives_writing_and_reading(state: Make) -> None:
    lease = Lease(3, 1000, "boot", {"blue": 100, "green": 0})
    full = state(60, 7, servers={"blue-app1": "drain"}, down=("green-app2",), lease=lease)
    assert State.from_dict(json.loads(json.dumps(full.to_dict()))) == full


def test_ready_is_what_is_not_named(state: Make) -> None:
    assert state(servers={"blue-app1": "ready"}) == state()


@pytest.mark.parametrize(
    "values",
    [
        {"percents": {"blue": 50, "green": 49}},
        {"percents": {"blue": 101, "green": -1}},
        {"percents": {"blue": 100}},
        {"percents": {"blue": 50.0, "green": 50.0}},
        {"percents": {"blue": True, "green": 99}},
        {"percents": {"blue": 50, "green": 50, "red": 0}},
        {"stable": "red"},
        {"servers": {"blue-app1": "gone"}},
        {"generation": -1},
        {"lease": Lease(1, 1, "b", {"blue": 1, "green": 1})},
    ],
)
def test_a_state_that_makes_no_sense_cannot_be_made(state: Make, values: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        replace(state(), **values)


def test_malformed_content_is_refused() -> None:
    with pytest.raises(InputError, match="malformed"):
        State.from_dict({"app": "shop"})


def test_a_lease_expires_at_its_deadline_or_with_its_boot() -> None:
    lease = Lease(1, 1000, "boot", {"blue": 100, "green": 0})
    assert not lease.expired(999, "boot")
    assert lease.expired(1000, "boot")
    assert lease.expired(0, "another boot")


@pytest.mark.parametrize("blue", range(0, 101, 5))
def test_percents_are_exact(config: BalancerConfig, state: Make, blue: int) -> None:
    assert slots(assignment(config, state(blue))) == Counter({"blue": blue * 10, "green": 1000 - blue * 10})


def test_raising_a_percent_never_moves_a_bucket_back(config: BalancerConfig, state: Make) -> None:
    for slot in SLOTS:
        taken: set[int] = set()
        for percent in range(101):
            buckets = assignment(config, state(percent if slot == "blue" else 100 - percent))
            now = {bucket for bucket, name in enumerate(buckets) if name.startswith(slot)}
            assert taken <= now
            taken = now


def test_servers_of_a_slot_share_alike(config: BalancerConfig, state: Make) -> None:
    counted = Counter(assignment(config, state(100)))
    assert max(counted.values()) - min(counted.values()) <= 1


@pytest.mark.parametrize("out", [{"servers": {"blue-app2": "drain"}}, {"down": ("blue-app2",)}])
def test_a_server_taken_out_gets_nothing_and_its_users_come_back(
    config: BalancerConfig, state: Make, out: dict[str, Any]
) -> None:
    before = assignment(config, state(100))
    without = assignment(config, state(100, **out))
    assert "blue-app2" not in without
    assert [name for name in before if name != "blue-app2"] == [
        new for old, new in zip(before, without) if old != "blue-app2"
    ]
    counted = Counter(without)
    assert abs(counted["blue-app1"] - counted["blue-app3"]) <= 2


def test_servers_found_dead_are_used_when_no_other_is_left(config: BalancerConfig, state: Make) -> None:
    dead = state(100, down=config.instances("blue"), servers={"blue-app3": "quarantine"})
    assert set(assignment(config, dead)) == {"blue-app1", "blue-app2"}


def test_a_slot_with_traffic_needs_an_admitted_server(config: BalancerConfig, state: Make) -> None:
    none = state(1, servers=dict.fromkeys(config.instances("blue"), "drain"))
    with pytest.raises(StateError, match="slot blue would take 1 %"):
        assignment(config, none)
    assert len(assignment(config, replace(none, percents={"blue": 0, "green": 100}))) == BUCKETS


def test_unknown_servers_are_refused_and_forgotten_when_fitted(config: BalancerConfig, state: Make) -> None:
    strange = state(100, servers={"blue-app9": "drain"}, down=("green-app9",))
    with pytest.raises(InputError, match="blue-app9"):
        assignment(config, strange)
    assert strange.fitted(config) == state(100)
