# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Testers and user segments at a canary of 0 %: who reaches it, what ends that, and what a kill leaves."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.lease import LeaseKeeper
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import whole

from tests.integration.machine import Instance, wait_until
from tests.integration.testers import MATCH, MATCHED, UNMATCHED, mixed_load, require_told_apart, toggle_often

from .conftest import CONFIG, PORT, Host, ask, runtime, slot_of, up
from .test_killed import CALLS, CHILD, counted

OPEN: dict[str, Any] = {"percents": whole("blue"), "override": True, "lease_seconds": 600}
CLOSE: dict[str, Any] = {"percents": whole("blue"), "settle": True}
GREEN = ("green-app1", "green-app2")


@pytest.fixture
def tested(own: Host) -> Iterator[Host]:
    """HAProxy that matches requests, with all traffic on blue."""
    host = Host(replace(CONFIG, match=MATCH))
    host.install()
    wait_until(lambda: up(host) >= {*GREEN}, 10, "the canary is up")
    yield host
    (host.balancer.directory / "barred").unlink(missing_ok=True)
    host.reset()


def slot(header: str = "", **where: Any) -> str:
    answer = ask(header=header, **where)
    assert answer[0] == 200
    return slot_of(answer)


def slots(headers: tuple[str, ...]) -> dict[str, str]:
    return {header: slot(header) for header in headers}


def test_testers_reach_the_canary_at_0_percent_and_nobody_else(tested: Host) -> None:
    everyone = ("", *MATCHED, *UNMATCHED)
    assert set(slots(everyone).values()) == {"blue"}
    outcome = tested.switch(**OPEN)
    assert outcome.changed and outcome.verified and outcome.live is not None and outcome.live.override
    for _round in range(5):
        assert slots(MATCHED) == dict.fromkeys(MATCHED, "green")
        assert slots(("", *UNMATCHED)) == dict.fromkeys(("", *UNMATCHED), "blue")
    assert not tested.switch(percents=whole("blue"), override=True).changed
    assert slot(port=8480) == "green", "the preview address is as before"
    tested.switch(**CLOSE)
    assert set(slots(everyone).values()) == {"blue"}


def test_it_holds_at_any_percents_and_moves_nobody_else(tested: Host) -> None:
    def split() -> list[str]:
        return [slot(f"Cookie: slipway=user{number}") for number in range(100)]

    tested.switch(percents={"blue": 70, "green": 30}, lease_seconds=600)
    before = split()
    tested.switch(override=True)
    assert split() == before and set(before) == {"blue", "green"}
    assert {slot(header) for header in MATCHED} == {"green"}
    tested.switch(percents=whole("blue"), stable="green", force=True)
    assert ({slot(header) for header in MATCHED}, slot()) == ({"blue"}, "blue"), "it leads to what is not stable"


def test_what_is_drained_or_in_quarantine_is_passed_by(tested: Host) -> None:
    tested.switch(**OPEN)
    tested.switch(servers={"green-app1": "drain"})
    assert len({ask(header="X-Canary: always")[1] for _round in range(20)}) == 1
    tested.switch(servers={"green-app2": "quarantine"}, force=True)
    assert {slot(header) for header in MATCHED} == {"blue"}
    tested.switch(servers={"green-app2": "ready"})
    assert {slot(header) for header in MATCHED} == {"green"}


def test_a_dead_canary_loses_its_testers_to_the_stable_slot(tested: Host, instances: dict[str, Instance]) -> None:
    tested.switch(**OPEN)
    for name in GREEN:
        instances[name].end()
    wait_until(lambda: not up(tested) & {*GREEN}, 10, "the canary is found dead")
    assert {slot(header) for header in MATCHED} == {"blue"}
    assert info(tested.balancer)["consistent"]
    for name in GREEN:
        instances[name].start()
    wait_until(lambda: up(tested) >= {*GREEN}, 10, "the canary is up")
    assert {slot(header) for header in MATCHED} == {"green"}


def test_toggled_under_load_nothing_is_lost_and_nobody_else_is_moved(
    tested: Host, instances: dict[str, Instance]
) -> None:
    workers = tested.workers()
    with mixed_load(PORT) as load:
        wait_until(lambda: tested.balancer.connections("blue") >= 20, 30, "the load is under way")
        toggles = toggle_often(lambda opens: tested.switch(**(OPEN if opens else CLOSE)))
    print(f"HAProxy: {require_told_apart(load, toggles)}")
    assert tested.workers() == workers
    with mixed_load(PORT) as control:
        wait_until(lambda: tested.balancer.connections("blue") >= 20, 30, "the load is under way")
        tested.switch(**OPEN)
        time.sleep(0.5)
        for name in GREEN:
            instances[name].end()
        time.sleep(1)
    assert control.lost > 0, "negative control"
    print(f"negative control, the canary killed while testers reach it: {control.lost} lost")


