# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer that records its state in a temporary directory and whose running process is a variable."""

from __future__ import annotations

import dataclasses
import http.server
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._agent.server import StateServer
from ansible_collections.slipway.release.plugins.module_utils._balancer.base import Balancer, Capabilities, Live
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import SLOTS, Agent, BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import Lease, State, whole
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._common.files import read_state, write_state

Offer = Callable[[Report], str]
SERVERS = {slot: {f"app{n}": f"127.0.0.1:{port + n}" for n in (1, 2, 3)} for slot, port in (("blue", 1), ("green", 5))}
CONFIG = BalancerConfig(app="shop", kind="nginx", servers=SERVERS)


class FakeBalancer(Balancer):
    """Does at once what it is told, unless it is broken."""

    capabilities = Capabilities(sticky=True, native_health=False, connections=True)

    def __init__(self, config: BalancerConfig, directory: Path) -> None:
        super().__init__(config, directory / "state", directory / "run")
        self.directory.mkdir()
        self.running: State | None = None
        self.broken = False
        self.garbled = False
        self.applied: list[State] = []

    def recorded(self) -> State | None:
        content = read_state(self.directory / "state.json", 1)
        return None if content is None else State.from_dict(content)

    def record(self, state: State) -> None:
        """What ``apply`` does before the running process."""
        content = state.to_dict()
        write_state(self.directory / "state.json", content.pop("schema"), content)

    def apply(self, state: State) -> None:
        state.check(self.config)
        self.record(state)
        self.applied.append(state)
        if not self.broken:
            self.running = state
            self.garbled = False

    def live(self) -> Live:
        if self.running is None:
            raise SystemFailure("it does not run", where="fake", remedy="start it")
        if self.garbled:
            raise StateError("its links make no whole percents", where="fake", remedy="write them again")
        usable = {slot: self.running.usable(self.config, slot) for slot in SLOTS}
        state = self.running
        return Live(state.generation, state.stable, state.percents, usable, self.open_file.exists(), state.override)

    def instance_connections(self, instance: str) -> int:
        return 0

    def open(self) -> None:
        self.run_directory.mkdir(parents=True, exist_ok=True)
        self.open_file.touch()

    def close(self) -> None:
        self.open_file.unlink(missing_ok=True)


def lease(token: int = 7, *, deadline_ms: int = 10_000, boot_id: str = "this boot", to: str = "blue") -> Lease:
    """An armed lease."""
    return Lease(token, deadline_ms, boot_id, whole(to))


def state(*, token: int = 7, slot: str = "blue", generation: int = 4, armed: Lease | None = None) -> State:
    """A state with all traffic to one slot."""
    return State(app="shop", generation=generation, token=token, stable="blue", percents=whole(slot), lease=armed)


def configured(**agent: Any) -> BalancerConfig:
    """The configuration with other settings of the agent."""
    return dataclasses.replace(CONFIG, agent=dataclasses.replace(Agent(), **agent))


@pytest.fixture
def balancer(tmp_path: Path) -> FakeBalancer:
    """A running balancer, closed, with all traffic to blue."""
    fake = FakeBalancer(CONFIG, tmp_path)
    fake.apply(state())
    fake.applied.clear()
    return fake


@pytest.fixture
def log() -> Log:
    """A log of its own."""
    return Log()


@pytest.fixture
def closed_port() -> int:
    """A port of the loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def serve_status() -> Iterator[dict[str, int]]:
    """Two HTTP servers, by the status that they answer with: 200 and 503; gives their ports."""
    servers = []

    def start(status: int) -> int:
        class Handler(http.server.BaseHTTPRequestHandler):
            """Answers everything alike."""

            def do_GET(self) -> None:
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Stay quiet."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield {str(status): start(status) for status in (200, 503)}
    for server in servers:
        server.shutdown()
        server.server_close()


def report(content: State | None, *, is_open: bool = True, left_ms: int = 0, barred: int = 0) -> Report:
    """A peer with this state."""
    return Report("shop", "its boot", is_open, content, left_ms, barred, peers=("127.0.0.1:8470",))


@pytest.fixture
def offer() -> Iterator[Offer]:
    """Serve reports as peers do; gives the address of each."""
    servers = []

    def start(content: Report) -> str:
        server = StateServer("127.0.0.1", 0, content.to_dict)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"127.0.0.1:{server.server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
