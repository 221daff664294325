# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The agent's endpoint: ``GET /state``, read-only, answered to whoever asks.

Listens on one TCP port. A client has two seconds for its request, whatever its pace, and only so many are served at
once; the others are turned away.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
import time
from collections.abc import Callable
from typing import Any

from .._common.errors import SlipwayError
from .log import Log

MOST_CLIENTS = 16
CLIENT_SECONDS = 2
LONGEST_REQUEST = 4096
REBIND_SECONDS = 1


class StateServer(socketserver.ThreadingTCPServer):
    """Serves one document that is made anew for every request.

    :param document: makes it.
    """

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: str, port: int, document: Callable[[], dict[str, Any]]) -> None:
        if ":" in address:
            self.address_family = socket.AF_INET6
        self.document = document
        self._places = threading.BoundedSemaphore(MOST_CLIENTS)
        super().__init__((address, port), _Client)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is nobody's error."""

    def answer(self, request_line: str) -> tuple[int, dict[str, Any]]:
        """Status and document for the first line of a request."""
        method, path, _version = (request_line.split() + ["", "", ""])[:3]
        if method != "GET" or path != "/state":
            return 404, {"error": "ask for GET /state"}
        try:
            return 200, self.document()
        except SlipwayError as exc:
            return 503, {"error": exc.message()}


class _Client(socketserver.BaseRequestHandler):
    server: StateServer

    def handle(self) -> None:
        deadline = time.monotonic() + CLIENT_SECONDS
        request = b""
        while b"\r\n\r\n" not in request:
            self.request.settimeout(max(0.001, deadline - time.monotonic()))
            chunk = self.request.recv(LONGEST_REQUEST)
            request += chunk
            if not chunk or len(request) > LONGEST_REQUEST or time.monotonic() >= deadline:
                return
        status, document = self.server.answer(request.split(b"\r\n", 1)[0].decode("latin-1"))
        body = json.dumps(document, sort_keys=True).encode("utf-8")
        head = (
            f"HTTP/1.1 {status} {'OK' if status == 200 else 'Refused'}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.request.settimeout(CLIENT_SECONDS)
        self.request.sendall(head.encode("ascii") + body)


def serve(address: str, port: int, document: Callable[[], dict[str, Any]], stop: threading.Event, log: Log) -> None:
    """Serve until ``stop``; an address that is not there yet is waited for."""
    while not stop.is_set():
        with log.failures("endpoint"), StateServer(address, port, document) as server:
            log.info("endpoint", f"listening on {address}:{server.server_address[1]}")
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True).start()
            stop.wait()
            server.shutdown()
        stop.wait(REBIND_SECONDS)
