# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every trigger of a rollback that an operator may ask for, as the operator writes it: it trips, and it does not."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from .conftest import Api, FakeClock, Log, RuntimeApi, finding_of

SLOTS = {"stable": "blue", "canary": "green"}


def verdict_of(raw: dict[str, Any], clock: FakeClock | None = None) -> str:
    return finding_of(raw, clock).verdict


def log_metric(log: Log, **fields: Any) -> dict[str, Any]:
    return {"type": "nginx_log", "log": str(log.path), "slots": SLOTS, "interval": 60, **fields}


def prometheus(api: Api, query: str, **fields: Any) -> dict[str, Any]:
    return {"type": "prometheus", "url": api.url, "query": query, "interval": 60, **fields}


def test_error_rate_more_than_5_points_above_stable(log: Log, clock: FakeClock) -> None:
    metric = log_metric(log, failure_condition="canary.error_rate > stable.error_rate + 5")

    def traffic(bad: int) -> None:
        log.requests("blue", good=98, bad=2)
        log.requests("green", good=100 - bad, bad=bad)

    clock.at(30, lambda: traffic(7))
    assert verdict_of(metric, clock) == "pass"
    clock.at(clock.now + 30, lambda: traffic(8))
    assert verdict_of(metric, clock) == "fail"


def test_error_rate_more_than_twice_that_of_stable(haproxy: RuntimeApi, clock: FakeClock) -> None:
    metric = {
        "type": "haproxy",
        "app": "shop",
        "socket": str(haproxy.socket),
        "master_socket": str(haproxy.master),
        "slots": SLOTS,
        "interval": 60,
        "failure_condition": "canary.error_rate > 2 * stable.error_rate",
    }

    def traffic(bad: int) -> None:
        haproxy.worker.count("blue", good=98, bad=2)
        haproxy.worker.count("green", good=100 - bad, bad=bad)

    clock.at(30, lambda: traffic(4))
    assert verdict_of(metric, clock) == "pass"
    clock.at(clock.now + 30, lambda: traffic(5))
    assert verdict_of(metric, clock) == "fail"


def test_p99_more_than_twice_that_of_stable(log: Log, clock: FakeClock) -> None:
    metric = log_metric(log, failure_condition="canary.latency_ms.p99 > 2 * stable.latency_ms.p99")

    def traffic(slow: int) -> None:
        log.requests("blue", good=100, seconds=0.1)
        log.requests("green", good=100 - slow, seconds=0.05)
        log.requests("green", good=slow, seconds=0.201)

    clock.at(30, lambda: traffic(1))
    assert verdict_of(metric, clock) == "pass"
    clock.at(clock.now + 30, lambda: traffic(2))
    assert verdict_of(metric, clock) == "fail"


def test_5xx_over_a_threshold(haproxy: RuntimeApi, clock: FakeClock) -> None:
    metric = {
        "type": "haproxy",
        "app": "shop",
        "socket": str(haproxy.socket),
        "master_socket": str(haproxy.master),
        "slots": {"canary": "green"},
        "interval": 60,
        "failure_condition": 'canary.status["5xx"] > 10',
    }
    clock.at(30, lambda: haproxy.worker.count("green", good=100, bad=10))
    assert verdict_of(metric, clock) == "pass"
    clock.at(clock.now + 30, lambda: haproxy.worker.count("green", good=100, bad=11))
    assert verdict_of(metric, clock) == "fail"


def test_a_business_metric_over_http(api: Api) -> None:
    metric = {
        "type": "http_json",
        "url": f"{api.url}/figures",
        "path": "orders.last_minute",
        "success_condition": "result >= 20",
    }
    api.answers["/figures"] = [(200, {"orders": {"last_minute": 20}}), (200, {"orders": {"last_minute": 19}})]
    assert [verdict_of(metric), verdict_of(metric)] == ["pass", "fail"]


def test_a_business_metric_from_sql(tmp_path: Path) -> None:
    database = tmp_path / "shop.sqlite"
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE orders (paid INTEGER)")
        connection.executemany("INSERT INTO orders VALUES (?)", [(1,)] * 19 + [(0,)])
    connection.close()
    query = "SELECT count(*) AS orders, sum(paid) AS paid FROM orders"
    metric = {"type": "sql", "database": str(database), "query": query}
    assert verdict_of({**metric, "success_condition": "result.paid / result.orders >= 0.95"}) == "pass"
    assert verdict_of({**metric, "success_condition": "result.paid / result.orders > 0.95"}) == "fail"


