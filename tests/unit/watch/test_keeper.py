# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch returns the traffic when what it judges fails, alone or after a peer, and never without reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report, own_report
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import whole
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, switch
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import (
    described,
    load,
    load_outcome,
    returned_token,
    watch_file,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence
from ansible_collections.slipway.release.plugins.module_utils._watch import returning as returning_module
from ansible_collections.slipway.release.plugins.module_utils._watch import service as service_module
from ansible_collections.slipway.release.plugins.module_utils._watch.service import Keeper

from tests.unit.agent.conftest import FakeBalancer, state

from .conftest import TOKEN, Address, World, request, settle, step_until

BACK = {"blue": 100, "green": 0}
STAYS = {"blue": 0, "green": 100}


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peers are asked and failures tried again without waiting."""
    for name in ("PEERS_SECONDS", "RETRY_SECONDS", "STANDING_SECONDS"):
        monkeypatch.setattr(service_module, name, 0.0)


def percents(balancer: FakeBalancer) -> dict[str, int]:
    return dict(balancer.live().percents)


def outcome(balancer: FakeBalancer) -> dict[str, Any]:
    return load_outcome(balancer.directory) or {}


def watched(address: Address, **changes: Any) -> Any:
    return request(**{"checks": [address.check()], "interval": 1, "failures": 2, **changes})


def test_a_release_that_turns_bad_is_taken_back_and_that_is_recorded(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address
) -> None:
    settle(balancer, world, watched(address))
    step_until(keeper, lambda: address.asked > 0)
    assert percents(balancer) == STAYS
    address.status = 500
    step_until(keeper, lambda: percents(balancer) == BACK)
    after, found = balancer.recorded(), outcome(balancer)
    assert after is not None
    assert (after.stable, after.lease, after.token) == ("blue", None, TOKEN)
    assert (found["result"], found["verdict"], found["metric"], found["deployment"]) == (
        "returned",
        "fail",
        "public",
        "d7",
    )
    assert [sample["verdict"] for sample in found["samples"]][-2:] == ["failure", "failure"]
    assert load(balancer.directory) is None
    assert returned_token(balancer.directory, after) == TOKEN
    lines = (balancer.directory / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["result"] for line in lines if json.loads(line)["event"] == "watch"] == [
        "returning",
        "returned",
    ]


def test_the_deployment_that_was_returned_can_do_nothing_more_and_the_next_can(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address
) -> None:
    address.status = 500
    settle(balancer, world, watched(address))
    step_until(keeper, lambda: percents(balancer) == BACK)
    with pytest.raises(StaleTokenError):
        settle(balancer, world, watched(address))
    again = Change(percents=whole("green"), lease_seconds=60)
    switch(balancer, Fence(balancer.directory, TOKEN + 1), again, surroundings=world.surroundings())
    assert percents(balancer) == STAYS


def test_what_answers_well_stays(balancer: FakeBalancer, world: World, keeper: Keeper, address: Address) -> None:
    settle(balancer, world, watched(address))
    step_until(keeper, lambda: address.asked >= 3)
    assert percents(balancer) == STAYS
    world.now += 600_000
    step_until(keeper, lambda: load(balancer.directory) is None)
    assert (percents(balancer), outcome(balancer)["result"], outcome(balancer)["verdict"]) == (STAYS, "ended", "pass")


def test_a_held_canary_returns_when_nobody_goes_on(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address
) -> None:
    settle(balancer, world, watched(address, at_end="return"))
    keeper.step()
    assert percents(balancer) == STAYS
    world.now += 600_000
    step_until(keeper, lambda: percents(balancer) == BACK)
    assert "nobody went on" in outcome(balancer)["reason"]


def test_a_balancer_that_is_closed_or_down_says_nothing_of_the_release(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address
) -> None:
    address.status = 503
    balancer.close()
    settle(balancer, world, watched(address))
    step_until(keeper, lambda: address.asked >= 4)
    assert percents(balancer) == STAYS
    assert keeper.judging is not None
    assert keeper.judging.standings()[0].verdict == "insufficient"
    balancer.open()
    step_until(keeper, lambda: percents(balancer) == BACK)


def test_it_never_returns_to_a_slot_that_is_not_ready_and_says_so(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address
) -> None:
    address.status = 500
    world.unready = {f"blue-app{n}": "refused" for n in (1, 2, 3)}
    settle(balancer, world, watched(address))
    step_until(keeper, lambda: "refused" in outcome(balancer))
    assert percents(balancer) == STAYS
    assert Fence(balancer.directory, 0).barred() == 0
    lines = len((balancer.directory / "journal.jsonl").read_text().splitlines())
    for _attempt in range(20):
        keeper.step()
    assert len((balancer.directory / "journal.jsonl").read_text().splitlines()) == lines, "it is said once"
    del world.unready["blue-app2"]
    step_until(keeper, lambda: percents(balancer) == BACK)
    assert balancer.live().usable["blue"] == ("blue-app2",)


def test_a_decision_that_cannot_be_carried_out_is_made_anew(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_module, "INSISTS_SECONDS", 0.0)
    address.status = 500
    world.unready = {f"blue-app{n}": "refused" for n in (1, 2, 3)}
    settle(balancer, world, watched(address))
    step_until(keeper, lambda: "refused" in outcome(balancer))
    address.status, world.unready = 200, {}
    asked = address.asked
    step_until(keeper, lambda: address.asked >= asked + 4)
    assert percents(balancer) == STAYS


@pytest.mark.parametrize("how", ["announced", "moved"])
def test_a_run_that_has_begun_is_left_alone(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address, how: str
) -> None:
    """From its first word on: it fills the slot that the traffic would return to."""
    address.status = 500
    settle(balancer, world, watched(address, failures=1))
    later = Fence(balancer.directory, TOKEN + 1)
    if how == "announced":
        with later.held():
            pass
    else:
        half = {"blue": 50, "green": 50}
        switch(balancer, later, Change(percents=half, lease_seconds=60), surroundings=world.surroundings())
    before = percents(balancer)
    step_until(keeper, lambda: load(balancer.directory) is None)
    assert percents(balancer) == before
    assert outcome(balancer) == {}


def test_a_run_that_begins_while_the_watch_waits_for_the_lock_is_left_alone(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address, monkeypatch: pytest.MonkeyPatch
) -> None:
    address.status = 500
    settle(balancer, world, watched(address, failures=1))
    held = Fence.held

    def begun_first(self: Fence, timeout: float = 30) -> object:
        if self.seen() == TOKEN:
            with held(Fence(balancer.directory, TOKEN + 1)):
                pass
        return held(self, timeout)

    monkeypatch.setattr(Fence, "held", begun_first)
    step_until(keeper, lambda: outcome(balancer).get("result") == "overtaken")
    assert percents(balancer) == STAYS
    assert Fence(balancer.directory, 0).barred() == 0


def peer(returned: int) -> Report:
    return Report("shop", "its boot", True, state(token=TOKEN), 0, 0, returned=returned)


def test_it_follows_a_peer_and_leaves_the_hooks_to_that_one(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address, tmp_path: Path
) -> None:
    hook = {"name": "tell", "command": f"touch {tmp_path}/told", "timeout": 10}
    settle(balancer, world, watched(address, hooks=[hook]))
    world.peers = {"lb2:8470": peer(TOKEN - 1), "lb3:8470": None}
    keeper.step()
    assert percents(balancer) == STAYS
    world.peers["lb3:8470"] = peer(TOKEN)
    step_until(keeper, lambda: percents(balancer) == BACK)
    assert (outcome(balancer)["result"], outcome(balancer)["peer"]) == ("followed", "lb3:8470")
    assert not (tmp_path / "told").exists()
    assert own_report(balancer).returned == TOKEN


def test_hooks_are_told_why(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    line = f"""sh -c 'echo "$SLIPWAY_HOOK $SLIPWAY_VERSION $SLIPWAY_REASON" >> {told}'"""
    hooks = [{"name": "tell", "command": line, "timeout": 10}, {"name": "bad", "command": "false", "timeout": 10}]
    address.status = 500
    settle(balancer, world, watched(address, hooks=hooks, facts={"hook": "on_return", "version": "1.1"}))
    step_until(keeper, lambda: load(balancer.directory) is None)
    assert told.read_text().startswith("on_return 1.1 ")
    assert "public" in told.read_text()
    assert [(hook["name"], hook["verdict"]) for hook in outcome(balancer)["hooks"]] == [
        ("tell", "pass"),
        ("bad", "fail"),
    ]


@pytest.mark.parametrize("killed_in", ["_returned", "_tell"])
def test_a_return_that_was_cut_off_is_completed_by_the_next_process(
    balancer: FakeBalancer,
    world: World,
    keeper: Keeper,
    address: Address,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    killed_in: str,
) -> None:
    told = tmp_path / "told"
    address.status = 500
    settle(balancer, world, watched(address, hooks=[{"name": "tell", "command": f"touch {told}", "timeout": 10}]))

    def killed(*_arguments: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(returning_module.Returning, killed_in, killed)
        step_until(keeper, lambda: False)
    assert percents(balancer) == BACK
    assert not told.exists()
    step_until(Keeper(balancer, Log(), dict, world.surroundings()), told.exists)
    assert (outcome(balancer)["result"], outcome(balancer)["metric"]) == ("returned", "public")
    assert load(balancer.directory) is None


def test_what_an_operator_moved_back_by_hand_is_not_called_a_return(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address
) -> None:
    settle(balancer, world, watched(address))
    keeper.step()
    by_hand = Change(percents=whole("blue"), stable="blue")
    switch(balancer, Fence(balancer.directory, 0), by_hand, surroundings=world.surroundings())
    step_until(keeper, lambda: load(balancer.directory) is None)
    assert outcome(balancer) == {}


def test_counts_survive_the_process(balancer: FakeBalancer, world: World, address: Address) -> None:
    address.status = 500
    settle(balancer, world, watched(address, failures=30))
    first = Keeper(balancer, Log(), dict, world.surroundings())
    step_until(first, lambda: first.judging is not None and len(first.judging.tracks[0].samples) >= 2)
    first.end()
    second = Keeper(balancer, Log(), dict, world.surroundings())
    second.step()
    assert second.judging is not None
    assert len(second.judging.tracks[0].samples) >= 2
    second.end()
    world.now += 61_000
    third = Keeper(balancer, Log(), dict, world.surroundings())
    third.step()
    assert third.judging is not None
    assert len(third.judging.tracks[0].samples) < 2, "it was away for longer than a minute"
    third.end()


@pytest.mark.parametrize(("on_error", "expected"), [("keep", STAYS), ("return", BACK)])
def test_a_source_that_cannot_be_asked_returns_nothing_unless_that_is_wanted(
    balancer: FakeBalancer,
    world: World,
    keeper: Keeper,
    monkeypatch: pytest.MonkeyPatch,
    on_error: str,
    expected: dict[str, int],
) -> None:
    monkeypatch.setattr("ansible_collections.slipway.release.plugins.module_utils._watch.judging.RETRY_AFTER", 0)
    metric = {
        "name": "orders",
        "type": "http_json",
        "url": "http://127.0.0.1:1/",
        "interval": 1,
        "failure_condition": "result > 1",
    }
    settle(balancer, world, request(checks=[], metrics=[metric], on_error=on_error))
    step_until(keeper, lambda: keeper.judging is None or keeper.judging.standings()[0].unreadable)
    keeper.step()
    assert percents(balancer) == expected


def test_an_operator_sees_it_and_no_secret_of_it(
    balancer: FakeBalancer, world: World, keeper: Keeper, address: Address
) -> None:
    hook = {"name": "tell", "url": "http://chat/s3cret", "headers": {"Authorization": "s3cret"}, "timeout": 10}
    settle(balancer, world, watched(address, hooks=[hook]))
    step_until(keeper, lambda: address.asked > 0)
    step_until(keeper, lambda: bool(described_now(balancer)["armed"]["judged"]))
    shown = described_now(balancer)
    assert (shown["armed"]["deployment"], shown["armed"]["judged"][0]["name"]) == ("d7", "public")
    assert "s3cret" in watch_file(balancer.directory).read_text()
    assert "s3cret" not in json.dumps(shown)


def described_now(balancer: FakeBalancer) -> dict[str, Any]:
    return described(balancer.directory, balancer.run_directory, balancer.recorded(), TOKEN)
