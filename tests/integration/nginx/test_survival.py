# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What survives a reload, a restart, a boot and an outage, and what a missing path means."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    StaleTokenError,
    StateError,
    SystemFailure,
)

from tests.integration.machine import get, run, wait_until

from .conftest import BLUE, GREEN, Host


def slot_served() -> str:
    return get()[1].get("x-slipway-slot", "")


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_the_state_survives(host: Host, verb: str) -> None:
    host.switch(percents={"blue": 30, "green": 70}, servers={"green-app1": "drain"})
    before = host.routes()
    run("systemctl", verb, "nginx")
    wait_until(lambda: host.routes() == before, 5, "the same routes")
    assert info(host.balancer)["consistent"]
    assert not host.switch(percents={"blue": 30, "green": 70}, servers={"green-app1": "drain"}).changed


def test_a_boot_closes_the_public_address_and_nothing_else(host: Host) -> None:
    host.switch(percents=GREEN)
    shutil.rmtree(host.balancer.run_directory)
    run("systemctl", "restart", "nginx")
    assert get()[0] == 503
    assert get(port=8480)[0] == 200
    assert not host.balancer.live().open
    assert host.switch(open=True).changed
    assert slot_served() == "green"


def test_a_cache_of_open_files_elsewhere_in_the_configuration_delays_nothing(host: Host) -> None:
    host.install("open_file_cache max=1000;\nopen_file_cache_valid 60s;\nopen_file_cache_errors on;\n")
    for _round in range(2):
        assert (get()[0], slot_served()) == (200, "blue")
        host.switch(open=False)
        assert get()[0] == 503
        host.switch(open=True, percents=GREEN)
        assert (get()[0], slot_served()) == (200, "green")
        host.switch(percents=BLUE)


def test_a_balancer_that_is_down_refuses_and_comes_back_with_what_is_recorded(host: Host) -> None:
    host.switch(percents=GREEN)
    run("systemctl", "stop", "nginx")
    with pytest.raises(SystemFailure, match="does not answer on its status port"):
        host.switch(percents=BLUE)
    found = info(host.balancer)
    assert (found["live"], found["consistent"]) == (None, False)
    run("systemctl", "start", "nginx")
    assert slot_served() == "green"


def test_a_configuration_of_something_else_is_found_out(host: Host) -> None:
    host.file.write_text(f"server {{ listen 127.0.0.1:{host.config.status_port}; return 200 other; }}\n")
    wait_until(host.service.reload(), 10, "no worker of before the reload answers")
    assert "something else" in info(host.balancer)["error"]
    with pytest.raises(SystemFailure, match="something else"):
        host.switch(percents=GREEN)


def remove_links(host: Host) -> None:
    for bucket in range(1000):
        (host.balancer.directory / f"current/b{bucket:03d}").unlink()


def remove_generations(host: Host) -> None:
    shutil.rmtree(host.balancer.directory / "generations")


def remove_current(host: Host) -> None:
    (host.balancer.directory / "current").unlink()


def name_a_server_that_does_not_exist(host: Host) -> None:
    servers = host.balancer.directory / "servers"
    for name in ("blue-app1", "blue-app2", "green-app1", "green-app2"):
        (servers / name).rename(servers / f"old-{name}")


@pytest.mark.parametrize(
    "damage", [remove_links, remove_generations, remove_current, name_a_server_that_does_not_exist]
)
def test_whatever_is_missing_the_stable_slot_serves(host: Host, damage: Callable[[Host], None]) -> None:
    host.switch(percents=GREEN)
    host.switch(stable="green", settle=True)
    damage(host)
    assert [slot_served() for _request in range(10)] == ["green"] * 10
    assert not info(host.balancer)["consistent"]


@pytest.mark.parametrize("damage", [remove_links, name_a_server_that_does_not_exist])
def test_damage_is_repaired_by_the_next_switch(host: Host, damage: Callable[[Host], None]) -> None:
    host.switch(percents={"blue": 40, "green": 60})
    damage(host)
    assert host.switch().changed
    slots = [name.split("-")[0] for name in host.routes().elements()]
    assert (slots.count("blue"), slots.count("green")) == (400, 600)
    assert not host.switch().changed


def test_without_any_directory_nothing_is_guessed(host: Host) -> None:
    shutil.rmtree(host.balancer.directory)
    assert get()[0] == 503
    with pytest.raises(StateError, match="no recorded state"):
        host.switch(percents=GREEN)


def test_a_directory_that_nginx_cannot_read_is_an_error_not_a_surprise(host: Host) -> None:
    host.balancer.directory.chmod(0o700)
    assert "serves from no generation" in info(host.balancer)["error"]


def test_a_stale_token_changes_nothing(host: Host) -> None:
    host.switch(token=12, percents=GREEN)
    before = host.routes()
    with pytest.raises(StaleTokenError):
        host.switch(token=11, percents=BLUE)
    assert host.routes() == before
