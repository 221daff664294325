# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The delaying proxy against real sockets on the loopback address. Touches ports there, chosen by the kernel."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from lab.delay_proxy import Near, Proxy, endpoint, running

DELAY = 0.05
Dialogue = Callable[[socket.socket], None]


@contextlib.contextmanager
def target(dialogue: Dialogue) -> Iterator[tuple[str, int]]:
    """A server for one connection that holds the dialogue."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _address = listener.accept()
            with connection:
                connection.settimeout(10)
                dialogue(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()
        thread.join(10)
        assert not thread.is_alive()


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=10)


def receive_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(65536), b""))


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def test_question_and_answer_take_at_least_one_delay_each() -> None:
    def dialogue(connection: socket.socket) -> None:
        connection.sendall(connection.recv(100).upper())

    with target(dialogue) as address, running(address, DELAY) as port, connect(port) as client:
        began = time.monotonic()
        client.sendall(b"hello")
        assert client.recv(100) == b"HELLO"
        assert time.monotonic() - began >= 2 * DELAY


def test_a_half_close_leaves_the_other_direction_open() -> None:
    def dialogue(connection: socket.socket) -> None:
        connection.sendall(b"got " + receive_all(connection))

    with target(dialogue) as address, running(address, DELAY) as port, connect(port) as client:
        client.sendall(b"all of it")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b"got all of it"


def test_a_reset_by_the_target_reaches_the_client_as_a_reset() -> None:
    def dialogue(connection: socket.socket) -> None:
        connection.recv(100)
        reset(connection)

    with target(dialogue) as address, running(address, DELAY) as port, connect(port) as client:
        client.sendall(b"hello")
        with pytest.raises(ConnectionResetError):
            client.recv(100)


def test_a_reset_by_the_client_reaches_the_target_as_a_reset() -> None:
    heard: queue.Queue[bytes] = queue.Queue()
    outcomes: queue.Queue[type[Exception] | None] = queue.Queue()

    def dialogue(connection: socket.socket) -> None:
        heard.put(connection.recv(100))
        try:
            connection.recv(100)
            outcomes.put(None)
        except OSError as error:
            outcomes.put(type(error))

    with target(dialogue) as address, running(address, DELAY) as port:
        client = connect(port)
        client.sendall(b"hello")
        assert heard.get(timeout=10) == b"hello"
        reset(client)
        assert outcomes.get(timeout=10) is ConnectionResetError


def test_a_refusing_target_is_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        refusing = listener.getsockname()
    with running(refusing, DELAY) as port, connect(port) as client, pytest.raises(ConnectionResetError):
        client.recv(100)


def test_many_bytes_arrive_whole_and_in_order() -> None:
    sent = bytes(range(256)) * 32768

    def dialogue(connection: socket.socket) -> None:
        connection.sendall(sent)

    with target(dialogue) as address, running(address, DELAY) as port, connect(port) as client:
        assert receive_all(client) == sent


def test_a_slow_receiver_holds_the_sender_back_and_gets_everything_and_the_end() -> None:
    sent = bytes(range(256)) * 65536

    def dialogue(connection: socket.socket) -> None:
        time.sleep(0.5)
        connection.sendall(str(len(receive_all(connection))).encode())

    with target(dialogue) as address, running(address, DELAY) as port, connect(port) as client:
        client.sendall(sent)
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == str(len(sent)).encode()


def test_what_comes_before_the_target_has_accepted_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    at_once = Proxy._connect

    async def later(proxy: Proxy, near: Near) -> None:
        await asyncio.sleep(4 * DELAY)
        await at_once(proxy, near)

    def dialogue(connection: socket.socket) -> None:
        connection.sendall(receive_all(connection).upper())

    monkeypatch.setattr(Proxy, "_connect", later)
    with target(dialogue) as address, running(address, DELAY) as port, connect(port) as client:
        client.sendall(b"hello")
        time.sleep(2 * DELAY)
        client.sendall(b" there")
        client.shutdown(socket.SHUT_WR)
        assert receive_all(client) == b"HELLO THERE"


def test_connections_that_are_left_end_with_the_proxy() -> None:
    def dialogue(connection: socket.socket) -> None:
        assert connection.recv(100) == b"hello"
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(100) == b""

    with target(dialogue) as address:
        with running(address, DELAY) as port:
            client = connect(port)
            client.sendall(b"hello")
            time.sleep(4 * DELAY)
        with client, contextlib.suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_an_endpoint_is_address_and_port() -> None:
    assert endpoint("10.213.7.21:8081") == ("10.213.7.21", 8081)
