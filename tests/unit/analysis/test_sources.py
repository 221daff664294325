# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sources: what each makes of what it is told, and what it says when it cannot be asked."""

from __future__ import annotations

import base64
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.haproxy import HAProxyStatistics
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import (
    Moment,
    Reading,
    Source,
    SourceError,
)
from ansible_collections.slipway.release.plugins.module_utils._analysis.nginx_log import NginxLog
from ansible_collections.slipway.release.plugins.module_utils._analysis.sides import Sides
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import parse
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError

from .conftest import NOON, Api, FakeClock, Log, RuntimeApi, success

BOTH = Sides({"stable": "blue", "canary": "green"})
GREEN = Sides({"canary": "green"})


def source_of(**raw: Any) -> Source:
    """The source of a metric, as an operator writes it."""
    names = "canary" if "slots" in raw else "result"
    return parse([{"name": "metric", "interval": 1, "success_condition": f"{names} > 0", **raw}])[0].source


def moment(clock: FakeClock | None = None, timeout: float = 5) -> Moment:
    return Moment(clock.elapsed(), clock.wall(), timeout) if clock else Moment(0, NOON, timeout)


def measured(source: Source) -> Any:
    return source.measure(moment()).values["result"]


def refusal(source: Source) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.measure(moment())
    assert caught.value.remedy
    return caught.value


class TestPrometheus:
    def test_a_vector_is_the_list_of_its_values(self, api: Api) -> None:
        api.vector("up", ["1", "0.5", "NaN"])
        value = measured(source_of(type="prometheus", url=api.url, query="up"))
        assert value[:2] == [1, 0.5]
        assert value[2] != value[2]

    def test_a_scalar_is_a_number(self, api: Api) -> None:
        api.answers["scalar(up)"] = [(200, success("scalar", [NOON, "3"]))]
        assert measured(source_of(type="prometheus", url=f"{api.url}/", query="scalar(up)")) == 3
        assert api.asked[0]["path"] == "/api/v1/query"

    def test_both_sides_are_asked(self, api: Api) -> None:
        api.vector('up{slot="blue"}', ["1"])
        api.vector('up{slot="green"}', ["2"])
        slots = {"stable": "blue", "canary": "green"}
        source = source_of(type="prometheus", url=api.url, query='up{slot="<slot>"}', slots=slots)
        assert source.measure(moment()).values == {"stable": [1], "canary": [2]}

    @pytest.mark.parametrize(
        ("options", "header"),
        [
            ({"username": "slipway", "password": "hunter2"}, b"Basic " + base64.b64encode(b"slipway:hunter2")),
            ({"bearer_token": "hunter2"}, b"Bearer hunter2"),
            ({"secret_headers": {"Authorization": "Token hunter2"}}, b"Token hunter2"),
        ],
    )
    def test_credentials_are_sent_and_never_told(self, api: Api, options: dict[str, Any], header: bytes) -> None:
        api.answers["up"] = [(401, {"status": "error", "error": "unauthorized"})]
        source = source_of(type="prometheus", url=api.url, query="up", **options)
        error = refusal(source)
        assert api.asked[0]["Authorization"] == header.decode()
        assert "hunter2" not in error.message() + source.target()
        assert error.remedy == "correct the credentials"

    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            ((400, {"status": "error", "errorType": "bad_data", "error": "parse error"}), "status 400: parse error"),
            ((503, {"status": "error", "error": "starting up"}), "status 503: starting up"),
            ((200, success("matrix", [])), "a matrix where a vector or a scalar must be"),
            ((200, success("vector", [{"metric": {}, "histogram": [NOON, {}]}])), "none of Prometheus' API"),
            ((200, {"status": "success"}), "none of Prometheus' API"),
            ((200, ["up"]), "answered with status 200"),
            ((200, b"<html>"), "is no JSON"),
            ((502, b"Bad Gateway"), "is no JSON, its status is 502"),
        ],
    )
    def test_what_is_no_answer_is_an_error(self, api: Api, answer: tuple[int, Any], told: str) -> None:
        api.answers["up"] = [answer]
        assert told in refusal(source_of(type="prometheus", url=api.url, query="up")).what

    def test_warnings_are_told(self, api: Api) -> None:
        answer = success("vector", [{"metric": {}, "value": [NOON, "1"]}], warnings=["remote read failed"])
        api.answers["up"] = [(200, answer)]
        source = source_of(type="prometheus", url=api.url, query="up")
        assert source.measure(moment()).note == "Prometheus warns: remote read failed"

    def test_a_server_that_is_not_there_is_an_error(self) -> None:
        source = source_of(type="prometheus", url="http://127.0.0.1:1", query="up")
        assert "refused" in refusal(source).what

    @pytest.mark.parametrize(
        ("options", "where"),
        [
            ({"username": "slipway"}, "metrics[0].password"),
            ({"password": "x"}, "metrics[0].password"),
            ({"username": "slipway", "password": "x", "bearer_token": "y"}, "metrics[0].bearer_token"),
            ({"bearer_token": "a\r\nb"}, "metrics[0].bearer_token"),
            ({"url": "http://slipway:x@127.0.0.1"}, "metrics[0].url"),
            ({"url": "ftp://127.0.0.1"}, "metrics[0].url"),
            ({"headers": {"Authorization": "x"}}, "metrics[0].headers"),
            ({"tls": {"verify": False}}, "metrics[0].tls"),
            ({"query": "up{slot='<slot>'}"}, "metrics[0].query"),
            ({"dsn": "x"}, "metrics[0].dsn"),
            ({"log": "x"}, "metrics[0].log"),
            ({"slots": {"stable": "blue"}}, "metrics[0].slots.canary"),
            ({"slots": {"canary": 'x"} or up{'}}, "metrics[0].slots.canary"),
        ],
    )
    def test_what_it_refuses(self, options: dict[str, Any], where: str) -> None:
        with pytest.raises(InputError) as caught:
            source_of(**{"type": "prometheus", "url": "http://127.0.0.1:9090", "query": "up", **options})
        assert caught.value.where == where


