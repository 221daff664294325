# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The http component: identity in each answer, keep-alive, streams, websockets, and bad requests."""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from .conftest import Shop

Start = Callable[..., Shop]


def read_until(sock: socket.socket, end: bytes) -> bytes:
    data = b""
    while end not in data:
        piece = sock.recv(65536)
        assert piece, f"closed after {data!r}"
        data += piece
    return data


def read_all(sock: socket.socket) -> bytes:
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


def test_each_answer_says_who_gave_it(shop: Start) -> None:
    one = shop("1.1.0", SLOT="green", RELEASE="1.1.0")
    for path in ("/", "/plain", "/slow?ms=1", "/stream?seconds=0", "/health", "/health/ready", "/nothing"):
        _rest, headers, _more = one.get(path)
        identity = [headers[f"x-slipway-{name}"] for name in ("release", "slot", "instance")]
        assert identity == ["1.1.0", "green", "green-app1"], path
        assert "set-cookie" not in headers
    assert one.json("/") == {
        "version": "1.1.0", "release": "1.1.0", "slot": "green", "host": "app1", "instance": "green-app1",
        "pid": one.process.pid,
    }  # fmt: skip


def test_health_of_a_good_release(shop: Start) -> None:
    one = shop()
    for check in ("live", "started", "ready"):
        assert one.get(f"/health/{check}")[0] == 200
    aggregate = one.json("/health")
    assert (aggregate["status"], aggregate["ready"], aggregate["database"]) == ("pass", True, "unconfigured")


def test_what_the_process_uses_is_told_even_by_a_release_that_fails(shop: Start) -> None:
    one = shop(SHOP_BEHAVIOUR='{"error_percent": 100, "burn_percent": 80}')

    def used() -> dict[str, float]:
        status, headers, body = one.get("/metrics")
        assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        lines = [line.split() for line in body.decode().splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}

    before = used()
    assert before["process_resident_memory_bytes"] > 1 << 20
    deadline = time.monotonic() + 20
    while used()["process_cpu_seconds_total"] < before["process_cpu_seconds_total"] + 0.4:
        assert time.monotonic() < deadline


def test_a_configured_database_that_is_away_makes_the_instance_unready_and_stays_secret(shop: Start) -> None:
    one = shop(DATABASE_URL="postgresql://shop:hunter2@127.0.0.1:1/shop")
    one.wait_until("/health/ready", 503)
    assert one.get("/health/live")[0] == 200
    status, _rest, body = one.get("/health")
    assert status == 503
    assert b"hunter2" not in body
    assert json.loads(body)["database"] not in ("unconfigured", "connected")


def test_keep_alive_and_pipelining_answer_in_order(shop: Start) -> None:
    with shop().connect() as sock:
        sock.sendall(b"GET /slow?ms=80 HTTP/1.1\r\nHost: x\r\n\r\nGET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
        sock.sendall(b"POST /nothing HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel")
        sock.sendall(b"loHEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answers = read_all(sock)
    assert [part[:3] for part in answers.split(b"HTTP/1.1 ")[1:]] == [b"200", b"200", b"404", b"200", b"200"]
    assert answers.count(b"Connection: close") == 1
    assert answers.count(b'"pid"') == 2, "the first and the last have a body, HEAD has none"


def test_http_1_0_closes_and_streams_without_chunks(shop: Start) -> None:
    one = shop()
    with one.connect() as sock:
        sock.sendall(b"GET /stream?seconds=1 HTTP/1.0\r\n\r\n")
        answer = read_all(sock)
    assert b"Transfer-Encoding" not in answer
    assert answer.count(b'{"line": ') == 1
    with one.connect() as sock:
        sock.sendall(b"GET /plain HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        read_until(sock, b"blue-app1\n")
        sock.sendall(b"GET /plain HTTP/1.0\r\n\r\n")
        assert read_all(sock).endswith(b"1.0.0 blue blue-app1\n")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 501),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 17000, 431),
        (b"GET /slow?ms=-1 HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /stream?seconds=9999 HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        (b"GET /websocket HTTP/1.1\r\nConnection: close\r\n\r\n", 426),
    ],
)
def test_bad_requests_are_answered_and_closed(shop: Start, request_bytes: bytes, status: int) -> None:
    with shop().connect() as sock:
        sock.sendall(request_bytes)
        assert read_all(sock).startswith(b"HTTP/1.1 %d " % status)


