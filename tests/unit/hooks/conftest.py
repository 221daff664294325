# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local HTTP server that keeps what was posted to it."""

from __future__ import annotations

import http.server
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class Receiver:
    """A running server, and every request it got: method, path, headers and body."""

    url: str
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def receive() -> Iterator[Callable[..., Receiver]]:
    """Start servers that answer with a status, headers, and a body or the path and headers that were asked with."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(
        status: int = 200, body: bytes = b"", *, delay: float = 0.0, echo: bool = False, **answered: str
    ) -> Receiver:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                receiver.requests.append((self.command, self.path, dict(self.headers.items()), content))
                time.sleep(delay)
                answer = f"{self.path}\n{self.headers}".encode() if echo else body
                self.send_response(status)
                for name, value in {"Content-Length": str(len(answer)), **answered}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer)

            do_GET = do_POST

            def log_message(self, *_arguments: Any) -> None:
                """Stay quiet."""

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return receiver

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
