# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What triggers are tried on: instances that behave as told, their visitors, figures, and a real Prometheus.

Also the way of a metric from an operator's variable to its verdict: through the rules of the inputs, the metrics of a
step, and the module itself. Touches loopback ports and temporary files.
"""

from __future__ import annotations

import http.client
import http.server
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen

from ansible_collections.slipway.release.plugins.module_utils._checks.metrics import step_metrics
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import Inputs, validate
from ansible_collections.slipway.release.plugins.module_utils._plan.slices import watch_slices

from .conftest import SITE_PACKAGES

REPOSITORY = Path(__file__).resolve().parents[3]
COLLECTIONS = REPOSITORY / ".cache/collections"
MODULE = COLLECTIONS / "ansible_collections/slipway/release/plugins/modules/health_gate.py"
GROUPS = {"all": ["app1", "lb1", "db1"], "application": ["app1"], "balancers": ["lb1"]}
VARIABLES: dict[str, Any] = {
    "slipway_app": "shop",
    "slipway_version": "1.4.2",
    "slipway_artifact": "https://artifacts.example/shop.tar.gz",
    "slipway_components": [
        {
            "name": "web",
            "kind": "http",
            "command": "python3 -m shop",
            "ports": {"blue": 8081, "green": 8082},
            "health": {"ready": "/health/ready"},
        }
    ],
    "slipway_ledger_host": "db1",
    "slipway_rollout": "canary",
}
CASES = ("good", "bad", "silent", "down")
NO_DATA, NO_ANSWER = "insufficient: no data", "insufficient: no answer"
AS_WANTED = {"good": "pass", "bad": "fail", "silent": NO_DATA, "down": NO_ANSWER}


def accepted(**variables: Any) -> Inputs:
    """An operator's variables, accepted."""
    return validate({**VARIABLES, **variables}, GROUPS)


