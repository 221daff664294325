# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Established TCP connections of this host, by remote address. Reads /proc/net/tcp and tcp6; touches nothing."""

from __future__ import annotations

import ipaddress
import socket
import sys
from collections import Counter
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_OPEN_STATES = {"01", "02", "08"}


def open_connections(tables: tuple[Path, ...] = TABLES) -> Counter[str]:
    """How many connections to each remote ``address:port`` are established, being opened, or not yet closed by us."""
    found: Counter[str] = Counter()
    for table in tables:
        if table.exists():
            for line in table.read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] in _OPEN_STATES:
                    found[fields[2]] += 1
    readable: Counter[str] = Counter()
    for remote, count in found.items():
        readable[_readable(remote)] += count
    return readable


def resolved(address: str) -> set[str]:
    """``address:port`` with every numeric address its host part has, as ``open_connections`` spells them."""
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