class TestHttpJson:
    def test_values_by_path(self, api: Api) -> None:
        api.answers["/x?y=1"] = [(200, {"a": [{"b": 5}], "c": None})]
        url = f"{api.url}/x?y=1"
        assert measured(source_of(type="http_json", url=url, path="a[0].b")) == 5
        assert measured(source_of(type="http_json", url=url, path="c")) is None
        assert measured(source_of(type="http_json", url=url, path="d.e")) is None
        assert measured(source_of(type="http_json", url=url)) == {"a": [{"b": 5}], "c": None}

    def test_the_slot_in_the_url_or_in_the_path(self, api: Api) -> None:
        api.answers["/blue"] = [(200, {"blue": 1, "green": 2})]
        api.answers["/green"] = [(200, {"blue": 3, "green": 4})]
        slots = {"stable": "blue", "canary": "green"}
        by_path = source_of(type="http_json", url=f"{api.url}/blue", path="<slot>", slots=slots)
        by_url = source_of(type="http_json", url=f"{api.url}/<slot>", path="green", slots=slots)
        assert by_path.measure(moment()).values == {"stable": 1, "canary": 2}
        assert by_url.measure(moment()).values == {"stable": 2, "canary": 4}

    def test_another_status_is_an_error(self, api: Api) -> None:
        api.answers["/"] = [(500, {"count": 5})]
        assert "status 500" in refusal(source_of(type="http_json", url=api.url, path="count")).what

    def test_what_is_no_path_is_refused(self) -> None:
        with pytest.raises(InputError, match="is no path"):
            source_of(type="http_json", url="http://127.0.0.1", path="a..b")


