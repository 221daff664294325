# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One HTTP exchange with one time limit, whatever the pace of the server, and nothing truncated taken for complete.

Uses the connection it is given.
"""

from __future__ import annotations

import http.client
import io
import socket
import time
from dataclasses import dataclass
from email.message import Message
from typing import Any

LONGEST_BODY = 1024 * 1024


class Incomplete(Exception):
    """What came is no complete HTTP answer."""


@dataclass(frozen=True)
class Reply:
    """A complete answer; ``headers`` finds names in any case."""

    status: int
    headers: Message
    body: bytes


def exchange(connection: socket.socket, method: str, request: bytes, deadline: float) -> Reply:
    """Send a request and read its answer to the end.

    :param deadline: on the monotonic clock.
    :raises OSError: the connection broke, or the deadline passed.
    :raises Incomplete: the answer is truncated, too long, or no HTTP.
    """
    connection.settimeout(left(deadline))
    connection.sendall(request)
    stream = _PacedStream(connection, deadline)
    try:
        with http.client.HTTPResponse(_PacedSocket(stream), method=method) as response:
            response.begin()
            if stream.ended:
                raise Incomplete("the headers are truncated")
            body = response.read(LONGEST_BODY + 1)
            if len(body) > LONGEST_BODY:
                raise Incomplete(f"the body is longer than {LONGEST_BODY} bytes")
            if response.length:
                raise Incomplete("the body is truncated")
            return Reply(response.status, response.headers, body)
    except http.client.HTTPException as exc:
        raise Incomplete(f"no complete HTTP answer: {type(exc).__name__}") from exc


def left(deadline: float) -> float:
    """Seconds until a deadline.

    :raises TimeoutError: it has passed.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise TimeoutError("timed out")
    return seconds


class _PacedSocket(socket.socket):
    """What ``HTTPResponse`` takes its stream from."""

    def __init__(self, stream: _PacedStream) -> None:
        self._reader = io.BufferedReader(stream)

    def makefile(self, *_args: Any, **_kwargs: Any) -> Any:
        return self._reader


class _PacedStream(io.RawIOBase):
    """Reads a connection, each time within what is left until the deadline; knows when the server has closed it."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        super().__init__()
        self._connection = connection
        self._deadline = deadline
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._connection.settimeout(left(self._deadline))
        count = self._connection.recv_into(buffer)
        self.ended = not count
        return count
