# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A TCP proxy that delays both directions, for kernels that cannot: ``python3 -m lab.delay_proxy``.

Every chunk arrives the stated time after it was sent. An end of one direction (half-close) and a reset are passed on
after the same time; a target that refuses becomes a reset. Touches two sockets a connection and no file.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import socket
import struct
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Union

CHUNKS_UNDERWAY = 64
BACKLOG = 1024
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Event(Enum):
    """What can come from a peer besides bytes."""

    END = "end"
    RESET = "reset"


Item = Union[bytes, Event]


class Proxy:
    """Connects every client to the target.

    :param delay: seconds in each direction.
    """

    def __init__(self, target: tuple[str, int], delay: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.target = target
        self.delay = delay
        self.ends: set[End] = set()
        self.connecting: set[asyncio.Task[None]] = set()
        self.server: asyncio.Server

    async def listen(self, address: tuple[str, int]) -> tuple[str, int]:
        """Begin; gives the address that was bound."""
        self.server = await self.loop.create_server(self.accepted, *address, backlog=BACKLOG)
        bound: tuple[str, int] = self.server.sockets[0].getsockname()
        return bound

    def accepted(self) -> End:
        """A client connects."""
        return Near(self)

    def connect(self, near: Near) -> None:
        """Connect a client to the target."""
        task = self.loop.create_task(self._connect(near))
        self.connecting.add(task)
        task.add_done_callback(self.connecting.discard)

    async def stop(self) -> None:
        """Close the listener and end the connections that are left."""
        self.server.close()
        for task in self.connecting:
            task.cancel()
        await asyncio.gather(*self.connecting, return_exceptions=True)
        while self.ends:
            for end in self.ends:
                end.transport.abort()
            await asyncio.sleep(0)

    async def _connect(self, near: Near) -> None:
        try:
            await self.loop.create_connection(lambda: Far(self, near), *self.target)
        except OSError:
            self.loop.call_later(2 * self.delay, near.reset)


class End(asyncio.Protocol):
    """One of the two connections; what comes from its peer is delivered to the peer of the other one.

    ``other``: itself until there is another; ``overdue``: items that have waited for it longer than the delay.
    """

    transport: asyncio.Transport

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.other = self
        self.underway: deque[Item] = deque()
        self.overdue = 0
        self.read_to_end = False
        self.delivered_end = False
        self.writable = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.proxy.ends.add(self)

    def data_received(self, data: bytes) -> None:
        self._note(data)
        self.other.steer_peer()

    def eof_received(self) -> bool:
        self.read_to_end = True
        self._note(Event.END)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.ends.discard(self)
        if exc is not None:
            self._note(Event.RESET)

    def pause_writing(self) -> None:
        self.writable = False
        self.steer_peer()

    def resume_writing(self) -> None:
        self.writable = True
        self.steer_peer()

    def steer_peer(self) -> None:
        """Let the other end read only as fast as this one takes what it reads."""
        source = self.other
        if source.read_to_end or source.transport.is_closing():
            return
        if self.writable and len(source.underway) < CHUNKS_UNDERWAY:
            source.transport.resume_reading()
        else:
            source.transport.pause_reading()

    def reset(self) -> None:
        """Close the connection with a reset instead of an orderly end."""
        connection = self.transport.get_extra_info("socket")
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
        self.transport.abort()

    def _note(self, item: Item) -> None:
        self.underway.append(item)
        self.proxy.loop.call_later(self.proxy.delay, self._deliver)

    def _deliver(self) -> None:
        other = self.other
        if other is self:
            self.overdue += 1
            return
        item = self.underway.popleft()
        if other.transport.is_closing():
            return
        if isinstance(item, bytes):
            other.transport.write(item)
            other.steer_peer()
        elif item is Event.RESET:
            other.reset()
        else:
            other.delivered_end = True
            if self.delivered_end:
                self.transport.close()
                other.transport.close()
            else:
                other.transport.write_eof()


class Near(End):
    """The connection of a client; what comes from it waits until the target has accepted."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.proxy.connect(self)

    def connected(self, far: End) -> None:
        """Deliver what has waited."""
        self.other = far
        for _number in range(self.overdue):
            self._deliver()


class Far(End):
    """The connection to the target."""

    def __init__(self, proxy: Proxy, near: Near) -> None:
        super().__init__(proxy)
        self.near = near

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.other = self.near
        if self.near.transport.is_closing():
            self.reset()
        else:
            self.near.connected(self)


@contextlib.contextmanager
def running(target: tuple[str, int], delay: float, listen: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[int]:
    """Run the proxy in a thread of its own and give its port."""
    loop = asyncio.new_event_loop()

    async def begin() -> tuple[Proxy, int]:
        made = Proxy(target, delay)
        return made, (await made.listen(listen))[1]

    proxy, port = loop.run_until_complete(begin())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(proxy.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def endpoint(text: str) -> tuple[str, int]:
    """``10.213.7.21:8081`` gives ``("10.213.7.21", 8081)``."""
    host, _colon, port = text.rpartition(":")
    return host, int(port)


async def serve_forever(listen: tuple[str, int], target: tuple[str, int], delay: float) -> None:
    """Serve until killed, after printing the address that was bound."""
    proxy = Proxy(target, delay)
    address = await proxy.listen(listen)
    print(f"{address[0]}:{address[1]}", flush=True)
    async with proxy.server:
        await proxy.server.serve_forever()


def main(argv: Sequence[str] | None = None) -> None:
    """Command line of the proxy."""
    parser = argparse.ArgumentParser(prog="python3 -m lab.delay_proxy", description="A TCP proxy that delays.")
    parser.add_argument("--listen", type=endpoint, default=("127.0.0.1", 0), metavar="ADDRESS:PORT")
    parser.add_argument("--target", type=endpoint, required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--delay-ms", type=int, default=50, help="delay of each direction (%(default)s ms)")
    arguments = parser.parse_args(argv)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve_forever(arguments.listen, arguments.target, arguments.delay_ms / 1000))


if __name__ == "__main__":
    main()
