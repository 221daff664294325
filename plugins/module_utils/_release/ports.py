# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who listens on a TCP port of this host. Reads /proc; touches nothing."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
LISTEN = b"0A"


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


def owners(ports: Collection[int], proc: Path = PROC) -> dict[int, Owner | None]:
    """The owner of each port, ``None`` for a free one."""
    inodes = _listening(set(ports), proc)
    holders = _holders(set(inodes.values()), proc) if inodes else {}
    return {port: holders.get(inodes[port], Owner()) if port in inodes else None for port in sorted(set(ports))}


def _listening(ports: set[int], proc: Path) -> dict[int, str]:
    found: dict[int, str] = {}
    if not ports:
        return found
    for table in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / table).read_bytes().splitlines()[1:]
        except FileNotFoundError:
            continue
        for fields in (line.split() for line in lines):
            if fields[3] == LISTEN:
                port = int(fields[1].rsplit(b":", 1)[1], 16)
                if port in ports:
                    found.setdefault(port, fields[9].decode("ascii"))
    return found


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
