# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a TCP port of this host. Asks the kernel, by netlink and /proc; touches nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from .._common.socket_diagnosis import LISTEN, tcp_sockets

PROC = Path("/proc")
LISTEN_IN_PROC = b"0A"


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
    for listening in tcp_sockets((LISTEN,)):
        found.setdefault(listening.local_port, str(listening.inode))
    return found


def listening_by_proc(proc: Path = PROC) -> dict[int, str]:
    """The same from /proc, which walks every connection of the host; for kernels without socket diagnosis."""
    found: dict[int, str] = {}
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_bytes().splitlines()[1:]
        except FileNotFoundError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == LISTEN_IN_PROC:
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
