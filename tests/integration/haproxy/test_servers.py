# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single servers: taken out and returned without a reload, and out by themselves when they die."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy import HAProxy
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy_socket import (
    Worker,
    parse_admin_states,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError, SystemFailure

from tests.integration.load import Load
from tests.integration.machine import Instance, wait_until

from .conftest import CONFIG, Host, ask, runtime, up

FORCED_MAINTENANCE, CONFIGURED_MAINTENANCE, FORCED_DRAIN = 0x01, 0x04, 0x08
HEALTH_SECONDS = CONFIG.health.fall * (CONFIG.health.interval + CONFIG.health.timeout)


def test_one_server_leaves_and_returns_under_load_without_a_reload(host: Host) -> None:
    before = host.balancer.processes()
    with Load(seconds=14) as load:
        for asked in ("drain", "quarantine", "drain", "quarantine"):
            time.sleep(0.5)
            host.switch(servers={"blue-app1": asked})
            wait_drained(host.balancer, Drain(("blue-app1",), 10, "fail"))
            counted = {ask()[1].split()[-1] for _round in range(30)}
            assert counted == {"blue-app2"}
            host.switch(servers={"blue-app1": "ready"})
            wait_until(lambda: ask()[1].split()[-1] == "blue-app1", 5, "blue-app1 is used again")
    assert load.lost == 0, load.report
    assert load.answered > 3000
    assert host.balancer.processes() == before, "no reload, and the same process ids"


def test_a_long_request_is_not_drained_until_it_ends(host: Host) -> None:
    answers: list[int] = []
    slow = [threading.Thread(target=lambda: answers.append(ask("/slow?ms=1500")[0])) for _round in range(4)]
    for thread in slow:
        thread.start()
    time.sleep(0.3)
    host.switch(percents={"blue": 0, "green": 100})
    found = wait_drained(host.balancer, Drain(("blue",), 0, "fail"))
    assert found["blue"]["connections"] == 4 and not found["blue"]["drained"]
    found = wait_drained(host.balancer, Drain(("blue",), 10, "fail"))
    assert found["blue"]["drained"]
    for thread in slow:
        thread.join()
    assert answers == [200] * 4


def test_a_killed_instance_leaves_rotation_in_the_stated_time(host: Host, instances: dict[str, Instance]) -> None:
    with Load(seconds=HEALTH_SECONDS + 4, slow=0, long=0, rate=100) as load:
        time.sleep(1)
        instances["blue-app1"].end()
        wait_until(lambda: "blue-app1" not in up(host), HEALTH_SECONDS, "the dead instance is out")
    assert load.lost <= 2, f"only what was in flight in the dead instance is lost: {load.report}"
    assert host.balancer.live().usable["blue"] == ("blue-app1", "blue-app2"), "health is not part of what was asked"
    instances["blue-app1"].start()
    wait_until(lambda: "blue-app1" in up(host), HEALTH_SECONDS, "it is back by itself")


def test_users_of_a_dead_canary_go_to_the_other_slot(host: Host, instances: dict[str, Instance]) -> None:
    host.switch(percents={"blue": 50, "green": 50})
    for name in ("green-app1", "green-app2"):
        instances[name].end()
    wait_until(lambda: up(host) == {"blue-app1", "blue-app2"}, HEALTH_SECONDS, "green is out")
    assert {ask()[0] for _round in range(60)} == {200}
    host.switch(percents={"blue": 0, "green": 100}, force=True)
    assert ask()[0] == 503, "a slot without percent gets nothing, dead or alive"


def test_the_last_server_of_a_slot_with_traffic_is_not_taken_out(host: Host) -> None:
    host.switch(servers={"blue-app1": "drain"})
    with pytest.raises(StateError, match="without any server"):
        host.switch(servers={"blue-app2": "drain"})
    assert ask()[0] == 200


def test_the_last_ready_server_is_not_taken_out(host: Host, instances: dict[str, Instance]) -> None:
    instances["blue-app2"].end()
    with pytest.raises(StateError, match="blue-app1 would leave slot blue with traffic and nobody ready"):
        host.switch(servers={"blue-app1": "drain"})
    assert ask()[0] == 200


def test_a_server_that_its_configuration_disables_takes_part_when_it_is_asked_to(own: Host) -> None:
    """HAProxy keeps the bit for "maintenance by configuration" when the server is ready again."""
    line = f"server blue-app1 {CONFIG.servers['blue']['app1']}"
    Host(CONFIG, lambda text: text.replace(line, f"{line} disabled")).install()
    assert admin_states()["blue-app1"] == FORCED_MAINTENANCE | CONFIGURED_MAINTENANCE
    assert own.balancer.live().usable["blue"] == ("blue-app2",)
    assert own.switch(servers={"blue-app1": "ready"}, force=True).verified
    assert admin_states()["blue-app1"] == CONFIGURED_MAINTENANCE
    assert own.balancer.live().usable["blue"] == ("blue-app1", "blue-app2")
    wait_until(lambda: any("blue-app1" in ask()[1] for _round in range(4)), HEALTH_SECONDS, "it takes part")
    assert not own.switch(servers={"blue-app1": "ready"}).changed


@pytest.mark.parametrize("asked", ["drain", "quarantine", "ready"])
def test_what_was_asked_of_a_server_is_read_back_from_its_administrative_state(host: Host, asked: str) -> None:
    host.switch(servers={"green-app1": asked}, force=True)
    assert admin_states()["green-app1"] == (0 if asked == "ready" else FORCED_DRAIN)
    assert ("green-app1" in host.balancer.live().usable["green"]) == (asked == "ready")


@pytest.mark.parametrize("state", ["maint", "drain"])
def test_a_server_that_somebody_else_took_out_is_seen_and_brought_back(host: Host, state: str) -> None:
    runtime(CONFIG.socket, f"set server slipway-shop-blue/blue-app1 state {state}")
    assert host.balancer.live().usable["blue"] == ("blue-app2",)
    assert host.switch(servers={"blue-app1": "ready"}, force=True).changed
    assert admin_states()["blue-app1"] == 0


def admin_states() -> dict[str, int]:
    return {
        name: mask
        for slot in CONFIG.servers
        for name, mask in parse_admin_states(runtime(CONFIG.socket, f"show servers state slipway-shop-{slot}")).items()
    }


def test_a_refused_command_is_an_error(host: Host) -> None:
    """HAProxy reports a refused command as text, and the connection ends as if all was well."""
    with pytest.raises(SystemFailure, match="No such server"):
        Worker(CONFIG.socket).do(["set server slipway-shop-blue/blue-app9 state drain"])


def test_a_haproxy_without_the_application_is_an_error(host: Host) -> None:
    with pytest.raises(SystemFailure, match="without the configuration of other"):
        HAProxy(replace(CONFIG, app="other")).live()


def test_reading_back_takes_one_connection_and_changes_nothing(host: Host) -> None:
    before = runtime(CONFIG.socket, "show info")
    host.balancer.live()
    after = runtime(CONFIG.socket, "show info")
    assert counter(after, "CumConns") - counter(before, "CumConns") <= 3


def counter(text: str, name: str) -> int:
    return next(int(line.split(": ")[1]) for line in text.splitlines() if line.startswith(f"{name}: "))
