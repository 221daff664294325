# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Load on a balancer of this machine: the traffic meter in a process of its own, near or a round trip away.

Touches loopback ports and temporary files.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
METER = "ansible_collections.slipway.release.plugins.module_utils._meter"


class Load:
    """Runs the meter until the block ends.

    :param seconds: the longest time it may run.
    """

    def __init__(
        self,
        seconds: int,
        *,
        rate: int = 500,
        slow: int = 10,
        slow_ms: int = 500,
        long: int = 10,
        long_seconds: int = 5,
        port: int = 8080,
    ) -> None:
        self.directory = tempfile.TemporaryDirectory(prefix="load")
        self.stop = Path(self.directory.name) / "stop"
        self.summary = Path(self.directory.name) / "report.json"
        self.recorded = Path(self.directory.name) / "records.jsonl"
        self.report: dict[str, Any] = {}
        self.records: list[dict[str, Any]] = []
        self.argv = [
            *(sys.executable, "-B", "-m", METER, "--url", f"http://127.0.0.1:{port}/plain"),
            *("--duration", str(seconds), "--rate", str(rate), "--slow", str(slow), "--slow-ms", str(slow_ms)),
            *("--long", str(long), "--long-seconds", str(long_seconds), "--sticky", "cookie:slipway"),
            *("--users", "500", "--report", str(self.summary), "--records", str(self.recorded)),
            *("--until-file", str(self.stop)),
        ]

    def __enter__(self) -> Load:
        self.process = subprocess.Popen(self.argv, stdout=subprocess.DEVNULL)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop.touch()
        self.process.wait(120)
        if kind is None:
            self.report = json.loads(self.summary.read_text(encoding="utf-8"))
            self.records = [json.loads(line) for line in self.recorded.read_text(encoding="utf-8").splitlines()]
        self.directory.cleanup()

    @property
    def lost(self) -> int:
        """Lost requests of all classes."""
        return int(self.report["total"]["lost"])

    @property
    def answered(self) -> int:
        """Answered requests of all classes."""
        return int(self.report["total"]["ok"])

    def sent(self, name: str) -> int:
        """Requests of one class."""
        return int(self.report["classes"][name]["sent"])


@contextmanager
def reached(port: int, delay_ms: int) -> Iterator[int]:
    """A port through which ``port`` is ``delay_ms`` away in each direction; without a delay the port itself."""
    if not delay_ms:
        yield port
        return
    argv = [sys.executable, "-B", "-m", "lab.delay_proxy", "--listen", "127.0.0.1:0"]
    argv += ["--target", f"127.0.0.1:{port}", "--delay-ms", str(delay_ms)]
    with subprocess.Popen(argv, cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as proxy:
        try:
            assert proxy.stdout is not None
            yield int(proxy.stdout.readline().rpartition(":")[2])
        finally:
            proxy.kill()
