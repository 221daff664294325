# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching all traffic back and forth under load, beside a negative control that shows losses can be seen."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import whole

from tests.integration.load import Load, reached
from tests.integration.machine import Instance, get, wait_until
from tests.integration.volume import UNDER_WAY, Proof, full_load, require_losses, switch_often

from .conftest import BLUE, GREEN, Host

ACCESS_LOG = Path("/var/log/nginx/access.log")


@pytest.mark.parametrize(
    "delay_ms",
    [pytest.param(0, id="direct"), pytest.param(10, id="at a round trip of 20 ms", marks=pytest.mark.exhaustive)],
)
def test_a_hundred_switches_lose_nothing(host: Host, instances: dict[str, Instance], delay_ms: int) -> None:
    processes, received = host.processes(), logged()
    with reached(host.config.port, delay_ms) as port:
        with full_load(port) as load:
            wait_until(lambda: host.balancer.connections("blue") >= UNDER_WAY, 30, "the load is under way")
            switches = switch_often(lambda slot: host.switch(percents=whole(slot)))
        proof = Proof(load, switches)
        print(f"nginx, {delay_ms} ms each way: {proof.describe()}")
        proof.require()
        assert proof.quick_us[0] >= 2_000 * delay_ms
        assert host.processes() == processes
        sent = load.report["total"]["sent"]
        wait_until(lambda: logged() - received >= sent, 10, "nginx has logged every request")
        assert logged() - received == sent, "a client sent a request twice"
        host.switch(percents=BLUE)
        with full_load(port) as control:
            wait_until(lambda: host.balancer.connections("blue") >= UNDER_WAY, 30, "the load is under way")
            for name in host.config.instances("blue"):
                instances[name].end()
            time.sleep(0.5)
            host.switch(percents=GREEN)
            time.sleep(1)
    print(f"negative control: {require_losses(control)}")


def logged() -> int:
    """How many requests of the meter nginx has logged."""
    return ACCESS_LOG.read_text(encoding="utf-8").count("slipway-traffic-meter")


def restart_at_once(host: Host, instances: dict[str, Instance], slot: str) -> None:
    """End all instances of a slot without grace, then start them, so that no other one can answer in their place."""
    for name in host.config.instances(slot):
        instances[name].end()
    for name in host.config.instances(slot):
        instances[name].start()


def test_stopping_a_drained_slot_loses_nothing(host: Host, instances: dict[str, Instance]) -> None:
    with Load(seconds=60, slow=20, long=0) as load:
        for old, new in (("blue", "green"), ("green", "blue")) * 3:
            time.sleep(0.5)
            host.switch(percents={old: 0, new: 100})
            drained = wait_drained(host.balancer, Drain((old,), 10, "fail"))
            print(drained)
            restart_at_once(host, instances, old)
    assert load.lost == 0, load.report


def test_stopping_before_it_is_drained_is_seen_to_lose(host: Host, instances: dict[str, Instance]) -> None:
    """Negative control of the test above."""
    with Load(seconds=20, slow=20, long=0) as load:
        time.sleep(1)
        host.switch(percents=GREEN)
        restart_at_once(host, instances, "blue")
        time.sleep(1)
    assert load.lost > 0, load.report


def test_long_lived_connections_are_counted_until_they_end(host: Host) -> None:
    with Load(seconds=20, rate=20, slow=0, long=6):
        time.sleep(1)
        host.switch(percents=GREEN)
        assert host.balancer.connections("blue") > 0
        drained = wait_drained(host.balancer, Drain(("blue",), 15, "fail"))
    assert drained["blue"]["drained"]
    assert drained["blue"]["elapsed_us"] > 1_000_000


def test_the_preview_address_serves_the_slot_that_is_not_stable(host: Host) -> None:
    assert get(port=8480)[1]["x-slipway-slot"] == "green"
    host.switch(percents=GREEN)
    assert get(port=8480)[1]["x-slipway-slot"] == "green"
    host.switch(stable="green", settle=True)
    assert get(port=8480)[1]["x-slipway-slot"] == "blue"
