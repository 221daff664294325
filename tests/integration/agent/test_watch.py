# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The watch under systemd, beside a real nginx: what turns bad after the run is left, and nothing else is."""

from __future__ import annotations

import json
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import (
    WatchRequest,
    is_kept,
    load,
    load_outcome,
)

from tests.integration.machine import Instance, get, run, wait_until
from tests.integration.nginx.conftest import BLUE, GREEN

from .conftest import Machine
from .test_between_runs import percents

UNIT = "slipway-watch@shop.service"
LOG = Path("/var/log/nginx/slipway-shop.json.log")
ERRORS = {
    "name": "errors",
    "type": "nginx_log",
    "app": "shop",
    "slots": {"canary": "green"},
    "interval": 1,
    "window": 5,
    "count": 5,
    "least_requests": 20,
    "failure_condition": "canary.error_rate > 10",
    "failure_limit": 1,
}
PUBLIC = {"name": "public", "type": "http", "url": "http://127.0.0.1:8080/health/ready", "host": "shop"}
tokens = iter(range(2000, 3000))


def arm(machine: Machine, **changes: Any) -> WatchRequest:
    """All traffic to green, settled, and watched."""
    asked = {"deployment": "d1", "slot": "green", "return_to": BLUE, "seconds": 600, "interval": 1, "failures": 3}
    request = WatchRequest(**{**asked, "metrics": [ERRORS], "checks": [PUBLIC], **changes})
    token = next(tokens)
    machine.host.switch(token=token, percents=GREEN, lease_seconds=60)
    machine.host.switch(token=token, stable="green", settle=True, watch=request)
    wait_until(lambda: is_kept(machine.host.balancer.run_directory), 20, "somebody keeps the watch")
    return request


def turn(instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch, **behaviour: Any) -> None:
    """Green behaves so from now on."""
    monkeypatch.setenv("SHOP_BEHAVIOUR", json.dumps(behaviour))
    for name in ("green-app1", "green-app2"):
        instances[name].end()
        instances[name].start()
    monkeypatch.delenv("SHOP_BEHAVIOUR")


@pytest.fixture(autouse=True)
def _green_is_good_afterwards(instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    turn(instances, monkeypatch)


@contextmanager
def requests() -> Iterator[None]:
    """Some users."""
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.01):
            get("/plain")

    user = threading.Thread(target=ask)
    user.start()
    try:
        yield
    finally:
        over.set()
        user.join()


def outcome(machine: Machine) -> dict[str, Any]:
    return load_outcome(machine.host.balancer.directory) or {}


def returned(machine: Machine) -> bool:
    return outcome(machine).get("result") == "returned" and percents(machine) == BLUE


def samples(machine: Machine) -> dict[str, list[dict[str, str]]]:
    path = machine.host.balancer.run_directory / "watch_standing.json"
    return dict(json.loads(path.read_text())["samples"]) if path.exists() else {}


def measured(machine: Machine, name: str, verdict: str) -> bool:
    return any(sample["verdict"] == verdict for sample in samples(machine).get(name, []))


