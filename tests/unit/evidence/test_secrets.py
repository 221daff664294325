# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One secret, in the query of every address that an operator can give, comes out nowhere."""

from __future__ import annotations

import http.server
import json
import os
import stat
import sys
import threading
import urllib.error
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.action import deployment_plan
from ansible_collections.slipway.release.plugins.module_utils._analysis import spec as metric_spec
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import Analysis
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import as_results as metric_results
from ansible_collections.slipway.release.plugins.module_utils._balancer.loss_budget import LossBudget
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import WatchRequest
from ansible_collections.slipway.release.plugins.module_utils._checks.build import smoke_checks
from ansible_collections.slipway.release.plugins.module_utils._checks.measured import measured
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._evidence import collect
from ansible_collections.slipway.release.plugins.module_utils._evidence.plan import plan_shown
from ansible_collections.slipway.release.plugins.module_utils._gate import spec as check_spec
from ansible_collections.slipway.release.plugins.module_utils._gate.run import Gate
from ansible_collections.slipway.release.plugins.module_utils._gate.run import as_results as check_results
from ansible_collections.slipway.release.plugins.module_utils._hooks import spec as hook_spec
from ansible_collections.slipway.release.plugins.module_utils._meter.beside import MeterBeside
from ansible_collections.slipway.release.plugins.module_utils._meter.meter import Meter
from ansible_collections.slipway.release.plugins.module_utils._meter.options import Options
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan
from ansible_collections.slipway.release.plugins.module_utils._release import artifact, fetch
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge
from ansible_collections.slipway.release.plugins.module_utils._watch.judging import Judging
from ansible_collections.slipway.release.plugins.module_utils._watch.parse import parse

from tests.unit.gate.test_probes import FakeDatabase
from tests.unit.plan.made import document, fleet_of, inputs_for

SECRET = "canary-4f1d"
QUERY = f"?token={SECRET}"
CONDITION = {"success_condition": "result > 0", "interval": 0, "timeout": 5}


class Echo(http.server.BaseHTTPRequestHandler):
    """Says no, and repeats what it was asked for and with which credentials, as error pages do."""

    def do_GET(self) -> None:
        asked = [self.path, *(self.headers.get(name, "") for name in ("Authorization", "X-Token"))]
        body = json.dumps({"status": "error", "error": " ".join(asked)}).encode()
        self.send_response(401)
        self.send_header("Location", f"/login?next={self.path}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *_args: object) -> None:
        """Stay quiet."""


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A server that repeats what it is told."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def require_none(*told: object) -> None:
    """The secret is in none of these, which say something."""
    for one in told:
        text = one if isinstance(one, str) else json.dumps(one, default=str)
        assert text
        assert SECRET not in text


def as_evidence(result: Mapping[str, Any]) -> dict[str, Any]:
    """What the controller keeps of a gate that has failed."""
    outcome = judge("smoke", ["lb1"], {"lb1": result}, {"verdict": "pass"})
    assert outcome.verdict == "fail"
    return collect.entry(collect.opened(7, 0), outcome, {"lb1": result}, 0)


def gated(*checks: dict[str, Any]) -> dict[str, Any]:
    findings = Gate(
        check_spec.parse([{"deadline": 1, "interval": 0, "failures": 1, **check} for check in checks])
    ).run()
    return {"verdict": "fail", "checks": check_results(findings), "metrics": []}


def test_checks(address: str) -> None:
    port = int(address.rpartition(":")[2])
    smoke = smoke_checks([{"path": f"/health{QUERY}"}, {"path": f"/health{QUERY}", "status": [200]}], port, "")
    named = {"name": "direct", "type": "http", "url": f"{address}/a{QUERY}"}
    header = {**named, "status": [401], "response_headers": {"Location": "/"}}
    body = {**named, "status": [401], "json": {"error": "none"}}
    nobody = {**named, "url": f"http://127.0.0.1:1/a{QUERY}"}
    for check in (*smoke, named, header, body, nobody):
        result = gated(check)
        assert result["checks"][0]["verdict"] == "fail"
        require_none(result, as_evidence(result), as_evidence(result)["message"])


class Gossip(FakeDatabase):
    """A driver that repeats what it cannot use."""

    def connect(self, dsn: str, connect_timeout: int) -> FakeDatabase:
        raise self.Error(f"no connection with {dsn}")


@pytest.mark.parametrize("dsn", [f"password={SECRET}", f"dbname=shop sslpassword={SECRET}", f"no dsn, {SECRET}"])
def test_an_sql_check_and_an_sql_metric(monkeypatch: pytest.MonkeyPatch, dsn: str) -> None:
    monkeypatch.setitem(sys.modules, "psycopg2", Gossip())
    require_none(gated({"name": "db", "type": "sql", "dsn": dsn, "query": "SELECT 1"}))
    require_none(analysed({"name": "orders", "type": "sql", "dsn": dsn, "query": "SELECT 1", **CONDITION}))


def analysed(*metrics: dict[str, Any]) -> list[dict[str, Any]]:
    parsed = metric_spec.parse(list(metrics))
    found = metric_results(Analysis(parsed, deadline=1).run())
    assert all(metric["verdict"] != "pass" for metric in found)
    return found


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"bearer_token": SECRET},
        {"username": "ann", "password": SECRET},
        {"secret_headers": {"X-Token": SECRET}},
    ],
)
@pytest.mark.parametrize("of", [{"type": "prometheus", "query": "up"}, {"type": "http_json"}])
def test_metrics(address: str, of: dict[str, Any], given: dict[str, Any]) -> None:
    for url in (f"{address}/a{QUERY}", f"http://127.0.0.1:1/a{QUERY}"):
        found = analysed({"name": "errors", "url": url, **of, **given, **CONDITION})
        assert found[0]["errors"]
        require_none(found, as_evidence({"verdict": "fail", "checks": [], "metrics": found}))


