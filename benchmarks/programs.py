# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs that are measured, each in a process of its own. Touches the database that it is told."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from .cluster import ACCOUNT, Cluster
from .kit import MIGRATIONS, Kit

DATABASE = "bench"


class Programs:
    """What runs in one database.

    :param directory: of migrations.
    """

    def __init__(self, server: Cluster, kit: Kit, directory: Path) -> None:
        self.server = server
        self.kit = kit
        self.directory = directory
        self.environment = {**os.environ, **server.environment(DATABASE), MIGRATIONS: str(directory)}

    def module(self, name: str) -> None:
        """A module as Ansible starts it."""
        self._process([str(self.kit.module(name))], self.environment)

    def peer(self) -> None:
        """The peer, started as its manual says."""
        search = os.pathsep.join([str(self.kit.peer), os.environ.get("PYTHONPATH", "")])
        url = f"postgresql://{ACCOUNT}@127.0.0.1:{self.server.port}/{DATABASE}"
        arguments = ["apply", "--batch", "--no-config-file", "--database", url, str(self.directory)]
        self._process(["-m", "yoyo", *arguments], {**self.environment, "PYTHONPATH": search})

    def _process(self, arguments: list[str], environment: dict[str, str]) -> None:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{arguments[0]} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")


def timed(side: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.monotonic()
    side()
    return time.monotonic() - began
