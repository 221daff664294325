# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's endpoint: what it answers, and that bad clients cannot keep it from answering."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent import server as server_module
from ansible_collections.slipway.release.plugins.module_utils._agent.log import Log
from ansible_collections.slipway.release.plugins.module_utils._agent.peers import Peers
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report, own_report
from ansible_collections.slipway.release.plugins.module_utils._agent.server import StateServer, serve
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError

from .conftest import FakeBalancer, lease, state


@pytest.fixture
def endpoint(balancer: FakeBalancer) -> Iterator[str]:
    """The address of a running endpoint."""
    with StateServer("127.0.0.1", 0, lambda: own_report(balancer).to_dict()) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def connect(endpoint: str) -> socket.socket:
    """A connection to the endpoint."""
    host, port = endpoint.split(":")
    return socket.create_connection((host, int(port)), 10)


def test_state(endpoint: str, balancer: FakeBalancer) -> None:
    balancer.open()
    with urllib.request.urlopen(f"http://{endpoint}/state", timeout=10) as answer:
        content = json.load(answer)
    assert content["app"] == "shop"
    assert content["open"] is True
    assert content["generation"] == 4
    assert content["state"]["percents"] == {"blue": 100, "green": 0}


@pytest.mark.parametrize(("method", "path"), [("POST", "/state"), ("GET", "/"), ("DELETE", "/state")])
def test_anything_else_is_refused(endpoint: str, method: str, path: str) -> None:
    request = urllib.request.Request(f"http://{endpoint}{path}", method=method)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=10)
    with caught.value as answer:
        assert answer.status == 404


def test_what_is_left_of_a_lease_is_told_and_never_negative(balancer: FakeBalancer) -> None:
    balancer.apply(state(armed=lease(boot_id="another boot", deadline_ms=2**50)))
    assert own_report(balancer).lease_left_ms == 0


def test_slow_clients_do_not_keep_others_out_for_long(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CLIENT_SECONDS", 0.3)
    slow = [connect(endpoint) for _client in range(server_module.MOST_CLIENTS)]
    for one in slow:
        one.sendall(b"GET /st")
    peers = Peers("shop", [endpoint], Log())
    assert any(peers.ask()[endpoint] or threading.Event().wait(0.1) for _try in range(100))
    for one in slow:
        one.settimeout(10)
        assert one.recv(100) == b""
        one.close()


def test_a_client_beyond_the_limit_is_turned_away(endpoint: str) -> None:
    kept = [connect(endpoint) for _client in range(server_module.MOST_CLIENTS)]
    with connect(endpoint) as turned_away:
        assert turned_away.recv(100) == b""
    for one in kept:
        one.close()


def test_an_endless_request_is_cut_off(endpoint: str) -> None:
    with connect(endpoint) as client:
        try:
            client.sendall(b"GET /state HTTP/1.1\r\nX: " + b"x" * 100_000)
            assert client.recv(100) == b""
        except (ConnectionResetError, BrokenPipeError):
            pass


def test_a_state_that_cannot_be_read_is_answered_as_such() -> None:
    def broken() -> dict[str, Any]:
        raise StateError("it cannot be read", where="state.json", remedy="restore it")

    with StateServer("127.0.0.1", 0, broken) as server:
        status, document = server.answer("GET /state HTTP/1.1")
    assert (status, "cannot be read" in document["error"]) == (503, True)


def test_a_port_in_use_is_waited_for(monkeypatch: pytest.MonkeyPatch, balancer: FakeBalancer) -> None:
    monkeypatch.setattr(server_module, "REBIND_SECONDS", 0.05)
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        arguments = ("127.0.0.1", port, lambda: own_report(balancer).to_dict(), stop, Log())
        thread = threading.Thread(target=serve, args=arguments, daemon=True)
        thread.start()
        stop.wait(0.2)
    peers = Peers("shop", [f"127.0.0.1:{port}"], Log())
    assert any(peers.ask()[f"127.0.0.1:{port}"] or stop.wait(0.1) for _try in range(100))
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


def test_a_report_survives_the_wire(balancer: FakeBalancer) -> None:
    balancer.apply(state(armed=lease(boot_id="another boot")))
    report = own_report(balancer)
    assert Report.from_dict(json.loads(json.dumps(report.to_dict())), "peer") == report


@pytest.mark.parametrize(
    "content",
    [None, [], {}, {"schema": 2, "app": "shop"}, {"state": {}}, {"schema": 1, "app": "shop", "state": {"app": 1}}],
)
def test_what_is_no_report_is_refused(content: Any) -> None:
    with pytest.raises(InputError):
        Report.from_dict(content, "peer")


def test_a_report_of_a_newer_agent_is_refused(balancer: FakeBalancer) -> None:
    with pytest.raises(InputError) as caught:
        Report.from_dict({**own_report(balancer).to_dict(), "schema": 2}, "peer")
    assert "schema 2" in caught.value.what


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{]}", b"no protocol\r\n\r\n"])
def test_a_peer_that_talks_nonsense_counts_as_silent(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"

        def talk() -> None:
            connection, _peer = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)

        thread = threading.Thread(target=talk)
        thread.start()
        assert Peers("shop", [address], Log()).ask() == {address: None}
        thread.join()


def test_a_report_of_an_older_agent_has_returned_nothing(balancer: FakeBalancer) -> None:
    content = own_report(balancer).to_dict()
    del content["returned"]
    assert Report.from_dict(content, "lb2").returned == 0
