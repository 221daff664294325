# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Waiting for a drain, counting connections, asking readiness, and what lb_info says."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer import connections as connections_module
from ansible_collections.slipway.release.plugins.module_utils._balancer import drain as drain_module
from ansible_collections.slipway.release.plugins.module_utils._balancer.ask import ask
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig, Health
from ansible_collections.slipway.release.plugins.module_utils._balancer.connections import (
    connections_by_netlink,
    connections_by_proc,
    count,
    resolved,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import (
    Drain,
    refuse_undrained,
    wait_drained,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info
from ansible_collections.slipway.release.plugins.module_utils._balancer.ready import unready
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError, SystemFailure

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drain_module, "INTERVAL", 0)


def test_a_drain_waits_until_nothing_was_left_three_times_in_a_row(memory: Any) -> None:
    memory.left["blue-app1"] = [2, 0, 0, 1, 0, 0, 0, 9]
    drained = wait_drained(memory, Drain(("blue-app1",), 30, "fail"))
    assert (drained["blue-app1"]["drained"], drained["blue-app1"]["connections"]) == (True, 0)
    assert memory.left["blue-app1"] == [9]


def test_a_drain_that_does_not_end_fails_or_is_cut(memory: Any) -> None:
    memory.left = {"blue-app1": [3]}
    drain = Drain(("blue", "green-app1"), 0, "fail")
    drained = wait_drained(memory, drain)
    assert drained["blue"]["connections"] == 3
    with pytest.raises(StateError, match="blue has 3"):
        refuse_undrained(drain, drained, "here")
    refuse_undrained(replace(drain, policy="cut"), drained, "here")


def test_connections_are_counted_by_remote_address(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    row = "   0: 0100007F:1F90 {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 1\n"
    rows = [("1500000A:1F91", "01"), ("1500000A:1F91", "02"), ("1500000A:1F91", "06"), ("1500000A:1F92", "01")]
    table.write_text(HEADER + "".join(row.format(remote=remote, state=state) for remote, state in rows))
    mapped = tmp_path / "tcp6"
    remote = "0000000000000000FFFF00001500000A:1F91"
    mapped.write_text(HEADER + row.format(remote=remote, state="01"))
    found = connections_by_proc({8081, 8082}, (table, mapped, tmp_path / "missing"))
    assert found == {"10.0.0.21:8081": 3, "10.0.0.21:8082": 1}


@pytest.mark.parametrize("counted", [connections_by_netlink, connections_by_proc])
@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_a_real_connection_is_seen_and_its_end_too(counted: Callable[[set[int]], Counter[str]], family: int) -> None:
    loopback = "127.0.0.1" if family == socket.AF_INET else "::1"
    with socket.create_server((loopback, 0), family=family) as server:
        port = server.getsockname()[1]
        (address,) = resolved(f"{loopback}:{port}")
        with socket.create_connection(server.getsockname()[:2]) as client:
            accepted, _peer = server.accept()
            assert counted({port})[address] == 1
            assert not counted({port - 1})[address]
            client.close()
            accepted.close()
        assert counted({port})[address] == 0


def test_a_kernel_without_socket_diagnosis_is_asked_by_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(ports: set[int]) -> Counter[str]:
        raise OSError(2, "no such module")

    monkeypatch.setattr(connections_module, "connections_by_netlink", refuse)
    monkeypatch.setattr(connections_module, "connections_by_proc", lambda ports: Counter({"127.0.0.1:80": 2}))
    assert count(["127.0.0.1:80", "127.0.0.1:81"]) == 2


def test_a_name_is_resolved_as_connections_are_spelled() -> None:
    assert resolved("127.0.0.1:80") == {"127.0.0.1:80"}
    assert resolved("[::1]:80") == {"[::1]:80"}


@pytest.fixture
def answering() -> Iterator[tuple[int, dict[str, int]]]:
    statuses = {"/ready": 200}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[self.path])
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    yield server.server_address[1], statuses
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(("status", "ready"), [(200, True), (204, True), (302, False), (404, False), (503, False)])
def test_only_2xx_is_ready(
    config: BalancerConfig, answering: tuple[int, dict[str, int]], status: int, ready: bool
) -> None:
    port, statuses = answering
    statuses["/ready"] = status
    servers = {**config.servers, "blue": {"app1": f"127.0.0.1:{port}"}}
    complaints = unready(replace(config, servers=servers, health=Health(path="/ready")), ["blue-app1"])
    assert (complaints == {}) is ready


def test_silence_and_refusal_are_not_ready(config: BalancerConfig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        servers = {"blue": {"app1": f"127.0.0.1:{port}"}, "green": {"app1": "127.0.0.1:1"}}
        complaints = unready(replace(config, servers=servers), ["blue-app1", "green-app1"])
    assert "timed out" in complaints["blue-app1"]
    assert "refused" in complaints["green-app1"]
    assert unready(config, []) == {}


def test_a_port_that_does_not_speak_http_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _peer = server.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0 hello there\r\n")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(SystemFailure, match="not an HTTP answer"):
            ask(server.getsockname()[1], ["/current"])


def test_info_reports_a_balancer_that_is_down(nginx: Any, state: Callable[..., State]) -> None:
    nginx.apply(state(100, 3))
    nginx.config = replace(nginx.config, status_port=1)
    found = info(nginx)
    assert (found["live"], found["consistent"], found["generation"], found["open"]) == (None, False, 3, False)
    assert "does not answer" in found["error"]


def test_info_compares_what_is_recorded_with_what_is_done(memory: Any, state: Callable[..., State]) -> None:
    memory.apply(state(100, 3, servers={"blue-app1": "drain"}))
    memory.left = {"blue-app1": [4]}
    found = info(memory)
    assert (found["consistent"], found["error"]) == (True, "")
    assert found["instances"]["blue-app1"] == {"usable": False, "connections": 4}
    memory.ignores = True
    memory.apply(state(0, 4))
    assert not info(memory)["consistent"]
