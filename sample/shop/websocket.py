# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The server's side of RFC 6455: handshake, frames, and an echo with ticks.

Pure but for the ``send`` function it is given.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
GOING_AWAY, PROTOCOL_ERROR, TOO_BIG = 1001, 1002, 1009
LARGEST = 1 << 20


class FrameError(ValueError):
    """The peer broke the protocol; ``code`` is the close code it deserves."""

    def __init__(self, what: str, code: int) -> None:
        super().__init__(what)
        self.code = code


def accept_key(key: bytes) -> bytes:
    """The Sec-WebSocket-Accept that answers ``key``."""
    return base64.b64encode(hashlib.sha1(key + GUID, usedforsecurity=False).digest())


def frame(opcode: int, payload: bytes) -> bytes:
    """One final, unmasked frame."""
    length = len(payload)
    if length < 126:
        return bytes((0x80 | opcode, length)) + payload
    if length < 1 << 16:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big") + payload
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big") + payload


def unmask(payload: bytes, mask: bytes) -> bytes:
    """Apply a four-byte mask."""
    size = len(payload)
    stretched = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stretched, "big")).to_bytes(size, "big")


def take_frames(buffer: bytearray) -> Iterator[tuple[bool, int, bytes]]:
    """Remove whole masked frames from ``buffer``: (final, opcode, payload).

    :raises FrameError: an unmasked or oversized frame, or reserved bits.
    """
    while len(buffer) >= 2:
        first, second = buffer[0], buffer[1]
        if first & 0x70 or not second & 0x80:
            raise FrameError("reserved bits, or a frame without mask", PROTOCOL_ERROR)
        length, at = second & 0x7F, 2
        if length >= 126:
            size = 2 if length == 126 else 8
            if len(buffer) < at + size:
                return
            length, at = int.from_bytes(buffer[at : at + size], "big"), at + size
        if length > LARGEST:
            raise FrameError("the frame is too big", TOO_BIG)
        if len(buffer) < at + 4 + length:
            return
        payload = unmask(bytes(buffer[at + 4 : at + 4 + length]), bytes(buffer[at : at + 4]))
        del buffer[: at + 4 + length]
        yield bool(first & 0x80), first & 0x0F, payload


class Echo:
    """One websocket: messages are echoed, pings answered, a close is closed.

    :param send: writes bytes to the peer.
    """

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._buffer = bytearray()
        self._message = bytearray()
        self._opcode = CONTINUATION
        self.closed = False

    def tick(self, payload: bytes) -> None:
        """Send a text message of the server's own."""
        if not self.closed:
            self._send(frame(TEXT, payload))

    def close(self, code: int) -> None:
        """Send a close frame, once."""
        if not self.closed:
            self.closed = True
            self._send(frame(CLOSE, code.to_bytes(2, "big")))

    def feed(self, data: bytes) -> None:
        """Take what the peer sent; ``closed`` is set when the connection must end."""
        self._buffer += data
        try:
            for final, opcode, payload in take_frames(self._buffer):
                self._receive(final, opcode, payload)
                if self.closed:
                    return
        except FrameError as exc:
            self.close(exc.code)

    def _receive(self, final: bool, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._send(frame(PONG, payload))
        elif opcode == CLOSE:
            self.closed = True
            self._send(frame(CLOSE, payload[:2]))
        elif opcode in (TEXT, BINARY, CONTINUATION):
            self._collect(final, opcode, payload)
        elif opcode != PONG:
            raise FrameError(f"unknown opcode {opcode}", PROTOCOL_ERROR)

    def _collect(self, final: bool, opcode: int, payload: bytes) -> None:
        if (opcode == CONTINUATION) != (self._opcode != CONTINUATION):
            raise FrameError("a message inside another, or a continuation of none", PROTOCOL_ERROR)
        if opcode != CONTINUATION:
            self._opcode = opcode
        self._message += payload
        if len(self._message) > LARGEST:
            raise FrameError("the message is too big", TOO_BIG)
        if final:
            self._send(frame(self._opcode, bytes(self._message)))
            self._message.clear()
            self._opcode = CONTINUATION
