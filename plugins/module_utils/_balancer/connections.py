# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Established TCP connections of this host, by remote address. Asks the kernel by netlink or /proc; touches nothing."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections import Counter
from collections.abc import Collection, Iterable
from pathlib import Path

from .._common.socket_diagnosis import CLOSE_WAIT, ESTABLISHED, SYN_SENT, tcp_sockets

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_OPEN_STATES = (ESTABLISHED, SYN_SENT, CLOSE_WAIT)


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
    return Counter(
        _spelled(found.remote_address, port) for port in ports for found in tcp_sockets(_OPEN_STATES, remote_port=port)
    )


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
