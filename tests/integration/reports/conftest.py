# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports in a real browser, behind a proxy that answers for every computer and remembers what it was asked.

Starts chromium and a server on a loopback port; writes below the tests' directory.
"""

from __future__ import annotations

import html
import json
import re
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._report import compliance, compliance_page
from ansible_collections.slipway.release.plugins.module_utils._report.deployment import figures
from ansible_collections.slipway.release.plugins.module_utils._report.deployment_page import rendered
from ansible_collections.slipway.release.plugins.module_utils._report.words import DAY

from tests.unit.report import made
from tests.unit.report.quarters import QUARTER, START, Fleet, quarter

ORIGIN = "http://reports.example"
# Whom chromium asks by itself, whatever it shows.
OF_THE_BROWSER = re.compile(r"(http://)?[a-z0-9.-]+\.(google|googleapis|gvt1)\.com(:443|/.*)")
MEASURE = (Path(__file__).parent / "measure.js").read_text(encoding="utf-8")


def _compliance(directory: Path, *, proven: bool) -> str:
    fleet = Fleet(directory / f"logs-{proven}")
    quarter(fleet, 1, 60 if proven else 12)
    if not proven:
        fleet.deploys(START + 80 * DAY, made.HOSTILE, app=made.HOSTILE, by=made.HOSTILE * 4, result="failed")
    environment = "production" if proven else ""
    found = compliance.figures(fleet.parts(proven=proven), QUARTER, environment=environment, as_of=QUARTER.end + DAY)
    return compliance_page.rendered(found)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Every kind of report, good and bad ones."""
    directory = tmp_path_factory.mktemp("logs")
    documents = {"good": made.document(), "failed": made.failed(), "hostile": made.hostile(made.failed())}
    return {
        **{name: rendered(figures(document, made.AUDIT)) for name, document in documents.items()},
        "quarter": _compliance(directory, proven=True),
        "unproven": _compliance(directory, proven=False),
    }


class Browser:
    """Chromium, which knows no way to anywhere but the proxy."""

    def __init__(self, directory: Path, port: int, served: dict[str, str], asked: list[str]) -> None:
        self.directory = directory
        self.port = port
        self.served = served
        self.asked = asked

    def run(self, page: str, *arguments: str, dark: bool = False) -> str:
        """Open a page of ``served``; what chromium printed."""
        self.asked.clear()
        done = subprocess.run(
            [
                "chromium",
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--hide-scrollbars",
                "--virtual-time-budget=5000",
                f"--user-data-dir={self.directory / 'profile'}",
                f"--proxy-server=http://127.0.0.1:{self.port}",
                "--proxy-bypass-list=<-loopback>",
                *(["--blink-settings=preferredColorScheme=0"] if dark else []),
                *arguments,
                f"{ORIGIN}/{page}",
            ],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def measured(self, name: str, width: int, *, dark: bool = False) -> dict[str, Any]:
        """What a page is like in a window of this width: its text, what sticks out, and its contrasts."""
        self.served["frame"] = (
            f"<!doctype html><body><iframe src='/{name}' style='border:0;width:{width}px;height:2000px'></iframe>"
            f"<pre></pre><script>{MEASURE}</script>"
        )
        dom = self.run("frame", "--window-size=1600,2200", "--dump-dom", dark=dark)
        found = re.search(r"<pre>(.+?)</pre>", dom, re.DOTALL)
        assert found, dom[-2000:]
        measured: dict[str, Any] = json.loads(html.unescape(found[1]))
        return measured


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory, pages: dict[str, str]) -> Iterator[Browser]:
    """One for all tests."""
    served, asked = dict(pages), []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if not OF_THE_BROWSER.fullmatch(self.path):
                asked.append(self.path)
            body = served.get(self.path.removeprefix(f"{ORIGIN}/"), "").encode("utf-8")
            self.send_response(200 if body else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_CONNECT(self) -> None:
            if not OF_THE_BROWSER.fullmatch(self.path):
                asked.append(self.path)
            self.close_connection = True

        def log_message(self, form: str, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Browser(tmp_path_factory.mktemp("browser"), server.server_address[1], served, asked)
    server.shutdown()
    server.server_close()