def test_a_hook(address: str) -> None:
    for raw in ({"url": f"{address}/{SECRET}{QUERY}"}, {"url": f"{address}/", "headers": {"X-Token": SECRET}}):
        action = hook_spec.parse(raw, "hook tell")
        outcome = action.run({}, 5)
        assert not outcome.ok
        require_none(action.shown(), outcome.message())


def test_what_the_watch_has_found(address: str) -> None:
    checks = smoke_checks([{"path": f"/health{QUERY}", "timeout": 1}], int(address.rpartition(":")[2]), "")
    metric = {
        "name": "errors",
        "type": "http_json",
        "url": f"{address}/a{QUERY}",
        "count": 1,
        **CONDITION,
        "interval": 1,
    }
    request = WatchRequest(
        "d1", "green", {"blue": 100, "green": 0}, 60, interval=1, failures=1, checks=checks, metrics=[metric]
    )
    before = set(threading.enumerate())
    judging = Judging(request, parse(request), lambda: "")
    judging.start()
    pause = threading.Event()
    for _look in range(500):
        if all(track.samples for track in judging.tracks):
            break
        pause.wait(0.02)
    judging.stop.set()
    for thread in set(threading.enumerate()) - before:
        thread.join()
    assert judging.failed()
    require_none(
        [standing.to_dict() for standing in judging.standings()],
        [sample.to_dict() for track in judging.tracks for sample in track.samples],
    )


def test_the_meter(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter(Options(url=f"{address}/a{QUERY}", duration=0.2, rate=20))
    require_none(meter.run())
    with MeterBeside(Options(url=f"{address}/a{QUERY}", duration=60, rate=1)) as beside:
        beside._process.kill()
        beside._process.join()
        monkeypatch.setattr(beside._ours, "send", lambda _asked: None)
        with pytest.raises(SlipwayError) as caught:
            beside.summary(0.0)
    require_none(caught.value.message())
    with pytest.raises(InputError) as refused:
        Meter(Options(url=f"ftp://ann:{SECRET}@127.0.0.1/{QUERY}", duration=1))
    require_none(refused.value.message())


def test_what_is_refused() -> None:
    for changes in (
        {"loss_budget": {"path": f"a{QUERY}"}},
        {"profile": {"seconds": 5, "path": f"a{QUERY}"}},
        {"smoke_checks": [{"path": f"a{QUERY}"}]},
    ):
        with pytest.raises(InputError) as refused:
            inputs_for(**changes)
        require_none(refused.value.message())
    with pytest.raises(InputError) as bad:
        LossBudget(f"a{QUERY}").check()
    require_none(bad.value.message())


def test_the_plan_says_what_is_measured_and_the_run_asks_for_all_of_it() -> None:
    changes = {
        "loss_budget": {"path": f"/a{QUERY}", "rate": 50},
        "profile": {"path": f"/b{QUERY}", "seconds": 10},
        "smoke_checks": [{"path": f"/c{QUERY}"}],
    }
    inputs = inputs_for(**changes)
    made = plan(inputs, document("1.1"), fleet_of("1.0", None))
    require_none(made.plan, deployment_plan._difference(inputs, made))
    assert measured(made.plan, "loss_budget", changes["loss_budget"])["path"] == f"/a{QUERY}"
    assert measured(made.plan, "profile", changes["profile"])["path"] == f"/b{QUERY}"
    assert measured(made.plan, "profile", {"path": "/other"})["path"] == "/b"
    assert measured({"loss_budget": None}, "loss_budget", {}) == {}


def test_a_path_of_health_is_part_of_the_revision_and_shown_without_its_query() -> None:
    health = {"ready": f"/health{QUERY}"}
    web = {"name": "web", "kind": "http", "command": "serve", "ports": {"blue": 8081, "green": 8082}, "health": health}
    inputs = inputs_for(components=[web], loss_budget={"rate": 50})
    made = plan(inputs, document("1.1", components=[web]), fleet_of("1.0", None))
    require_none(plan_shown(made.plan), deployment_plan._difference(inputs, made))
    assert measured(made.plan, "loss_budget", {})["path"] == f"/health{QUERY}"


def test_an_artifact(address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for url in (f"{address}/a b{QUERY}", f"{address}/a.tar.gz{QUERY}", f"http://127.0.0.1:1/a{QUERY}"):
        with pytest.raises(SlipwayError) as caught:
            fetch.fetch(url, tmp_path / "artifact", fetch.Limits(timeout=5))
        require_none(caught.value.message())
        answer = caught.value.__cause__
        if isinstance(answer, urllib.error.HTTPError):
            answer.close()
        (tmp_path / "artifact").unlink(missing_ok=True)
    with pytest.raises(SlipwayError) as caught:
        artifact.resolve(f"git+{address}/shop.git{QUERY}#1.0", None, cache=tmp_path)
    require_none(caught.value.message())
    monkeypatch.setenv("PATH", f"{stalling_git(tmp_path)}:{os.environ['PATH']}")
    monkeypatch.setattr(artifact, "GIT_TIMEOUT", 0.2)
    with pytest.raises(SlipwayError, match="did not end within") as caught:
        artifact.resolve(f"git+{address}/shop.git{QUERY}#1.0", None, cache=tmp_path)
    require_none(caught.value.message())


def stalling_git(directory: Path) -> Path:
    """A directory with a git that does not come back."""
    place = directory / "bin"
    place.mkdir()
    program = place / "git"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return place