def test_a_slot_that_turns_bad_is_left_and_a_good_one_is_not(
    balancer_machine: Machine, instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine = balancer_machine
    machine.start()
    told = Path("/var/tmp/told")
    told.unlink(missing_ok=True)
    hook = {"name": "tell", "command": f"""sh -c 'id -un > {told}'""", "user": "deploy", "timeout": 10}
    arm(machine, hooks=[hook])
    with requests():
        wait_until(lambda: measured(machine, "errors", "success"), 30, "it was judged to be good")
        assert percents(machine) == GREEN
        turn(instances, monkeypatch, error_percent=50)
        wait_until(lambda: returned(machine), 60, "the traffic has returned")
    assert (outcome(machine)["metric"], outcome(machine)["samples"][-1]["verdict"]) == ("errors", "failure")
    wait_until(told.exists, 20, "the hook has run")
    assert told.read_text() == "deploy\n"
    assert {get("/plain")[1]["x-slipway-slot"] for _n in range(30)} == {"blue"}
    wait_until(lambda: load(machine.host.balancer.directory) is None, 20, "the watch is over")


def test_where_nobody_keeps_it_the_traffic_stays(
    balancer_machine: Machine, instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control of the test above; then somebody does."""
    machine = balancer_machine
    machine.start()
    arm(machine)
    run("systemctl", "stop", UNIT)
    turn(instances, monkeypatch, error_percent=50)
    with requests():
        run("sleep", "12")
        assert percents(machine) == GREEN
        assert not is_kept(machine.host.balancer.run_directory)
        run("systemctl", "start", UNIT)
        wait_until(lambda: returned(machine), 60, "the traffic has returned")


def test_a_slot_that_does_not_answer_at_all_is_left_without_any_metric(
    balancer_machine: Machine, instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = balancer_machine
    machine.start()
    arm(machine, metrics=[])
    turn(instances, monkeypatch, ready=False)
    wait_until(lambda: returned(machine), 60, "the traffic has returned")
    assert outcome(machine)["metric"] == "public"


def test_a_log_that_is_rotated_is_read_on(
    balancer_machine: Machine, instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = balancer_machine
    machine.start()
    arm(machine, checks=[])
    with requests():
        wait_until(lambda: measured(machine, "errors", "success"), 30, "it was judged to be good")
        LOG.rename(LOG.with_name(f"{LOG.name}.1"))
        run("nginx", "-s", "reopen")
        wait_until(LOG.exists, 10, "nginx writes a new log")
        turn(instances, monkeypatch, error_percent=50)
        wait_until(lambda: returned(machine), 60, "the traffic has returned")


def test_a_watch_goes_on_after_its_process_was_killed_and_after_a_boot(
    balancer_machine: Machine, instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = balancer_machine
    machine.start()
    arm(machine)
    run("systemctl", "kill", "--signal=KILL", UNIT)
    wait_until(lambda: is_kept(machine.host.balancer.run_directory), 30, "systemd has started it again")
    machine.boot()
    wait_until(machine.host.balancer.open_file.exists, 30, "it is open again")
    assert percents(machine) == GREEN
    turn(instances, monkeypatch, error_percent=50)
    with requests():
        wait_until(lambda: returned(machine), 60, "the traffic has returned")


def test_a_source_that_hangs_delays_nothing(
    balancer_machine: Machine, instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = balancer_machine
    machine.start()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = {
            "name": "hanging",
            "type": "http_json",
            "url": f"http://127.0.0.1:{silent.getsockname()[1]}/",
            "interval": 1,
            "timeout": 300,
            "failure_condition": "result > 1",
        }
        arm(machine, metrics=[hanging])
        turn(instances, monkeypatch, ready=False)
        wait_until(lambda: returned(machine), 60, "the traffic has returned")


def test_it_never_returns_to_a_dead_slot(
    balancer_machine: Machine, instances: dict[str, Instance], monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = balancer_machine
    machine.start()
    arm(machine)
    for name in ("blue-app1", "blue-app2"):
        instances[name].end(signal.SIGKILL)
    turn(instances, monkeypatch, error_percent=50)
    with requests():
        wait_until(lambda: "refused" in outcome(machine), 60, "it says why it cannot return the traffic")
        assert percents(machine) == GREEN
        instances["blue-app2"].start()
        wait_until(lambda: returned(machine), 60, "the traffic has returned")
    assert set(machine.host.routes()) == {"blue-app2"}


def test_it_follows_a_peer(balancer_machine: Machine) -> None:
    machine = balancer_machine
    machine.configure(peers=(machine.peer.address,))
    machine.start()
    arm(machine)
    state = machine.host.balancer.recorded()
    assert state is not None
    machine.peer.report = told_by(state, returned=state.token - 1)
    run("sleep", "4")
    assert percents(machine) == GREEN
    machine.peer.report = told_by(state, returned=state.token)
    wait_until(lambda: percents(machine) == BLUE, 30, "the traffic has returned here too")
    assert outcome(machine)["result"] == "followed"


def told_by(state: State, returned: int) -> Report:
    return Report("shop", "the peer's boot", True, state, 0, 0, returned=returned)


def test_what_a_later_run_does_ends_it(balancer_machine: Machine, instances: dict[str, Instance]) -> None:
    machine = balancer_machine
    machine.start()
    arm(machine)
    machine.host.switch(token=next(tokens))
    wait_until(lambda: load(machine.host.balancer.directory) is None, 20, "the watch is over")
    assert percents(machine) == GREEN