def test_a_drain_waits_for_testers_too(tested: Host) -> None:
    tested.switch(**OPEN)
    argv = ["curl", "-fsS", "-o", "/dev/null", "-H", "X-Canary: always", f"http://127.0.0.1:{PORT}/slow?ms=1500"]
    slow = subprocess.Popen(argv)
    wait_until(lambda: tested.balancer.connections("green") > 0, 5, "the request of a tester is under way")
    tested.switch(**CLOSE, drain=("green",))
    drained = wait_drained(tested.balancer, Drain(("green",), 10, "fail"))
    assert slow.wait(10) == 0
    assert drained["green"]["drained"] and drained["green"]["elapsed_us"] > 300_000


@pytest.mark.parametrize("renew", ["reload", "restart"])
def test_it_survives(tested: Host, renew: str) -> None:
    tested.switch(**OPEN)
    before = tested.balancer.live()
    getattr(tested, renew)()
    assert tested.balancer.live() == before and before.override
    wait_until(lambda: up(tested) >= {*GREEN}, 10, "the canary is up")
    assert (slot("X-Canary: always"), slot()) == ("green", "blue")
    assert not tested.switch(percents=whole("blue"), override=True).changed


def test_it_ends_with_the_lease(tested: Host) -> None:
    tested.switch(**{**OPEN, "lease_seconds": 1})
    keeper = LeaseKeeper(tested.balancer, Log())
    assert not keeper.step() and slot("X-Canary: always") == "green"
    wait_until(keeper.step, 5, "the lease has run out")
    assert {slot(header) for header in MATCHED} == {"blue"}


@pytest.mark.parametrize("value", ["7:1000:blue:red", "7:1000:blue:", "7:1000:blue:green:green", "7:1000:blue"])
def test_anything_else_in_the_entry_closes_it(tested: Host, value: str) -> None:
    tested.switch(**OPEN)
    runtime(CONFIG.socket, f"set map {tested.balancer.slots_map} state {value}")
    assert {slot(header) for header in MATCHED} == {"blue"}
    assert tested.switch(override=True).changed
    assert {slot(header) for header in MATCHED} == {"green"}


def traced(host: Host, log: Path, change: dict[str, Any], inject: str = "") -> int:
    argument = json.dumps(["switch", host.config.to_dict(), change])
    options = ["-e", f"inject={inject}"] if inject else []
    argv = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={CALLS}", *options, sys.executable, "-B", "-c", CHILD]
    return subprocess.run([*argv, argument], check=False, capture_output=True).returncode


@pytest.mark.parametrize("opens", [True, False], ids=["opening", "closing"])
def test_killed_anywhere_testers_are_in_one_slot_and_one_more_run_completes_it(
    tested: Host, tmp_path: Path, opens: bool
) -> None:
    before, after = (CLOSE, OPEN) if opens else (OPEN, CLOSE)

    def begin() -> None:
        tested.token = 2
        tested.switch(**before)

    begin()
    assert traced(tested, tmp_path / "whole", after) == 0
    points = [(name, n) for name, count in counted(tmp_path / "whole").items() for n in range(1, count + 1)]
    served: Counter[str] = Counter()
    for name, number in points:
        begin()
        assert traced(tested, tmp_path / "killed", after, f"{name}:signal=SIGKILL:when={number}") == -9
        found = {slot("X-Canary: always") for _round in range(5)}
        assert len(found) == 1 and slot() == "blue", (name, number, found)
        live, recorded = tested.balancer.live(), tested.balancer.recorded()
        assert live.override == (found == {"green"}), (name, number)
        assert live.override != opens or (recorded and recorded.override == opens), "recorded before it is done"
        served[found.pop()] += 1
        assert tested.switch(**after).verified and tested.balancer.live().override == opens, (name, number)
    print(f"{len(points)} points; after the kill testers were in {dict(served)}")
    assert len(points) > 20 and min(served["blue"], served["green"]) > 0


def test_a_start_after_a_kill_serves_what_is_recorded(tested: Host) -> None:
    tested.switch(**OPEN)
    runtime(CONFIG.socket, f"set map {tested.balancer.slots_map} state 7:1000:blue")
    assert slot("X-Canary: always") == "blue"
    tested.restart()
    wait_until(lambda: up(tested) >= {*GREEN}, 10, "the canary is up")
    assert slot("X-Canary: always") == "green"
