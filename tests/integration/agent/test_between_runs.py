# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Between runs: a lease that runs out, instances that die, new code and configuration, and the command line."""

from __future__ import annotations

import json
import signal
from dataclasses import replace

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.payload import sources
from ansible_collections.slipway.release.plugins.module_utils._agent.place import place
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError

from tests.integration.load import Load
from tests.integration.machine import Instance, get, run, wait_until
from tests.integration.nginx.conftest import GREEN

from .conftest import PLACES, UNIT, Machine


def percents(machine: Machine) -> dict[str, int]:
    """What nginx does, all buckets asked; a switch may happen while they are."""
    routes = machine.host.routes()
    return {slot: sum(n for name, n in routes.items() if name.startswith(slot)) // 10 for slot in ("blue", "green")}


def test_a_lease_that_runs_out_returns_the_traffic_without_loss(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.start()
    with Load(seconds=60, rate=300, slow=5, long=0) as load:
        machine.host.switch(token=1007, percents=GREEN, lease_seconds=2)
        assert percents(machine) == GREEN
        wait_until(lambda: percents(machine)["blue"] == 100, 20, "the traffic has returned")
    assert load.lost == 0
    assert {row["slot"] for row in load.records} >= {"blue", "green"}
    with pytest.raises(StaleTokenError):
        machine.host.switch(token=1007, percents=GREEN, lease_seconds=60)
    machine.host.switch(token=1008, percents=GREEN, lease_seconds=60)
    assert percents(machine) == GREEN


def test_a_lease_that_is_renewed_does_not(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.start()
    machine.host.switch(token=1011, percents=GREEN, lease_seconds=6)
    for _renewal in range(8):
        run("sleep", "1")
        machine.host.switch(token=1011, lease_seconds=6)
    assert percents(machine) == GREEN


def test_a_lease_is_kept_although_the_agent_was_killed(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.start()
    machine.host.switch(token=1015, percents=GREEN, lease_seconds=2)
    run("systemctl", "kill", "--signal=KILL", UNIT)
    wait_until(lambda: percents(machine)["blue"] == 100, 20, "the traffic has returned")


def test_a_dead_instance_is_out_and_back_when_it_returns(
    balancer_machine: Machine, instances: dict[str, Instance]
) -> None:
    machine = balancer_machine
    machine.start()
    instances["blue-app1"].end(signal.SIGKILL)
    wait_until(lambda: "blue-app1" not in machine.host.routes(), 20, "it is out")
    assert percents(machine) == {"blue": 100, "green": 0}
    instances["blue-app1"].start()
    wait_until(lambda: "blue-app1" in machine.host.routes(), 20, "it is back")


def test_the_last_instance_stays(balancer_machine: Machine, instances: dict[str, Instance]) -> None:
    machine = balancer_machine
    machine.start()
    for name in ("blue-app1", "blue-app2"):
        instances[name].end(signal.SIGKILL)
    wait_until(lambda: "its slot has no other" in machine.journal(), 20, "the last one is kept")
    assert sum(machine.host.routes().values()) == 1000
    instances["blue-app2"].start()
    wait_until(lambda: set(machine.host.routes()) == {"blue-app2"}, 20, "the one that lives has all")
    assert get("/plain")[0] == 200


def test_it_starts_anew_with_new_code_and_with_a_new_configuration(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.start()
    first = machine.process()
    newer = {name: content + (b"# newer\n" if "_agent/" in name else b"") for name, content in sources().items()}
    assert place(PLACES, newer).code
    wait_until(lambda: machine.process() not in (0, first), 20, "new code runs")
    second = machine.process()
    place(PLACES, sources())
    wait_until(lambda: machine.process() not in (0, second), 20, "the old code runs again")
    third = machine.process()
    machine.configure(solo_open_after=7)
    wait_until(lambda: machine.process() not in (0, third), 20, "the new configuration is in use")
    assert get("/plain")[0] == 200


def test_it_completes_what_a_killed_writer_began(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.start()
    bucket = machine.host.balancer.directory / "current" / "b000"
    bucket.unlink()
    wait_until(bucket.is_symlink, 30, "the bucket is back")
    assert machine.host.routes()["blue-app1"] == 500


def test_check_and_status(balancer_machine: Machine) -> None:
    machine = balancer_machine
    command = str(PLACES.command)
    machine.start()
    assert run(command, "check", "--app", "shop").returncode == 0
    shown = json.loads(run(command, "status", "--app", "shop").stdout)
    assert (shown["own"]["open"], shown["converged"], shown["complaint"]) == (True, True, "")
    machine.host.balancer.close()
    closed = run(command, "check", "--app", "shop", check=False)
    assert (closed.returncode, closed.stderr) == (1, "closed\n")
    run("systemctl", "stop", "nginx")
    machine.host.balancer.open()
    assert run(command, "check", "--app", "shop", check=False).returncode == 1
    run("systemctl", "start", "nginx")


def test_it_changes_nothing_when_all_is_well_and_ends_when_told(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.start()
    before = machine.host.balancer.recorded()
    run("sleep", "3")
    assert machine.host.balancer.recorded() == before
    run("systemctl", "stop", UNIT)
    assert run("systemctl", "show", "--property=Result", "--value", UNIT).stdout.strip() == "success"


def test_replaced_configuration_keeps_the_state(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.start()
    machine.host.switch(token=1020, percents=GREEN, stable="green", settle=True)
    machine.host.use(replace(machine.host.config, health=replace(machine.host.config.health, fall=3)))
    first = machine.process()
    machine.host.install()
    wait_until(lambda: machine.process() not in (0, first), 20, "the agent has the new configuration")
    assert percents(machine) == GREEN
