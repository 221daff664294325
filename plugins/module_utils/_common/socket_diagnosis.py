# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""TCP sockets of this host, by the kernel's socket diagnosis (sock_diag(7)). Asks by netlink; touches nothing."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

ESTABLISHED, SYN_SENT, CLOSE_WAIT, LISTEN = 1, 2, 8, 10
_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_HEADER = 16
_LOCAL_PORT_AT = 4
_LOCAL_ADDRESS_AT = 8
_REMOTE_ADDRESS_AT = 24
_INODE_AT = 68
_ADDRESS_LENGTH = {socket.AF_INET: 4, socket.AF_INET6: 16}


@dataclass(frozen=True)
class TcpSocket:
    """One socket; its remote address is all zeros when it listens."""

    local_port: int
    local_address: ipaddress.IPv4Address | ipaddress.IPv6Address
    remote_address: ipaddress.IPv4Address | ipaddress.IPv6Address
    inode: int


def tcp_sockets(states: Iterable[int], remote_port: int = 0) -> Iterator[TcpSocket]:
    """The sockets in one of these states, of both families; takes less than a millisecond.

    :param states: as the kernel numbers them (include/net/tcp_states.h).
    :param remote_port: the kernel leaves out all others; 0 asks for every one.
    :raises OSError: this kernel does not answer.
    """
    wanted = sum(1 << state for state in states)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as diagnosis:
        diagnosis.settimeout(1)
        for family, length in _ADDRESS_LENGTH.items():
            diagnosis.send(_question(family, wanted, remote_port))
            for message in _messages(diagnosis):
                yield _parsed(message, length)


def _question(family: int, states: int, remote_port: int) -> bytes:
    asked = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, states) + struct.pack("!HH44x", 0, remote_port)
    return struct.pack("=IHHII", _HEADER + len(asked), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + asked


def _messages(diagnosis: socket.socket) -> Iterator[bytes]:
    """Each message without its header, until the one that ends the dump."""
    while True:
        received = diagnosis.recv(1 << 16)
        offset = 0
        while offset < len(received):
            length, kind = struct.unpack_from("=IH", received, offset)
            if kind == _DONE:
                return
            if kind == _ERROR:
                number = -int(struct.unpack_from("=i", received, offset + _HEADER)[0])
                raise OSError(number, os.strerror(number))
            yield received[offset + _HEADER : offset + length]
            offset += (length + 3) & ~3


def _parsed(message: bytes, address_length: int) -> TcpSocket:
    def address(offset: int) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
        return ipaddress.ip_address(message[offset : offset + address_length])

    return TcpSocket(
        local_port=struct.unpack_from("!H", message, _LOCAL_PORT_AT)[0],
        local_address=address(_LOCAL_ADDRESS_AT),
        remote_address=address(_REMOTE_ADDRESS_AT),
        inode=struct.unpack_from("=I", message, _INODE_AT)[0],
    )
