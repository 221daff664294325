# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of every balancer need of a lab machine: commands, instances of the sample application, requests.

Starts processes of the sample application on loopback ports; touches nothing else.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
PORTS = {"blue-app1": 9081, "blue-app2": 9082, "green-app1": 9083, "green-app2": 9084}


def wait_until(holds: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition, bounded."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def run(*argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a command of the machine."""
    return subprocess.run(argv, check=check, capture_output=True, text=True)


def listens(port: int) -> bool:
    """Whether something accepts connections on a loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Instance:
    """One process of the sample application."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it unless it runs, and wait until it listens."""
        if self.process is not None and self.process.poll() is None:
            return
        slot, host = self.name.split("-")
        environment = {
            **os.environ,
            "PYTHONPATH": str(SAMPLE),
            "PYTHONDONTWRITEBYTECODE": "1",
            "SLOT": slot,
            "SHOP_HOST": host,
            "SHOP_BIND": "127.0.0.1",
            "PORT": str(PORTS[self.name]),
        }
        self.process = subprocess.Popen([sys.executable, "-m", "shop"], env=environment)
        wait_until(lambda: listens(PORTS[self.name]), 10, f"{self.name} listens")

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None


def get(path: str = "/", port: int = 8080, headers: Sequence[str] = ()) -> tuple[int, dict[str, str], str]:
    """One request on a new connection: status, headers with names in small letters, body."""
    lines = [f"GET {path} HTTP/1.1", "Host: shop", "Connection: close", *headers]
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, _gap, body = received.decode("latin-1").partition("\r\n\r\n")
    first, *fields = head.split("\r\n")
    found = {name.lower(): value.strip() for name, _colon, value in (field.partition(":") for field in fields)}
    return int(first.split()[1]), found, body