def test_expect_continue(shop: Start) -> None:
    with shop().connect() as sock:
        sock.sendall(b"POST /plain HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n\r\n")


def test_a_stream_has_a_line_each_second_and_keeps_the_connection(shop: Start) -> None:
    with shop().connect() as sock:
        sock.sendall(b"GET /stream?seconds=2 HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = read_until(sock, b"0\r\n\r\n")
        sock.sendall(b"GET /plain HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_until(sock, b"blue-app1\n").startswith(b"HTTP/1.1 200")
    lines = [json.loads(line) for line in answer.split(b"\r\n") if line.startswith(b"{")]
    assert [line["line"] for line in lines] == [1, 2]
    assert {(line["version"], line["slot"]) for line in lines} == {("1.0.0", "blue")}


class WebSocket:
    """A client for tests, after RFC 6455 and with its example key."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.sendall(
            b"GET /websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        head, _rest, self.data = read_until(sock, b"\r\n\r\n").partition(b"\r\n\r\n")
        assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head

    def send(self, first: int, payload: bytes, *, masked: bool = True) -> None:
        mask = os.urandom(4) if masked else b""
        body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload)) if masked else payload
        short = min(len(payload), 126)
        extended = len(payload).to_bytes(2, "big") if short == 126 else b""
        self.sock.sendall(bytes((first, (0x80 if masked else 0) | short)) + extended + mask + body)

    def take(self, count: int) -> bytes:
        while len(self.data) < count:
            piece = self.sock.recv(65536)
            assert piece, "closed"
            self.data += piece
        taken, self.data = self.data[:count], self.data[count:]
        return taken

    def receive(self) -> tuple[int, bytes]:
        first, length = self.take(2)
        if length == 126:
            length = int.from_bytes(self.take(2), "big")
        return first, self.take(length)

    def receive_but_ticks(self) -> tuple[int, bytes]:
        while True:
            first, payload = self.receive()
            if not payload.startswith(b'{"tick"'):
                return first, payload


def test_a_websocket_ticks_and_echoes(shop: Start) -> None:
    with shop().connect() as sock:
        client = WebSocket(sock)
        first, payload = client.receive()
        assert (first, json.loads(payload)["tick"], json.loads(payload)["version"]) == (0x81, 1, "1.0.0")
        client.send(0x81, b"hello")
        assert client.receive_but_ticks() == (0x81, b"hello")
        client.send(0x82, b"b" * 300)
        assert client.receive_but_ticks() == (0x82, b"b" * 300)
        client.send(0x01, b"in ")
        client.send(0x89, b"ping")
        client.send(0x80, b"parts")
        assert client.receive_but_ticks() == (0x8A, b"ping")
        assert client.receive_but_ticks() == (0x81, b"in parts")
        client.send(0x88, b"\x03\xe8bye")
        assert client.receive_but_ticks() == (0x88, b"\x03\xe8")
        assert sock.recv(1) == b""


@pytest.mark.parametrize(
    ("first", "masked", "code"), [(0x81, False, 1002), (0xC1, True, 1002), (0x83, True, 1002), (0x80, True, 1002)]
)
def test_a_websocket_that_breaks_the_rules_is_closed_with_a_code(
    shop: Start, first: int, masked: bool, code: int
) -> None:
    with shop().connect() as sock:
        client = WebSocket(sock)
        client.send(first, b"x", masked=masked)
        assert client.receive_but_ticks() == (0x88, code.to_bytes(2, "big"))


def test_the_port_in_use_ends_the_process(shop: Start) -> None:
    one = shop()
    other = shop(wait=False, PORT=str(one.port))
    code, err = other.ended()
    assert code != 0
    assert "in use" in err


def test_release_and_version_may_differ_and_the_code_is_what_counts(shop: Start) -> None:
    found: dict[str, Any] = shop("1.0.0", RELEASE="9.9.9").json("/")
    assert (found["version"], found["release"]) == ("1.0.0", "9.9.9")
