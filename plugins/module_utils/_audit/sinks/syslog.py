# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Syslog: the socket of this host, or a server by TCP or UDP (RFC 5424, by TCP with octet counting as in RFC 6587)."""

from __future__ import annotations

import errno
import json
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from ..record import Record
from .base import Capabilities, Options, Sink, SinkError

LOCAL = "/dev/log"
_FACILITY_LOG_AUDIT, _NOTICE = 13, 5
_PRIORITY = _FACILITY_LOG_AUDIT * 8 + _NOTICE
_STRUCTURED = '[slipway@32473 hash="{0.hash}" seq="{0.seq}" stream="{0.stream}"]'


class Syslog(Sink):
    """One connection for all batches of a run.

    :param address: ``/dev/log``, another path, or ``tcp://host:port`` or ``udp://host:port``.
    """

    capabilities = Capabilities(acknowledges=False, idempotent=False)

    def __init__(self, address: str, tag: str) -> None:
        self.address = address
        self.tag = tag
        self.connection: socket.socket | None = None

    def deliver(self, batch: Sequence[Record], timeout: float) -> None:
        """Send them one by one."""
        try:
            connection = self._connected(timeout)
            connection.settimeout(timeout)
            for record in batch:
                self._send(connection, record)
        except OSError as exc:
            self.close()
            raise SinkError(
                f"syslog has not taken the records: {exc.strerror or exc}",
                where=self.address,
                remedy="see that it runs and that this host reaches it; they are sent again",
            ) from exc

    def _send(self, connection: socket.socket, record: Record) -> None:
        """What is too large for a datagram is told by number and hash, since it will never get through."""
        try:
            connection.sendall(self._framed(record, record.line.decode("utf-8")))
        except OSError as exc:
            if exc.errno != errno.EMSGSIZE:
                raise
            told = {"hash": record.hash, "seq": record.seq, "stream": record.stream, "too_large": len(record.line)}
            connection.sendall(self._framed(record, json.dumps(told)))

    def _connected(self, timeout: float) -> socket.socket:
        if self.connection is None:
            parts = urlsplit(self.address)
            if parts.scheme == "tcp":
                self.connection = socket.create_connection((parts.hostname or "", parts.port or 601), timeout)
            elif parts.scheme == "udp":
                family, kind, protocol, _name, where = socket.getaddrinfo(
                    parts.hostname, parts.port or 514, type=socket.SOCK_DGRAM
                )[0]
                self.connection = socket.socket(family, kind, protocol)
                self.connection.connect(where)
            else:
                self.connection = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
                self.connection.connect(self.address)
        return self.connection

    def _framed(self, record: Record, text: str) -> bytes:
        if "://" not in self.address:
            return f"<{_PRIORITY}>{self.tag}: {text}".encode()
        time = record.event.get("time", "-")
        structured = _STRUCTURED.format(record)
        whole = f"<{_PRIORITY}>1 {time} {socket.gethostname()} {self.tag} - audit {structured} {text}".encode()
        return b"%d %b" % (len(whole), whole) if self.address.startswith("tcp:") else whole

    def close(self) -> None:
        """End the connection."""
        if self.connection:
            self.connection.close()
        self.connection = None


def _names_server(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("tcp", "udp") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def make(options: Options) -> Syslog:
    """Read ``address`` and ``tag``."""
    address, tag = options.text("address", LOCAL), options.text("tag", "slipway-audit")
    options.end()
    if not address.startswith("/") and not _names_server(address):
        raise options.refused("address", "must be a path, tcp://host:port or udp://host:port")
    return Syslog(address, tag)
