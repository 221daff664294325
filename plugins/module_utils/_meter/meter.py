# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meter itself: starts requests by schedule whether or not earlier ones were answered, and never repeats one.

Touches the network, and the limit of open files of its own process.
"""

from __future__ import annotations

import asyncio
import random
import resource
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from .._common.address import shown
from .._common.clock import boottime
from .answers import StreamAnswer, WebSocketAnswer
from .connection import Connection, Exchange, NoCapacity
from .options import Options, Target, sticky_header, target_of
from .records import KEEPALIVE, LONG, NEW, SLOW, Recorder

BEHIND = 1.0
BURST = 32
SWEEP = 0.05
LONG_PAUSE = 1.0
HEAD_START = 0.02
MOST_FILES = 65536
SPARE_FILES = 64
SCHEMA = 1
NO_LANE = -1


class Meter:
    """One run, used once.

    :param options: what to measure.
    :raises InputError: see ``options.target_of``.
    """

    recorder: Recorder

    def __init__(self, options: Options) -> None:
        self.options = options
        self._target = target_of(options)
        self._random = random.Random(options.seed)
        self._requests = _Requests(options, self._target)
        self._idle: deque[Connection] = deque()
        self._most_idle = options.connections + options.slow
        self._busy: set[Connection] = set()
        self._lingering: list[Connection] = []
        self._most_busy = 0
        self._arrivals = round(options.rate * options.duration)
        self._next = 0
        self._keepalive_sent = 0
        self._stop_reasons: list[str] = []
        self._stopping = ""
        self._loop: asyncio.AbstractEventLoop
        self._origin = 0.0
        self._swept = 0.0
        self._end = 0.0

    def run(self) -> dict[str, Any]:
        """Measure until the duration is over or ``stop`` is called, wait for the answers, and summarise."""
        return asyncio.run(self._run())

    def stop(self, reason: str) -> None:
        """End the run early; may be called from any thread or signal handler. Called twice, it waits for no answer."""
        self._stop_reasons.append(reason)

    def finished(self, connection: Connection, exchange: Exchange, outcome: str) -> None:
        """Called by a connection whose request has its outcome."""
        now = self._loop.time()
        self._busy.discard(connection)
        self.recorder.add(exchange, outcome, now)
        if connection.idle:
            self._keep(connection)
        elif connection.lingering:
            self._lingering.append(connection)
        if exchange.kind == SLOW:
            pause = self.options.slow_ms / 1000
            self._schedule_lane(self._start_slow, exchange.lane, max(now, exchange.intended + pause))
        elif exchange.kind == LONG:
            self._schedule_lane(self._start_long, exchange.lane, max(now, exchange.intended + LONG_PAUSE))

    def closed_while_idle(self, connection: Connection) -> None:
        """Called by a kept connection that the server closed between requests."""
        self.recorder.idle_closed += 1
        self._idle.remove(connection)

    async def _run(self) -> dict[str, Any]:
        self._loop = asyncio.get_running_loop()
        self._most_busy = _raise_file_limit() - SPARE_FILES - self._most_idle
        started = {
            "boottime_us": round((boottime() + HEAD_START) * 1e6),
            "unix_ms": round((time.time() + HEAD_START) * 1e3),
        }
        self._origin = self._loop.time() + HEAD_START
        self._end = self._origin + self.options.duration
        self.recorder = Recorder(self._origin)
        self._start_schedules()
        self._swept = self._loop.time()
        while not self._stopping or self._busy:
            await asyncio.sleep(SWEEP)
            self._sweep()
        for connection in (*self._idle, *self._lingering):
            connection.close()
        elapsed = self._loop.time() - self._origin
        return {
            "schema": SCHEMA,
            "url": shown(self.options.url),
            "started": started,
            "elapsed_us": round(elapsed * 1e6),
            "ended_by": self._stopping,
            **self.recorder.summary(),
        }

    def _start_schedules(self) -> None:
        if self._arrivals:
            self._loop.call_at(self._origin, self._tick)
        for lane in range(self.options.slow):
            offset = lane * self.options.slow_ms / 1000 / self.options.slow
            self._schedule_lane(self._start_slow, lane, self._origin + offset)
        for lane in range(self.options.long):
            self._schedule_lane(self._start_long, lane, self._origin + lane / self.options.long)

    def _schedule_lane(self, start: Callable[[int, float], None], lane: int, due: float) -> None:
        if not self._stopping and due < self._end:
            self._loop.call_at(due, start, lane, due)

    def _tick(self) -> None:
        """Start the arrivals that are due, a few at a time so that answers are read in between."""
        now = self._loop.time()
        for _round in range(BURST):
            if self._next >= self._arrivals or self._stopping:
                return
            due = self._origin + self._next / self.options.rate
            if due > now:
                self._loop.call_at(due, self._tick)
                return
            self._next += 1
            self._arrive(due)
        self._loop.call_soon(self._tick)

    def _arrive(self, due: float) -> None:
        now = self._loop.time()
        keep = int(self._next * self.options.keepalive_share + 1e-9) > self._keepalive_sent
        self._keepalive_sent += keep
        kind = KEEPALIVE if keep else NEW
        exchange = Exchange(kind, due, now, self.options.timeout, self._new_key(), NO_LANE)
        if now - due > BEHIND:
            self.recorder.refused_by_meter(exchange)
            return
        self._send(exchange, self._requests.fast, keep=keep)

    def _start_slow(self, lane: int, due: float) -> None:
        if self._stopping:
            return
        patience = self.options.timeout + self.options.slow_ms / 1000
        exchange = Exchange(SLOW, due, self._loop.time(), patience, self._new_key(), lane)
        if not self._send(exchange, self._requests.slow, keep=lane % 2 == 0):
            self._schedule_lane(self._start_slow, lane, due + self.options.slow_ms / 1000)

    def _start_long(self, lane: int, due: float) -> None:
        now = self._loop.time()
        seconds = min(self.options.long_seconds, int(self._end - now))
        if self._stopping or seconds < 1:
            return
        exchange = Exchange(LONG, due, now, self.options.timeout, self._new_key(), lane)
        exchange.lasting = True
        exchange.agreed_end = now + seconds
        connection = Connection(self._loop, self, keep=False)
        if lane % 2:
            answer = WebSocketAnswer(connection.send)
            exchange.answer = answer
            request = self._requests.websocket(answer.key, exchange.key)
        else:
            exchange.answer = StreamAnswer(seconds)
            request = self._requests.stream(seconds, exchange.key)
        if not self._open(connection, exchange, request):
            self._schedule_lane(self._start_long, lane, due + LONG_PAUSE)

    def _send(self, exchange: Exchange, line: bytes, *, keep: bool) -> bool:
        request = self._requests.complete(line, exchange.key, keep=keep)
        while keep and self._idle:
            connection = self._idle.popleft()
            self._busy.add(connection)
            if connection.reuse(exchange, request):
                self.recorder.sent(exchange)
                return True
            self._busy.discard(connection)
            self.recorder.idle_closed += 1
        return self._open(Connection(self._loop, self, keep=keep), exchange, request)

    def _open(self, connection: Connection, exchange: Exchange, request: bytes) -> bool:
        if len(self._busy) >= self._most_busy:
            self.recorder.refused_by_meter(exchange)
            return False
        self._busy.add(connection)
        try:
            connection.open(self._target, exchange, request)
        except NoCapacity:
            self._busy.discard(connection)
            self.recorder.refused_by_meter(exchange)
            return False
        self.recorder.opened += 1
        self.recorder.sent(exchange)
        return True

    def _keep(self, connection: Connection) -> None:
        if len(self._idle) < self._most_idle:
            self._idle.append(connection)
        else:
            self.recorder.overflow += 1
            connection.close()

    def _new_key(self) -> int:
        return self._random.randrange(self.options.users) if self.options.users else self._random.getrandbits(32)

    def _sweep(self) -> None:
        """Find timeouts; time in which the meter itself did not run is not held against the server."""
        now = self._loop.time()
        asleep = max(0.0, now - self._swept - 2 * SWEEP)
        self._swept = now
        for connection in list(self._busy):
            exchange = connection.exchange
            if exchange is None:
                continue
            exchange.deadline += asleep
            if exchange.deadline <= now:
                connection.expire(now)
            elif exchange.agreed_end and exchange.agreed_end <= now and isinstance(exchange.answer, WebSocketAnswer):
                exchange.answer.hang_up()
        for connection in self._lingering:
            connection.end_linger(now)
        self._lingering = [connection for connection in self._lingering if connection.lingering]
        self._look_for_end(now)

    def _look_for_end(self, now: float) -> None:
        if self._stopping:
            if len(self._stop_reasons) > 1:
                self._abandon(list(self._busy))
            return
        if self.options.until_file is not None and self.options.until_file.exists():
            self.stop("file")
        if self._stop_reasons:
            self._tick()
            self._stopping = self._stop_reasons[0]
            self._end_long(now)
        elif now >= self._end and self._next >= self._arrivals:
            self._stopping = "duration"

    def _end_long(self, now: float) -> None:
        """Websockets are closed now; streams, whose length the server was told, are given up uncounted."""
        streams = []
        for connection in self._busy:
            exchange = connection.exchange
            if exchange is None or not exchange.lasting:
                continue
            if isinstance(exchange.answer, WebSocketAnswer):
                exchange.agreed_end = now
            else:
                streams.append(connection)
        self._abandon(streams)

    def _abandon(self, connections: list[Connection]) -> None:
        for connection in connections:
            if connection.exchange is not None:
                self.recorder.unfinished[connection.exchange.kind] += 1
            self._busy.discard(connection)
            connection.close()


class _Requests:
    """The bytes of requests."""

    def __init__(self, options: Options, target: Target) -> None:
        self._head = f" HTTP/1.1\r\nHost: {target.host}\r\nUser-Agent: slipway-traffic-meter\r\n".encode()
        self._key = sticky_header(options.sticky).encode() + b"%08x\r\n" if options.sticky else b""
        self.fast = b"GET " + target.path.encode() + self._head
        self.slow = f"GET /slow?ms={options.slow_ms}".encode() + self._head

    def complete(self, line: bytes, key: int, *, keep: bool) -> bytes:
        """A request whose first lines are ``line``."""
        return line + self._sticky(key) + (b"\r\n" if keep else b"Connection: close\r\n\r\n")

    def stream(self, seconds: int, key: int) -> bytes:
        """A request for a stream of ``seconds`` lines."""
        return self.complete(f"GET /stream?seconds={seconds}".encode() + self._head, key, keep=False)

    def websocket(self, nonce: bytes, key: int) -> bytes:
        """A websocket handshake."""
        return (
            b"GET /websocket"
            + self._head
            + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: "
            + nonce
            + b"\r\n"
            + self._sticky(key)
            + b"\r\n"
        )

    def _sticky(self, key: int) -> bytes:
        return self._key % key if self._key else b""


def _raise_file_limit() -> int:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft
