# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a reload, a restart, a boot and lost files leave of the state."""

from __future__ import annotations

import http.client
import os
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.haproxy import MASTER_SOCKET
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure

from tests.integration.machine import Instance, run, wait_until

from .conftest import CONFIG, PORT, PREVIEW_PORT, Host, ask, runtime, slot_of, up

Renewal = Callable[[Host], None]


def restart_service(host: Host) -> None:
    host.restart()


def reload_service(host: Host) -> None:
    host.reload()


def kill_master(host: Host) -> None:
    before = run("systemctl", "show", "-P", "MainPID", "haproxy").stdout.strip()
    os.kill(int(before), 9)

    def renewed() -> bool:
        now = run("systemctl", "show", "-P", "MainPID", "haproxy").stdout.strip()
        return now not in ("0", before) and not run_is_refused()

    wait_until(renewed, 15, "systemd starts HAProxy again")


def run_is_refused() -> bool:
    try:
        runtime(CONFIG.socket, "show info")
        runtime(MASTER_SOCKET, "show proc")
    except OSError:
        return True
    return False


@pytest.mark.parametrize("renew", [reload_service, restart_service, kill_master])
def test_state_survives(host: Host, renew: Renewal) -> None:
    host.switch(percents={"blue": 20, "green": 80}, servers={"green-app1": "drain", "blue-app2": "quarantine"})
    host.switch(stable="green")
    before = host.balancer.live()
    renew(host)
    assert host.balancer.live() == before
    assert not host.switch(percents={"blue": 20, "green": 80}).changed
    bodies = [ask()[1] for _round in range(200)]
    assert not [body for body in bodies if "green-app1" in body or "blue-app2" in body]
    assert slot_of(ask(port=PREVIEW_PORT)) == "blue"
    host.switch(servers={"green-app1": "ready", "blue-app2": "ready"})
    assert host.balancer.live().usable == {"blue": ("blue-app1", "blue-app2"), "green": ("green-app1", "green-app2")}


@pytest.mark.parametrize("renew", [reload_service, restart_service])
def test_health_is_never_stale_after_a_start(host: Host, instances: dict[str, Instance], renew: Renewal) -> None:
    instances["green-app1"].end()
    wait_until(lambda: "green-app1" not in up(host), 5, "green-app1 is found dead")
    host.switch(servers={"green-app1": "drain", "green-app2": "drain"})
    instances["green-app1"].start()
    instances["green-app2"].end()
    renew(host)
    wait_until(lambda: "green-app2" not in up(host) and "green-app1" in up(host), 5, "the checks see what is true now")
    assert host.balancer.live().usable["green"] == ()
    instances["green-app2"].start()
    host.switch(servers={"green-app1": "ready"})
    host.switch(percents={"blue": 0, "green": 100}, force=True)
    assert {ask()[1] for _round in range(20)} == {ask()[1]}


def test_a_returned_instance_gets_nothing_before_its_checks_pass(host: Host, instances: dict[str, Instance]) -> None:
    host.switch(servers={"blue-app2": "quarantine"})
    instances["blue-app2"].end()
    wait_until(lambda: "blue-app2" not in up(host), 5, "blue-app2 is found dead")
    host.switch(servers={"blue-app2": "ready"}, force=True)
    assert "blue-app2" not in up(host)
    assert {ask()[0] for _round in range(50)} == {200}


def test_a_reload_does_not_let_old_workers_serve_the_old_state(host: Host) -> None:
    """A replaced worker answers once more on each idle connection: it must be switched too."""
    idle = [http.client.HTTPConnection("127.0.0.1", PORT, timeout=10) for _round in range(5)]
    for connection in idle:
        assert slot_over(connection) == "blue"
    slow = threading.Thread(target=lambda: ask("/slow?ms=2500"))
    slow.start()
    time.sleep(0.2)
    host.reload()
    processes = host.balancer.processes()
    assert processes is not None and processes.old_workers
    outcome = host.switch(percents={"blue": 0, "green": 100})
    assert outcome.verified
    assert [slot_over(connection) for connection in idle] == ["green"] * len(idle)
    assert host.balancer.connections("blue") == 1, "the slow request of the old worker is counted"
    slow.join()
    wait_until(lambda: host.balancer.connections("blue") == 0, 5, "drained")


