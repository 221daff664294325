# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Incremental parsers of answers: HTTP/1.1, a stream of agreed length, and a websocket of agreed length.

Pure, but for the ``send`` function that a websocket is given.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable

OK, REFUSED, RESET, TIMEOUT, STATUS, TRUNCATED = "ok", "refused", "reset", "timeout", "status", "truncated"
OUTCOMES = (OK, REFUSED, RESET, TIMEOUT, STATUS, TRUNCATED)
LARGEST_HEAD = 65536
LARGEST_FRAME = 1 << 20
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_NO_BODY = (204, 304)
_TEXT, _CLOSE, _PING, _PONG = 0x1, 0x8, 0x9, 0xA


class Malformed(ValueError):
    """The answer is not HTTP/1.1 or not a websocket."""


def field(head: bytes, lowered: bytes, name: bytes) -> bytes:
    """The value of header ``name``, given as ``CRLF name :`` in lower case; nothing when it is missing."""
    at = lowered.find(name)
    if at < 0:
        return b""
    begin = at + len(name)
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else len(head)].strip()


class Answer:
    """One HTTP answer, fed as it arrives.

    ``started``: any byte of it has arrived. ``reusable``: the connection may carry the next request.
    """

    __slots__ = (
        "_buffer", "_head_done", "_left", "instance", "lines", "reusable", "slot", "started", "status", "version",
    )  # fmt: skip

    CHUNKED = -1
    UNTIL_CLOSE = -2

    def __init__(self) -> None:
        self._buffer = b""
        self._head_done = False
        self._left = 0
        self.started = False
        self.status = 0
        self.version = b""
        self.slot = b""
        self.instance = b""
        self.reusable = False
        self.lines = 0

    def feed(self, data: bytes) -> bool:
        """Take what arrived; true when the answer is whole.

        :raises Malformed: it is not HTTP.
        """
        self.started = True
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        if not self._head_done:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self._keep_head(data)
                return False
            self._read_head(data[:end])
            data = data[end + 4 :]
            if not self._head_done:
                return self.feed(data) if data else False
        return self._read_body(data)

    def close(self) -> bool:
        """The peer closed; true when that makes the answer whole."""
        return self._head_done and self._left == self.UNTIL_CLOSE

    def outcome(self) -> str:
        """What a whole answer is worth."""
        return OK if 200 <= self.status < 300 else STATUS

    def _keep_head(self, data: bytes) -> None:
        if len(data) > LARGEST_HEAD or not data.startswith(b"HTTP/1."[: len(data)]):
            raise Malformed("no HTTP answer")
        self._buffer = data

    def _read_head(self, head: bytes) -> None:
        status = head[9:12]
        if not head.startswith(b"HTTP/1.") or not status.isdigit():
            raise Malformed("no HTTP status line")
        self.status = int(status)
        if 100 <= self.status < 200 and self.status != 101:
            return
        lowered = head.lower()
        self._head_done = True
        self.version = field(head, lowered, b"\r\nx-slipway-release:")
        self.slot = field(head, lowered, b"\r\nx-slipway-slot:")
        self.instance = field(head, lowered, b"\r\nx-slipway-instance:")
        connection = field(head, lowered, b"\r\nconnection:").lower()
        self.reusable = b"close" not in connection and (head[7:8] != b"0" or b"keep-alive" in connection)
        self._left = self._body_length(head, lowered)

    def _body_length(self, head: bytes, lowered: bytes) -> int:
        if self.status in _NO_BODY or self.status == 101:
            return 0
        if b"chunked" in field(head, lowered, b"\r\ntransfer-encoding:").lower():
            return self.CHUNKED
        length = field(head, lowered, b"\r\ncontent-length:")
        if not length:
            self.reusable = False
            return self.UNTIL_CLOSE
        if not length.isdigit():
            raise Malformed("no number in Content-Length")
        return int(length)

    def _read_body(self, data: bytes) -> bool:
        if self._left == self.CHUNKED:
            return self._read_chunks(data)
        self.lines += data.count(b"\n")
        if self._left == self.UNTIL_CLOSE:
            return False
        if len(data) > self._left:
            raise Malformed("more than Content-Length announced")
        self._left -= len(data)
        return self._left == 0

    def _read_chunks(self, data: bytes) -> bool:
        at = 0
        while True:
            end = data.find(b"\r\n", at)
            if end < 0:
                break
            size = _chunk_size(data[at:end])
            if size == 0:
                return self._read_trailers(data, at, end)
            after = end + 2 + size
            if len(data) < after + 2:
                break
            if data[after : after + 2] != b"\r\n":
                raise Malformed("a chunk without end")
            self.lines += data.count(b"\n", end + 2, after)
            at = after + 2
        self._buffer = data[at:]
        return False

    def _read_trailers(self, data: bytes, at: int, end: int) -> bool:
        last = data.find(b"\r\n\r\n", end)
        if last < 0:
            self._buffer = data[at:]
            return False
        if len(data) > last + 4:
            raise Malformed("more than the last chunk")
        return True


