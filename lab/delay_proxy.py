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
from collections.abc import AsyncIterator, Iterator, Sequence
from enum import Enum
from typing import Union

CHUNK = 65536
CHUNKS_UNDERWAY = 64
RESET_ON_CLOSE = struct.pack("ii", 1, 0)


class Event(Enum):
    """What can come from a peer besides bytes."""

    END = "end"
    RESET = "reset"


Item = Union[bytes, Event]
Queue = asyncio.Queue[tuple[float, Item]]


async def serve(listen: tuple[str, int], target: tuple[str, int], delay: float) -> asyncio.Server:
    """Listen, and connect every client to the target with ``delay`` seconds in each direction."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection(*target)
        except OSError:
            await asyncio.sleep(2 * delay)
            reset(writer)
            return
        try:
            await asyncio.gather(carry(reader, there[1], delay), carry(there[0], writer, delay))
        except ConnectionError:
            reset(writer)
            reset(there[1])
        finally:
            writer.close()
            there[1].close()

    return await asyncio.start_server(handle, *listen)


async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter, delay: float) -> None:
    """Carry one direction to its end; a reset from the source is raised when its time has come."""
    underway: Queue = asyncio.Queue(CHUNKS_UNDERWAY)
    filling = asyncio.create_task(fill(source, underway, delay))
    try:
        await empty(underway, sink)
    finally:
        filling.cancel()


async def fill(source: asyncio.StreamReader, underway: Queue, delay: float) -> None:
    """Note each item with the time when it is due."""
    clock = asyncio.get_running_loop().time
    async for item in items(source):
        await underway.put((clock() + delay, item))


async def items(source: asyncio.StreamReader) -> AsyncIterator[Item]:
    """The bytes of one direction, then how it ended."""
    try:
        while True:
            data = await source.read(CHUNK)
            if not data:
                break
            yield data
    except ConnectionError:
        yield Event.RESET
    else:
        yield Event.END


async def empty(underway: Queue, sink: asyncio.StreamWriter) -> None:
    """Deliver each item when it is due."""
    clock = asyncio.get_running_loop().time
    while True:
        due, item = await underway.get()
        await asyncio.sleep(max(0.0, due - clock()))
        if item is Event.RESET:
            raise ConnectionResetError
        if item is Event.END:
            sink.write_eof()
            return
        if isinstance(item, bytes):
            sink.write(item)
            await sink.drain()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close a connection with a reset instead of an orderly end."""
    connection: socket.socket = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()


@contextlib.contextmanager
def running(target: tuple[str, int], delay: float, listen: tuple[str, int] = ("127.0.0.1", 0)) -> Iterator[int]:
    """Run the proxy in a thread of its own and give its port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(serve(listen, target, delay))
    port: int = server.sockets[0].getsockname()[1]
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def stop(server: asyncio.Server) -> None:
    """Close the listener and end the connections that are left."""
    server.close()
    connections = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in connections:
        task.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


def endpoint(text: str) -> tuple[str, int]:
    """``10.213.7.21:8081`` gives ``("10.213.7.21", 8081)``."""
    host, _colon, port = text.rpartition(":")
    return host, int(port)


async def serve_forever(listen: tuple[str, int], target: tuple[str, int], delay: float) -> None:
    """Serve until killed, after printing the address that was bound."""
    server = await serve(listen, target, delay)
    address = server.sockets[0].getsockname()
    print(f"{address[0]}:{address[1]}", flush=True)
    async with server:
        await server.serve_forever()


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
