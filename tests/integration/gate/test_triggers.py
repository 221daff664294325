# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every trigger of a rollback, as an operator writes it, on the real program that has the numbers.

Each is tried four times: it lets what is good go on, it trips, it says so when there are no numbers, and it says
something else when nobody could be asked. Minutes are seconds here, in the same form; the file of the same name in
tests/unit/analysis has the minutes, and the numbers right beside each threshold.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.nginx_log import LOG
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State, whole
from ansible_collections.slipway.release.plugins.module_utils._checks.build import smoke_checks

from tests.integration.haproxy import conftest as with_haproxy
from tests.integration.machine import wait_until
from tests.integration.nginx import conftest as with_nginx
from tests.integration.nginx.conftest import machine

from .conftest import run, sql
from .scene import (
    AS_WANTED,
    REPOSITORY,
    RULES,
    Behaviour,
    Figures,
    Prometheus,
    accepted,
    gate,
    judged,
    outcomes,
    serving,
    unused_port,
    visitors,
)

__all__ = ["machine"]

HALF = {"blue": 50, "green": 50}
NGINX_PORT, HAPROXY_PORT, HAPROXY_PREVIEW_PORT = 8080, 8090, 8490
APP_OF_HAPROXY = "store"


class Balanced:
    """An application behind a balancer, half of its traffic on each slot; measured while people visit it.

    :param behaviour: what the instance in each slot does.
    """

    def __init__(self, app: str, kind: str, port: int, behaviour: dict[str, Behaviour]) -> None:
        self.variables = {"slipway_app": app, "slipway_balancer": kind}
        self.port = port
        self.behaviour = behaviour

    def judged(
        self, metric: Mapping[str, Any], seconds: int, canary: Behaviour | None = None, *, visited: bool = True
    ) -> str:
        """How a step ends in which the canary behaves as told, or well."""
        self.behaviour["green"].become(canary or Behaviour())
        with ExitStack() as stack:
            if visited:
                stack.enter_context(visitors(self.port))
            return judged(metric, seconds, **self.variables)


@contextmanager
def instances() -> Iterator[tuple[dict[str, Behaviour], dict[str, dict[str, str]]]]:
    """One instance in each slot: what they do, and where they are."""
    behaviour = {slot: Behaviour() for slot in ("blue", "green")}
    with ExitStack() as stack:
        ports = {slot: stack.enter_context(serving(behaviour[slot].answer)) for slot in behaviour}
        yield behaviour, {slot: {"app1": f"127.0.0.1:{port}"} for slot, port in ports.items()}


@pytest.fixture(scope="module")
def nginx(machine: None) -> Iterator[Balanced]:
    """A real nginx."""
    with instances() as (behaviour, servers):
        host = with_nginx.Host(replace(with_nginx.SHOP, servers=servers, port=NGINX_PORT))
        host.install()
        host.reset()
        host.switch(percents=HALF, force=True)
        yield Balanced("shop", "nginx", NGINX_PORT, behaviour)
        host.remove()


@pytest.fixture(scope="module")
def haproxy() -> Iterator[Balanced]:
    """A real HAProxy."""
    with instances() as (behaviour, servers):
        ports = {"port": HAPROXY_PORT, "preview_port": HAPROXY_PREVIEW_PORT}
        host = with_haproxy.Host(replace(with_haproxy.CONFIG, app=APP_OF_HAPROXY, servers=servers, **ports))
        host.install()
        host.balancer.apply(State(APP_OF_HAPROXY, 1, 1, "blue", whole("blue")))
        host.balancer.open()
        wait_until(lambda: with_haproxy.up(host) == {"blue-app1", "green-app1"}, 10, "the servers are up")
        host.switch(percents=HALF)
        yield Balanced(APP_OF_HAPROXY, "haproxy", HAPROXY_PORT, behaviour)
        run("systemctl", "stop", "haproxy")


@contextmanager
def gone(log: Path) -> Iterator[None]:
    """A log that was taken away."""
    aside = log.with_name("aside")
    log.rename(aside)
    yield
    aside.rename(log)


