# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Unleash server of the tests' own, on a PostgreSQL of their own.

SLIPWAY_UNLEASH names the directory in which the npm package unleash-server 7.5.1 is installed (npm install
--ignore-scripts), SLIPWAY_POSTGRESQL that of PostgreSQL's programs; the distribution yggdrasil-engine 2.0.0 must be
importable, and the tests need root. Without these they are skipped. Touches temporary directories, and the servers.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

UNLEASH = os.environ.get("SLIPWAY_UNLEASH", "")
PROGRAMS = os.environ.get("SLIPWAY_POSTGRESQL", "")
MISSING = [
    name
    for name, there in (
        ("SLIPWAY_UNLEASH", UNLEASH),
        ("SLIPWAY_POSTGRESQL", PROGRAMS),
        ("yggdrasil-engine", importlib.util.find_spec("yggdrasil_engine")),
    )
    if not there
]
ADMIN = "*:*.an-admin-token-of-tests"
ENVIRONMENT = "development"
CLIENT = f"*:{ENVIRONMENT}.a-client-token-of-tests"
OTHER_CLIENT = "*:production.a-client-token-of-tests"


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    url: str

    def store(self, client: str = CLIENT) -> dict[str, str]:
        """The option ``store`` of the modules."""
        where = {"kind": "unleash", "url": self.url, "environment": ENVIRONMENT, "token": ADMIN}
        return {**where, "client_token": client} if client else where


@pytest.fixture(scope="session")
def unleash() -> Iterator[Running]:
    """A server that runs until the end of the tests."""
    if MISSING:
        pytest.skip(f"an Unleash server cannot be had without {', '.join(MISSING)}")
    from tests.integration.migrate.server import Server

    database = Server(Path(PROGRAMS), 31)
    database.start()
    database.create("unleash")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgres://postgres@127.0.0.1:{database.port}/unleash",
        "DATABASE_SSL": "false",
        "INIT_ADMIN_API_TOKENS": ADMIN,
        "INIT_CLIENT_API_TOKENS": f"{CLIENT},{OTHER_CLIENT}",
        "HTTP_HOST": "127.0.0.1",
        "HTTP_PORT": str(port),
        "CHECK_VERSION": "false",
        "SEND_TELEMETRY": "false",
        "LOG_LEVEL": "error",
    }
    program = Path(UNLEASH) / "node_modules" / "unleash-server" / "dist" / "server.js"
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(["node", str(program)], cwd=UNLEASH, env=environment, stdout=log, stderr=log)
        try:
            _wait(f"http://127.0.0.1:{port}/health")
            yield Running(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(30)
            database.remove()


def _wait(url: str) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