def gate(**options: Any) -> dict[str, Any]:
    """What the module returns, run as Ansible runs it, transport aside."""
    made = subprocess.run(
        [sys.executable, "-B", str(MODULE)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"fail": False, **options}}),
        env={**os.environ, "PYTHONPATH": f"{COLLECTIONS}:{SITE_PACKAGES}"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert made.stdout, made.stderr
    result: dict[str, Any] = json.loads(made.stdout)
    assert "verdict" in result, result
    return result


def judged(metric: Mapping[str, Any], seconds: int = 6, **variables: Any) -> str:
    """How a step of a canary ends that this metric alone decides: its verdict, and for want of one the reason.

    One answer that does not come is enough, so that no test waits for four more.
    """
    inputs = accepted(
        **{
            "slipway_analysis": [{"name": "trigger", "consecutive_error_limit": 0, **metric}],
            "slipway_canary_steps": [{"percent": 50, "pause": seconds}],
            **variables,
        }
    )
    plan = {"app": inputs.app, "slot": "green", "stable_slot": "blue"}
    step = {"name": "canary at 50 %", "percents": {"blue": 50, "green": 50}, "seconds": seconds}
    (part,) = watch_slices(seconds, inputs.lease_seconds)
    result = gate(
        metrics=step_metrics(inputs.analysis, plan, step, "deployment"),
        duration=part["seconds"],
        deadline=part["deadline"],
    )
    (found,) = result["metrics"]
    if found["verdict"] != "insufficient":
        return str(found["verdict"])
    assert not result["on_course"]
    assert bool(found["no_data"]) != bool(found["errors"]), found
    return NO_DATA if found["no_data"] else NO_ANSWER


def outcomes(metric: Callable[[str], Mapping[str, Any]], **options: Any) -> dict[str, str]:
    """How the step ends in each case, at the same time."""
    with ThreadPoolExecutor() as pool:
        return dict(zip(CASES, pool.map(lambda case: judged(metric(case), **options), CASES)))


def unused_port() -> int:
    """A loopback port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    answer: Callable[[str], tuple[int, bytes]]


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        status, body = self.server.answer(self.path)
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        """Stay quiet."""


@contextmanager
def serving(answer: Callable[[str], tuple[int, bytes]], port: int = 0) -> Iterator[int]:
    """A server on loopback; gives its port."""
    server = _Server(("127.0.0.1", port), _Handler)
    server.answer = answer
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Behaviour:
    """What an instance does with requests; its health is always good.

    :param bad: percent that are answered with 500.
    :param slow: percent that wait ``seconds``.
    """

    bad: int = 0
    slow: int = 0
    seconds: float = 0.0
    asked: int = 0

    def become(self, other: Behaviour) -> None:
        """Behave so from now on."""
        self.bad, self.slow, self.seconds = other.bad, other.slow, other.seconds

    def answer(self, path: str) -> tuple[int, bytes]:
        """The answer to one request."""
        if path.startswith("/health"):
            return 200, b"pass\n"
        self.asked += 1
        place = self.asked * 37 % 100
        if place < self.slow:
            time.sleep(self.seconds)
        return (500, b"fails\n") if place < self.bad else (200, b"works\n")


@contextmanager
def visitors(port: int, threads: int = 8, pause: float = 0.02) -> Iterator[None]:
    """People who are new with each request."""
    over = threading.Event()

    def visit() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while not over.wait(pause * random.uniform(0.5, 1.5)):
            try:
                connection.request("GET", "/")
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()
        connection.close()

    people = [threading.Thread(target=visit) for _number in range(threads)]
    for one in people:
        one.start()
    try:
        yield
    finally:
        over.set()
        for one in people:
            one.join()


@dataclass
class Figures:
    """What an application tells Prometheus: counters of one that is good and one that is bad, and of no other.

    :param broken: applications that say they are broken.
    """

    broken: set[str] = field(default_factory=set)
    began: float = field(default_factory=time.monotonic)

    SHARES = (("good", 1, 40), ("bad", 10, 60))
    EACH_SECOND = 100

    def answer(self, path: str) -> tuple[int, bytes]:
        """All figures, as of now."""
        whole = (time.monotonic() - self.began) * self.EACH_SECOND
        lines = []
        for app, percent, flags in self.SHARES:
            part = whole * percent / 100
            lines += [
                f'http_requests_total{{app="{app}",code="200"}} {whole - part}',
                f'http_requests_total{{app="{app}",code="500"}} {part}',
                f'http_seconds_bucket{{app="{app}",slot="green",le="1"}} {whole - part}',
                f'http_seconds_bucket{{app="{app}",slot="green",le="5"}} {whole - part}',
                f'http_seconds_bucket{{app="{app}",slot="green",le="10"}} {whole}',
                f'http_seconds_bucket{{app="{app}",slot="green",le="+Inf"}} {whole}',
                f'flag_evaluations_total{{app="{app}"}} {whole}',
                f'flag_failures_total{{app="{app}"}} {whole * flags / 100}',
            ]
        lines += [f'broken{{app="{app}"}} {int(app in self.broken)}' for app in ("good", "old", "bad")]
        return 200, "".join(f"{line}\n" for line in lines).encode()


RULES = """
groups:
  - name: shop
    rules:
      - {alert: Watchdog, expr: vector(1), labels: {severity: none}}
      - {alert: Broken, expr: broken == 1, labels: {severity: critical}}
      - {alert: Busy, expr: 'rate(http_requests_total[5s]) > 1', labels: {severity: warning}}
"""


class Prometheus:
    """The server of Prometheus with a directory of its own, scraping and evaluating once a second.

    :param targets: address to the labels that its series get.
    :param every: seconds between two scrapes.
    """

    def __init__(
        self, directory: Path, targets: list[tuple[str, dict[str, str]]], rules: str = "", every: int = 1
    ) -> None:
        directory.mkdir()
        (directory / "rules.yml").write_text(rules or "groups: []\n", encoding="utf-8")
        found = [{"targets": [address], "labels": labels} for address, labels in targets]
        config = {
            "global": {"scrape_interval": f"{every}s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(directory / "rules.yml")],
            "scrape_configs": [{"job_name": "shop", "static_configs": found}],
        }
        (directory / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
        port = unused_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = (directory / "log").open("wb")
        argv = [
            "prometheus",
            f"--config.file={directory / 'prometheus.yml'}",
            f"--storage.tsdb.path={directory / 'data'}",
        ]
        self.process = subprocess.Popen([*argv, f"--web.listen-address=127.0.0.1:{port}"], stderr=self.log)

    def value(self, query: str) -> str | None:
        """The first value of a query; nothing while there is none."""
        try:
            with urlopen(f"{self.url}/api/v1/query?{urlencode({'query': query})}", timeout=5) as answer:
                found = json.load(answer)["data"]["result"]
        except (URLError, OSError):
            return None
        return str(found[0]["value"][1]) if found else None

    def ready(self) -> bool:
        """Whether it answers queries."""
        return self.value("vector(1)") == "1"

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)
        self.log.close()
