# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer in memory, and a program that answers like nginx's status port. Touches a temporary directory."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.base import Balancer, Capabilities, Live
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import SLOTS, BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.nginx import Nginx
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State

CONTENT: dict[str, Any] = {
    "schema": 1,
    "app": "shop",
    "kind": "nginx",
    "servers": {
        "blue": {"app1": "127.0.0.1:9001", "app2": "127.0.0.1:9002", "app3": "127.0.0.1:9003"},
        "green": {"app1": "127.0.0.1:9101", "app2": "127.0.0.1:9102", "app3": "127.0.0.1:9103"},
    },
}


class MemoryBalancer(Balancer):
    """Keeps the state in memory; ``ignores`` makes it disobey."""

    capabilities = Capabilities(sticky=True, native_health=False, connections=True)

    def __init__(self, config: BalancerConfig, directory: Path) -> None:
        super().__init__(config, directory, directory / "run")
        self.state: State | None = None
        self.does: State | None = None
        self.is_open = False
        self.ignores = False
        self.applied = 0
        self.left: dict[str, list[int]] = {}

    def recorded(self) -> State | None:
        return self.state

    def live(self) -> Live:
        state = self.does or State.initial(self.config.app)
        usable = {slot: state.usable(self.config, slot) for slot in SLOTS}
        return Live(state.generation, state.stable, dict(state.percents), usable, self.is_open, state.override)

    def apply(self, state: State) -> None:
        self.applied += 1
        self.state = state
        if not self.ignores:
            self.does = state

    def instance_connections(self, instance: str) -> int:
        left = self.left.get(instance, [0])
        return left.pop(0) if len(left) > 1 else left[0]

    def open(self) -> None:
        self.is_open = True

    def close(self) -> None:
        self.is_open = False


class StatusPort:
    """Answers from the directory what nginx would; ``routes`` and ``app`` make it lie."""

    def __init__(self, nginx: Nginx) -> None:
        self.nginx = nginx
        self.app = nginx.config.app
        self.structure = "0123456789abcdef"
        self.routes: dict[str, str] = {}
        status = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                code, text = status.answer(self.path)
                self.send_response(code)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def answer(self, path: str) -> tuple[int, str]:
        directory = self.nginx.directory
        if path == "/current":
            current = directory / "current"
            return 200, f"{self.app} {self.structure} {os.path.realpath(current) if current.exists() else ''}\n"
        if path == "/open":
            return (200, "open\n") if self.nginx.open_file.exists() else (503, "closed\n")
        if path == "/stable":
            return 200, self._upstream(directory / "stable")
        kind, bucket = path[1:].split("/")
        link = directory / "current" / ("matched" if kind == "matched" else ".") / bucket
        return 200, self.routes.get(path) or self.routes.get(bucket) or self._upstream(link)

    def _upstream(self, link: Path) -> str:
        return f"slipway_{self.app}_{os.path.basename(os.path.realpath(link))}\n" if link.exists() else "\n"


@pytest.fixture
def config() -> BalancerConfig:
    return BalancerConfig.from_dict(CONTENT)


@pytest.fixture
def content() -> dict[str, Any]:
    return {**CONTENT, "servers": {slot: dict(hosts) for slot, hosts in CONTENT["servers"].items()}}


@pytest.fixture
def memory(config: BalancerConfig, tmp_path: Path) -> MemoryBalancer:
    return MemoryBalancer(config, tmp_path)


@pytest.fixture
def nginx(config: BalancerConfig, tmp_path: Path) -> Nginx:
    return Nginx(config, tmp_path / "state", tmp_path / "run")


@pytest.fixture
def status(nginx: Nginx) -> Iterator[StatusPort]:
    port = StatusPort(nginx)
    nginx.config = replace(nginx.config, status_port=port.server.server_address[1])
    yield port
    port.server.shutdown()
    port.server.server_close()


@pytest.fixture
def state() -> Callable[..., State]:
    def make(blue: int = 100, generation: int = 1, **values: Any) -> State:
        return replace(
            State.initial("shop"), generation=generation, percents={"blue": blue, "green": 100 - blue}, **values
        )

    return make
