# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks of the database start: the collection's modules as Ansible sends them, and the peer.

Made on the controller, since a lab machine has neither Ansible nor a package registry. Touches the directory that it is
given, and asks the package index that pip is configured for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools.environments import COLLECTIONS, OLDEST, REQUIREMENTS, TOP

PEER = "yoyo-migrations"
MIGRATIONS = "SLIPWAY_BENCHMARK_MIGRATIONS"
BACKFILL = {
    "name": "benchmark",
    "table": "item",
    "set": {"cents": "total::bigint * 100"},
    "where": "cents IS NULL",
}
MODULES: dict[str, tuple[str, dict[str, Any]]] = {
    "pg_migrate": ("pg_migrate", {"path": f"${MIGRATIONS}"}),
    "pg_backfill": ("pg_backfill", BACKFILL),
    "pg_backfill_no_pause": ("pg_backfill", {**BACKFILL, "pause_ms": 0}),
}


@dataclass(frozen=True)
class Kit:
    """A directory with what was made."""

    directory: Path

    @property
    def peer(self) -> Path:
        """Where the peer is installed."""
        return self.directory / "peer"

    def module(self, name: str) -> Path:
        """A module with its arguments, in one file."""
        return self.directory / f"{name}.py"

    def peer_version(self) -> str:
        """What is measured."""
        (metadata,) = self.peer.glob(f"{PEER.replace('-', '_')}-*.dist-info")
        return f"{PEER} {metadata.name.removesuffix('.dist-info').rpartition('-')[2]}"


def make(directory: Path) -> Kit:
    """Make all that is missing, and the modules anew."""
    directory.mkdir(parents=True, exist_ok=True)
    kit = Kit(directory)
    write = [sys.executable, "-m", "benchmarks.as_sent", str(directory)]
    environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS)}
    subprocess.run(write, cwd=TOP, env=environment, check=True)
    _install_peer(kit)
    return kit


def _install_peer(kit: Kit) -> None:
    """Install what is pinned, unless that has been done to its end."""
    pins, done = REQUIREMENTS / "peer.txt", kit.directory / "peer.installed"
    wanted = pins.read_text(encoding="ascii")
    if done.exists() and done.read_text(encoding="ascii") == wanted:
        return
    done.unlink(missing_ok=True)
    shutil.rmtree(kit.peer, ignore_errors=True)
    python = OLDEST.bin / "python" if OLDEST.ready() else Path(sys.executable)
    install = ["-m", "pip", "install", "-qq", "--disable-pip-version-check", "--target", str(kit.peer), "-r"]
    subprocess.run([str(python), *install, str(pins)], check=True)
    done.write_text(wanted, encoding="ascii")
