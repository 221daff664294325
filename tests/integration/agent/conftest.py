# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent under systemd, beside a real nginx with the sample application behind it.

Touches the machine it runs in: what the nginx tests touch, and what the agent is placed as. Runs as root inside a lab
machine and nowhere else.
"""

from __future__ import annotations

import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.payload import sources
from ansible_collections.slipway.release.plugins.module_utils._agent.place import Places, place
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._agent.server import StateServer

from tests.integration.machine import get, run, wait_until
from tests.integration.nginx.conftest import IN_LAB, SHOP, Host, host, instances, machine

__all__ = ["host", "instances", "machine"]

UNIT = "slipway-agent@shop.service"
PLACES = Places(library=Path("/usr/local/lib/slipway"), python=sys.executable)
PATIENCE = 3600
collect_ignore_glob = [] if IN_LAB else ["test_*.py"]


class Peer:
    """The agent of another balancer, which reports what a test wants; silent until it has something to report."""

    def __init__(self) -> None:
        self.report: Report | None = None
        self.server = StateServer("127.0.0.1", 0, self._document)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.server.server_address[1]}"

    def _document(self) -> dict[str, object]:
        if self.report is None:
            return {}
        return self.report.to_dict()


class Machine:
    """The balancer host with its agent."""

    def __init__(self, balancer_host: Host, peer: Peer) -> None:
        self.host = balancer_host
        self.peer = peer

    def configure(self, *, peers: tuple[str, ...] = (), solo_open_after: int = PATIENCE) -> None:
        """Give the agent its configuration."""
        agent = replace(SHOP.agent, peers=peers, solo_open_after=solo_open_after)
        self.host.use(replace(SHOP, agent=agent))
        path = Path("/etc/slipway/balancer/shop.json")
        path.write_text(json.dumps(self.host.config.to_dict()))

    def boot(self) -> None:
        """What a boot does: everything stops, the run directory is empty, everything starts."""
        run("systemctl", "stop", UNIT, "nginx")
        shutil.rmtree(self.host.balancer.run_directory, ignore_errors=True)
        run("systemctl", "start", "nginx", UNIT)

    def start(self) -> None:
        """Start the agent and wait until it has taken over."""
        run("systemctl", "start", UNIT)
        wait_until((self.host.balancer.run_directory / "converged").exists, 20, "the agent has taken over")

    def process(self) -> int:
        """The agent's process id; 0 when it does not run, or is not ready yet."""
        shown = run("systemctl", "show", "--property=MainPID", "--property=ActiveState", UNIT).stdout
        found = dict(line.split("=", 1) for line in shown.splitlines())
        return int(found["MainPID"]) if found["ActiveState"] == "active" else 0

    def journal(self) -> str:
        """What the agent has logged."""
        return run("journalctl", "--unit", UNIT, "--output=cat", "--no-pager").stdout


def answers_until(holds: Callable[[], bool], more: int = 100) -> list[str]:
    """Ask for pages until a condition holds, and some times more; the slot of each answer, or its status."""
    found = []
    while more:
        status, headers, _body = get("/plain")
        found.append(headers["x-slipway-slot"] if status == 200 else str(status))
        more -= holds()
        assert len(found) < 100_000, "the condition never held"
    return found


@pytest.fixture(scope="session")
def placed() -> Iterator[None]:
    """The agent, placed as the module does."""
    place(PLACES, sources())
    run("systemd-tmpfiles", "--create", str(PLACES.tmpfiles))
    run("systemctl", "daemon-reload")
    yield
    run("systemctl", "stop", UNIT, check=False)


@pytest.fixture
def peer() -> Iterator[Peer]:
    """Another balancer's agent."""
    made = Peer()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def balancer_machine(host: Host, placed: None, peer: Peer) -> Iterator[Machine]:
    """An open balancer with all traffic on blue, its agent configured without peers and stopped."""
    made = Machine(host, peer)
    made.configure()
    yield made
    run("systemctl", "stop", UNIT)
