# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traffic is held only where the service that keeps watches runs, and has begun to judge."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer import watch_service
from ansible_collections.slipway.release.plugins.module_utils._balancer.hold import held
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, Outcome, switch
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import load
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch_service import out_of_service
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence
from ansible_collections.slipway.release.plugins.module_utils._watch.service import Keeper, _locked

from tests.unit.agent.conftest import FakeBalancer, lease, state

from .conftest import TOKEN, World, request

HALF = {"blue": 50, "green": 50}
RUNS = "LoadState=loaded\nActiveState=active"


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets ``systemctl show`` answer something."""
    directory = tmp_path / "bin"
    directory.mkdir()
    monkeypatch.setenv("PATH", f"{directory}:{os.environ['PATH']}")

    def says(answer: str) -> None:
        program = directory / "systemctl"
        program.write_text(f"#!/bin/sh\ncat <<'END'\n{answer}\nEND\n")
        program.chmod(0o755)

    says(RUNS)
    return says


@pytest.fixture
def alive(balancer: FakeBalancer) -> Iterator[int]:
    """The lock of the service, held as by one that runs."""
    descriptor = _locked(balancer)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def canary(balancer: FakeBalancer) -> FakeBalancer:
    """One that gives a canary half of the traffic, under a lease."""
    balancer.apply(replace(state(token=TOKEN, armed=lease(TOKEN)), percents=HALF))
    return balancer


def hold(balancer: FakeBalancer, world: World) -> Outcome:
    def move(change: Change) -> Outcome:
        return switch(balancer, Fence(balancer.directory, TOKEN), change, surroundings=world.surroundings())

    return held(balancer, Change(hold=True, watch=request()), move)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ("LoadState=masked\nActiveState=inactive", "slipway-watch@shop.service is masked"),
        ("LoadState=not-found\nActiveState=inactive", "slipway-watch@shop.service is not installed"),
        ("LoadState=loaded\nActiveState=failed", "slipway-watch@shop.service does not run (failed)"),
        ("LoadState=loaded\nActiveState=inactive", "slipway-watch@shop.service does not run (inactive)"),
    ],
)
def test_a_service_that_cannot_run_is_named_and_nothing_is_held(
    canary: FakeBalancer, world: World, systemd: Callable[[str], None], answer: str, complaint: str
) -> None:
    systemd(answer)
    found = info(canary)["watch"]
    assert (found["kept"], found["unkept"]) == (False, complaint)
    before = canary.recorded()
    with pytest.raises(StateError) as caught:
        hold(canary, world)
    assert complaint in caught.value.message()
    assert "site.yml" in caught.value.remedy
    assert (canary.recorded(), load(canary.directory)) == (before, None), "the lease returns the traffic as before"


def test_one_that_is_masked_while_it_runs_does_not_come_back_after_a_boot(
    balancer: FakeBalancer, systemd: Callable[[str], None], alive: int
) -> None:
    assert out_of_service("shop", balancer.run_directory) == ""
    systemd("LoadState=masked\nActiveState=active")
    assert out_of_service("shop", balancer.run_directory) == "slipway-watch@shop.service is masked"


def test_one_that_systemd_is_starting_is_waited_for(
    balancer: FakeBalancer, systemd: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    systemd("LoadState=loaded\nActiveState=activating")
    held_by: list[int] = []
    looks = iter((lambda: None, lambda: held_by.append(_locked(balancer))))
    own = SimpleNamespace(sleep=lambda _seconds: next(looks)(), monotonic=time.monotonic)
    monkeypatch.setattr(watch_service, "time", own)
    assert out_of_service("shop", balancer.run_directory) == ""
    os.close(held_by[0])


def test_one_that_never_comes_up_is_not_waited_for_without_end(
    balancer: FakeBalancer, systemd: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch_service, "STARTS_WITHIN", 0.2)
    systemd("LoadState=loaded\nActiveState=activating")
    assert out_of_service("shop", balancer.run_directory) == "slipway-watch@shop.service does not run (activating)"


def test_a_service_that_does_not_begin_to_judge_gets_the_lease_armed_again(
    canary: FakeBalancer, world: World, systemd: Callable[[str], None], alive: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one whose code is older than what it is asked for, or one that died in between."""
    monkeypatch.setattr(watch_service, "TAKES_UP_WITHIN", 0.2)
    with pytest.raises(StateError, match="has not begun to judge"):
        hold(canary, world)
    after = canary.recorded()
    assert after is not None and after.lease is not None
    assert (after.percents, after.lease.return_to) == (HALF, lease(TOKEN).return_to)
    armed = load(canary.directory)
    assert armed is not None and not armed.holds(after, TOKEN)


def test_it_is_held_once_the_service_judges_it(
    canary: FakeBalancer, world: World, systemd: Callable[[str], None], alive: int, keeper: Keeper
) -> None:
    stop = threading.Event()

    def keep() -> None:
        while not stop.wait(0.02):
            keeper.step()

    keeping = threading.Thread(target=keep)
    keeping.start()
    try:
        after = hold(canary, world).after
    finally:
        stop.set()
        keeping.join()
    assert (after.percents, after.lease) == (HALF, None)