@contextmanager
def stopped(unit: str) -> Iterator[None]:
    """A service that is stopped."""
    run("systemctl", "stop", unit)
    yield
    run("systemctl", "start", unit)


def in_the_log(nginx: Balanced, metric: Mapping[str, Any], bad: Behaviour, seconds: int = 4) -> dict[str, str]:
    """How the four cases end of a metric that nginx's log decides."""
    whole_metric = {"type": "nginx_log", "interval": seconds, "least_requests": 50, **metric}
    found = {
        "good": nginx.judged(whole_metric, seconds),
        "bad": nginx.judged(whole_metric, seconds, bad),
        "silent": nginx.judged(whole_metric, seconds, visited=False),
    }
    with gone(Path(LOG.format(app="shop"))):
        return {**found, "down": nginx.judged(whole_metric, seconds, visited=False)}


def at_haproxy(haproxy: Balanced, metric: Mapping[str, Any], bad: Behaviour, seconds: int) -> dict[str, str]:
    """How the four cases end of a metric that HAProxy's statistics decide."""
    whole_metric = {"type": "haproxy", **metric}
    found = {
        "good": haproxy.judged(whole_metric, seconds),
        "bad": haproxy.judged(whole_metric, seconds, bad),
        "silent": haproxy.judged(whole_metric, seconds, visited=False),
    }
    with stopped("haproxy"):
        return {**found, "down": haproxy.judged(whole_metric, seconds, visited=False)}


def test_error_rate_more_than_5_points_above_stable(nginx: Balanced) -> None:
    metric = {"failure_condition": "canary.error_rate > stable.error_rate + 5"}
    assert in_the_log(nginx, metric, Behaviour(bad=20)) == AS_WANTED


def test_p99_more_than_twice_that_of_stable(nginx: Balanced) -> None:
    metric = {"failure_condition": "canary.latency_ms.p99 > max(2 * stable.latency_ms.p99, 200)"}
    assert in_the_log(nginx, metric, Behaviour(slow=5, seconds=1.0)) == AS_WANTED


def test_p95_of_at_most_300_ms(nginx: Balanced) -> None:
    metric = {"success_condition": "canary.latency_ms.p95 <= 300"}
    assert in_the_log(nginx, metric, Behaviour(slow=20, seconds=0.5)) == AS_WANTED


def test_5xx_over_a_threshold(haproxy: Balanced) -> None:
    metric = {"interval": 3, "failure_condition": 'canary.status["5xx"] > 10'}
    assert at_haproxy(haproxy, metric, Behaviour(bad=30), seconds=3) == AS_WANTED


def test_error_rate_over_10_percent_for_5_consecutive_minutes(haproxy: Balanced) -> None:
    metric = {
        "interval": 1,
        "window": 1,
        "least_requests": 5,
        "failure_condition": "canary.error_rate > 10",
        "failure_limit": -1,
        "consecutive_failure_limit": 4,
    }
    assert at_haproxy(haproxy, metric, Behaviour(bad=60), seconds=7) == AS_WANTED


def business_figures(path: str) -> tuple[int, bytes]:
    """What a shop says of its orders."""
    orders = {"/good": {"last_minute": 25}, "/bad": {"last_minute": 3}, "/silent": {}}
    return 200, json.dumps({"orders": orders[path]}).encode()


def test_a_business_metric_over_http() -> None:
    with serving(business_figures) as port:
        ports = {"down": unused_port()}
        found = outcomes(
            lambda case: {
                "type": "http_json",
                "url": f"http://127.0.0.1:{ports.get(case, port)}/{case}",
                "path": "orders.last_minute",
                "interval": 1,
                "success_condition": "result >= 20",
            },
            seconds=2,
        )
    assert found == AS_WANTED


