# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local service of flags, as R42 of the requirements has it, and an evaluator of flagd's files, both over HTTP."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext


@dataclass
class Service:
    """A running service, its documents by name, and every request that it got.

    :ivar before_put: is called before each PUT, to change something in between.
    :ivar garbled: is answered to each GET before the first PUT.
    :ivar deaf: whether GETs before the first PUT get no answer.
    :ivar demands_tag: whether a PUT without a tag is refused.
    :ivar fails_after_put: how many GETs after a PUT fail.
    """

    url: str = ""
    flags: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    before_put: Callable[[str], None] = lambda _name: None
    status: int = 0
    ignores: bool = False
    garbled: bytes | None = None
    deaf: bool = False
    demands_tag: bool = False
    fails_after_put: int = 0


def _serve(handler: type[http.server.BaseHTTPRequestHandler]) -> http.server.ThreadingHTTPServer:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    return server


class _Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status: int, content: Any, **headers: str) -> None:
        self.send(status, json.dumps(content).encode("utf-8"), **headers)

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def content(self) -> Any:
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def log_message(self, *_arguments: Any) -> None:
        """Stay quiet."""


@pytest.fixture
def service() -> Iterator[Service]:
    """A service that keeps documents, with ETags."""
    kept = Service()

    class Handler(_Handler):
        def _begun(self) -> str:
            kept.requests.append((self.command, self.path, dict(self.headers.items())))
            return self.path.rpartition("/")[2]

        def do_GET(self) -> None:
            name = self._begun()
            put = any(method == "PUT" for method, _path, _headers in kept.requests)
            if kept.deaf and not put:
                time.sleep(2)
            elif kept.garbled is not None and not put:
                self.send(200, kept.garbled)
            elif put and kept.fails_after_put:
                kept.fails_after_put -= 1
                self.answer(502, {"error": "for a moment"})
            elif kept.status:
                self.answer(kept.status, {"error": f"no, {self.headers.get('Authorization')}"})
            elif name in kept.flags:
                self.answer(200, kept.flags[name], ETag=f'"{kept.versions.get(name, 0)}"')
            else:
                self.answer(404, {"error": "unknown"})

        def do_PUT(self) -> None:
            name, content = self._begun(), self.content()
            kept.before_put(name)
            wanted = self.headers.get("If-Match")
            if kept.demands_tag and wanted is None:
                self.answer(428, {"error": "required"})
                return
            if wanted not in (None, f'"{kept.versions.get(name, 0)}"'):
                self.answer(412, {"error": "changed"})
                return
            if not kept.ignores:
                kept.flags[name] = content
            kept.versions[name] = kept.versions.get(name, 0) + 1
            self.answer(200, content)

    server = _serve(Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield kept
    server.shutdown()
    server.server_close()


@pytest.fixture
def evaluator() -> Iterator[Callable[[Path], str]]:
    """Evaluate a definition file over HTTP; it is read again for every request, unless it is frozen."""
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(path: Path, frozen: str = "") -> str:
        class Handler(_Handler):
            def do_POST(self) -> None:
                core = FlagdCore()
                core.set_flags(frozen or path.read_text(encoding="utf-8"))
                context = dict(self.content()["context"])
                asked = EvaluationContext(context.pop("targetingKey"), context)
                found = core.resolve_boolean_value(self.path.rpartition("/")[2], True, asked)
                self.answer(200, {"value": found.value, "reason": str(found.reason)})

        servers.append(_serve(Handler))
        return f"http://127.0.0.1:{servers[-1].server_address[1]}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
