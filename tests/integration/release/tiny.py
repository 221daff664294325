# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A small application of every kind of component, and ways to place it. For tests inside a lab machine, as root."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.info import info
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout
from ansible_collections.slipway.release.plugins.module_utils._release.present import Placing, present
from ansible_collections.slipway.release.plugins.module_utils._release.revision import build, revision_id
from ansible_collections.slipway.release.plugins.module_utils._release.store import Source

APP = "tiny"
LAYOUT = Layout(APP)
PORTS = {"blue": 18081, "green": 18082}
SERVER = """
import json, os, signal, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
signal.signal(signal.SIGTERM, lambda *ignored: os._exit(0))
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        secrets = os.environ.get("CREDENTIALS_DIRECTORY", "")
        names = os.listdir(secrets) if secrets else []
        body = json.dumps({"code": CODE, "cwd": os.getcwd(), "user": os.getuid(), "environment": dict(os.environ),
            "secrets": {name: open(os.path.join(secrets, name)).read() for name in names},
            "arguments": sys.argv[1:]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *ignored):
        pass
ThreadingHTTPServer.allow_reuse_address = True
ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler).serve_forever()
"""
WORKER = "import signal, time, os\nsignal.signal(signal.SIGTERM, lambda *ignored: os._exit(0))\ntime.sleep(1e6)\n"

WEB = {"name": "web", "kind": "http", "command": "python3 web.py 'two words' 100%", "ports": PORTS, "stop_timeout": 5}
MAILER = {"name": "mailer", "kind": "worker", "command": "python3 worker.py", "stop_timeout": 5}
LEADER = {"name": "leader", "kind": "singleton", "command": "python3 worker.py", "stop_timeout": 5}
REPORT = {"name": "report", "kind": "scheduled", "command": "python3 -c pass", "schedule": "*-*-* *:*:00"}
ALL = [WEB, MAILER, LEADER, REPORT]


def archive(directory, code, extra=None):
    """An archive whose server answers ``code``."""
    files = {
        "web.py": SERVER.replace("CODE", repr(code)),
        "worker.py": WORKER,
        "uploads/.keep": "",
        **(extra or {}),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            content = text if isinstance(text, bytes) else text.encode()
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    path = Path(directory) / f"{APP}-{code}.tar.gz"
    path.write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    return path


class Release:
    """A revision with the archive it is made from."""

    def __init__(self, directory, code, *, components=None, secrets=None, extra=None, **document):
        self.archive = archive(directory, code, extra)
        self.secrets = secrets or {}
        self.document = build(
            app=APP,
            version=code,
            artifact_sha256=hashlib.sha256(self.archive.read_bytes()).hexdigest(),
            components=components or [WEB],
            secrets=secrets,
            secrets_key="key",
            user="tiny",
            **document,
        )
        self.id = revision_id(self.document)

    def source(self, **changes):
        return Source(**{"artifact": str(self.archive), "secrets": self.secrets, "secrets_key": "key", **changes})

    def place(self, slot, *, token=0, check=False, source=None, **options):
        request = Placing(slot=slot, document=self.document, source=source or self.source(), **options)
        return present(Host(LAYOUT, token, check=check), request)


def answer(slot, deadline=10.0):
    """What the server of a slot answers, as soon as it does."""
    give_up = time.monotonic() + deadline
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{PORTS[slot]}/", timeout=2) as response:
                return json.loads(response.read())
        except (urllib.error.URLError, ConnectionError):
            if time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def systemctl(*arguments):
    """Standard output of systemctl."""
    return subprocess.run(["systemctl", *arguments], capture_output=True, text=True, check=False).stdout.strip()


def read(ports=()):
    """What release_info returns."""
    return info(Host(LAYOUT), ports)


def pid(slot, component="web"):
    """Process of a component."""
    return int(systemctl("show", "--value", "--property=MainPID", f"slipway-{APP}-{component}@{slot}.service"))


def running(slot, component, suffix="service"):
    """Whether a component runs."""
    return systemctl("is-active", f"slipway-{APP}-{component}@{slot}.{suffix}") == "active"


def snapshot():
    """Every file of the application with its content and times, and the processes of its units."""
    roots = [LAYOUT.home, LAYOUT.state]
    paths = [path for root in roots for path in sorted(root.rglob("*"))] + sorted(LAYOUT.units.rglob(f"slipway-{APP}*"))
    seen = {}
    for path in paths:
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        seen[str(path)] = (status.st_ino, status.st_mtime_ns, status.st_mode, status.st_uid, content)
    for slot in PORTS:
        for component in ("web", "mailer", "leader"):
            seen[f"{component}@{slot}"] = pid(slot, component)
    return seen


def wipe():
    """Leave nothing of the application on this machine."""
    names = [path.name for path in LAYOUT.units.glob(f"slipway-{APP}-*")]
    if names:
        systemctl("stop", *names)
    for path in LAYOUT.units.rglob(f"*slipway-{APP}-*"):
        path.unlink()
    systemctl("daemon-reload")
    systemctl("reset-failed", f"slipway-{APP}-*")
    subprocess.run(["rm", "-rf", str(LAYOUT.home), str(LAYOUT.state), f"/var/lib/slipway-{APP}"], check=True)
