# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The meter reports exactly the losses that a server says it caused, by class and kind, and zero without any."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._meter import meter as meter_module
from ansible_collections.slipway.release.plugins.module_utils._meter.meter import SPARE_FILES, Meter
from ansible_collections.slipway.release.plugins.module_utils._meter.options import Options
from ansible_collections.slipway.release.plugins.module_utils._meter.records import CLASSES, LOST
from ansible_collections.slipway.release.plugins.module_utils._meter.verdict import judge

KIND_OF_FAULT = {
    "500": "status",
    "503": "status",
    "hang": "timeout",
    "hang_midway": "timeout",
    "close": "reset",
    "reset": "reset",
    "reset_midway": "reset",
    "short": "truncated",
    "short_head": "truncated",
    "short_chunked": "truncated",
    "short_chunk": "truncated",
    "garbage": "truncated",
}
KIND_OF_LONG_FAULT = {"cut": "truncated", "cut_cleanly": "truncated", "cut_reset": "reset", "hang": "timeout"}


def measure(port: int, **changes: Any) -> tuple[Meter, dict[str, Any]]:
    settings = {"duration": 1.2, "rate": 150, "connections": 8, "timeout": 2.0, "seed": 1, **changes}
    meter = Meter(Options(url=f"http://127.0.0.1:{port}/", **settings))
    summary = meter.run()
    for part in (summary["total"], *summary["classes"].values()):
        assert part["scheduled"] == part["sent"] + part["not_sent"]
        assert part["sent"] == part["ok"] + part["lost"] + part["unfinished"]
        assert part["lost"] == sum(part["lost_by"].values())
    assert summary["total"]["sent"] == sum(part["sent"] for part in summary["classes"].values())
    return meter, summary


def losses(summary: dict[str, Any]) -> dict[tuple[str, str], int]:
    """What the meter says was lost: (class, kind) to count, without zeros."""
    return {
        (name, kind): count
        for name, part in summary["classes"].items()
        for kind, count in part["lost_by"].items()
        if count
    }


def test_control_without_drops_reports_exactly_zero(faulty: Any) -> None:
    with faulty() as server:
        meter, summary = measure(server.port, slow=4, slow_ms=100, long=4, long_seconds=1)
    assert losses(summary) == {}
    assert {name: summary["classes"][name]["ok"] for name in CLASSES} == dict(server.received)
    assert summary["classes"]["keepalive"]["sent"] == summary["classes"]["new"]["sent"] == 90
    assert all(server.received[name] for name in CLASSES)
    in_time = {**summary, "total": {**summary["total"], "late": 0}}
    assert judge(in_time, 0)[0] == "pass", "whatever keeps this computer busy"
    assert len(list(meter.recorder.rows())) == summary["total"]["sent"]


@pytest.mark.parametrize("fault", sorted(KIND_OF_FAULT))
def test_each_fault_alone_is_counted_exactly(faulty: Any, fault: str) -> None:
    with faulty(lambda number, kind, reused: fault if number % 7 == 3 and kind != "long" else "") as server:
        _rest, summary = measure(server.port, slow=2, slow_ms=100, timeout=0.9, duration=0.7)
    expected = {(name, KIND_OF_FAULT[fault]): count for (name, _rest), count in server.dropped.items()}
    assert set(expected) == {(name, KIND_OF_FAULT[fault]) for name in ("keepalive", "new", "slow")}
    assert losses(summary) == expected
    assert summary["total"]["ok"] == sum(server.received.values()) - sum(server.dropped.values())


