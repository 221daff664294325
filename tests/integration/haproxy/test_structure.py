# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changing HAProxy's configuration: refused on a copy, or loaded and read back, or put back."""

from __future__ import annotations

import shutil
import socket
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig, Health
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure

from tests.integration.load import Load
from tests.integration.machine import run, wait_until

from .conftest import CONFIG, MAIN, PORT, Host, ask, runtime, with_servers

FREE_PORT = 8099


def served(config: BalancerConfig) -> Host:
    """The same machine with another configuration, not yet installed."""
    return Host(config)


def test_the_same_configuration_again_changes_nothing(own: Host) -> None:
    before = own.balancer.processes()
    assert not own.install().changed
    assert own.balancer.processes() == before


def test_a_changed_configuration_is_loaded_without_losing_a_request(own: Host) -> None:
    own.switch(servers={"blue-app2": "drain"})
    with Load(seconds=20, long=0) as load:
        for interval in (2, 3, 1):
            other = served(replace(CONFIG, health=Health(interval=interval)))
            assert other.install().changed
            assert other.balancer.structure() == other.structure().digest()
            assert other.balancer.live().usable["blue"] == ("blue-app1",)
    assert load.lost == 0, load.report


def test_a_drained_server_does_not_keep_its_old_port(own: Host) -> None:
    """HAProxy takes the port of a server from the server state file, whatever its configuration says."""
    own.switch(servers={"green-app1": "drain"})
    green = {**CONFIG.servers["green"], "app1": f"127.0.0.1:{FREE_PORT}"}
    served(with_servers(CONFIG, green=green)).install()
    shown = runtime(CONFIG.socket, "show servers state slipway-shop-green")
    assert next(line.split()[18] for line in shown.splitlines() if "green-app1" in line) == str(FREE_PORT)


def test_a_configuration_that_haproxy_refuses_changes_nothing(own: Host) -> None:
    other = served(with_servers(CONFIG, green={"app 1": "127.0.0.1:1"}))
    before = runtime(CONFIG.socket, "show env")
    with pytest.raises(SystemFailure, match=r"refuses the new configuration: .*slipway/shop\.cfg:\d+"):
        other.install()
    assert runtime(CONFIG.socket, "show env") == before
    assert not own.install().changed


def test_a_port_of_another_section_is_refused(own: Host) -> None:
    """HAProxy would accept it and give each section a part of the connections."""
    with MAIN.open("a", encoding="utf-8") as main:
        main.write(f"\nfrontend other\n    mode http\n    bind 127.0.0.1:{FREE_PORT}\n")
    with pytest.raises(SystemFailure, match="'other' and 'slipway-shop' would both listen"):
        served(replace(CONFIG, port=FREE_PORT)).install()
    assert not own.install().changed


def test_a_port_of_another_process_is_refused_and_the_old_configuration_put_back(own: Host) -> None:
    """HAProxy's test of a configuration does not find it, and neither the signal nor the unit reports it."""
    with socket.create_server(("0.0.0.0", FREE_PORT)):
        with pytest.raises(SystemFailure, match="Address already in use"):
            served(replace(CONFIG, port=FREE_PORT)).install()
        assert ask(port=PORT)[0] == 200
        own.restart()
        assert ask(port=PORT)[0] == 200


def test_a_haproxy_started_without_the_directory_is_restarted_once(own: Host) -> None:
    environment = Path("/etc/default/haproxy")
    environment.write_text("", encoding="utf-8")
    MAIN.write_text(MAIN.read_text(encoding="utf-8") + f"\nfrontend other\n    bind 127.0.0.1:{FREE_PORT}\n")
    run("systemctl", "restart", "haproxy")
    with pytest.raises(OSError, match="No such file|Connection refused"):
        runtime(CONFIG.socket, "show info")
    assert own.install().changed
    assert own.balancer.structure() == own.structure().digest()
    assert ask()[0] == 200


def test_a_lost_directory_comes_back(own: Host) -> None:
    shutil.rmtree("/etc/haproxy/slipway")
    assert own.install().changed
    wait_until(lambda: ask()[0] == 200, 5, "served again")