def five_minutes(log: Log) -> dict[str, Any]:
    return {
        "type": "nginx_log",
        "log": str(log.path),
        "slots": {"canary": "green"},
        "interval": 60,
        "window": 60,
        "count": 10,
        "failure_condition": "canary.error_rate > 10",
        "failure_limit": -1,
        "consecutive_failure_limit": 4,
    }


def test_error_rate_over_10_percent_for_5_consecutive_minutes(log: Log, clock: FakeClock) -> None:
    for minute in range(10):
        clock.at(minute * 60 + 30, lambda bad=20 if minute in range(2, 7) else 5: log.requests(good=100 - bad, bad=bad))
    finding = finding_of(five_minutes(log), clock)
    assert finding.verdict == "fail"
    assert clock.now == 7 * 60
    assert "failed 5 times in a row" in finding.reason


def test_error_rate_over_10_percent_for_4_minutes_twice_is_not_5_consecutive(log: Log, clock: FakeClock) -> None:
    for minute in range(10):
        clock.at(minute * 60 + 30, lambda bad=5 if minute in (0, 5) else 20: log.requests(good=100 - bad, bad=bad))
    finding = finding_of(five_minutes(log), clock)
    assert (finding.verdict, len(finding.measurements)) == ("pass", 10)


def test_p95_over_5_seconds(log: Log, clock: FakeClock) -> None:
    metric = log_metric(log, slots={"canary": "green"}, failure_condition="canary.latency_ms.p95 > 5000")

    def traffic(slow: int) -> None:
        log.requests(good=100 - slow)
        log.requests(good=slow, seconds=5.001)

    clock.at(30, lambda: traffic(5))
    assert verdict_of(metric, clock) == "pass"
    clock.at(clock.now + 30, lambda: traffic(6))
    assert verdict_of(metric, clock) == "fail"


def test_flag_evaluation_failures_over_50_percent_for_2_minutes(api: Api) -> None:
    query = "100 * sum(rate(flag_failures[1m])) / sum(rate(flag_evaluations[1m]))"
    metric = prometheus(
        api, query, count=5, failure_condition="result > 50", failure_limit=-1, consecutive_failure_limit=1
    )
    api.vector(query, ["60"], ["10"], ["60"], ["50"], ["60"])
    assert verdict_of(metric) == "pass"
    api.vector(query, ["10"], ["60"], ["51"], ["10"])
    assert verdict_of(metric) == "fail"


def test_a_critical_alert_within_10_minutes_of_the_deployment(api: Api, clock: FakeClock) -> None:
    query = 'count(ALERTS{alertstate="firing", severity="critical"}) or vector(0)'
    metric = prometheus(api, query, count=10, success_condition="result == 0")
    api.vector(query, *[["0"]] * 8, ["1"])
    finding = finding_of(metric, clock)
    assert (finding.verdict, clock.now) == ("fail", 8 * 60)
    api.vector(query, ["0"])
    assert verdict_of(metric) == "pass"


def test_success_rate_of_95_percent_with_failure_limit_3(api: Api) -> None:
    query = 'sum(rate(http_requests_total{code!~"5.."}[5m])) / sum(rate(http_requests_total[5m]))'
    metric = prometheus(api, query, count=6, success_condition="result[0] >= 0.95", failure_limit=3)
    api.vector(query, ["0.94"], ["0.95"], ["0.94"], ["0.99"], ["0.94"], ["1"])
    assert verdict_of(metric) == "pass"
    api.vector(query, ["0.94"], ["0.95"], ["0.94"], ["0.99"], ["0.94"], ["0.94"])
    assert verdict_of(metric) == "fail"


def test_p95_of_at_most_300_ms(api: Api) -> None:
    query = "1000 * histogram_quantile(0.95, sum by (le) (rate(http_seconds_bucket[5m])))"
    metric = prometheus(api, query, success_condition="result <= 300")
    api.vector(query, ["300"], ["300.1"])
    assert [verdict_of(metric), verdict_of(metric)] == ["pass", "fail"]


def test_cpu_and_memory_of_the_canary_against_stable(api: Api) -> None:
    cpu = 'avg(rate(process_cpu_seconds_total{slot="<slot>"}[5m]))'
    memory = 'avg(process_resident_memory_bytes{slot="<slot>"})'
    for query, stable, good, bad in ((cpu, "0.4", "0.6", "0.61"), (memory, "1e9", "1.5e9", "1.51e9")):
        metric = prometheus(api, query, slots=SLOTS, failure_condition="canary > 1.5 * stable")
        api.vector(query.replace("<slot>", "blue"), [stable])
        api.vector(query.replace("<slot>", "green"), [good], [bad])
        assert [verdict_of(metric), verdict_of(metric)] == ["pass", "fail"]
