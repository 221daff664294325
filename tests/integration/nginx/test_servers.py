# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Single servers: drained, quarantined and returned, or dead, without a reload."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import Drain, wait_drained
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError

from tests.integration.load import Load
from tests.integration.machine import Instance, get

from .conftest import Host


@pytest.mark.parametrize("asked", ["drain", "quarantine"])
def test_one_server_is_taken_out_ended_and_returned_without_loss(
    host: Host, instances: dict[str, Instance], asked: str
) -> None:
    before = host.processes()
    with Load(seconds=60, rate=400, slow=10, long=0) as load:
        time.sleep(0.5)
        for name in ("blue-app1", "blue-app2"):
            host.switch(servers={name: asked})
            assert name not in host.routes()
            assert wait_drained(host.balancer, Drain((name,), 10, "fail"))[name]["drained"]
            instances[name].end()
            time.sleep(0.5)
            with pytest.raises(StateError, match="not ready"):
                host.switch(servers={name: "ready"})
            instances[name].start()
            host.switch(servers={name: "ready"})
            assert name in host.routes()
            time.sleep(0.5)
    assert load.lost == 0, load.report
    assert host.processes() == before


def test_ending_a_server_without_a_drain_is_seen_to_lose(host: Host, instances: dict[str, Instance]) -> None:
    """Negative control of the test above."""
    with Load(seconds=20, rate=400, slow=20, long=10) as load:
        time.sleep(1)
        instances["blue-app1"].end()
        time.sleep(1)
    assert load.lost > 0, load.report


def test_a_drained_server_gets_no_request(host: Host) -> None:
    host.switch(servers={"blue-app1": "drain"})
    with Load(seconds=10, rate=500, slow=0, long=0) as load:
        time.sleep(2)
    assert load.sent("keepalive") > 300
    assert {row["instance"] for row in load.records if row["instance"]} == {"blue-app2"}


def test_a_dead_server_fails_over_and_is_out_once_found_dead(host: Host, instances: dict[str, Instance]) -> None:
    instances["blue-app1"].end()
    with Load(seconds=10, rate=300, slow=0, long=0) as load:
        time.sleep(1)
        assert "blue-app1" in host.routes()
        host.switch(down={"blue-app1": True})
        assert "blue-app1" not in host.routes()
        time.sleep(1)
    assert load.lost == 0, load.report


def test_a_server_that_failed_for_a_moment_is_not_shut_out(host: Host, instances: dict[str, Instance]) -> None:
    for dead, alive in (("blue-app1", "blue-app2"), ("blue-app2", "blue-app1")):
        instances[dead].end()
        answers = [get() for _request in range(40)]
        assert {(status, headers["x-slipway-instance"]) for status, headers, _body in answers} == {(200, alive)}
        instances[dead].start()


def test_the_last_ready_server_is_not_taken_out(host: Host, instances: dict[str, Instance]) -> None:
    instances["blue-app2"].end()
    with pytest.raises(StateError, match="blue-app1 would leave slot blue with traffic and nobody ready"):
        host.switch(servers={"blue-app1": "drain"})
    assert "blue-app1" in host.routes()
    instances["blue-app2"].start()
    host.switch(servers={"blue-app1": "drain"})
    assert "blue-app1" not in host.routes()


def test_a_slot_of_dead_servers_is_refused_by_name(host: Host, instances: dict[str, Instance]) -> None:
    instances["green-app2"].end()
    with pytest.raises(StateError, match=r"green-app2 \(127.0.0.1:9084: ConnectionRefusedError"):
        host.switch(percents={"blue": 90, "green": 10})
    assert {name.split("-")[0] for name in host.routes()} == {"blue"}


def test_a_host_is_added_by_a_reload_and_removed_without_a_gap(host: Host, instances: dict[str, Instance]) -> None:
    servers = {slot: {"app1": hosts["app1"]} for slot, hosts in host.config.servers.items()}
    full = host.config
    host.use(replace(full, servers=servers))
    host.switch()
    assert set(host.routes()) == {"blue-app1"}
    with Load(seconds=20, rate=300, slow=5, long=0) as load:
        host.install()
        host.switch()
        assert set(host.routes()) == {"blue-app1"}
        host.use(full)
        host.install()
        assert set(host.routes()) == {"blue-app1"}
        host.switch()
        assert set(host.routes()) == {"blue-app1", "blue-app2"}
        time.sleep(0.5)
    statuses = {status for status in load.report["total"]["statuses"] if status.startswith("5")}
    assert not statuses, load.report
