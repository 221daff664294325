# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching all traffic back and forth under load, beside a negative control that shows losses can be seen."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained

from .conftest import CONFIG, PORT, REPOSITORY, Host, Instance, Load, listens, runtime, wait_until

SWITCHES = 100
FAR_PORT = 8098


def test_a_hundred_switches_lose_nothing(host: Host) -> None:
    before = host.balancer.processes()
    took: list[int] = []
    with Load(seconds=90, rate=700, slow=40, long=50) as load:
        for number in range(SWITCHES):
            blue = 100 * (number % 2)
            outcome = host.switch(percents={"blue": blue, "green": 100 - blue})
            assert outcome.verified and outcome.changed
            took += [step["elapsed_us"] for step in outcome.steps if step["name"] in ("apply", "verify")]
            time.sleep(0.3)
    print(f"apply and verify, microseconds: {sorted(took)[len(took) // 2]} median, {max(took)} worst")
    assert load.lost == 0, load.report
    assert load.sent("keepalive") >= 10_000 and load.sent("new") >= 10_000 and load.sent("slow") >= 1_000
    assert load.sent("long") >= 50
    assert host.balancer.processes() == before


@pytest.fixture
def far() -> Iterator[int]:
    """A port through which HAProxy is 20 ms away, there and back."""
    argv = [sys.executable, "-B", "-m", "lab.delay_proxy", "--listen", f"127.0.0.1:{FAR_PORT}"]
    argv += ["--target", f"127.0.0.1:{PORT}", "--delay-ms", "10"]
    process = subprocess.Popen(argv, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    wait_until(lambda: listens(FAR_PORT), 10, "the proxy listens")
    yield FAR_PORT
    process.terminate()
    process.wait(10)


def test_switches_lose_nothing_at_a_round_trip_of_20_ms(host: Host, far: int) -> None:
    with Load(seconds=60, rate=200, slow=10, long=10, port=far) as load:
        for number in range(30):
            blue = 100 * (number % 2)
            assert host.switch(percents={"blue": blue, "green": 100 - blue}).verified
            time.sleep(0.3)
    assert load.lost == 0, load.report
    assert load.answered > 1500


def test_the_wrong_order_is_seen_to_lose_requests(host: Host) -> None:
    """Negative control: the old side off 50 ms before the new side is on."""
    with Load(seconds=20, slow=4, long=0) as load:
        time.sleep(1)
        for number in range(10):
            slot, other = ("blue", "green") if number % 2 == 0 else ("green", "blue")
            generation = host.balancer.live().generation
            set_servers(slot, "drain")
            time.sleep(0.05)
            lower = 0 if other == "green" else 1000
            runtime(CONFIG.socket, f"set map {host.balancer.slots_map} state {generation + 1}:{lower}:blue")
            set_servers(slot, "ready")
            time.sleep(0.2)
    assert load.lost > 50, load.report


def set_servers(slot: str, asked: str) -> None:
    commands = [f"set server slipway-shop-{slot}/{name} state {asked}" for name in CONFIG.instances(slot)]
    assert runtime(CONFIG.socket, ";".join(commands)).strip() == ""


def test_stopping_a_drained_slot_loses_nothing(host: Host, instances: dict[str, Instance]) -> None:
    with Load(seconds=40, slow=20, long=0) as load:
        for old, new in (("blue", "green"), ("green", "blue")) * 2:
            host.switch(percents={old: 0, new: 100})
            drained = wait_drained(host.balancer, Drain((old,), 10, "fail"))
            assert drained[old]["drained"], drained
            for name in CONFIG.instances(old):
                instances[name].kill()
                instances[name].start()
            time.sleep(2.5)
    assert load.lost == 0, load.report
