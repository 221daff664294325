# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Established TCP connections of this host, by remote address. Asks the kernel by netlink or /proc; touches nothing."""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import product
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
ESTABLISHED, SYN_SENT, CLOSE_WAIT = 1, 2, 8
_OPEN_STATES = (ESTABLISHED, SYN_SENT, CLOSE_WAIT)
_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY = 20
_REQUEST_DUMP = 0x301
_ERROR, _DONE = 2, 3
_HEADER = 16
_REMOTE_ADDRESS_AT = 24
_ADDRESS_LENGTH = {socket.AF_INET: 4, socket.AF_INET6: 16}


def count(addresses: Iterable[str]) -> int:
    """How many connections to these ``address:port`` are established, being opened, or not yet closed by us."""
    wanted = {spelled for address in addresses for spelled in resolved(address)}
    ports = {int(address.rpartition(":")[2]) for address in wanted}
    try:
        found = connections_by_netlink(ports)
    except OSError:
        found = connections_by_proc(ports)
    return sum(found[address] for address in wanted)


def connections_by_netlink(ports: Iterable[int]) -> Counter[str]:
    """Connections to each remote ``address:port``, by socket diagnosis, which takes less than a millisecond.

    :param ports: remote ports; the kernel leaves out all others.
    :raises OSError: this kernel does not answer.
    """
    found: Counter[str] = Counter()
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as diagnosis:
        diagnosis.settimeout(1)
        for port, (family, length) in product(ports, _ADDRESS_LENGTH.items()):
            diagnosis.send(_question(family, port))
            for message in _messages(diagnosis):
                address = message[_REMOTE_ADDRESS_AT : _REMOTE_ADDRESS_AT + length]
                found[_spelled(ipaddress.ip_address(address), port)] += 1
    return found


def connections_by_proc(ports: Collection[int], tables: tuple[Path, ...] = TABLES) -> Counter[str]:
    """The same from /proc, for kernels without socket diagnosis; takes tens of milliseconds on a large host."""
    found: Counter[str] = Counter()
    for table in tables:
        if table.exists():
            for fields in (line.split() for line in table.read_text(encoding="ascii").splitlines()[1:]):
                if int(fields[3], 16) in _OPEN_STATES and int(fields[2].rpartition(":")[2], 16) in ports:
                    found[_readable(fields[2])] += 1
    return found


def resolved(address: str) -> set[str]:
    """``address:port`` with every numeric address its host part has, spelled as the kernel's answers are here."""
    host, _colon, port = address.rpartition(":")
    answers = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
    return {_spelled(ipaddress.ip_address(answer[4][0]), int(port)) for answer in answers}


def _question(family: int, port: int) -> bytes:
    states = sum(1 << state for state in _OPEN_STATES)
    asked = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, states) + struct.pack("!HH44x", 0, port)
    return struct.pack("=IHHII", _HEADER + len(asked), _SOCK_DIAG_BY_FAMILY, _REQUEST_DUMP, 1, 0) + asked


def _messages(diagnosis: socket.socket) -> Iterator[bytes]:
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


def _readable(remote: str) -> str:
    digits, port = remote.split(":")
    raw = bytes.fromhex(digits)
    if sys.byteorder == "little":
        raw = b"".join(raw[start : start + 4][::-1] for start in range(0, len(raw), 4))
    return _spelled(ipaddress.ip_address(raw), int(port, 16))


def _spelled(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"
