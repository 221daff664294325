# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One client connection on a non-blocking socket, driven by the readiness callbacks of an asyncio loop.

Touches its own socket. It tells apart how a request was lost, and never sends a request twice.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from typing import Protocol

from .answers import OK, REFUSED, RESET, STATUS, TIMEOUT, TRUNCATED, Answer, Malformed
from .options import Target

READ_SIZE = 65536
LINGER = 1.0
_OWN_SHORTAGE = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL, errno.EAGAIN))
_CONNECT_KINDS = {errno.ECONNRESET: RESET, errno.EPIPE: RESET, errno.ETIMEDOUT: TIMEOUT}


class NoCapacity(Exception):
    """The meter's own host has no descriptors, ports or memory left; the request was not sent."""


class Exchange:
    """One request and what is known of it.

    :param kind: index of its class in ``records.CLASSES``.
    :param intended: when it should have been sent, on the loop's clock.
    :param start: when it was.
    :param patience: seconds without the answer (or its next piece, when ``lasting``) until it is lost.
    :param lasting: the answer takes its time on purpose, and every piece of it renews the patience.
    :param agreed_end: when a long-lived answer ends; 0 for others.
    """

    __slots__ = (
        "agreed_end", "answer", "deadline", "intended", "key", "kind", "lane", "lasting", "patience", "reused", "start",
    )  # fmt: skip

    def __init__(self, kind: int, intended: float, start: float, patience: float, key: int, lane: int) -> None:
        self.kind = kind
        self.intended = intended
        self.start = start
        self.patience = patience
        self.deadline = start + patience
        self.key = key
        self.lane = lane
        self.answer = Answer()
        self.reused = False
        self.lasting = False
        self.agreed_end = 0.0


class Owner(Protocol):
    """Who is told what became of requests and connections."""

    def finished(self, connection: Connection, exchange: Exchange, outcome: str) -> None:
        """The exchange has its outcome; ``connection.idle`` says whether the connection can be used again."""

    def closed_while_idle(self, connection: Connection) -> None:
        """The server closed a kept connection that carried no request."""


class Connection:
    """A connection that carries one request at a time.

    :param keep: whether it may be kept for further requests.
    """

    __slots__ = (
        "_connected", "_keep", "_linger_until", "_loop", "_owner", "_socket", "_unsent", "exchange",
    )  # fmt: skip

    def __init__(self, loop: asyncio.AbstractEventLoop, owner: Owner, *, keep: bool) -> None:
        self._loop = loop
        self._owner = owner
        self._keep = keep
        self._socket: socket.socket | None = None
        self._connected = False
        self._unsent = b""
        self._linger_until = 0.0
        self.exchange: Exchange | None = None

    @property
    def idle(self) -> bool:
        """Open, kept, and without a request."""
        return self._socket is not None and self.exchange is None and not self._linger_until

    @property
    def lingering(self) -> bool:
        """Of no further use, but not yet closed by the server."""
        return self._socket is not None and self._linger_until > 0

    def open(self, target: Target, exchange: Exchange, request: bytes) -> None:
        """Connect and send the first request.

        :raises NoCapacity: this host cannot open another connection.
        """
        try:
            sock = socket.socket(target.family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        except OSError as exc:
            raise NoCapacity(str(exc)) from exc
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = sock.connect_ex(target.address)
        if code in _OWN_SHORTAGE:
            sock.close()
            raise NoCapacity(errno.errorcode[code])
        self._socket = sock
        self.exchange = exchange
        self._unsent = request
        if code == errno.EINPROGRESS:
            self._loop.add_writer(sock, self._on_writable)
        elif code:
            self._finish(_CONNECT_KINDS.get(code, REFUSED))
        else:
            self._on_connected()

    def reuse(self, exchange: Exchange, request: bytes) -> bool:
        """Send a further request; false, and nothing sent, when the server has closed meanwhile."""
        if self._socket is None or not self._still_open(self._socket):
            self.close()
            return False
        exchange.reused = True
        self.exchange = exchange
        self.send(request)
        return True

    def send(self, data: bytes) -> None:
        """Write, now or as soon as the socket takes it."""
        if self._socket is None:
            return
        if self._unsent:
            self._unsent += data
            return
        self._unsent = data
        self._flush(self._socket)

    def end_linger(self, now: float) -> None:
        """Close when the server was given enough time to do it first."""
        if self._linger_until <= now:
            self.close()

    def expire(self, now: float) -> None:
        """Declare the request lost when its time is over and nothing has come that was not yet read."""
        exchange = self.exchange
        if self._connected:
            self._on_readable()
        if exchange is not None and exchange is self.exchange and exchange.deadline <= now:
            self._finish(TIMEOUT)

    def close(self) -> None:
        """Close at once, whatever is in progress; nobody is told."""
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None
        self._connected = False
        self.exchange = None

    def _on_writable(self) -> None:
        sock = self._socket
        if sock is None:
            return
        self._loop.remove_writer(sock)
        if self._connected:
            self._flush(sock)
            return
        code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self._finish(_CONNECT_KINDS.get(code, REFUSED))
        else:
            self._on_connected()

    def _on_connected(self) -> None:
        if self._socket is None:
            return
        self._connected = True
        self._loop.add_reader(self._socket, self._on_readable)
        self._flush(self._socket)

    def _flush(self, sock: socket.socket) -> None:
        try:
            sent = sock.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._unsent = b""
            self._on_readable()
            self._finish(RESET)
            return
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(sock, self._on_writable)

    def _on_readable(self) -> None:
        sock, exchange = self._socket, self.exchange
        if sock is None:
            return
        try:
            data = sock.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
            if exchange is not None:
                self._finish(RESET)
                return
        if exchange is not None:
            self._take(exchange, data)
        elif self._linger_until:
            self.close()
        else:
            self.close()
            self._owner.closed_while_idle(self)

    def _take(self, exchange: Exchange, data: bytes) -> None:
        answer = exchange.answer
        try:
            if data:
                if exchange.lasting:
                    latest = min(self._loop.time(), exchange.agreed_end)
                    exchange.deadline = latest + exchange.patience
                if answer.feed(data):
                    self._finish(answer.outcome())
            elif answer.close():
                self._finish(answer.outcome())
            else:
                self._finish(TRUNCATED if answer.started else RESET)
        except Malformed:
            self._finish(TRUNCATED)

    def _finish(self, outcome: str) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        self.exchange = None
        if outcome not in (OK, STATUS):
            self.close()
        elif not (self._keep and exchange.answer.reusable):
            self._close_after_peer()
        self._owner.finished(self, exchange, outcome)

    def _close_after_peer(self) -> None:
        """Let the server close first, so that the ports of this host are free at once."""
        sock = self._socket
        if sock is None or not self._still_open(sock):
            self.close()
        else:
            self._linger_until = self._loop.time() + LINGER

    @staticmethod
    def _still_open(sock: socket.socket) -> bool:
        try:
            sock.recv(1)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False
