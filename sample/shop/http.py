# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTTP/1.1 with keep-alive on an asyncio transport: one request at a time a connection, in order.

Touches its own connection only.
"""

from __future__ import annotations

import asyncio
import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from .websocket import GOING_AWAY, Echo, accept_key

if TYPE_CHECKING:
    from .application import Application

LARGEST_HEAD = 16384
LARGEST_BUFFER = 65536
STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}


class BadRequest(ValueError):
    """A request that cannot be answered but by closing; ``status`` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def header(head: bytes, lowered: bytes, name: bytes) -> bytes:
    """The value of header ``name`` (lower case), or nothing.

    :param head: request line and headers.
    :param lowered: the same in lower case.
    """
    at = lowered.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    begin = at + len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else len(head)].strip()


class HttpProtocol(asyncio.Protocol):
    """One connection of one client."""

    __slots__ = (
        "_application", "_body_left", "_buffer", "_chunked", "_close_after", "_echo", "_head_only", "_lines",
        "_loop", "_pending", "_timer", "_transport",
    )  # fmt: skip

    def __init__(self, application: Application, loop: asyncio.AbstractEventLoop) -> None:
        self._application = application
        self._loop = loop
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._echo: Echo | None = None
        self._pending = False
        self._body_left = 0
        self._close_after = False
        self._head_only = False
        self._chunked = False
        self._lines = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._application.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._application.connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()

    def data_received(self, data: bytes) -> None:
        if self._echo is not None:
            self._feed_echo(data)
            return
        self._buffer += data
        if not self._pending:
            self._serve()
        elif len(self._buffer) > LARGEST_BUFFER:
            self._transport.pause_reading()

    def respond(self, status: int, body: bytes, content_type: bytes, extra: bytes = b"") -> None:
        """Answer the request in progress, and go on to the next one."""
        close = self._close_after or self._application.draining
        self._transport.write(
            b"%b%b%bContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b"
            % (
                STATUS_LINES[status],
                self._application.identity_headers,
                extra,
                content_type,
                len(body),
                b"Connection: close\r\n" if close else b"",
                b"" if self._head_only else body,
            )
        )
        self._finished(close)

    def respond_later(self, seconds: float, body: bytes, content_type: bytes) -> None:
        """Answer with 200 after ``seconds``."""
        self._timer = self._loop.call_later(seconds, self._respond_delayed, body, content_type)

    def stream(self, seconds: int, identity: dict[str, Any]) -> None:
        """Answer with one line a second, chunked (or until the connection closes, for HTTP/1.0)."""
        self._transport.write(
            b"%b%bContent-Type: application/x-ndjson\r\nCache-Control: no-store\r\nX-Accel-Buffering: no\r\n%b%b\r\n"
            % (
                STATUS_LINES[200],
                self._application.identity_headers,
                b"Transfer-Encoding: chunked\r\n" if self._chunked else b"",
                b"" if self._chunked and not self._close_after else b"Connection: close\r\n",
            )
        )
        self._close_after = self._close_after or not self._chunked
        if self._head_only:
            self._finished(self._close_after)
            return
        self._lines = 0
        self._stream_line(seconds, identity)

    def upgrade(self, key: bytes, identity: dict[str, Any]) -> None:
        """Become a websocket."""
        self._transport.write(
            b"%b%bUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n"
            % (STATUS_LINES[101], self._application.identity_headers, accept_key(key))
        )
        self._echo = Echo(self._transport.write)
        self._lines = 0
        self._tick(identity)
        rest = bytes(self._buffer)
        self._buffer.clear()
        self._feed_echo(rest)

    def close_idle(self) -> None:
        """Close unless a request, a stream or a websocket is in progress."""
        if not self._pending and self._echo is None:
            self._transport.close()

    def finish(self) -> None:
        """End what is in progress: a stream with its last chunk, a websocket with a close frame."""
        if self._echo is not None:
            self._echo.close(GOING_AWAY)
        elif self._lines and self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._transport.close()

    def _serve(self) -> None:
        while self._buffer and not self._pending and not self._transport.is_closing():
            if self._body_left:
                self._skip_body()
                continue
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self._buffer) > LARGEST_HEAD:
                    self._refuse(431)
                return
            head = bytes(self._buffer[:end])
            del self._buffer[: end + 4]
            try:
                self._begin(head)
            except BadRequest as exc:
                self._refuse(exc.status)

    def _begin(self, head: bytes) -> None:
        line, _rest, _more = head.partition(b"\r\n")
        parts = line.split(b" ")
        if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
            raise BadRequest(400)
        method, target, protocol = parts
        lowered = head.lower()
        if b"\r\ntransfer-encoding:" in lowered:
            raise BadRequest(501)
        connection = header(head, lowered, b"connection").lower()
        self._chunked = protocol != b"HTTP/1.0"
        self._close_after = b"close" in connection if self._chunked else b"keep-alive" not in connection
        self._head_only = method == b"HEAD"
        self._body_left = _content_length(header(head, lowered, b"content-length"))
        if self._body_left and header(head, lowered, b"expect").lower() == b"100-continue":
            self._transport.write(STATUS_LINES[100] + b"\r\n")
        path, _rest, query = target.partition(b"?")
        self._pending = True
        key = header(head, lowered, b"sec-websocket-key") if b"upgrade" in connection else b""
        self._application.handle(self, path, query, key)

    def _skip_body(self) -> None:
        skipped = min(self._body_left, len(self._buffer))
        del self._buffer[:skipped]
        self._body_left -= skipped

    def _refuse(self, status: int) -> None:
        self._buffer.clear()
        self._close_after = True
        self.respond(status, b"", b"text/plain")

    def _finished(self, close: bool) -> None:
        self._pending = False
        self._timer = None
        self._lines = 0
        if close:
            self._transport.close()
        elif self._buffer:
            self._transport.resume_reading()
            self._loop.call_soon(self._serve)

    def _respond_delayed(self, body: bytes, content_type: bytes) -> None:
        self.respond(200, body, content_type)

    def _stream_line(self, seconds: int, identity: dict[str, Any]) -> None:
        if self._lines >= seconds:
            if self._chunked:
                self._transport.write(b"0\r\n\r\n")
            self._finished(self._close_after or self._application.draining)
            return
        self._lines += 1
        line = json.dumps({"line": self._lines, **identity}).encode() + b"\n"
        self._transport.write(b"%x\r\n%b\r\n" % (len(line), line) if self._chunked else line)
        self._timer = self._loop.call_later(1, self._stream_line, seconds, identity)

    def _tick(self, identity: dict[str, Any]) -> None:
        if self._echo is not None:
            self._lines += 1
            self._echo.tick(json.dumps({"tick": self._lines, **identity}).encode())
            self._timer = self._loop.call_later(1, self._tick, identity)

    def _feed_echo(self, data: bytes) -> None:
        if self._echo is not None:
            self._echo.feed(data)
            if self._echo.closed:
                self._transport.close()


def _content_length(value: bytes) -> int:
    if not value:
        return 0
    if not value.isdigit():
        raise BadRequest(400)
    return int(value)
