# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Testers and user segments at a canary of 0 %: who reaches it, what ends that, and what a kill leaves."""

from __future__ import annotations

import re
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
from ansible_collections.slipway.release.plugins.module_utils._agent.watch import Watch
from ansible_collections.slipway.release.plugins.module_utils._balancer.ask import ask
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info

from tests.integration.machine import Instance, get, run, wait_until
from tests.integration.testers import MATCH, MATCHED, UNMATCHED, mixed_load, require_told_apart, toggle_often

from .conftest import BLUE, SHOP, Host
from .test_kill import CALLS, DRIVER, chosen, leftovers

OPEN: dict[str, Any] = {"percents": BLUE, "override": True, "lease_seconds": 600, "token": 1}
CLOSE: dict[str, Any] = {"percents": BLUE, "settle": True, "token": 1}
CONFIGURATION = f"/etc/slipway/balancer/{SHOP.app}.json"


@pytest.fixture
def tested(host: Host) -> Iterator[Host]:
    """nginx that matches requests, with all traffic on blue."""
    host.use(replace(SHOP, match=MATCH))
    host.install()
    host.reset()
    yield host
    host.reset()
    host.use(SHOP)
    host.install()


def slot(header: str = "", **where: Any) -> str:
    status, headers, _body = get(headers=[header] if header else (), **where)
    assert status == 200
    return headers["x-slipway-slot"]


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
    assert not tested.switch(percents=BLUE, override=True, token=1).changed
    tested.switch(**CLOSE)
    assert set(slots(everyone).values()) == {"blue"}


def test_it_holds_at_any_percents_and_moves_nobody_else(tested: Host) -> None:
    tested.switch(percents={"blue": 90, "green": 10}, lease_seconds=600, token=1)
    before = tested.routes()
    tested.switch(override=True, token=1)
    assert tested.routes() == before
    assert {slot(header) for header in MATCHED} == {"green"}
    tested.switch(percents=BLUE, stable="green", force=True, token=1)
    assert ({slot(header) for header in MATCHED}, slot()) == ({"blue"}, "blue"), "it leads to what is not stable"


def test_a_tester_keeps_the_instance(tested: Host) -> None:
    tested.switch(**OPEN)
    users = [f"Cookie: canary=1; slipway=tester{number}" for number in range(20)]
    instances = [{get(headers=[user])[1]["x-slipway-instance"] for _round in range(3)} for user in users]
    assert {len(found) for found in instances} == {1}
    assert len(set.union(*instances)) == 2


def test_what_is_drained_or_in_quarantine_is_passed_by(tested: Host) -> None:
    tested.switch(**OPEN)
    tested.switch(servers={"green-app1": "drain"}, token=1)
    assert tested.balancer.live().override
    assert {get(headers=["X-Canary: always"])[1]["x-slipway-instance"] for _round in range(20)} == {
        get(headers=["X-Canary: always"])[1]["x-slipway-instance"]
    }
    tested.switch(servers={"green-app2": "quarantine"}, force=True, token=1)
    assert ({slot(header) for header in MATCHED}, tested.balancer.live().override) == ({"blue"}, False)
    tested.switch(servers={"green-app2": "ready"}, token=1)
    assert {slot(header) for header in MATCHED} == {"green"}


def test_a_dead_canary_loses_its_testers_to_the_stable_slot(tested: Host, instances: dict[str, Instance]) -> None:
    tested.switch(**OPEN)
    watch = Watch(tested.balancer, Log())
    for name in ("green-app1", "green-app2"):
        instances[name].end()
    for _round in range(SHOP.health.fall):
        watch.step()
    assert {slot(header) for header in MATCHED} == {"blue"}
    assert info(tested.balancer)["consistent"]
    for name in ("green-app1", "green-app2"):
        instances[name].start()
    for _round in range(SHOP.health.rise):
        watch.step()
    assert {slot(header) for header in MATCHED} == {"green"}


def test_toggled_under_load_nothing_is_lost_and_nobody_else_is_moved(
    tested: Host, instances: dict[str, Instance]
) -> None:
    processes = tested.processes()
    with mixed_load(tested.config.port) as load:
        wait_until(lambda: tested.balancer.connections("blue") >= 30, 30, "the load is under way")
        toggles = toggle_often(lambda opens: tested.switch(**(OPEN if opens else CLOSE)))
    print(f"nginx: {require_told_apart(load, toggles)}")
    assert tested.processes() == processes
    with mixed_load(tested.config.port) as control:
        wait_until(lambda: tested.balancer.connections("blue") >= 30, 30, "the load is under way")
        tested.switch(**OPEN)
        for name in tested.config.instances("green"):
            instances[name].end()
        time.sleep(1)
    assert control.lost > 0, "negative control"
    print(f"negative control, the canary killed while testers reach it: {control.lost} lost")


