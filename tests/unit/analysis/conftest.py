# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A clock that no test waits for, and sources of this machine: a script, Prometheus' API, HAProxy's sockets, a log."""

from __future__ import annotations

import http.server
import json
import os
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
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
        super().__init__()
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


class Since(FakeClock):
    """The same time, counted from now, as a later slice of a look counts it."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock
        self.began = clock.now

    def elapsed(self) -> float:
        return self.clock.now - self.began

    def wall(self) -> float:
        return self.clock.wall()

    def wait(self, seconds: float) -> None:
        self.clock.wait(seconds)


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

    :param answer: what makes the answers from path and parameters, in the place of the table.
    """

    url: str
    answers: dict[str, Any] = field(default_factory=dict)
    answer: Callable[[str, dict[str, str]], tuple[int, Any]] | None = None
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
        parameters = {name: values[0] for name, values in parse_qs(parts.query).items()}
        query = parameters.get("query", self.path)
        api.asked.append({"path": parts.path, **parameters, "query": query, **dict(self.headers.items())})
        status, document = api.answer(parts.path, parameters) if api.answer else api.next_answer(query)
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


class Log:
    """An access log as slipway's nginx writes it."""

    def __init__(self, path: Path, clock: FakeClock) -> None:
        self.path = path
        self.clock = clock
        path.write_bytes(b"")

    def line(self, slot: str = "green", status: int = 200, seconds: float = 0.01, **fields: str) -> bytes:
        """One line of now."""
        content = {
            "time": f"{self.clock.wall():.3f}",
            "slot": slot,
            "instance": f"{slot}-app1",
            "status": str(status),
            "upstream_status": str(status),
            "request_time": f"{seconds:.3f}",
            "upstream_response_time": f"{seconds:.3f}",
            "release": "1.4.2",
            **fields,
        }
        return json.dumps(content).encode() + b"\n"

    def write(self, text: bytes) -> None:
        """Append."""
        with self.path.open("ab") as log:
            log.write(text)
        os.utime(self.path, (self.clock.wall(), self.clock.wall()))

    def requests(self, slot: str = "green", good: int = 0, bad: int = 0, seconds: float = 0.01) -> None:
        """Append many requests of now."""
        self.write(self.line(slot, 200, seconds) * good + self.line(slot, 502, seconds) * bad)

    def rotate(self, suffix: str = ".1") -> Path:
        """What logrotate does, without telling nginx."""
        target = self.path.with_name(self.path.name + suffix)
        self.path.rename(target)
        self.path.write_bytes(b"")
        return target


@pytest.fixture
def clock() -> FakeClock:
    """Time that passes when somebody waits."""
    return FakeClock()


@pytest.fixture
def log(tmp_path: Path, clock: FakeClock) -> Log:
    """An empty access log."""
    return Log(tmp_path / "access.json.log", clock)


COLUMNS = (
    "# pxname,svname,econ,eresp,wretr,wredis,hrsp_1xx,hrsp_2xx,hrsp_3xx,hrsp_4xx,hrsp_5xx,hrsp_other,"
    "cli_abrt,srv_abrt,rtime,"
)


@dataclass
class WorkerOfHAProxy:
    """What one worker has counted, by backend and server: good answers, bad ones, and the mean time of the last."""

    process: int
    uptime: int = 100
    rows: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)

    def answer(self, command: str) -> str:
        """The answer to a command."""
        if command == "show info":
            return f"Name: HAProxy\nPid: {self.process}\nUptime_sec: {self.uptime}\n"
        rows = [
            f"{backend},{server},0,0,0,0,0,{good},0,0,{bad},0,0,0,{mean},"
            for (backend, server), (good, bad, mean) in self.all_rows().items()
        ]
        return "\n".join([COLUMNS, "other,BACKEND,0,0,0,0,0,999,0,0,0,0,0,0,0,", *rows]) + "\n"

    def all_rows(self) -> dict[tuple[str, str], tuple[int, int, int]]:
        """The servers and their backends."""
        found = {(f"slipway-shop-{slot}", "BACKEND"): (0, 0, 0) for slot in ("blue", "green")}
        for (slot, server), (good, bad, mean) in self.rows.items():
            backend = f"slipway-shop-{slot}"
            found[backend, f"{slot}-{server}"] = (good, bad, mean)
            whole = found[backend, "BACKEND"]
            found[backend, "BACKEND"] = (whole[0] + good, whole[1] + bad, 0)
        return found

    def count(self, slot: str, good: int = 0, bad: int = 0, mean: int = 10, server: str = "app1") -> None:
        """Count some more answers."""
        before = self.rows.get((slot, server), (0, 0, 0))
        self.rows[slot, server] = (before[0] + good, before[1] + bad, mean)


class RuntimeApi:
    """HAProxy's admin and master socket, with workers as told."""

    def __init__(self, directory: Path) -> None:
        self.socket, self.master = directory / "admin.sock", directory / "master.sock"
        self.worker = WorkerOfHAProxy(11)
        self.old: list[WorkerOfHAProxy] = []
        self.silent = False
        self._servers = [self._serve(self.socket, self._to_worker), self._serve(self.master, self._to_master)]

    def reload(self) -> WorkerOfHAProxy:
        """A new worker takes over; gives the old one, which still serves."""
        old, self.worker = self.worker, WorkerOfHAProxy(self.worker.process + 1, uptime=0)
        self.old.append(old)
        return old

    def close(self) -> None:
        """End."""
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _to_worker(self, command: str) -> str:
        return "" if self.silent else self.worker.answer(command) + "\n"

    def _to_master(self, command: str) -> str:
        if command == "show proc":
            lines = ["# <PID> <type> <reloads> <uptime> <version>", "10 master 1 [failed: 0] 0d00h01m00s 2.6"]
            lines += ["# workers", f"{self.worker.process} worker 0 0d00h00m10s 2.6", "# old workers"]
            lines += [f"{old.process} worker 1 0d00h01m00s 2.6" for old in self.old]
            return "\n".join(lines) + "\n\n"
        process, _space, asked = command.removeprefix("@!").partition(" ")
        found = [old for old in self.old if str(old.process) == process]
        return found[0].answer(asked) + "\n" if found else "Can't find the target PID matching the prefix '@!'\n\n"

    @staticmethod
    def _serve(path: Path, answer: Callable[[str], str]) -> socketserver.ThreadingUnixStreamServer:
        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                commands = self.rfile.readline().decode().strip().split(";")
                self.wfile.write("".join(answer(command) for command in commands).encode())

        server = socketserver.ThreadingUnixStreamServer(str(path), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server


@pytest.fixture
def haproxy(tmp_path: Path) -> Iterator[RuntimeApi]:
    """HAProxy's sockets."""
    sockets = RuntimeApi(tmp_path)
    yield sockets
    sockets.close()
