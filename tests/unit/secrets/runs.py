# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook with the secrets of a test, and says in which place one has come out.

Everything that is written lies below one directory, but for the secrets themselves and for what a test allows.
"""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.unit.secrets.canaries import Scan
from tools.environments import COLLECTIONS, TOP

CATCHER = Path(__file__).resolve().parent / "catcher"
CAUGHT = "caught"
REFUSED = "/refused/"


class Echo(http.server.BaseHTTPRequestHandler):
    """Answers 500 with everything that it was asked: path, headers and body, as bad error pages do.

    Below ``/refused/`` it is 400, after which nobody asks again. Who speaks something else is not waited for.
    """

    timeout = 0.3

    def do_GET(self) -> None:
        asked = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
        said = [f"{self.command} {self.path}", *(f"{name}: {value}" for name, value in self.headers.items()), asked]
        body = json.dumps({"error": "\n".join(said), "asked": said}).encode()
        self.send_response(400 if self.path.startswith(REFUSED) else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    do_POST = do_PUT = do_PATCH = do_HEAD = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, *_arguments: Any) -> None:
        """Stay quiet."""


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: Any) -> None:
        """A client that speaks something else is no error here."""


@contextmanager
def echo(address: str = "127.0.0.1") -> Iterator[int]:
    """Port of a server that repeats what it is asked for."""
    server = _Server((address, 0), Echo)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@dataclass
class Run:
    """What has come out of a run.

    :ivar leaks: place to the names of the secrets that were found there.
    """

    output: str
    code: int
    leaks: dict[str, set[str]] = field(default_factory=dict)

    def leaked(self, prefix: str) -> dict[str, list[str]]:
        """The leaks of secrets whose names begin so."""
        mine = {place: sorted(it for it in names if it.startswith(prefix)) for place, names in self.leaks.items()}
        return {place: names for place, names in mine.items() if names}


@contextmanager
def short_way(directory: Path) -> Iterator[str]:
    """A short name of a directory, since the path of a socket in it may have 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="s") as place:
        link = Path(place, "t")
        link.symlink_to(directory)
        yield str(link)


def run(root: Path, book: Path, inventory: Path, secrets: Path, scan: Scan, *more: str) -> Run:
    """Run a playbook and scan what it leaves.

    :param root: an empty directory, which becomes the home of the run.
    :param secrets: file with the variables that hold the secrets, outside ``root``.
    """
    for name in ("home", "tmp", "work"):
        (root / name).mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(root / "home" / ".ansible"),
        "ANSIBLE_JINJA2_NATIVE": "1",
        "ANSIBLE_LOG_PATH": str(root / "ansible.log"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_RETRY_FILES_ENABLED": "0",
        "HOME": str(root / "home"),
        "PYTHONPATH": os.pathsep.join([str(CATCHER), str(TOP)]),
        "SLIPWAY_CAUGHT": str(root / CAUGHT),
    }
    with short_way(root / "tmp") as temporary:
        done = subprocess.run(
            [
                str(Path(sys.executable).parent / "ansible-playbook"),
                "-vvvv",
                "-i",
                str(inventory),
                str(book),
                "-e",
                f"@{secrets}",
                *more,
            ],
            cwd=root / "work",
            env={**environment, "TMPDIR": temporary},
            capture_output=True,
            text=True,
            check=False,
        )
    output = done.stdout + done.stderr
    made = Run(output, done.returncode, scan.files(root))
    if found := scan.text(output):
        made.leaks["output"] = found
    return made