def test_a_drain_waits_for_testers_too(tested: Host) -> None:
    tested.switch(**OPEN)
    slow = subprocess.Popen(
        ["curl", "-fsS", "-o", "/dev/null", "-H", "X-Canary: always", "http://127.0.0.1:8080/slow?ms=1500"]
    )
    wait_until(lambda: tested.balancer.connections("green") > 0, 5, "the request of a tester is under way")
    tested.switch(**CLOSE, drain=("green",))
    drained = wait_drained(tested.balancer, Drain(("green",), 10, "fail"))
    assert slow.wait(10) == 0
    assert drained["green"]["drained"] and drained["green"]["elapsed_us"] > 300_000


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_it_survives(tested: Host, verb: str) -> None:
    tested.switch(**OPEN)
    run("systemctl", verb, "nginx")
    wait_until(lambda: slot("X-Canary: always") == "green", 5, "testers reach the canary")
    assert slot() == "blue" and info(tested.balancer)["consistent"]
    assert not tested.switch(percents=BLUE, override=True, token=1).changed


def test_it_ends_with_the_lease(tested: Host) -> None:
    tested.switch(**{**OPEN, "lease_seconds": 1})
    keeper = LeaseKeeper(tested.balancer, Log())
    assert not keeper.step() and slot("X-Canary: always") == "green"
    wait_until(keeper.step, 5, "the lease has run out")
    assert {slot(header) for header in MATCHED} == {"blue"}


def test_links_that_are_missing_mean_the_stable_slot(tested: Host) -> None:
    tested.switch(**OPEN)
    for link in tested.balancer.directory.glob("matched/*/b*"):
        link.unlink()
    assert {slot(header) for header in MATCHED} == {"blue"}
    assert not info(tested.balancer)["consistent"]
    assert tested.switch(override=True, token=1).changed
    assert {slot(header) for header in MATCHED} == {"green"}


def matched_slots(host: Host) -> Counter[str]:
    """The slots that the running nginx sends the buckets of matched requests to, all of them asked."""
    answers = ask(host.config.status_port, [f"/matched/b{bucket:03d}" for bucket in range(1000)])
    return Counter(answer.text.strip().rsplit("_", 1)[-1].split("-")[0] for answer in answers)


def driver(opens: bool) -> list[str]:
    return [sys.executable, "-B", DRIVER, CONFIGURATION, "100", "open" if opens else "closed"]


@pytest.mark.parametrize("opens", [True, False], ids=["opening", "closing"])
def test_killed_anywhere_testers_are_all_in_one_slot_and_one_more_run_completes_it(
    tested: Host, tmp_path: Path, opens: bool
) -> None:
    def begin() -> None:
        subprocess.run(driver(not opens), check=True, capture_output=True)

    begin()
    log = tmp_path / "log"
    subprocess.run(["strace", "-f", "-o", str(log), "-e", f"trace={CALLS}", *driver(opens)], check=True)
    killed: Counter[str] = Counter()
    for name, number in chosen(Counter(re.findall(r"^\d+ +([a-z0-9]+)\(", log.read_text(), re.MULTILINE))):
        begin()
        inject = f"inject={name}:signal=KILL:when={number}"
        traced = ["strace", "-f", "-o", "/dev/null", "-e", f"trace={name}", "-e", inject, *driver(opens)]
        ended = subprocess.run(traced, check=False, capture_output=True)
        found = matched_slots(tested)
        assert list(found.values()) == [1000], f"{name} {number}: {found}"
        assert slot() == "blue" and slot("X-Canary: always") in found, f"{name} {number}"
        killed[next(iter(found))] += ended.returncode in (-9, 137)
        subprocess.run(driver(opens), check=True, capture_output=True)
        assert list(matched_slots(tested)) == ["green" if opens else "blue"], f"{name} {number}"
        assert info(tested.balancer)["consistent"], f"{name} {number}"
        begin()
        assert leftovers(tested) == [], f"{name} {number}"
    print(f"killed {killed.total()} times, then testers were in {dict(killed)}")
    assert min(killed["blue"], killed["green"]) > 0 and killed.total() >= 20
