# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that no test waits for, sources with a script, and a local server that speaks Prometheus' API."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.expression import Condition
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import (
    Capabilities,
    Conditions,
    Limits,
    Metric,
    MetricFinding,
    Moment,
    Reading,
    Schedule,
    Source,
    SourceError,
)
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import Analysis, Clock
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import parse

NOON = 1_800_000_000.0


class FakeClock(Clock):
    """Time that passes only when somebody waits; calls what was planned for each moment on its way."""

    def __init__(self) -> None:
        self.now = 0.0
        self.planned: list[tuple[float, Callable[[], None]]] = []

    def elapsed(self) -> float:
        return self.now

    def wall(self) -> float:
        return NOON + self.now

    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for when, act in sorted(self.planned, key=lambda entry: entry[0]):
            if self.now <= when < end:
                self.now = when
                self.planned.remove((when, act))
                act()
        self.now = end

    def at(self, when: float, act: Callable[[], None]) -> None:
        """Plan something."""
        self.planned.append((when, act))


class Script(Source):
    """Answers with the values of a list, the last one for ever; an exception is raised."""

    def __init__(self, *values: Any) -> None:
        self.values = list(values)
        self.asked: list[float] = []
        self.begun: list[float] = []

    def target(self) -> str:
        return "script"

    def begin(self, moment: Moment) -> None:
        self.begun.append(moment.elapsed)

    def measure(self, moment: Moment) -> Reading:
        self.asked.append(moment.elapsed)
        value = self.values.pop(0) if len(self.values) > 1 else self.values[0]
        if isinstance(value, Exception):
            raise value
        return value if isinstance(value, Reading) else Reading({"result": value})


class CountingScript(Script):
    """The same, of differences."""

    capabilities = Capabilities(differences=True)


BROKEN = SourceError("does not answer", where="script", remedy="start it")


def scripted(
    *values: Any,
    success: str = "",
    failure: str = "",
    name: str = "metric",
    dry_run: bool = False,
    schedule: dict[str, int] | None = None,
    differences: bool = False,
    names: tuple[str, ...] = ("result",),
    **limits: int,
) -> Metric:
    """A metric of a scripted source, one measurement for each value unless told otherwise, a minute apart."""
    conditions = Conditions(
        Condition(success, names, "success_condition") if success else None,
        Condition(failure, names, "failure_condition") if failure else None,
    )
    timing = Schedule(**{"interval": 60, "count": len(values), **(schedule or {})})
    source = CountingScript(*values) if differences else Script(*values)
    return Metric(name, "script", source, timing, conditions, Limits(**limits), dry_run)


def analysed(*metrics: Metric, clock: FakeClock | None = None, deadline: int = 0) -> list[MetricFinding]:
    """The findings of metrics, in no time."""
    return Analysis(list(metrics), clock=clock or FakeClock(), deadline=deadline).run()


def finding_of(raw: dict[str, Any], clock: FakeClock | None = None) -> MetricFinding:
    """The finding of one metric as an operator writes it."""
    (finding,) = analysed(*parse([{"name": "metric", **raw}]), clock=clock)
    return finding


@dataclass
class Api:
    """A local HTTP server: what it answers to which query or path, and what it was asked.

    An answer is a status and a document; a list of answers is given one after the other, the last one for ever.
    """

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, str]] = field(default_factory=list)

    def vector(self, query: str, *answers: list[str] | None) -> None:
        """Answers of Prometheus to a query: the values of the series, or ``None`` for a server that fails."""
        self.answers[query] = [
            (503, {"status": "error", "errorType": "unavailable", "error": "starting up"})
            if values is None
            else (200, success("vector", [{"metric": {}, "value": [NOON, value]} for value in values]))
            for values in answers
        ]

    def next_answer(self, asked: str) -> tuple[int, Any]:
        """What is answered now."""
        script = self.answers.get(asked, [(404, {"status": "error", "error": f"unexpected: {asked}"})])
        answer: tuple[int, Any] = script.pop(0) if len(script) > 1 else script[0]
        return answer


def success(kind: str, result: Any, **more: Any) -> dict[str, Any]:
    """An answer of Prometheus."""
    return {"status": "success", "data": {"resultType": kind, "result": result}, **more}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    api: Api


class _Handler(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        api = self.server.api
        parts = urlsplit(self.path)
        query = parse_qs(parts.query).get("query", [self.path])[0]
        api.asked.append({"path": parts.path, "query": query, **dict(self.headers.items())})
        status, document = api.next_answer(query)
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Stay quiet."""


@pytest.fixture
def api() -> Iterator[Api]:
    """The local server."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.api = Api(f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server.api
    server.shutdown()
    server.server_close()
