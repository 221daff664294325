# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that loses requests in known ways and keeps count of what it did."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
BODY = b"x" * 64
SETTLE = 0.02


class FaultyServer:
    """Serves on a loopback port in a thread.

    :param fault_of: called with (number of the request of its class, class, whether the connection was used before);
        the name of a fault, or nothing for a good answer.
    :param identity_of: version and slot for the number of a request, all classes together.
    :param idle_close: seconds after which an idle connection is closed; 0 for never.
    """

    def __init__(
        self,
        fault_of: Callable[[int, str, bool], str] = lambda number, kind, reused: "",
        identity_of: Callable[[int], tuple[str, str]] = lambda number: ("1.0.0", "blue"),
        idle_close: float = 0,
    ) -> None:
        self.fault_of = fault_of
        self.identity_of = identity_of
        self.idle_close = idle_close
        self.received: Counter[str] = Counter()
        self.dropped: Counter[tuple[str, str]] = Counter()
        self.keys: list[str] = []
        self.idle_closed = 0
        self.port = 0
        self.stall_at = 0
        self.stall_seconds = 0.0
        self._loop = asyncio.new_event_loop()
        self._listening = threading.Event()
        self._stop = asyncio.Event()
        self._server: asyncio.AbstractServer
        self.open: set[asyncio.Transport] = set()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),))

    def __enter__(self) -> FaultyServer:
        self._thread.start()
        assert self._listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._loop.close()

    def stop_listening(self) -> None:
        """Refuse new connections from now on; whoever has been connected stays."""
        asyncio.run_coroutine_threadsafe(self._close_listener(), self._loop).result(timeout=30)

    async def _close_listener(self) -> None:
        for _turn_that_accepts_who_waits in range(2):
            await asyncio.sleep(0)
        self._server.close()

    async def _serve(self) -> None:
        self._server = await self._loop.create_server(lambda: FaultyConnection(self, self._loop), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        self._server.close()
        for transport in list(self.open):
            transport.abort()
        while self.open:
            await asyncio.sleep(0.01)


class FaultyConnection(asyncio.Protocol):
    transport: asyncio.Transport

    def __init__(self, server: FaultyServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.loop = loop
        self.reused = False
        self.websocket = False
        self.deaf = False
        self.buffer = b""
        self.idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.server.open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.server.open.discard(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.idle:
            self.idle.cancel()
        if self.websocket:
            self.echo(data)
            return
        self.buffer += data
        if b"\r\n\r\n" not in self.buffer:
            return
        head, self.buffer = self.buffer, b""
        self.answer(head)
        self.reused = True
        if self.server.idle_close:
            self.idle = self.loop.call_later(self.server.idle_close, self.close_idle)

    def close_idle(self) -> None:
        self.server.idle_closed += 1
        self.transport.close()

    def answer(self, head: bytes) -> None:
        path = head.split(b" ")[1]
        if path.startswith(b"/slow"):
            kind = "slow"
        elif path.startswith(b"/stream") or path == b"/websocket":
            kind = "long"
        else:
            kind = "new" if b"\r\nConnection: close\r\n" in head else "keepalive"
        server = self.server
        if server.stall_at and sum(server.received.values()) == server.stall_at:
            server.stall_at = 0
            time.sleep(server.stall_seconds)
        version, slot = server.identity_of(sum(server.received.values()))
        for line in head.split(b"\r\n"):
            if line.startswith((b"X-User: ", b"Cookie: ")):
                server.keys.append(line.decode())
        fault = server.fault_of(server.received[kind], kind, self.reused)
        server.received[kind] += 1
        if fault:
            server.dropped[kind, fault] += 1
        identity = f"X-Slipway-Release: {version}\r\nX-Slipway-Slot: {slot}\r\n".encode()
        if kind == "long":
            getattr(self, "long_" + fault if fault else "long_good")(head, identity)
        else:
            getattr(self, "fault_" + fault if fault else "good")(identity)

    def good(self, identity: bytes, status: bytes = b"200 OK") -> None:
        self.transport.write(b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, identity, len(BODY), BODY))

    def fault_500(self, identity: bytes) -> None:
        self.good(identity, b"500 Internal Server Error")

    def fault_503(self, identity: bytes) -> None:
        self.good(identity, b"503 Service Unavailable")

    def fault_hang(self, identity: bytes) -> None:
        pass

    def fault_hang_midway(self, identity: bytes) -> None:
        self.half(identity)

    def fault_close(self, identity: bytes) -> None:
        self.transport.close()

    def fault_reset(self, identity: bytes) -> None:
        self.reset()

    def fault_reset_midway(self, identity: bytes) -> None:
        self.half(identity)
        self.loop.call_later(SETTLE, self.reset)

    def fault_short(self, identity: bytes) -> None:
        self.half(identity)
        self.transport.close()

    def fault_short_head(self, identity: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-")
        self.transport.close()

    def fault_short_chunked(self, identity: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n" % identity)
        self.transport.close()

    def fault_short_chunk(self, identity: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n8\r\nabcd" % identity)
        self.transport.close()

    def fault_garbage(self, identity: bytes) -> None:
        self.transport.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        self.transport.close()

    def half(self, identity: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\n%bContent-Length: %d\r\n\r\n%b" % (identity, len(BODY), BODY[:20]))

    def reset(self) -> None:
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.abort()

    def long_good(self, head: bytes, identity: bytes) -> None:
        if b"/websocket" in head:
            self.accept(head, identity)
        else:
            lines = int(head.split(b"seconds=")[1].split(b" ")[0])
            self.stream(identity, lines, b"0\r\n\r\n")

    def long_cut(self, head: bytes, identity: bytes) -> None:
        """Close too early: a stream without its last chunk, a websocket without a close frame."""
        if b"/websocket" in head:
            self.accept(head, identity, tick=b"")
        else:
            self.stream(identity, 0, b"")
        self.transport.close()

    def long_cut_cleanly(self, head: bytes, identity: bytes) -> None:
        """End too early, but by the rules: last chunk, or close frame."""
        if b"/websocket" in head:
            self.accept(head, identity, tick=b"\x88\x02\x03\xe9")
        else:
            self.stream(identity, 0, b"0\r\n\r\n")

    def long_cut_reset(self, head: bytes, identity: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n" % identity)
        self.loop.call_later(SETTLE, self.reset)

    def long_hang(self, head: bytes, identity: bytes) -> None:
        self.transport.write(b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n" % identity)

    def long_deaf(self, head: bytes, identity: bytes) -> None:
        """A websocket that never echoes: one direction is broken."""
        if b"/websocket" in head:
            self.accept(head, identity)
            self.deaf = True
        else:
            self.long_good(head, identity)

    def stream(self, identity: bytes, lines: int, end: bytes) -> None:
        chunks = b"".join(b"5\r\nline\n\r\n" for _round in range(lines))
        self.transport.write(b"HTTP/1.1 200 OK\r\n%bTransfer-Encoding: chunked\r\n\r\n%b%b" % (identity, chunks, end))

    def accept(self, head: bytes, identity: bytes, tick: bytes = b"\x81\x04tick") -> None:
        nonce = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
        accepted = base64.b64encode(hashlib.sha1(nonce + GUID, usedforsecurity=False).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\n%bUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: %b\r\n\r\n%b" % (identity, accepted, tick)
        )
        self.websocket = True

    def echo(self, data: bytes) -> None:
        while data:
            opcode, length = data[0], data[1] & 0x7F
            if opcode == 0x88 or not self.deaf:
                self.transport.write(bytes((opcode, length)) + data[6 : 6 + length])
            data = data[6 + length :]
            if opcode == 0x88:
                self.transport.close()


@pytest.fixture
def faulty() -> Iterator[type[FaultyServer]]:
    """The class of faulty servers."""
    yield FaultyServer