class TestSql:
    def database(self, tmp_path: Path) -> str:
        path = tmp_path / "a ?#.sqlite"
        connection = sqlite3.connect(path)
        connection.executescript(
            "CREATE TABLE t (slot TEXT, n INTEGER); INSERT INTO t VALUES ('blue', 1), ('green', 2)"
        )
        connection.close()
        return str(path)

    def test_one_column_several_columns_and_no_row(self, tmp_path: Path) -> None:
        database = self.database(tmp_path)
        queries = {
            "SELECT sum(n) FROM t": 3,
            "SELECT 0.5": 0.5,
            "SELECT NULL": None,
            "SELECT n FROM t WHERE n > 5": None,
            "SELECT min(n) AS least, max(n) AS most FROM t": {"least": 1, "most": 2},
        }
        assert {query: measured(source_of(type="sql", database=database, query=query)) for query in queries} == queries

    def test_both_sides(self, tmp_path: Path) -> None:
        slots = {"stable": "blue", "canary": "green"}
        query = "SELECT n FROM t WHERE slot = '<slot>'"
        source = source_of(type="sql", database=self.database(tmp_path), query=query, slots=slots)
        assert source.measure(moment()).values == {"stable": 1, "canary": 2}

    @pytest.mark.parametrize(
        ("query", "told"),
        [
            ("SELECT n FROM t", "several rows"),
            ("SELECT absent", "no such column"),
            ("DELETE FROM t", "readonly"),
            ("SELECT 1; SELECT 2", "one statement"),
        ],
    )
    def test_what_it_refuses(self, tmp_path: Path, query: str, told: str) -> None:
        source = source_of(type="sql", database=self.database(tmp_path), query=query)
        assert told in refusal(source).what

    def test_a_query_that_takes_too_long_is_given_up(self, tmp_path: Path) -> None:
        endless = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c"
        source = source_of(type="sql", database=self.database(tmp_path), query=endless)
        with pytest.raises(SourceError, match="interrupted"):
            source.measure(moment(timeout=0.1))

    def test_a_database_that_is_not_there_is_not_made(self, tmp_path: Path) -> None:
        refusal(source_of(type="sql", database=str(tmp_path / "none"), query="SELECT 1"))
        assert not (tmp_path / "none").exists()

    def test_either_dsn_or_database(self) -> None:
        for options in ({}, {"dsn": "x", "database": "/x"}):
            with pytest.raises(InputError, match="must be given, or database"):
                source_of(type="sql", query="SELECT 1", **options)


