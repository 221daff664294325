# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What analysis reads from the access log of a real nginx: every request of every slot, once, across rotations."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.earlier import with_records
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import Moment
from ansible_collections.slipway.release.plugins.module_utils._analysis.nginx_log import LOG, NginxLog
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import Analysis, as_results, verdict
from ansible_collections.slipway.release.plugins.module_utils._analysis.sides import Sides
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import parse

from tests.integration.load import Load
from tests.integration.machine import Instance, get, wait_until

from .conftest import Host

PATH = Path(LOG.format(app="shop"))
USUAL_LOG = Path("/var/log/nginx/access.log")
BOTH = Sides({"stable": "blue", "canary": "green"})


@pytest.fixture
def source() -> Iterator[NginxLog]:
    """The log, without what older tests have left."""
    for path in PATH.parent.glob(f"{PATH.name}.*"):
        path.unlink()
    yield NginxLog(PATH, BOTH)


def now() -> Moment:
    return Moment(0, time.time(), 5)


def rotate() -> None:
    """What logrotate does to it: rename, then tell nginx."""
    for number in range(3, 0, -1):
        older = PATH.with_name(f"{PATH.name}.{number}")
        if older.exists():
            older.rename(PATH.with_name(f"{PATH.name}.{number + 1}"))
    PATH.rename(PATH.with_name(f"{PATH.name}.1"))
    os.kill(int(Path("/run/nginx.pid").read_text()), signal.SIGUSR1)


def lines_since(began: float) -> list[dict[str, Any]]:
    """Requests that ended since; those of earlier tests may still be in nginx's buffers."""
    lines = [json.loads(line) for line in PATH.read_text(encoding="utf-8").splitlines()]
    return [line for line in lines if float(line["time"]) >= began]


def counted(source: NginxLog) -> Counter[str]:
    values = source.measure(now()).values
    return Counter({side: values[side]["requests"] for side in values})


def test_every_request_is_counted_once_across_rotations_under_load(host: Host, source: NginxLog) -> None:
    host.switch(percents={"blue": 70, "green": 30})
    source.begin(now())
    seen = []
    with Load(60, rate=100, slow=2, long=0) as load:
        for _round in range(4):
            time.sleep(1)
            rotate()
            time.sleep(0.5)
            seen.append(counted(source).total())
    slots = Counter(record["slot"] for record in load.records if record["outcome"] == "ok")
    expected = load.answered
    wait_until(lambda: counted(source).total() >= expected, 10, "the buffers of nginx are written")
    found = counted(source)
    assert load.lost == 0
    assert found.total() == expected
    assert found["stable"] > found["canary"] > 0
    assert seen == sorted(seen)
    assert seen[0] > 0
    assert dict(found) == {"stable": slots["blue"], "canary": slots["green"]}


def test_a_slot_that_fails_is_found_and_the_other_is_not_blamed(
    host: Host, instances: dict[str, Instance], source: NginxLog
) -> None:
    host.switch(percents={"blue": 50, "green": 50})
    for name in ("green-app1", "green-app2"):
        instances[name].end()
    metric = {
        "name": "errors",
        "type": "nginx_log",
        "app": "shop",
        "slots": {"stable": "blue", "canary": "green"},
        "interval": 4,
        "least_requests": 20,
        "failure_condition": "canary.error_rate > stable.error_rate + 5",
    }
    with Load(60, rate=50, slow=0, long=0):
        findings = Analysis(parse([metric])).run()
    assert verdict(findings) == "fail", findings
    value: dict[str, Any] = findings[0].measurements[-1].value
    assert (value["stable"]["error_rate"], value["canary"]["error_rate"]) == (0, 100)
    assert value["canary"]["upstream_ms"] is not None
    assert "canary.error_rate = 100" in findings[0].reason


def judged(step: str, before: list[dict[str, Any]]) -> dict[str, Any]:
    """Three looks of the judge, which goes on with the step before."""
    metric = {
        "name": "canary against stable",
        "type": "judge",
        "from": "nginx_log",
        "app": "shop",
        "slots": {"stable": "blue", "canary": "green"},
        "interval": 2,
        "count": 3,
        "step": step,
        "compare": [
            {"name": "errors", "kind": "errors", "harm": {"points": 20}},
            {"name": "p99", "kind": "quantile"},
            {"name": "p50 in ms", "kind": "limit", "percent": 50, "margin": 1000, "harm": 2000},
        ],
    }
    (result,) = as_results(Analysis(parse(with_records([metric], before))).run())
    return result


def test_the_judge_passes_what_is_alike_over_two_steps_and_fails_what_breaks_in_the_third(
    host: Host, instances: dict[str, Instance]
) -> None:
    host.switch(percents={"blue": 50, "green": 50})
    with Load(60, rate=50, slow=0, long=0) as load:
        first = judged("canary at 10 %", [])
        second = judged("canary at 50 %", [first])
        for name in ("green-app1", "green-app2"):
            instances[name].end()
        broken = judged("canary at 60 %", [second])
    verdicts = {one["name"]: one["verdict"] for one in second["measurements"][-1]["value"]["metrics"]}
    assert first["verdict"] != "fail" and second["verdict"] != "fail", second["reason"]
    assert (verdicts["errors"], verdicts["p50 in ms"]) == ("pass", "pass"), second["reason"]
    looks = second["record"]["looks"]
    assert [look["name"] for look in looks] == [
        f"canary at {percent} %, look {number}" for percent in (10, 50) for number in (1, 2, 3)
    ]
    for kind in ("errors", "p99"):
        counted = sum(look["metrics"][kind][f"{side}_requests"] for look in looks for side in ("stable", "canary"))
        assert 200 < counted <= load.answered
    assert (broken["verdict"], len(broken["measurements"])) == ("fail", 1)
    assert "errors: the canary is worse than the margin" in broken["reason"]
    assert "0 of " in broken["reason"].partition("requests of stable failed")[0]


def test_a_line_tells_slot_server_status_times_and_release(host: Host) -> None:
    began = int(time.time() * 1000) / 1000
    assert get("/plain")[0] == 200
    wait_until(lambda: bool(lines_since(began)), 5, "the line is written")
    (line,) = lines_since(began)
    assert (line["slot"], line["status"], line["upstream_status"]) == ("blue", "200", "200")
    assert line["server"] in host.config.servers["blue"].values()
    # nginx takes the two from different clocks, each in whole milliseconds.
    assert 0 <= float(line["upstream_response_time"]) <= float(line["request_time"]) + 0.002
    assert abs(float(line["time"]) - time.time()) < 60
    assert line["release"]


def test_previews_and_refusals_are_not_the_slot_s_traffic_and_the_usual_log_goes_on(
    host: Host, source: NginxLog
) -> None:
    source.begin(now())
    usual = USUAL_LOG.stat().st_size
    get("/plain", port=host.config.preview_port)
    host.balancer.close()
    assert get("/plain")[0] == 503
    host.balancer.open()
    assert get("/plain")[0] == 200
    wait_until(lambda: counted(source)["stable"] == 1, 5, "the line is written")
    assert counted(source) == Counter(stable=1, canary=0)
    assert USUAL_LOG.stat().st_size > usual
