# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The batches of a rolling or simple rollout: who leaves, who joins, and that somebody always serves."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._inputs.batches import sizes
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan
from ansible_collections.slipway.release.plugins.module_utils._plan.rolling import Rolling
from ansible_collections.slipway.release.plugins.module_utils._plan.rollout import Course

from tests.unit.plan import made
from tests.unit.plan.made import WEB, inputs_for, proven
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
    inputs = inputs_for(rollout="rolling", batch_pause=9, bake=60)
    first, second = Rolling().batches(course("app1", "app2"), inputs)
    assert (first.name, first.hosts, first.seconds) == ("batch 1 of 2", ["app1"], 9)
    assert first.out == {
        "percents": {"blue": 100, "green": 0},
        "servers": {"blue-app1": "drain", "green-app1": "quarantine"},
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
    assert second.seconds == 60, "what has all the traffic is watched as with every other rollout"


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
    assert request(rollout="rolling") != request(rollout="rolling", batch_pause=9)
    assert request(batches=["1"], batch_pause=9) == request(batches=["2"])


def test_an_undo_returns_what_the_batches_took_out_of_the_new_slot() -> None:
    live = fleet_of("1.0", None)
    assert planned("1.1", live, rollout="rolling")["servers"]["undo"] == {"green-app1": "ready", "green-app2": "ready"}
    assert planned("1.0", live, rollout="rolling")["servers"]["undo"] == {}


def test_what_a_batch_stops_is_named_as_its_own_revision_names_it() -> None:
    live = fleet_of("1.0", None)
    live["app2"]["release"]["slots"]["blue"] = made.slot("blue", None)
    renamed = {**WEB, "name": "front", "health": {"ready": "/ready"}}
    leaving = planned("1.1", live, rollout="rolling", components=[renamed])["leaving"]
    (web,) = leaving["app1"]
    assert (web["name"], web["kind"], web["ports"]["blue"]) == ("web", "http", 8081)
    assert web["health"]["ready"] == "/health/ready"
    assert leaving["app2"] == [], "nothing is placed there"
    assert planned("1.1", live)["leaving"] == {}


def rolled_back(*lost: str) -> dict[str, Any]:
    live = fleet_of("1.0", "1.1", stable="green", history=(proven("1.0"), proven("1.1")))
    for host in ("app1", "app2"):
        live[host]["release"]["slots"]["blue"]["running"] = False
    live.update({host: {"unreachable": True} for host in lost})
    return plan(inputs_for(verb="rollback", rollback_to="previous", rollout="rolling"), None, live).plan


def test_a_rollback_with_one_host_left_starts_what_was_stopped_and_moves_all_traffic_at_once() -> None:
    alone = rolled_back("app2")
    assert (alone["batches"], [step["percents"] for step in alone["steps"]]) == ([], [{"blue": 100, "green": 0}])
    assert alone["hosts"] == {"app1": {"place": True}}, "its old instance does not run"
    assert [stage["name"] for stage in alone["stages"]][:3] == ["place", "gate", "smoke"]
    assert len(rolled_back()["batches"]) == 2