class StreamAnswer(Answer):
    """A stream that must bring an agreed number of lines, one a second.

    :param lines: agreed with the server; fewer mean that it was cut, however cleanly.
    """

    __slots__ = ("_agreed",)

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._agreed = lines

    def outcome(self) -> str:
        if self.status == 200 and self.lines < self._agreed:
            return TRUNCATED
        return super().outcome()


class WebSocketAnswer(Answer):
    """A websocket that the client closes at the agreed end; what the server sends is answered by a message to echo.

    :param send: writes bytes on the connection.
    """

    __slots__ = ("_accept", "_closing", "_echoes", "_send", "_sent", "key")

    def __init__(self, send: Callable[[bytes], None]) -> None:
        super().__init__()
        self._send = send
        self.key = base64.b64encode(os.urandom(16))
        self._accept = base64.b64encode(hashlib.sha1(self.key + _GUID, usedforsecurity=False).digest())
        self._closing = False
        self._sent = 0
        self._echoes = 0

    def hang_up(self) -> None:
        """Ask for the close handshake: the agreed end has come."""
        if self.status == 101 and not self._closing:
            self._closing = True
            self._send(_frame(_CLOSE, b"\x03\xe8"))

    def outcome(self) -> str:
        if self.status != 101:
            return STATUS
        return OK if self._closing and self._echoes == self._sent else TRUNCATED

    def _read_head(self, head: bytes) -> None:
        super()._read_head(head)
        self.reusable = False
        if self.status == 101 and field(head, head.lower(), b"\r\nsec-websocket-accept:") != self._accept:
            raise Malformed("the handshake does not match")

    def _read_body(self, data: bytes) -> bool:
        if self.status != 101:
            return super()._read_body(data)
        while len(data) >= 2:
            length, at = data[1], 2
            if length > 125:
                size = 2 if length == 126 else 8
                length, at = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
            if length > LARGEST_FRAME:
                raise Malformed("a frame without end")
            if len(data) < at + length:
                break
            if self._receive(data[0] & 0x0F, data[at : at + length]):
                return True
            data = data[at + length :]
        self._buffer = data
        return False

    def _receive(self, opcode: int, payload: bytes) -> bool:
        if opcode == _PING:
            self._send(_frame(_PONG, payload))
        elif opcode == _TEXT and payload.startswith(b"echo "):
            self._echoes += 1
        elif opcode == _TEXT and not self._closing:
            self._sent += 1
            self._send(_frame(_TEXT, b"echo %d" % self._sent))
        return opcode == _CLOSE


def _frame(opcode: int, payload: bytes) -> bytes:
    """A final frame, masked with zeros: the mask protects proxies from hostile pages, of which there are none here."""
    return bytes((0x80 | opcode, 0x80 | len(payload))) + b"\0\0\0\0" + payload


def _chunk_size(line: bytes) -> int:
    digits = line.partition(b";")[0].strip()
    if not digits.isalnum():
        raise Malformed("no chunk size")
    try:
        return int(digits, 16)
    except ValueError:
        raise Malformed("no chunk size") from None