def test_all_faults_together_are_told_apart(faulty: Any) -> None:
    order = sorted(KIND_OF_FAULT)

    def fault_of(number: int, kind: str, reused: bool) -> str:
        return order[number // 3 % len(order)] if number % 3 == 2 and kind != "long" else ""

    with faulty(fault_of) as server:
        meter, summary = measure(server.port, timeout=0.9)
    expected: dict[tuple[str, str], int] = {}
    for (name, fault), count in server.dropped.items():
        expected[name, KIND_OF_FAULT[fault]] = expected.get((name, KIND_OF_FAULT[fault]), 0) + count
    assert losses(summary) == expected
    assert {kind for _rest, kind in expected} == set(LOST) - {"refused"}
    statuses = {fault: sum(n for (_rest, f), n in server.dropped.items() if f == fault) for fault in ("500", "503")}
    assert {code: summary["total"]["statuses"][code] for code in statuses} == statuses
    lost_rows = [row for row in meter.recorder.rows() if row["outcome"] != "ok"]
    assert len(lost_rows) == summary["total"]["lost"]


@pytest.mark.parametrize("fault", sorted(KIND_OF_LONG_FAULT))
def test_long_lived_requests_cut_before_their_agreed_end_are_lost(faulty: Any, fault: str) -> None:
    with faulty(lambda number, kind, reused: fault if kind == "long" and number < 2 else "") as server:
        _rest, summary = measure(server.port, rate=10, long=6, long_seconds=1, timeout=1.5, duration=3.2)
    assert server.dropped == {("long", fault): 2}
    assert losses(summary) == {("long", KIND_OF_LONG_FAULT[fault]): 2}
    assert summary["classes"]["long"]["ok"] == server.received["long"] - 2 > 0


def test_a_websocket_that_does_not_echo_is_lost(faulty: Any) -> None:
    with faulty(lambda number, kind, reused: "deaf" if kind == "long" else "") as server:
        _rest, summary = measure(server.port, rate=0, long=2, long_seconds=1, duration=1.8)
    assert losses(summary) == {("long", "truncated"): 1}
    assert summary["classes"]["long"]["sent"] == server.received["long"] == 2


def test_silent_close_of_a_reused_connection_is_a_reset(faulty: Any) -> None:
    with faulty(lambda number, kind, reused: "close" if reused and number % 5 == 0 else "") as server:
        _rest, summary = measure(server.port, keepalive_share=1)
    dropped = server.dropped["keepalive", "close"]
    assert dropped > 0
    assert losses(summary) == {("keepalive", "reset"): dropped}
    assert summary["total"]["lost_on_reused"] == dropped


def test_a_connection_closed_while_idle_is_reopened_and_no_loss(faulty: Any) -> None:
    with faulty(idle_close=0.02) as server:
        _rest, summary = measure(server.port, rate=10, keepalive_share=1, connections=1, duration=1)
    assert losses(summary) == {}
    assert server.idle_closed > 0
    assert summary["connections"]["opened"] == 10
    assert summary["connections"]["idle_closed"] >= 9


def test_a_close_that_came_before_the_request_is_no_loss_however_late_it_is_read(
    faulty: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive = Meter._arrive

    def after_the_close(self: Meter, due: float) -> None:
        deadline = time.monotonic() + 5
        while self._next % 2 == 0 and server.idle_closed < self._next // 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        arrive(self, due)

    monkeypatch.setattr(Meter, "_arrive", after_the_close)
    with faulty(idle_close=0.25) as server:
        _rest, summary = measure(server.port, rate=5, keepalive_share=1, connections=1, duration=2)
    assert losses(summary) == {}
    assert summary["connections"]["idle_closed"] >= 5
    assert summary["connections"]["opened"] - summary["connections"]["idle_closed"] in (0, 1)


def test_every_request_to_a_closed_port_is_refused() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        _rest, summary = measure(unused.getsockname()[1], slow=2, slow_ms=100, long=2)
    total = summary["total"]
    assert total["sent"] == total["lost_by"]["refused"] == total["lost"] > 180
    assert all(summary["classes"][name]["lost_by"]["refused"] for name in CLASSES)
    assert summary["classes"]["long"]["sent"] <= 4


def test_a_listener_that_goes_away_refuses_new_connections_only(faulty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive = Meter._arrive

    def after_half_of_them(self: Meter, due: float) -> None:
        if self._next == 90:
            server.stop_listening()
        arrive(self, due)

    monkeypatch.setattr(Meter, "_arrive", after_half_of_them)
    with faulty() as server:
        _rest, summary = measure(server.port, keepalive_share=0.5, connections=20)
    part = summary["classes"]["new"]
    assert part["lost"] == part["lost_by"]["refused"] == part["sent"] - server.received["new"] > 0
    assert part["ok"] == server.received["new"] > 0


def test_latency_counts_from_the_intended_start_when_the_server_stalls(faulty: Any) -> None:
    with faulty() as server:
        server.stall_at, server.stall_seconds = 40, 0.6
        meter, summary = measure(server.port, rate=200, keepalive_share=0.9)
    waited = [row for row in meter.recorder.rows() if row["end_us"] - row["intended_us"] >= 200_000]
    assert losses(summary) == {}
    assert len(waited) >= 75, "each request meant for the first 400 ms of the stall waited at least 200 ms"


def test_the_meter_reports_its_own_stall(faulty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive = Meter._arrive

    def stalling(self: Meter, due: float) -> None:
        if self._next == 20:
            time.sleep(1.5)
        arrive(self, due)

    monkeypatch.setattr(Meter, "_arrive", stalling)
    with faulty() as server:
        _rest, summary = measure(server.port, rate=100, duration=2)
    total = summary["total"]
    assert total["scheduled"] == 200
    assert total["not_sent"] >= 45
    assert total["late"] >= 80
    assert total["worst_lateness_us"] >= 900_000
    assert total["latency_us"]["max"] >= 900_000, "being late counts as waiting"
    assert total["ok"] == total["sent"] == sum(server.received.values())
    assert judge(summary, 0)[0] == "insufficient"


def test_the_meter_reports_that_it_has_no_connections_left(faulty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meter_module, "_raise_file_limit", lambda: SPARE_FILES + 8 + 5)
    with faulty(lambda number, kind, reused: "hang") as server:
        _rest, summary = measure(server.port, rate=100, duration=1, timeout=2)
    total = summary["total"]
    assert total["sent"] == total["lost_by"]["timeout"] == 5
    assert total["not_sent"] == 95
    assert judge(summary, 5) == ("insufficient", "no request was answered")


def test_the_meters_own_stall_is_not_a_timeout_of_the_server(faulty: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive = Meter._arrive

    def stalling(self: Meter, due: float) -> None:
        arrive(self, due)
        if self._next == 20:
            time.sleep(1)

    monkeypatch.setattr(Meter, "_arrive", stalling)
    with faulty() as server:
        _rest, summary = measure(server.port, rate=100, keepalive_share=0, duration=0.5, timeout=0.4)
    assert losses(summary) == {}
    assert summary["total"]["ok"] == sum(server.received.values())


def test_switch_over_shows_who_answered_when(faulty: Any) -> None:
    def identity_of(number: int) -> tuple[str, str]:
        return ("1.0.0", "blue") if number < 100 else ("1.1.0", "green")

    with faulty(identity_of=identity_of) as server:
        meter, summary = measure(server.port)
    old, new = summary["total"]["answered_by"]
    assert (old["version"], old["slot"], old["answers"]) == ("1.0.0", "blue", 100)
    assert (new["version"], new["slot"], new["answers"]) == ("1.1.0", "green", sum(server.received.values()) - 100)
    assert old["first_us"] <= old["last_us"]
    assert old["last_start_us"] < new["last_start_us"]
    assert summary["changes"][0]["version"] == "1.0.0"
    assert summary["changes"][-1]["version"] == "1.1.0"
    rows = list(meter.recorder.rows())
    assert sum(row["version"] == "1.0.0" for row in rows) == 100
    assert max(row["end_us"] for row in rows if row["version"] == "1.0.0") == old["last_us"]
    by_second: dict[str, int] = {}
    for second in summary["seconds"]:
        for name, count in second["answered_by"].items():
            by_second[name] = by_second.get(name, 0) + count
    assert by_second == {"1.0.0 blue": 100, "1.1.0 green": new["answers"]}


@pytest.mark.parametrize("sticky", ["cookie:slipway", "header:X-User"])
def test_keys_are_sent_recorded_and_repeatable(faulty: Any, sticky: str) -> None:
    with faulty() as server:
        first, _rest = measure(server.port, sticky=sticky, rate=50, duration=0.5)
        second, _rest = measure(server.port, sticky=sticky, rate=50, duration=0.5)
    sent = [line.replace("Cookie: slipway=", "").replace("X-User: ", "") for line in server.keys]
    recorded = [sorted(row["key"] for row in meter.recorder.rows()) for meter in (first, second)]
    assert len(set(recorded[0])) == 25
    assert recorded[0] == recorded[1]
    assert sorted(sent) == sorted(recorded[0] + recorded[1])


def test_a_population_of_users_comes_back(faulty: Any) -> None:
    with faulty() as server:
        meter, _rest = measure(server.port, sticky="cookie:u", users=5, rate=100, duration=1)
    assert {row["key"] for row in meter.recorder.rows()} == {f"{user:08x}" for user in range(5)}
    assert len(server.keys) == 100


def test_stopping_early_gives_up_streams_uncounted_and_ends_websockets(faulty: Any) -> None:
    def fault_of(number: int, kind: str, reused: bool) -> str:
        return "hang" if kind == "long" and number == 0 else ""

    with faulty(fault_of) as server:
        meter = Meter(
            Options(url=f"http://127.0.0.1:{server.port}/", duration=60, rate=50, long=2, long_seconds=30, timeout=9)
        )
        stopper = threading.Timer(1.0, meter.stop, ("request",))
        stopper.start()
        summary = meter.run()
        stopper.join()
    assert summary["ended_by"] == "request"
    assert summary["classes"]["long"]["unfinished"] == 1
    assert summary["classes"]["long"]["ok"] == 1
    assert losses(summary) == {}
