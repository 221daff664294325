# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a TCP port of this host. Asks the kernel, by netlink and /proc; touches nothing."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTEN = b"0A"
NETLINK_SOCK_DIAG = 4
SOCK_DIAG_BY_FAMILY = 20
NLM_F_REQUEST_DUMP = 0x301
NLMSG_ERROR = 2
NLMSG_DONE = 3
TCP_LISTEN = 10
HEADER = 16
PORT_AT = 4
INODE_AT = 68


@dataclass(frozen=True)
class Owner:
    """The process behind a port; ``pid`` is 0 when it is not ours to see, as in another namespace."""

    pid: int = 0
    name: str = ""
    unit: str = ""

    def __str__(self) -> str:
        if not self.pid:
            return "unknown process"
        return self.unit if self.unit.startswith("slipway-") else f"{self.name} (pid {self.pid})"


def owners(
    ports: Collection[int], proc: Path = PROC, listening: Callable[[], dict[int, str]] | None = None
) -> dict[int, Owner | None]:
    """The owner of each port, ``None`` for a free one."""
    found = (listening or _listening)() if ports else {}
    inodes = {port: found[port] for port in ports if port in found}
    holders = _holders(set(inodes.values()), proc) if inodes else {}
    return {port: holders.get(inodes[port], Owner()) if port in inodes else None for port in sorted(set(ports))}


def listening_by_netlink() -> dict[int, str]:
    """Inode of the listening socket by port; walks the listening sockets alone, which takes microseconds.

    :raises OSError: this kernel does not answer.
    """
    found: dict[int, str] = {}
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as diagnosis:
        diagnosis.settimeout(1)
        for family in (socket.AF_INET, socket.AF_INET6):
            asked = struct.pack("=BBBxI48x", family, socket.IPPROTO_TCP, 0, 1 << TCP_LISTEN)
            header = struct.pack("=IHHII", HEADER + len(asked), SOCK_DIAG_BY_FAMILY, NLM_F_REQUEST_DUMP, 1, 0)
            diagnosis.send(header + asked)
            for port, inode in _answers(diagnosis):
                found.setdefault(port, inode)
    return found


def _answers(diagnosis: socket.socket) -> Iterator[tuple[int, str]]:
    """Port and inode of each message, until the one that ends the dump."""
    while True:
        received = diagnosis.recv(1 << 16)
        offset = 0
        while offset < len(received):
            length, kind = struct.unpack_from("=IH", received, offset)
            if kind == NLMSG_DONE:
                return
            if kind == NLMSG_ERROR:
                number = -int(struct.unpack_from("=i", received, offset + HEADER)[0])
                raise OSError(number, os.strerror(number))
            port = int(struct.unpack_from("!H", received, offset + HEADER + PORT_AT)[0])
            yield port, str(struct.unpack_from("=I", received, offset + HEADER + INODE_AT)[0])
            offset += (length + 3) & ~3


def listening_by_proc(proc: Path = PROC) -> dict[int, str]:
    """The same from /proc, which walks every connection of the host; for kernels without socket diagnosis."""
    found: dict[int, str] = {}
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_bytes().splitlines()[1:]
        except FileNotFoundError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == LISTEN:
                found.setdefault(int(fields[1].rsplit(b":", 1)[1], 16), fields[9].decode("ascii"))
    return found


def _listening() -> dict[int, str]:
    try:
        return listening_by_netlink()
    except OSError:
        return listening_by_proc()


def _holders(inodes: set[str], proc: Path) -> dict[str, Owner]:
    wanted = {f"socket:[{inode}]": inode for inode in inodes}
    found: dict[str, Owner] = {}
    for pid in _processes(proc):
        for link in _descriptors(proc / str(pid) / "fd"):
            if link in wanted and wanted[link] not in found:
                found[wanted[link]] = _owner(pid, proc)
        if len(found) == len(inodes):
            break
    return found


def _processes(proc: Path) -> list[int]:
    return [int(name) for name in os.listdir(proc) if name.isdigit()]


def _descriptors(directory: Path) -> Iterator[str]:
    try:
        names = os.listdir(directory)
    except OSError:
        return
    for name in names:
        try:
            yield os.readlink(directory / name)
        except OSError:
            continue


def _owner(pid: int, proc: Path) -> Owner:
    try:
        name = (proc / str(pid) / "comm").read_text(encoding="utf-8", errors="replace").strip()
        groups = (proc / str(pid) / "cgroup").read_text(encoding="utf-8").split()
    except OSError:
        return Owner(pid, "ended meanwhile")
    parts = [part for group in groups for part in group.split("/") if part.endswith(".service")]
    return Owner(pid, name, parts[-1] if parts else "")