class TestHAProxy:
    def source(self, haproxy: RuntimeApi, sides: Sides = BOTH, **options: Any) -> HAProxyStatistics:
        sockets = {"socket": str(haproxy.socket), "master_socket": str(haproxy.master)}
        return HAProxyStatistics("shop", sides, **sockets, **options)

    def test_only_what_was_counted_since_counts(self, haproxy: RuntimeApi) -> None:
        haproxy.worker.count("green", good=1000, bad=1000)
        source = self.source(haproxy)
        source.begin(moment())
        haproxy.worker.count("blue", good=10)
        haproxy.worker.count("green", good=15, bad=5, mean=20, server="app1")
        haproxy.worker.count("green", good=20, bad=0, mean=40, server="app2")
        canary = source.measure(moment()).values["canary"]
        assert (canary["requests"], canary["errors"], canary["error_rate"]) == (40, 5, 12.5)
        assert (canary["success_rate"], canary["status"]["5xx"]) == (87.5, 5)
        assert canary["latency_ms"] == {"mean": 30}
        assert {name: server["requests"] for name, server in canary["servers"].items()} == {
            "green-app1": 20,
            "green-app2": 20,
        }

    def test_without_slots_both_count_together(self, haproxy: RuntimeApi) -> None:
        source = self.source(haproxy, Sides({}))
        source.begin(moment())
        haproxy.worker.count("blue", good=10)
        haproxy.worker.count("green", good=5)
        assert source.measure(moment()).values["result"]["requests"] == 15

    def test_a_reload_loses_nothing_while_the_old_worker_lives(self, haproxy: RuntimeApi) -> None:
        haproxy.worker.count("green", good=100)
        source = self.source(haproxy, GREEN)
        source.begin(moment())
        haproxy.worker.count("green", good=10)
        old = haproxy.reload()
        old.count("green", good=5)
        haproxy.worker.count("green", good=7)
        assert source.measure(moment()).values["canary"]["requests"] == 22
        old.count("green", good=1)
        assert source.measure(moment()).values["canary"]["requests"] == 23
        haproxy.old.clear()
        reading = source.measure(moment())
        assert reading.values["canary"]["requests"] == 23
        assert "[11]" in reading.note

    def test_an_old_worker_of_before_the_start_counts_from_the_start(self, haproxy: RuntimeApi) -> None:
        haproxy.worker.count("green", good=100)
        old = haproxy.reload()
        source = self.source(haproxy, GREEN)
        source.begin(moment())
        old.count("green", good=3)
        assert source.measure(moment()).values["canary"]["requests"] == 3

    def test_cleared_counters_begin_at_zero(self, haproxy: RuntimeApi) -> None:
        haproxy.worker.count("green", good=100)
        source = self.source(haproxy, GREEN)
        source.begin(moment())
        haproxy.worker.rows.clear()
        haproxy.worker.count("green", good=4)
        assert source.measure(moment()).values["canary"]["requests"] == 4

    def test_a_new_process_with_the_number_of_an_old_one_begins_at_zero(self, haproxy: RuntimeApi) -> None:
        haproxy.worker.count("green", good=100)
        source = self.source(haproxy, GREEN)
        source.begin(moment())
        haproxy.worker.uptime = 2
        haproxy.worker.count("green", good=4)
        assert source.measure(moment()).values["canary"]["requests"] == 104

    def test_a_window_covers_the_last_interval_only(self, haproxy: RuntimeApi) -> None:
        clock = FakeClock()
        source = self.source(haproxy, GREEN, window=60)
        source.begin(moment(clock))
        found = []
        for count in (10, 20, 30):
            clock.wait(60)
            haproxy.worker.count("green", good=count)
            found.append(source.measure(moment(clock)).values["canary"]["requests"])
        assert found == [10, 20, 30]

    def test_a_later_analysis_goes_on(self, haproxy: RuntimeApi) -> None:
        source = self.source(haproxy, GREEN)
        source.begin(moment())
        haproxy.worker.count("green", good=10)
        source.measure(moment())
        haproxy.worker.count("green", good=7)
        position = json.loads(json.dumps(source.position()))
        later = source_of(
            type="haproxy",
            app="shop",
            socket=str(haproxy.socket),
            master_socket=str(haproxy.master),
            slots={"canary": "green"},
            position=position,
            success_condition="canary.errors == 0",
        )
        assert later.resumed()
        assert later.measure(moment()).values["canary"]["requests"] == 17

    def test_a_window_goes_on_in_a_later_analysis(self, haproxy: RuntimeApi) -> None:
        clock = FakeClock()
        source = self.source(haproxy, GREEN, window=60)
        source.begin(moment(clock))
        found = []
        for count in (10, 20, 30, 40):
            clock.wait(30)
            haproxy.worker.count("green", good=count)
            found.append(source.measure(moment(clock)).values["canary"]["requests"])
            source = source_of(
                type="haproxy",
                app="shop",
                socket=str(haproxy.socket),
                master_socket=str(haproxy.master),
                slots={"canary": "green"},
                window=60,
                position=json.loads(json.dumps(source.position())),
                success_condition="canary.errors == 0",
            )
        assert found == [10, 30, 50, 70]
        assert len(source.position()["totals"]["history"]) <= 3

    def test_an_analysis_that_has_not_begun_is_begun_by_the_next(self, haproxy: RuntimeApi) -> None:
        position = json.loads(json.dumps(self.source(haproxy).position()))
        assert not source_of(type="haproxy", app="shop", position=position).resumed()

    def test_without_a_master_socket_the_one_worker_is_asked(self, haproxy: RuntimeApi) -> None:
        source = HAProxyStatistics("shop", GREEN, socket=str(haproxy.socket), master_socket="/no/such/socket")
        source.begin(moment())
        haproxy.worker.count("green", good=10)
        assert source.measure(moment()).values["canary"]["requests"] == 10

    def test_another_application_is_an_error(self, haproxy: RuntimeApi) -> None:
        source = HAProxyStatistics("cart", GREEN, socket=str(haproxy.socket), master_socket=str(haproxy.master))
        with pytest.raises(SourceError, match="no backends of cart"):
            source.begin(moment())

    @pytest.mark.parametrize(
        "options",
        [{"app": None}, {"slots": {"canary": "red"}}, {"position": {"x": 1}}, {"window": -1}, {"interval": 0}],
    )
    def test_what_it_refuses(self, options: dict[str, Any]) -> None:
        with pytest.raises(InputError):
            source_of(**{"type": "haproxy", "app": "shop", "slots": {"canary": "green"}, **options})


