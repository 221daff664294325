# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching all traffic back and forth under load, beside a negative control that shows losses can be seen."""

from __future__ import annotations

import csv
import time

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import whole

from tests.integration.load import Load, reached
from tests.integration.machine import Instance, run, wait_until
from tests.integration.volume import UNDER_WAY, Proof, full_load, require_losses, switch_often

from .conftest import CONFIG, PORT, Host, runtime


@pytest.mark.parametrize(
    "delay_ms",
    [pytest.param(0, id="direct"), pytest.param(10, id="at a round trip of 20 ms", marks=pytest.mark.exhaustive)],
)
def test_a_hundred_switches_lose_nothing(host: Host, instances: dict[str, Instance], delay_ms: int) -> None:
    processes, received = process_ids(host), requests()
    with reached(PORT, delay_ms) as port:
        with full_load(port) as load:
            wait_until(lambda: host.balancer.connections("blue") >= UNDER_WAY, 30, "the load is under way")
            switches = switch_often(lambda slot: host.switch(percents=whole(slot)))
        proof = Proof(load, switches)
        print(f"HAProxy, {delay_ms} ms each way: {proof.describe()}")
        proof.require()
        assert proof.quick_us[0] >= 2_000 * delay_ms
        assert process_ids(host) == processes
        assert requests() - received == load.report["total"]["sent"], "a client sent a request twice"
        host.switch(percents=whole("blue"))
        with full_load(port) as control:
            wait_until(lambda: host.balancer.connections("blue") >= UNDER_WAY, 30, "the load is under way")
            for name in CONFIG.instances("blue"):
                instances[name].end()
            time.sleep(0.5)
            host.switch(percents=whole("green"))
            time.sleep(1)
    print(f"negative control: {require_losses(control)}")


def process_ids(host: Host) -> tuple[str, ...]:
    """The master and its workers, old ones too."""
    found = host.balancer.processes()
    assert found is not None
    master = run("systemctl", "show", "-P", "MainPID", "haproxy").stdout.strip()
    return (master, *map(str, (*found.workers, *found.old_workers)))


def requests() -> int:
    """How many requests HAProxy has received for the application."""
    lines = runtime(CONFIG.socket, "show stat").lstrip("# ").splitlines()
    row = next(row for row in csv.DictReader(lines) if (row["pxname"], row["svname"]) == ("slipway-shop", "FRONTEND"))
    return int(row["req_tot"])


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
                instances[name].end()
                instances[name].start()
            time.sleep(2.5)
    assert load.lost == 0, load.report