def slot_over(connection: http.client.HTTPConnection) -> str:
    connection.request("GET", "/plain")
    answer = connection.getresponse()
    answer.read()
    return answer.headers["X-Slipway-Slot"]


def test_an_old_worker_that_was_not_told_shows_in_live(host: Host) -> None:
    slow = threading.Thread(target=lambda: ask("/slow?ms=2000"))
    slow.start()
    time.sleep(0.2)
    host.reload()
    generation = host.balancer.live().generation
    runtime(CONFIG.socket, f"set map {host.balancer.slots_map} state {generation}:0:blue")
    assert host.balancer.live().generation == 0
    assert host.switch(percents={"blue": 100, "green": 0}).changed
    assert host.balancer.live().generation > generation
    slow.join()


def test_a_boot_closes_and_a_service_restart_does_not(host: Host) -> None:
    host.restart()
    assert host.balancer.live().open and ask()[0] == 200
    run("systemctl", "stop", "haproxy")
    shutil.rmtree("/run/slipway")
    run("systemd-tmpfiles", "--create", "--boot", "--prefix=/run/slipway")
    host.restart()
    assert not host.balancer.live().open and ask()[0] == 503


@pytest.mark.parametrize("lost", ["slots.map", "servers.state", "state.json"])
def test_a_start_with_one_lost_file_keeps_the_state(host: Host, lost: str) -> None:
    host.switch(percents={"blue": 0, "green": 100}, stable="green")
    (host.balancer.directory / lost).unlink()
    host.restart()
    assert {slot_of(ask()) for _round in range(20)} == {"green"}


@pytest.mark.parametrize("damage", ["", "state garbage\n", "state 5:\n", "\x00\xff\n"])
def test_a_start_with_damaged_files_restores_them(host: Host, damage: str) -> None:
    host.switch(percents={"blue": 0, "green": 100}, stable="green", servers={"green-app1": "drain"})
    host.balancer.slots_map.write_text(damage, encoding="latin-1")
    host.balancer.servers_file.write_text(damage, encoding="latin-1")
    host.restart()
    assert {ask()[1].split()[-1] for _round in range(20)} == {"green-app2"}


def test_a_start_without_any_file_serves_closed_and_does_not_fail(host: Host) -> None:
    run("systemctl", "stop", "haproxy")
    shutil.rmtree(host.balancer.directory)
    shutil.rmtree(host.balancer.run_directory)
    host.restart()
    assert ask()[0] == 503
    host.balancer.open()
    assert slot_of(ask()) == "blue"


def test_a_start_without_the_program_still_has_its_files(host: Host) -> None:
    program = Path("/usr/local/lib/slipway")
    hidden = program.with_name("slipway.hidden")
    run("systemctl", "stop", "haproxy")
    program.rename(hidden)
    shutil.rmtree(host.balancer.directory)
    try:
        host.restart()
        assert slot_of(ask()) == "blue"
    finally:
        hidden.rename(program)


def test_a_missing_or_malformed_entry_means_the_stable_slot(host: Host) -> None:
    host.switch(percents={"blue": 0, "green": 100}, stable="green")
    path = host.balancer.slots_map
    host.switch(percents={"blue": 90, "green": 10}, force=True)
    for command in (f"del map {path} state", f"add map {path} state nonsense"):
        runtime(CONFIG.socket, command)
        assert {slot_of(ask()) for _round in range(20)} == {"green"}
        assert slot_of(ask(port=PREVIEW_PORT)) == "blue"
        live = host.balancer.live()
        assert (live.generation, live.stable, live.percents) == (0, "green", {"blue": 0, "green": 100})
    assert host.switch(percents={"blue": 0, "green": 100}).changed
    assert host.balancer.live().generation > 0


def test_a_switch_while_haproxy_is_down_takes_effect_when_it_starts(host: Host) -> None:
    run("systemctl", "stop", "haproxy")
    recorded = host.balancer.recorded()
    assert recorded is not None
    with pytest.raises(SystemFailure, match="does not answer"):
        host.balancer.apply(type(recorded)("shop", recorded.generation + 1, 1, "green", {"blue": 0, "green": 100}))
    host.restart()
    assert {slot_of(ask()) for _round in range(20)} == {"green"}
    assert host.balancer.live().generation == recorded.generation + 1