def test_a_business_metric_from_sql(database: str) -> None:
    sql("CREATE TABLE orders (shop text, paid boolean); GRANT SELECT ON orders TO gate")
    sql("INSERT INTO orders SELECT 'good', number > 1 FROM generate_series(1, 40) number")
    sql("INSERT INTO orders SELECT 'bad', number > 10 FROM generate_series(1, 40) number")
    try:
        found = outcomes(
            lambda case: {
                "type": "sql",
                "dsn": f"{database} port={1 if case == 'down' else 5432}",
                "query": f"SELECT 100.0 * count(*) FILTER (WHERE paid) / nullif(count(*), 0) FROM orders "
                f"WHERE shop = '{case}'",
                "interval": 1,
                "success_condition": "result >= 95",
            },
            seconds=2,
        )
    finally:
        sql("DROP TABLE orders")
    assert found == AS_WANTED


def smoke(port: int, where: str, **check: Any) -> str:
    """How the smoke checks end, asked through a port of the balancer."""
    inputs = accepted(slipway_smoke_checks=[{"deadline": 3, "where": where, **check}])
    return str(gate(checks=smoke_checks(inputs.smoke_checks, port, "", where))["verdict"])


def test_a_failed_smoke_test(nginx: Balanced, tmp_path: Path) -> None:
    """A balancer that does not answer is a failure: it is what is asked. A command that is not there says nothing."""
    asks = tmp_path / "smoke"
    asks.write_text('#!/bin/sh\nexec curl --silent --fail --output /dev/null "$SLIPWAY_URL/orders"\n', encoding="utf-8")
    asks.chmod(0o755)
    ports = {"preview": with_nginx.SHOP.preview_port, "public": NGINX_PORT}
    for canary, wanted in ((Behaviour(), "pass"), (Behaviour(bad=100), "fail")):
        nginx.behaviour["green"].become(canary)
        assert smoke(ports["preview"], "preview", path="/orders") == wanted
        assert smoke(ports["preview"], "preview", command=str(asks)) == wanted
    nginx.behaviour["blue"].become(Behaviour(bad=100))
    assert smoke(ports["public"], "public", path="/orders") == "fail"
    nginx.behaviour["blue"].become(Behaviour())
    assert smoke(ports["public"], "public", command=str(tmp_path / "missing")) == "insufficient"
    with stopped("nginx"):
        assert smoke(ports["public"], "public", path="/orders") == "fail"
        assert smoke(ports["public"], "public", command=str(asks)) == "fail"


class Monitored:
    """Prometheus, the figures that it scrapes, and one that has no rules."""

    def __init__(self, figures: Figures, prometheus: Prometheus, without_rules: Prometheus) -> None:
        self.figures = figures
        self.prometheus = prometheus
        self.without_rules = without_rules
        self.unused = unused_port()

    def outcomes(self, query: str, **metric: Any) -> dict[str, str]:
        """How the four cases end of a metric of Prometheus; ``APP`` in the query stands for the application.

        On a busy machine it may miss one time to scrape or two.
        """
        return outcomes(
            lambda case: {
                "type": "prometheus",
                "url": f"http://127.0.0.1:{self.unused}" if case == "down" else self.prometheus.url,
                "query": query.replace("APP", case),
                "interval": 1,
                "inconclusive_limit": 2,
                **metric,
            },
            seconds=6,
        )


@pytest.fixture(scope="module")
def monitored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    """A real Prometheus that has scraped for some seconds; one alert fires since before any deployment."""
    figures, directory = Figures(broken={"old"}), tmp_path_factory.mktemp("prometheus")
    with serving(figures.answer) as port:
        targets: list[tuple[str, dict[str, str]]] = [(f"127.0.0.1:{port}", {})]
        both = [Prometheus(directory / "one", targets, RULES), Prometheus(directory / "two", targets)]
        try:
            for one in both:
                wait_until(lambda one=one: one.value("http_requests_total offset 5s") is not None, 60, "it scrapes")
            yield Monitored(figures, *both)
        finally:
            for one in both:
                one.stop()


