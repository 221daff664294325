# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What turning a feature flag off costs: one run of kill_switch.yml, read back, beside a bare HTTP call of the same
effect on the same service, and beside an empty play. Each round measures all, one after the other.

Starts a service of flags on the loopback address, and writes below the directory that it is given.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.plan import REPOSITORY

from .figures import median, seconds

FLAG = "new_checkout"
PATH = f"/feature-flags/{FLAG}"
ON: dict[str, Any] = {"enabled": True, "rollout": {"strategy": "full", "percentage": 100, "user_segments": ["all"]}}
OFF: dict[str, Any] = {"enabled": False, "kill_switch": True, "rollout": {"strategy": "kill_switch", "percentage": 0}}
BARE_CALLS = 20
EMPTY = "- hosts: localhost\n  gather_facts: false\n  tasks: []\n"


def figures(directory: Path, rounds: int) -> Iterator[str]:
    """The lines to print.

    :raises RuntimeError: a run failed, or killed nothing.
    """
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    try:
        with _service() as (kept, port):
            store = {"kind": "rest", "url": f"http://127.0.0.1:{port}"}
            (directory / "variables.json").write_text(json.dumps({"slipway_flags_store": store}), encoding="utf-8")
            (directory / "hosts.yml").write_text("all: {}\n", encoding="utf-8")
            (directory / "empty.yml").write_text(EMPTY, encoding="utf-8")
            killed, bare, empty = [], [], []
            for _round in range(rounds):
                kept[FLAG] = dict(ON)
                killed.append(_played(directory, str(REPOSITORY / "playbooks/kill_switch.yml")))
                if kept[FLAG].get("kill_switch") is not True:
                    raise RuntimeError("kill_switch.yml has killed nothing")
                empty.append(_played(directory, "empty.yml"))
                bare += [_called(port, kept) for _call in range(BARE_CALLS)]
        yield "kill switch, read back, of a service on this computer"
        yield f"  kill_switch.yml  {seconds(killed)}"
        yield f"  empty play       {seconds(empty)}, kill_switch.yml is {median(killed) / median(empty):.1f} times that"
        yield (
            f"  bare HTTP call   {median(bare) * 1000:.2f} ms, "
            f"kill_switch.yml is {median(killed) / median(bare):.0f} times that"
        )
    finally:
        shutil.rmtree(directory)


def _played(directory: Path, playbook: str) -> float:
    """Seconds that a playbook takes."""
    command = [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "hosts.yml", playbook]
    command += ["-e", "@variables.json", "-e", f"slipway_flag={FLAG}"]
    search = {"ANSIBLE_COLLECTIONS_PATH": str(REPOSITORY / ".cache/collections")}
    began = time.monotonic()
    done = subprocess.run(
        command, cwd=directory, env={**os.environ, **search}, capture_output=True, text=True, check=False
    )
    took = time.monotonic() - began
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return took


def _called(port: int, kept: dict[str, Any]) -> float:
    """Seconds that the call takes, with its connection."""
    kept[FLAG] = dict(ON)
    content = json.dumps(OFF)
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("PUT", PATH, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
    finally:
        connection.close()
    took = time.monotonic() - began
    if answer.status != 200 or kept[FLAG] != OFF:
        raise RuntimeError("the call has killed nothing")
    return took


@contextmanager
def _service() -> Iterator[tuple[dict[str, Any], int]]:
    """A service of flags: its documents by name, and its port."""
    kept: dict[str, Any] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, kept[self._name()]) if self._name() in kept else self._answer(404, {})

        def do_PUT(self) -> None:
            kept[self._name()] = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(200, kept[self._name()])

        def _name(self) -> str:
            return self.path.rpartition("/")[2]

        def _answer(self, status: int, content: Any) -> None:
            body = json.dumps(content).encode("utf-8")
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: Any) -> None:
            """Stay quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield kept, server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
