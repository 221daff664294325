# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local servers for the tests of the gate: HTTP with scripted answers, raw TCP, TLS with a certificate made here."""

from __future__ import annotations

import http.server
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest


@dataclass
class Reply:
    """One scripted answer."""

    status: int = 200
    body: bytes = b"fine"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


@dataclass
class Web:
    """A running HTTP server: what it will answer next, and what it was asked."""

    url: str
    port: int
    replies: list[Reply] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)

    def next_reply(self) -> Reply:
        """The scripted replies in order, the last one for ever."""
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    web: Web

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that gives up is no error here."""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        web = self.server.web
        web.asked.append({"method": self.command, "path": self.path, **dict(self.headers.items())})
        reply = web.next_reply()
        time.sleep(reply.delay)
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_HEAD = do_POST = do_OPTIONS = do_GET

    def log_message(self, *_args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def serve() -> Iterator[Callable[..., Web]]:
    """Start HTTP servers that answer with the given replies, with TLS when given a context."""
    servers = []

    def start(*replies: Reply, tls: ssl.SSLContext | None = None) -> Web:
        server = _Server(("127.0.0.1", 0), _Handler)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        port = server.server_address[1]
        server.web = Web(f"http{'s' if tls else ''}://127.0.0.1:{port}", port, list(replies) or [Reply()])
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return server.web

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def raw() -> Iterator[Callable[[Callable[[socket.socket], None]], int]]:
    """Start TCP servers that hand every connection to a function; gives the port."""
    listeners = []

    def start(talk: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def accept() -> None:
            while True:
                try:
                    connection, _peer = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        talk(connection)
                    except OSError:
                        continue

        threading.Thread(target=accept, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for shop.example with its key in one file, valid for ten days."""
    directory = tmp_path_factory.mktemp("certificate")
    key, cert, both = (directory / name for name in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=shop.example"]
        + ["-addext", "subjectAltName=DNS:shop.example", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    """The server side of that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def closed_port() -> int:
    """A port of the loopback on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
