# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Switching all traffic back and forth under load, beside a negative control that shows losses can be seen."""

from __future__ import annotations

import subprocess
import sys
import time

from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained
from ansible_collections.slipway.release.plugins.module_utils._common.clock import boottime

from .conftest import BLUE, GREEN, REPOSITORY, Host, Instance, Load, get, listens, wait_until

SWITCHES = 100


def test_a_hundred_switches_lose_nothing(host: Host) -> None:
    before = host.processes()
    switched: list[tuple[int, int, str]] = []
    took: dict[str, list[int]] = {"apply": [], "verify": []}
    with Load(seconds=120, rate=700, slow=40, long=50) as load:
        for number in range(SWITCHES):
            wanted = GREEN if number % 2 == 0 else BLUE
            asked = now_us()
            outcome = host.switch(percents=wanted)
            switched.append((asked, now_us(), "blue" if wanted is GREEN else "green"))
            assert outcome.verified and outcome.changed
            for step in outcome.steps:
                if step["name"] in took:
                    took[step["name"]].append(step["elapsed_us"])
            time.sleep(0.3)
    for name, values in took.items():
        print(f"{name}: {sorted(values)[len(values) // 2]} us median, {sorted(values)[-2]} us p99")
    late = sorted(last_old_answers(load, switched))
    print(f"last answer of the old slot after the command: {late[len(late) // 2]} us median, {late[-2]} us p99")
    assert load.lost == 0, load.report
    assert load.sent("keepalive") >= 10_000 and load.sent("new") >= 10_000 and load.sent("slow") >= 1_000
    assert load.sent("long") >= 50
    assert host.processes() == before


def test_switches_lose_nothing_at_a_round_trip_of_20_ms(host: Host) -> None:
    far = [sys.executable, "-B", "-m", "lab.delay_proxy", "--listen", "127.0.0.1:8070", "--delay-ms", "10"]
    proxy = subprocess.Popen([*far, "--target", "127.0.0.1:8080"], cwd=REPOSITORY)
    try:
        wait_until(lambda: listens(8070), 10, "the delaying proxy listens")
        with Load(seconds=60, rate=200, slow=10, long=10, port=8070) as load:
            for number in range(30):
                host.switch(percents=GREEN if number % 2 == 0 else BLUE)
                time.sleep(0.3)
    finally:
        proxy.terminate()
        proxy.wait(10)
    assert load.report["classes"]["keepalive"]["latency_us"]["p50"] >= 20_000
    assert load.lost == 0, load.report


def now_us() -> int:
    return int(boottime() * 1_000_000)


def last_old_answers(load: Load, switched: list[tuple[int, int, str]]) -> list[int]:
    """For each switch, how long after the command a quick request was still answered by the slot it left."""
    origin = load.report["started"]["boottime_us"]
    answers = [
        (origin + row["end_us"], row["slot"])
        for row in load.records
        if row["class"] in ("keepalive", "new") and row["slot"]
    ]
    until = [asked for asked, _done, _old in switched[1:]] + [now_us()]
    return [
        max([end - done for end, slot in answers if slot == old and done <= end < next_asked], default=0)
        for (_asked, done, old), next_asked in zip(switched, until)
    ]


def test_ending_the_active_slot_before_the_switch_is_seen_to_lose(host: Host, instances: dict[str, Instance]) -> None:
    """Negative control of the test above: the same load, the wrong order."""
    with Load(seconds=20, slow=4, long=0) as load:
        time.sleep(1)
        for name in ("blue-app1", "blue-app2"):
            instances[name].end()
        time.sleep(0.2)
        host.switch(percents=GREEN)
        time.sleep(1)
    assert load.lost > 20, load.report


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
