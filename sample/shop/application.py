# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the application answers: state, health and routes. HTTP itself is in ``http``, sockets in ``server``.

Touches nothing but memory; a release that is bad on purpose may end the process.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from .database import Database
from .figures import figures
from .http import HttpProtocol
from .settings import Settings

JSON = b"application/json"
TEXT = b"text/plain; charset=utf-8"
EXPOSITION = b"text/plain; version=0.0.4; charset=utf-8"
LONGEST = 3600
LEAK_INTERVAL = 0.1
BURN_INTERVAL = 0.1
CRASH_STATUS = 70


class Share:
    """Says yes to an exact share of the calls, evenly spread.

    :param percent: 0 to 100.
    """

    def __init__(self, percent: float) -> None:
        self._step = percent / 100
        self._carry = 0.0

    def hit(self) -> bool:
        """Whether this call belongs to the share."""
        self._carry += self._step
        if self._carry < 1 - 1e-9:
            return False
        self._carry -= 1
        return True


class Application:
    """State and routes of one http instance."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.behaviour = settings.behaviour
        self.database = Database(settings.database_url)
        self.draining = False
        self.connections: set[HttpProtocol] = set()
        self.identity_headers = (
            f"X-Slipway-Release: {self.behaviour.version}\r\n"
            f"X-Slipway-Slot: {settings.slot}\r\n"
            f"X-Slipway-Instance: {settings.instance}\r\n"
        ).encode("latin-1")
        self._identity = {
            "version": self.behaviour.version,
            "release": settings.release,
            "slot": settings.slot,
            "host": settings.host,
            "instance": settings.instance,
            "pid": os.getpid(),
        }
        self._identity_body = self._json(self._identity)
        self._plain_body = f"{self.behaviour.version} {settings.slot} {settings.instance}\n".encode()
        self._errors = Share(self.behaviour.error_percent)
        self._tail = Share(self.behaviour.tail_percent)
        self._leaked: list[bytes] = []
        self._born = time.monotonic()
        self._health: dict[bytes, Callable[[], bool]] = {
            b"/health/live": lambda: True,
            b"/health/started": lambda: self.started,
            b"/health/ready": lambda: self.ready,
        }
        self._routes = {b"/": self._home, b"/plain": self._plain, b"/slow": self._slow, b"/stream": self._stream}

    @property
    def started(self) -> bool:
        """Whether the start-up work is done."""
        return self._uptime() >= self.behaviour.ready_after

    @property
    def ready(self) -> bool:
        """Whether this instance wants traffic."""
        return self.started and self.behaviour.ready and not self.draining and self.database.usable

    def start(self) -> None:
        """Begin what runs beside requests: the misbehaviour of bad releases."""
        loop = asyncio.get_running_loop()
        if self.behaviour.crash_after:
            loop.call_later(self.behaviour.crash_after, os._exit, CRASH_STATUS)
        if self.behaviour.leak_mib:
            self._leak(loop)
        if self.behaviour.burn_percent:
            self._burn(loop)

    def handle(self, connection: HttpProtocol, path: bytes, query: bytes, websocket_key: bytes) -> None:
        """Answer one request on ``connection``, now or later."""
        if path.startswith(b"/health"):
            self._answer_health(connection, path)
        elif path == b"/metrics":
            connection.respond(200, figures(), EXPOSITION)
        elif path != b"/websocket" and path not in self._routes:
            connection.respond(404, b'{"error": "no such path"}\n', JSON)
        elif self._uptime() >= self.behaviour.errors_after and self._errors.hit():
            connection.respond(500, b'{"error": "this release fails on purpose"}\n', JSON)
        elif path != b"/websocket":
            self._routes[path](connection, query)
        elif websocket_key:
            connection.upgrade(websocket_key, self._identity)
        else:
            connection.respond(426, b'{"error": "this path speaks websocket"}\n', JSON, b"Upgrade: websocket\r\n")

    def _answer_health(self, connection: HttpProtocol, path: bytes) -> None:
        if path == b"/health":
            connection.respond(200 if self.ready else 503, self._json(self._aggregate()), JSON)
        elif path in self._health:
            passed = self._health[path]()
            connection.respond(200 if passed else 503, b"pass\n" if passed else b"fail\n", TEXT)
        else:
            connection.respond(404, b'{"error": "no such check"}\n', JSON)

    def _aggregate(self) -> dict[str, Any]:
        return {
            **self._identity,
            "status": "pass" if self.ready else "fail",
            "live": True,
            "started": self.started,
            "ready": self.ready,
            "draining": self.draining,
            "database": self.database.status,
            "uptime_seconds": int(self._uptime()),
            "connections": len(self.connections),
            "memory_mib": _memory_mib(),
        }

    def _home(self, connection: HttpProtocol, query: bytes) -> None:
        if self._tail.hit():
            connection.respond_later(self.behaviour.tail_ms / 1000, self._identity_body, JSON)
        else:
            connection.respond(200, self._identity_body, JSON)

    def _plain(self, connection: HttpProtocol, query: bytes) -> None:
        connection.respond(200, self._plain_body, TEXT)

    def _slow(self, connection: HttpProtocol, query: bytes) -> None:
        milliseconds = _number(query, "ms", 500, LONGEST * 1000)
        if milliseconds is None:
            connection.respond(400, b'{"error": "ms must be a whole number of milliseconds"}\n', JSON)
        else:
            connection.respond_later(milliseconds / 1000, self._identity_body, JSON)

    def _stream(self, connection: HttpProtocol, query: bytes) -> None:
        seconds = _number(query, "seconds", 10, LONGEST)
        if seconds is None:
            connection.respond(400, b'{"error": "seconds must be a whole number of seconds"}\n', JSON)
        else:
            connection.stream(seconds, self._identity)

    def _leak(self, loop: asyncio.AbstractEventLoop) -> None:
        self._leaked.append(b"x" * int(self.behaviour.leak_mib * LEAK_INTERVAL * (1 << 20)))
        loop.call_later(LEAK_INTERVAL, self._leak, loop)

    def _burn(self, loop: asyncio.AbstractEventLoop) -> None:
        enough = time.process_time() + BURN_INTERVAL * self.behaviour.burn_percent / 100
        while time.process_time() < enough:
            pass
        loop.call_later(BURN_INTERVAL * (1 - self.behaviour.burn_percent / 100), self._burn, loop)

    def _uptime(self) -> float:
        return time.monotonic() - self._born

    @staticmethod
    def _json(value: dict[str, Any]) -> bytes:
        return json.dumps(value).encode("utf-8") + b"\n"


def _memory_mib() -> int:
    resident = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return resident * os.sysconf("SC_PAGE_SIZE") >> 20


def _number(query: bytes, name: str, default: int, largest: int) -> int | None:
    value = parse_qs(query.decode("latin-1")).get(name, [str(default)])[0]
    if not value.isascii() or not value.isdigit() or int(value) > largest:
        return None
    return int(value)