class TestNginxLog:
    def begun(self, log: Log, sides: Sides = GREEN, **options: Any) -> NginxLog:
        source = NginxLog(log.path, sides, **options)
        source.begin(moment(log.clock))
        return source

    def canary(self, source: NginxLog, log: Log) -> dict[str, Any]:
        found: dict[str, Any] = source.measure(moment(log.clock)).values["canary"]
        return found

    def test_figures_are_exact(self, log: Log) -> None:
        source = self.begun(log, BOTH)
        log.write(b"".join(log.line(seconds=number / 1000) for number in range(100, 0, -1)))
        log.write(log.line("blue", 404) + log.line("", 503))
        values = source.measure(moment(log.clock)).values
        expected = {"mean": 50.5, "p50": 50, "p90": 90, "p95": 95, "p99": 99, "max": 100}
        assert values["canary"]["latency_ms"] == expected
        assert (values["canary"]["requests"], values["canary"]["error_rate"]) == (100, 0)
        assert values["stable"]["status"] == {"1xx": 0, "2xx": 0, "3xx": 0, "4xx": 1, "5xx": 0, "other": 0}

    def test_without_slots_every_request_counts(self, log: Log) -> None:
        source = self.begun(log, Sides({}))
        log.write(log.line("blue") + log.line("green", 502) + log.line("", 503))
        assert source.measure(moment(log.clock)).values["result"]["errors"] == 2

    def test_tries_are_added_up(self, log: Log) -> None:
        source = self.begun(log)
        log.write(log.line(seconds=0.3, upstream_response_time="0.100, 0.150"))
        log.write(log.line(status=502, seconds=0.001, upstream_response_time="-"))
        canary = self.canary(source, log)
        assert (canary["retried"], canary["upstream_ms"]["max"], canary["latency_ms"]["max"]) == (1, 250, 300)

    def test_what_was_there_before_does_not_count(self, log: Log) -> None:
        log.requests(good=5)
        source = self.begun(log)
        log.requests(good=1)
        assert self.canary(source, log)["requests"] == 1

    def test_a_line_that_was_buffered_since_before_the_start_does_not_count(self, log: Log) -> None:
        early = log.line()
        log.clock.wait(1)
        source = self.begun(log)
        log.write(early + log.line())
        assert self.canary(source, log)["requests"] == 1

    def test_half_a_line_is_left_for_the_next_reading(self, log: Log) -> None:
        line = log.line()
        log.write(line[:20])
        source = self.begun(log)
        log.write(line[20:] + line + line[:-1])
        assert self.canary(source, log)["requests"] == 2
        log.write(b"\n")
        assert self.canary(source, log)["requests"] == 3

    def test_each_line_counts_once(self, log: Log) -> None:
        source = self.begun(log)
        for expected in (3, 6, 9):
            log.requests(good=3)
            assert self.canary(source, log)["requests"] == expected

    def test_a_rotation_loses_nothing_and_counts_nothing_twice(self, log: Log) -> None:
        source = self.begun(log)
        log.requests(good=3)
        assert self.canary(source, log)["requests"] == 3
        log.requests(good=4)
        renamed = log.rotate()
        with renamed.open("ab") as late:
            late.write(log.line())
        log.requests(good=5)
        assert self.canary(source, log)["requests"] == 13
        with renamed.open("ab") as later:
            later.write(log.line())
        assert self.canary(source, log)["requests"] == 14

    def test_two_rotations_between_readings_lose_nothing(self, log: Log) -> None:
        source = self.begun(log)
        log.requests(good=1)
        log.rotate(".2")
        log.requests(good=2)
        log.rotate(".1")
        log.requests(good=4)
        assert self.canary(source, log)["requests"] == 7

    def test_a_renamed_log_whose_successor_is_not_there_yet_is_read_on(self, log: Log) -> None:
        source = self.begun(log)
        renamed = log.rotate()
        log.path.unlink()
        with renamed.open("ab") as late:
            late.write(log.line())
        assert self.canary(source, log)["requests"] == 1
        log.path.write_bytes(log.line())
        assert self.canary(source, log)["requests"] == 2

    def test_a_truncated_log_is_read_from_its_start(self, log: Log) -> None:
        source = self.begun(log)
        log.requests(good=3)
        self.canary(source, log)
        log.path.write_bytes(b"")
        log.requests(good=2)
        assert self.canary(source, log)["requests"] == 5

    def test_a_log_that_was_truncated_and_has_grown_beyond_is_read_from_its_start(self, log: Log) -> None:
        source = self.begun(log)
        log.requests(good=3)
        self.canary(source, log)
        log.clock.wait(1)
        log.path.write_bytes(b"")
        log.requests(good=10)
        assert self.canary(source, log)["requests"] == 13

    def test_a_window_covers_its_seconds_only(self, log: Log) -> None:
        source = self.begun(log, window=60)
        found = []
        for count in (1, 2, 4):
            log.clock.wait(30)
            log.requests(good=count)
            log.clock.wait(30)
            found.append(self.canary(source, log)["requests"])
        assert found == [1, 2, 4]

    def test_lines_that_are_none_are_told_and_do_not_count(self, log: Log) -> None:
        source = self.begun(log)
        log.write(b"nothing\n" + b'{"slot": "green"}\n' + b"[]\n" + log.line(status=99999) + log.line())
        reading = source.measure(moment(log.clock))
        assert reading.values["canary"]["requests"] == 1
        assert reading.note == "4 of 5 lines cannot be read"

    def test_a_log_of_another_format_is_an_error(self, log: Log) -> None:
        source = self.begun(log)
        log.write(b'127.0.0.1 - - [21/Nov/2026] "GET / HTTP/1.1" 200\n')
        with pytest.raises(SourceError, match="no line is one of slipway's log"):
            source.measure(moment(log.clock))

    def test_a_log_that_is_not_there_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="cannot be read"):
            NginxLog(tmp_path / "none", GREEN).begin(moment())

    def later(self, log: Log, position: dict[str, Any]) -> Reading:
        """What a later analysis measures first."""
        source = source_of(
            type="nginx_log",
            log=str(log.path),
            slots={"canary": "green"},
            position=json.loads(json.dumps(position)),
            interval=0,
            success_condition="canary.errors == 0",
        )
        assert source.resumed()
        return source.measure(moment(log.clock))

    def test_a_later_analysis_goes_on_across_a_rotation(self, log: Log) -> None:
        source = self.begun(log)
        log.requests(good=3)
        self.canary(source, log)
        log.requests(good=2)
        log.rotate()
        log.requests(good=1)
        reading = self.later(log, source.position())
        assert (reading.values["canary"]["requests"], reading.note) == (6, "")

    def test_a_later_analysis_has_the_latencies_of_all_its_requests(self, log: Log) -> None:
        source = self.begun(log)
        log.write(b"".join(log.line(seconds=number / 1000) for number in range(51, 101)))
        log.write(log.line(status=502, seconds=0.2, upstream_response_time="0.100, 0.050"))
        before = self.canary(source, log)
        log.write(b"".join(log.line(seconds=number / 1000) for number in range(1, 50)))
        canary = self.later(log, source.position()).values["canary"]
        assert (before["requests"], canary["requests"], canary["errors"], canary["retried"]) == (51, 100, 1, 1)
        expected = {"mean": 52, "p50": 51, "p90": 91, "p95": 96, "p99": 100, "max": 200}
        assert canary["latency_ms"] == expected
        assert canary["upstream_ms"]["max"] == 150

    def test_an_analysis_that_read_nothing_hands_on_where_it_would_have(self, log: Log) -> None:
        source = self.begun(log)
        log.requests(good=3)
        position = json.loads(json.dumps(source.position()))
        idle = source_of(type="nginx_log", log=str(log.path), slots={"canary": "green"}, position=position)
        log.requests(good=1)
        assert self.later(log, idle.position()).values["canary"]["requests"] == 4

    def test_a_window_goes_on_in_a_later_analysis(self, log: Log) -> None:
        source = self.begun(log, window=60)
        found = []
        for count in (1, 2, 4, 8):
            log.clock.wait(30)
            log.requests(good=count)
            log.clock.wait(1)
            found.append(self.canary(source, log)["requests"])
            position = json.loads(json.dumps(source.position()))
            source = NginxLog(log.path, GREEN, window=60, position=position)
        assert found == [1, 3, 6, 12]

    def test_a_later_analysis_says_when_a_file_is_gone(self, log: Log) -> None:
        source = self.begun(log)
        log.requests(good=3)
        self.canary(source, log)
        log.rotate(".1.gz")
        log.requests(good=1)
        reading = self.later(log, source.position())
        assert reading.values["canary"]["requests"] == 4
        assert "gone or compressed" in reading.note

    def test_a_position_is_refused_when_it_is_none(self) -> None:
        with pytest.raises(InputError, match="is none of this source"):
            source_of(type="nginx_log", app="shop", position={"files": 5})

    def test_the_usual_place_of_the_log(self) -> None:
        source = source_of(type="nginx_log", app="shop")
        assert source.target() == "/var/log/nginx/slipway-shop.json.log"
