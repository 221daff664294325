# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent as a whole, its command line, and what it says to systemd and to the journal."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent import __main__ as command
from ansible_collections.slipway.release.plugins.module_utils._agent import log as log_module
from ansible_collections.slipway.release.plugins.module_utils._agent import service as service_module
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.notify import notify
from ansible_collections.slipway.release.plugins.module_utils._agent.service import Agent
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError

from .conftest import CONFIG, FakeBalancer, configured, state

COLLECTIONS = Path(log_module.__file__).parents[6]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Duties that need no waiting."""
    monkeypatch.setattr(service_module, "LEASE_SECONDS", 0.02)
    monkeypatch.setattr(service_module, "CONVERGE_SECONDS", 0.02)
    monkeypatch.setattr(service_module, "REPAIR_SECONDS", 0.02)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)


def eventually(holds: Callable[[], bool]) -> bool:
    """Whether something becomes true, given plenty of time."""
    for _try in range(1000):
        if holds():
            return True
        time.sleep(0.02)
    return False


def start(agent: Agent) -> tuple[threading.Thread, list[int]]:
    """Run an agent; its thread and, later, its exit status."""
    status: list[int] = []
    thread = threading.Thread(target=lambda: status.append(agent.run()), daemon=True)
    thread.start()
    return thread, status


@pytest.fixture
def agent(balancer: FakeBalancer, quick: None) -> Agent:
    """An agent without peers, on a port that the kernel chooses."""
    balancer.config = configured(port=0)
    return Agent(balancer)


def test_it_opens_repairs_and_ends_when_told(agent: Agent, balancer: FakeBalancer) -> None:
    thread, status = start(agent)
    assert eventually(lambda: balancer.live().open)
    balancer.running = state(slot="green", generation=3)
    assert eventually(lambda: balancer.live().percents["blue"] == 100)
    agent.stop.set()
    thread.join(20)
    assert status == [0]


def test_a_single_disagreement_is_left_to_whoever_is_at_work(agent: Agent, balancer: FakeBalancer) -> None:
    balancer.running = state(slot="green", generation=3)
    agent.repair()
    assert balancer.applied == []
    balancer.running = balancer.recorded()
    agent.repair()
    balancer.running = state(slot="green", generation=3)
    agent.repair()
    assert balancer.applied == []
    agent.repair()
    assert len(balancer.applied) == 1


def test_a_process_that_makes_no_sense_is_repaired_too(agent: Agent, balancer: FakeBalancer) -> None:
    balancer.garbled = True
    agent.repair()
    assert balancer.applied == []
    agent.repair()
    assert len(balancer.applied) == 1
    assert balancer.live().percents["blue"] == 100


def test_it_ends_when_its_configuration_is_replaced(balancer: FakeBalancer, quick: None) -> None:
    changed = threading.Event()
    balancer.config = configured(port=0)
    thread, status = start(Agent(balancer, outdated=changed.is_set))
    assert eventually(lambda: balancer.live().open)
    changed.set()
    thread.join(20)
    assert status == [0]


def test_a_duty_that_breaks_ends_the_agent_with_an_error(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a mistake in the agent")

    monkeypatch.setattr(agent.watch, "step", broken)
    thread, status = start(agent)
    thread.join(20)
    assert status == [1]
    assert "a mistake in the agent" in capsys.readouterr().err


def test_a_balancer_that_does_not_run_is_waited_for(agent: Agent, balancer: FakeBalancer) -> None:
    running, balancer.running = balancer.running, None
    thread, _status = start(agent)
    time.sleep(0.2)
    assert thread.is_alive()
    assert not balancer.open_file.exists()
    balancer.running = running
    assert eventually(balancer.open_file.exists)
    agent.stop.set()
    thread.join(20)


def test_check(balancer: FakeBalancer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(command, "CHECK_PAUSE", 0.0)
    assert command.check(balancer) == 1
    assert "closed" in capsys.readouterr().err
    balancer.open()
    assert command.check(balancer) == 0
    balancer.running = state(slot="green")
    assert command.check(balancer) == 1
    balancer.running = None
    assert command.check(balancer) == 1


def test_status(balancer: FakeBalancer, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.status(balancer) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["own"]["generation"], shown["converged"], shown["complaint"]) == (4, False, "closed")


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The agent's command line in a process of its own."""
    name = "ansible_collections.slipway.release.plugins.module_utils._agent"
    return subprocess.run(
        [sys.executable, "-m", name, *arguments],
        env={**os.environ, "PYTHONPATH": str(COLLECTIONS)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_host_without_configuration_gets_one_message() -> None:
    done = run_command("check", "--app", "no-such-app")
    assert done.returncode == 2
    assert "this host is no balancer" in done.stderr
    assert "Traceback" not in done.stderr


def test_it_ends_at_sigterm(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from ansible_collections.slipway.release.plugins.module_utils._agent import service\n"
        "from tests.unit.agent.conftest import FakeBalancer, configured, state\n"
        "fake = FakeBalancer(configured(port=0), Path(sys.argv[1]))\n"
        "fake.apply(state())\n"
        "service.BalancerConfig.load = lambda app: fake.config\n"
        "sys.exit(service.run(fake))\n"
    )
    top = COLLECTIONS / "ansible_collections/slipway/release"
    environment = {**os.environ, "PYTHONPATH": f"{COLLECTIONS}:{top}"}
    process = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], env=environment)
    assert eventually((tmp_path / "run" / "open").exists)
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_systemd_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notify("READY=1")
        assert receiver.recv(100) == b"READY=1"
        monkeypatch.delenv("NOTIFY_SOCKET")
        notify("READY=1")


def test_the_log_says_the_same_once_until_the_topic_is_settled(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log()
    for _try in range(3):
        with log.failures("duty"):
            raise StateError("it is broken", where="here", remedy="repair it")
    assert capsys.readouterr().err == "<4>duty: state: here: it is broken. Remedy: repair it.\n"
    with log.failures("duty"):
        pass
    with log.failures("duty"):
        raise OSError("no space left")
    assert capsys.readouterr().err == "<4>duty: OSError: no space left\n"


def test_the_configuration_of_these_tests_is_sound() -> None:
    assert CONFIG.from_dict(CONFIG.to_dict()) == CONFIG