def test_p95_over_5_seconds(monitored: Monitored) -> None:
    rate = 'rate(http_seconds_bucket{app="APP", slot="<slot>"}[5s])'
    query = f"histogram_quantile(0.95, sum by (le) ({rate}))"
    assert monitored.outcomes(query, failure_condition="canary > 5") == AS_WANTED


def test_flag_evaluation_failures_over_50_percent_for_2_minutes(monitored: Monitored) -> None:
    query = 'sum(rate(flag_failures_total{app="APP"}[5s])) / sum(rate(flag_evaluations_total{app="APP"}[5s])) * 100'
    limits = {"failure_limit": -1, "consecutive_failure_limit": 2}
    assert monitored.outcomes(query, failure_condition="result > 50", **limits) == AS_WANTED


def test_success_rate_of_95_percent_with_failure_limit_3(monitored: Monitored) -> None:
    good = 'sum(rate(http_requests_total{app="APP", code!~"5.."}[5s]))'
    query = f'{good} / sum(rate(http_requests_total{{app="APP"}}[5s]))'
    assert monitored.outcomes(query, success_condition="result >= 0.95", failure_limit=3) == AS_WANTED


CRITICAL = 'ALERTS{alertstate="firing", severity="critical"}'
NEW_ALERTS = f'count({CRITICAL} unless {CRITICAL} offset 4s) or 0 * count(ALERTS{{alertname="Watchdog"}})'


def test_a_critical_alert_within_10_minutes_of_the_deployment(monitored: Monitored) -> None:
    """One that fired before it, and one that is a warning, say nothing; without any alert at all there is no data."""

    def step(url: str) -> str:
        metric = {"type": "prometheus", "url": url, "query": NEW_ALERTS, "interval": 1, "inconclusive_limit": 2}
        return judged({**metric, "success_condition": "result == 0"})

    found = {
        "good": step(monitored.prometheus.url),
        "silent": step(monitored.without_rules.url),
        "down": step(f"http://127.0.0.1:{monitored.unused}"),
    }
    breaks = threading.Timer(1.5, lambda: monitored.figures.broken.add("bad"))
    breaks.start()
    found["bad"] = step(monitored.prometheus.url)
    breaks.join()
    monitored.figures.broken.discard("bad")
    assert found == AS_WANTED


@contextmanager
def application(slot: str, **behaviour: float) -> Iterator[int]:
    """The sample application, which tells Prometheus what it uses; gives its port."""
    port = unused_port()
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY / "sample"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "SLOT": slot,
        "SHOP_BIND": "127.0.0.1",
        "SHOP_GRACE": "0",
        "SHOP_BEHAVIOUR": json.dumps(behaviour),
        "PORT": str(port),
    }
    process = subprocess.Popen([sys.executable, "-m", "shop"], env=environment)
    try:
        yield port
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(30)


def test_cpu_and_memory_of_the_canary_against_stable(tmp_path: Path) -> None:
    with ExitStack() as stack:
        stable = stack.enter_context(application("blue"))
        good = stack.enter_context(application("green"))
        bad = stack.enter_context(application("green", burn_percent=60, leak_mib=5))
        labels = [(stable, "blue", "good"), (good, "green", "good"), (stable, "blue", "bad"), (bad, "green", "bad")]
        targets = [(f"127.0.0.1:{port}", {"slot": slot, "app": app}) for port, slot, app in labels]
        prometheus = Prometheus(tmp_path / "prometheus", targets)
        stack.callback(prometheus.stop)
        wait_until(lambda: prometheus.value("process_cpu_seconds_total offset 6s") is not None, 60, "it scrapes")
        monitored = Monitored(Figures(), prometheus, prometheus)
        memory = 'avg(process_resident_memory_bytes{app="APP", slot="<slot>"})'
        assert monitored.outcomes(memory, failure_condition="canary > 1.5 * stable") == AS_WANTED
        processor = 'avg(rate(process_cpu_seconds_total{app="APP", slot="<slot>"}[6s]))'
        assert (
            monitored.outcomes(processor, failure_condition="canary > max(2 * stable, 0.02)", failure_limit=2)
            == AS_WANTED
        )
