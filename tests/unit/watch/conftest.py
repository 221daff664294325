# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A balancer after a deployment that has ended, with a watch that tests let pass or fail."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State, whole
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, Surroundings, switch
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import WatchRequest
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence
from ansible_collections.slipway.release.plugins.module_utils._watch.service import Keeper

from tests.unit.agent.conftest import CONFIG, FakeBalancer, lease, state

TOKEN = 7


@dataclass
class World:
    """Time, boot, readiness and peers that a test decides on."""

    now: int = 1_000
    boot: str = "this boot"
    unready: dict[str, str] = field(default_factory=dict)
    peers: dict[str, Report | None] = field(default_factory=dict)

    def surroundings(self) -> Surroundings:
        """As ``switch`` sees it."""
        return Surroundings(
            now_ms=lambda: self.now,
            boot_id=lambda: self.boot,
            unready=lambda _config, names: {name: self.unready[name] for name in names if name in self.unready},
        )


@pytest.fixture
def world() -> World:
    """A world in which all is well."""
    return World()


@pytest.fixture
def balancer(tmp_path: Path) -> FakeBalancer:
    """An open balancer with all traffic on green under the lease of a deployment."""
    fake = FakeBalancer(CONFIG, tmp_path)
    fake.open()
    fake.apply(state(slot="green", token=TOKEN, armed=lease(TOKEN)))
    return fake


class Address:
    """A public address that answers what a test wants."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0
        address = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                address.asked += 1
                self.send_response(address.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_args: object) -> None:
                """Stay quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def check(self) -> dict[str, Any]:
        """A check of it."""
        return {"name": "public", "type": "http", "url": f"http://127.0.0.1:{self.server.server_port}/ready"}


@pytest.fixture
def address() -> Iterator[Address]:
    """One that answers well."""
    made = Address()
    yield made
    made.server.shutdown()
    made.server.server_close()


def request(**changes: Any) -> WatchRequest:
    """A watch of green that returns to blue."""
    checks = [{"name": "nobody", "type": "http", "url": "http://127.0.0.1:1/"}]
    asked = {"deployment": "d7", "slot": "green", "return_to": whole("blue"), "seconds": 600, "checks": checks}
    return WatchRequest(**{**asked, **changes})


def settle(balancer: FakeBalancer, world: World, wanted: WatchRequest | None, token: int = TOKEN) -> State:
    """End the deployment, and watch it."""
    change = Change(stable="green", settle=True, watch=wanted)
    return switch(balancer, Fence(balancer.directory, token), change, surroundings=world.surroundings()).after


@pytest.fixture
def keeper(balancer: FakeBalancer, world: World) -> Iterator[Keeper]:
    """What keeps the watch."""
    made = Keeper(balancer, Log(), lambda: world.peers, world.surroundings())
    yield made
    made.end()


def step_until(keeper: Keeper, holds: Callable[[], bool], steps: int = 2000) -> None:
    """Look again and again until a condition holds."""
    pause = threading.Event()
    for _step in range(steps):
        keeper.step()
        if holds():
            return
        pause.wait(0.01)
    raise AssertionError("the condition never held")
