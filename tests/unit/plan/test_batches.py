# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The batches of a rolling or simple rollout: who leaves, who joins, and that somebody always serves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._inputs.batches import sizes
from ansible_collections.slipway.release.plugins.module_utils._plan.rolling import Rolling
from ansible_collections.slipway.release.plugins.module_utils._plan.rollout import Course

from tests.unit.plan.made import inputs_for
from tests.unit.plan.test_steps import fleet_of, planned


@pytest.mark.parametrize(
    ("batches", "hosts", "expected"),
    [
        (["1"], 3, [1, 1, 1]),
        (["1", "25%", "100%"], 8, [1, 2, 5]),
        (["50%"], 5, [2, 2, 1]),
        (["10%"], 3, [1, 1, 1]),
        (["7"], 3, [3]),
    ],
)
def test_the_last_size_holds_for_all_that_follow(batches: list[str], hosts: int, expected: list[int]) -> None:
    assert list(sizes(batches, hosts)) == expected


def course(*hosts: str) -> Course:
    return Course(
        "blue", "green", dict.fromkeys(hosts, True), {"blue": 100, "green": 0}, {"blue": 0, "green": 100}, True
    )


def test_each_host_leaves_before_its_new_instance_joins() -> None:
    first, second = Rolling().batches(course("app1", "app2"), inputs_for(rollout="rolling", batch_pause=9))
    assert (first.name, first.hosts, first.seconds) == ("batch 1 of 2", ["app1"], 9)
    assert first.out == {
        "percents": {"blue": 100, "green": 0},
        "servers": {"blue-app1": "drain"},
        "drain": ["blue-app1"],
    }
    assert first.into == {
        "percents": {"blue": 50, "green": 50},
        "servers": {"green-app1": "ready", "green-app2": "quarantine"},
    }
    assert second.out is not None
    assert second.out["percents"] == {"blue": 0, "green": 100}, "nobody but the new ones is left to serve"
    assert second.into == {
        "percents": {"blue": 0, "green": 100},
        "servers": {"green-app2": "ready", "blue-app1": "ready", "blue-app2": "ready"},
    }
    assert second.seconds == 0, "what has all the traffic is watched by nobody but the settlement"


@pytest.mark.parametrize("sizes_of_batches", [["1"], ["2"], ["30%"], ["1", "100%"]])
@pytest.mark.parametrize("count", [2, 3, 7])
def test_whoever_has_a_share_has_somebody_to_serve_it(sizes_of_batches: list[str], count: int) -> None:
    hosts = [f"app{number}" for number in range(1, count + 1)]
    if list(sizes(sizes_of_batches, count)) == [count]:
        return
    serving = {"blue": set(hosts), "green": set()}
    for batch in Rolling().batches(course(*hosts), inputs_for(rollout="rolling", batches=sizes_of_batches)):
        assert batch.out is not None
        serving["blue"] -= set(batch.hosts)
        for slot, percent in batch.out["percents"].items():
            assert bool(percent) == bool(serving[slot]), (batch.name, "out", slot)
        serving["green"] |= set(batch.hosts)
        for slot, percent in batch.into["percents"].items():
            assert bool(percent) == bool(serving[slot]), (batch.name, "into", slot)
    assert serving == {"blue": set(), "green": set(hosts)}


def test_a_batch_of_everybody_is_refused() -> None:
    with pytest.raises(InputError, match="nobody would serve") as refused:
        planned("1.1", fleet_of("1.0", None), rollout="rolling", batches=["100%"])
    assert refused.value.where == "slipway_batches"


def test_simple_is_one_batch_that_nobody_serves_in_between() -> None:
    made = planned("1.1", fleet_of("1.0", None), rollout="simple")
    (batch,) = made["batches"]
    assert (batch["hosts"], batch["out"], batch["after"]) == (["app1", "app2"], None, "place")
    assert batch["into"]["percents"] == {"blue": 0, "green": 100}
    assert [stage["name"] for stage in made["stages"]] == ["place", "restart", "verify", "handover", "settle"]


@pytest.mark.parametrize("rollout", ["rolling", "simple"])
def test_the_first_release_has_no_batches(rollout: str) -> None:
    made = planned("1.0", fleet_of(None, None), rollout=rollout)
    assert (made["batches"], [step["name"] for step in made["steps"]]) == ([], ["switch"])


def test_other_batches_are_another_request_but_only_for_rolling() -> None:
    def request(**changes: Any) -> str:
        return str(planned("1.1", fleet_of("1.0", None), **changes)["request"])

    assert request(rollout="rolling", batches=["1"]) != request(rollout="rolling", batches=["1", "1"])
    assert request(batches=["1"]) == request(batches=["2"])
