# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Local services for the tests of notifications: one that takes posts, and one that takes mail."""

from __future__ import annotations

import base64
import email
import http.server
import json
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.message import Message as Mail
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Post:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Its document."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """A service that answers with each status once, the last one for ever.

    :ivar silent: it takes requests and says nothing until it is stopped.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=lambda: [202])
    headers: dict[str, str] = field(default_factory=dict)
    posts: list[Post] = field(default_factory=list)
    silent: bool = False
    stopped: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A service on a port of its own."""
    found = Receiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.posts.append(Post(self.path, dict(self.headers.items()), body))
            if found.silent:
                found.stopped.wait()
                return
            self.send_response(found.statuses.pop(0) if found.statuses[1:] else found.statuses[0])
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Stay quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    found.url = f"http://127.0.0.1:{server.server_port}"
    yield found
    found.stopped.set()
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of localhost with its key in one file."""
    directory = tmp_path_factory.mktemp("certificate")
    key, cert, both = (directory / name for name in ("key.pem", "cert.pem", "both.pem"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=localhost"]
        + ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(cert)],
        check=True,
        capture_output=True,
    )
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    return both


@dataclass
class MailServer:
    """A server of SMTP that speaks as much of it as a client of mail asks for.

    :ivar answers: what it says to a command in the place of its own answer.
    :ivar encrypted: whether each mail came over TLS.
    """

    port: int
    context: ssl.SSLContext
    implicit: bool
    answers: dict[str, str] = field(default_factory=dict)
    mails: list[Mail] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    def serve(self, connection: socket.socket) -> None:
        """One session."""
        try:
            secured = self.context.wrap_socket(connection, server_side=True) if self.implicit else connection
            self._session(secured)
        except OSError:
            connection.close()

    def _session(self, connection: socket.socket, *, greets: bool = True) -> None:
        stream = connection.makefile("rwb")

        def say(line: str) -> None:
            stream.write(f"{line}\r\n".encode())
            stream.flush()

        if greets:
            say("220 mail")
        while line := stream.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb in self.answers:
                say(self.answers[verb])
            elif verb == "EHLO":
                say("250-mail\r\n250-AUTH PLAIN\r\n250 STARTTLS")
            elif verb == "STARTTLS":
                say("220 go on")
                self._session(self.context.wrap_socket(connection, server_side=True), greets=False)
                return
            elif verb == "AUTH":
                _none, user, password = base64.b64decode(line.split()[2]).decode().split("\0")
                self.logins.append((user, password))
                say("235 welcome")
            elif verb == "DATA":
                say("354 go on")
                lines = []
                while (text := stream.readline()) != b".\r\n":
                    lines.append(text)
                self.mails.append(email.message_from_bytes(b"".join(lines)))
                self.encrypted.append(isinstance(connection, ssl.SSLSocket))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                stream.close()
                connection.close()
                return
            else:
                if verb == "RCPT":
                    self.recipients.append(line.partition(":")[2].strip("<>"))
                say("250 well")


@pytest.fixture
def mail_server(certificate: Path) -> Iterator[Callable[[bool], MailServer]]:
    """Starts servers of mail, with TLS from the start or by STARTTLS."""
    listeners: list[socket.socket] = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def start(implicit: bool) -> MailServer:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        server = MailServer(listener.getsockname()[1], context, implicit)

        def accept() -> None:
            while True:
                try:
                    connection, _address = listener.accept()
                except OSError:
                    return
                threading.Thread(target=server.serve, args=(connection,), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return server

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
