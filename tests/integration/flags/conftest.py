# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""An Unleash server of the tests' own, on a PostgreSQL of their own.

In a lab machine both are there: the server and the engine of its SDKs as tools.unleash has made them, and Debian's
PostgreSQL. Elsewhere SLIPWAY_UNLEASH names such a directory, SLIPWAY_POSTGRESQL that of PostgreSQL's programs, and the
tests need root; without these nothing is collected. Touches temporary directories, and the servers.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
SITE_PACKAGES = REPOSITORY / ".cache/venv-oldest/lib/python3.11/site-packages"
IN_LAB = Path("/run/host/container-manager").exists()
UNLEASH = os.environ.get("SLIPWAY_UNLEASH") or (str(REPOSITORY / ".cache/unleash") if IN_LAB else "")
PROGRAMS = os.environ.get("SLIPWAY_POSTGRESQL") or ("/usr/lib/postgresql/15/bin" if IN_LAB else "")
collect_ignore_glob = [] if UNLEASH and PROGRAMS else ["test_*.py"]
sys.path.append(str(Path(UNLEASH) / "python"))
if IN_LAB:
    sys.path.append(str(SITE_PACKAGES))
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
        process = subprocess.Popen([_node(), str(program)], cwd=UNLEASH, env=environment, stdout=log, stderr=log)
        try:
            _wait(f"http://127.0.0.1:{port}/health")
            yield Running(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            process.wait(30)
            database.remove()


def _node() -> str:
    """The Node.js that was installed with it."""
    (found,) = Path(UNLEASH).glob("node_modules/node-linux-*/bin/node")
    return str(found)


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
