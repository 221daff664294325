# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Graceful termination: what SIGTERM does to readiness, to open connections, and to what is in flight."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
from ansible_collections.slipway.release.plugins.module_utils._meter.meter import Meter
from ansible_collections.slipway.release.plugins.module_utils._meter.options import Options

from .conftest import Shop
from .test_http import WebSocket, read_all, read_until

Start = Callable[..., Shop]
PLAIN = b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n"


def test_not_ready_at_once_but_open_and_new_connections_are_answered(shop: Start) -> None:
    one = shop(SHOP_GRACE="30")
    with one.connect() as sock:
        sock.sendall(PLAIN)
        assert b"Connection: close" not in read_until(sock, b"blue-app1\n")
        one.terminate()
        one.wait_until("/health/ready", 503)
        sock.sendall(PLAIN)
        answer = read_all(sock)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"Connection: close" in answer
    assert one.get("/plain")[0] == 200
    assert one.get("/health/live")[0] == 200
    assert one.process.poll() is None


def test_requests_in_flight_finish_after_the_grace_period_and_the_exit_is_clean(shop: Start) -> None:
    one = shop(SHOP_GRACE="0.2")
    with one.connect() as sock, one.connect() as idle:
        idle.sendall(PLAIN)
        read_until(idle, b"blue-app1\n")
        sock.sendall(b"GET /slow?ms=1500 HTTP/1.1\r\nHost: x\r\n\r\n")
        one.wait_until("/health/live")
        one.terminate()
        assert idle.recv(1) == b"", "an idle connection is closed when the grace period ends"
        with pytest.raises(ConnectionRefusedError):
            one.connect()
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in answer
    assert one.ended() == (0, "")


def test_streams_and_websockets_end_by_the_rules_at_the_deadline(shop: Start) -> None:
    one = shop(SHOP_GRACE="0.1", SHOP_DEADLINE="0.5")
    with one.connect() as stream, one.connect() as sock:
        client = WebSocket(sock)
        stream.sendall(b"GET /stream?seconds=600 HTTP/1.1\r\nHost: x\r\n\r\n")
        read_until(stream, b'"line": 1')
        one.terminate()
        assert read_all(stream).endswith(b"0\r\n\r\n")
        assert client.receive_but_ticks() == (0x88, (1001).to_bytes(2, "big"))
    assert one.ended() == (0, "")


def test_no_request_is_lost_in_the_grace_period_and_all_are_after_it(shop: Start) -> None:
    one = shop(SHOP_GRACE="30")
    options = Options(url=f"http://127.0.0.1:{one.port}/plain", duration=1.5, rate=200, connections=10, slow=2)
    before = Meter(options).run()
    stopper = threading.Timer(0.5, one.terminate)
    stopper.start()
    summary = Meter(options).run()
    stopper.join()
    assert before["total"]["lost"] == summary["total"]["lost"] == 0
    assert summary["connections"]["opened"] > before["connections"]["opened"] + 10, "draining closes after each answer"
    one.process.kill()
    one.ended()
    assert Meter(options).run()["total"]["ok"] == 0


def test_a_stopped_port_is_free_at_once(shop: Start) -> None:
    one = shop()
    one.terminate()
    assert one.ended() == (0, "")
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("127.0.0.1", one.port))
