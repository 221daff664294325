# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the sample application from unpacked release archives, as a host would."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sample.build import build


class Shop:
    """One process of one release."""

    def __init__(self, release: Path, module: str, environment: dict[str, str]) -> None:
        self.port = int(environment["PORT"])
        self.release = release
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=release,
            env={"PATH": os.environ["PATH"], **environment},
            stderr=subprocess.PIPE,
            text=True,
        )

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One request on a connection of its own: status, headers in lower case, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers=headers)
            response = connection.getresponse()
            return response.status, {key.lower(): value for key, value in response.getheaders()}, response.read()
        finally:
            connection.close()

    def json(self, path: str) -> dict[str, Any]:
        """The JSON answer to one request."""
        content: dict[str, Any] = json.loads(self.get(path)[2])
        return content

    def connect(self) -> socket.socket:
        """A plain connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def wait_until(self, path: str, status: int = 200) -> None:
        """Wait for ``path`` to be answered with ``status``."""
        deadline = time.monotonic() + 30
        while True:
            try:
                if self.get(path)[0] == status:
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline, f"{path} was never {status}"
            assert self.process.poll() is None, "the process ended"
            time.sleep(0.02)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def ended(self) -> tuple[int, str]:
        """Wait for the end: exit code and standard error."""
        _rest, err = self.process.communicate(timeout=60)
        return self.process.returncode, err


@pytest.fixture(scope="session")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with all release archives."""
    out = tmp_path_factory.mktemp("releases")
    build(out)
    return out


@pytest.fixture
def shop(releases: Path, tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    """Unpack a release and start one of its modules; what still runs at the end is killed."""
    started: list[Shop] = []

    def start(version: str = "1.0.0", module: str = "shop", *, wait: bool = True, **environment: str) -> Shop:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        release = tmp_path / f"release-{len(started)}"
        with tarfile.open(releases / f"shop-{version}.tar.gz") as tar:
            tar.extractall(release, filter="data")
        settings = {"PORT": str(port), "SLOT": "blue", "SHOP_HOST": "app1", "SHOP_BIND": "127.0.0.1", "SHOP_GRACE": "0"}
        one = Shop(release, module, {**settings, **environment})
        started.append(one)
        if wait:
            one.wait_until("/health/live")
        return one

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.process.communicate()
