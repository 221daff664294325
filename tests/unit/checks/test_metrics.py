# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of a step: what the rollout adds, and what an operator has said is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._checks.metrics import needed, pre_metrics, step_metrics

PLAN = {"app": "shop", "slot": "green", "stable_slot": "blue"}
SLOTS = {"stable": "blue", "canary": "green"}


SHARED = {"blue": 90, "green": 10}
WHOLE = {"blue": 0, "green": 100}


def of(
    metric: dict[str, Any], seconds: int = 100, percents: dict[str, int] | None = None, **plan: Any
) -> dict[str, Any]:
    step = {"name": "canary at 10 %", "percents": percents or SHARED, "seconds": seconds}
    return step_metrics([{"name": "one", **metric}], {**PLAN, **plan}, step, "d1")[0]


@pytest.mark.parametrize("kind", ["haproxy", "nginx_log"])
def test_traffic_is_compared_between_the_slots_of_the_plan(kind: str) -> None:
    made = of({"type": kind, "interval": 30})
    assert made == {"name": "one", "type": kind, "interval": 30, "count": 3, "app": "shop", "slots": SLOTS}


@pytest.mark.parametrize(("percents", "slot"), [(WHOLE, "green"), ({"blue": 100, "green": 0}, "blue")])
def test_a_slot_with_all_the_traffic_is_the_canary(percents: dict[str, int], slot: str) -> None:
    made = of({"type": "haproxy", "interval": 30, "failure_condition": "canary.error_rate > 5"}, percents=percents)
    assert (made["slots"], "skip" in made) == ({"canary": slot}, False)


@pytest.mark.parametrize(
    "conditions",
    [
        {"failure_condition": "canary.error_rate > stable.error_rate + 5"},
        {
            "failure_condition": "canary.error_rate > 50",
            "success_condition": "canary.latency_ms.p99 <= stable.latency_ms.p99",
        },
    ],
)
@pytest.mark.parametrize("slots", [{}, {"slots": SLOTS}])
def test_what_names_the_stable_side_is_left_out_where_that_has_no_traffic(
    conditions: dict[str, str], slots: dict[str, Any]
) -> None:
    metric = {"type": "nginx_log", "interval": 30, **conditions, **slots}
    assert of(metric, percents=WHOLE)["skip"] == "it compares with the stable side, which has no traffic at 100 %"
    assert "skip" not in of(metric)


def test_a_stable_side_that_no_condition_names_does_not_make_a_metric_wait_for_its_traffic() -> None:
    metric = {"type": "nginx_log", "interval": 30, "slots": SLOTS, "failure_condition": "canary.errors > 'stable'"}
    assert of(metric, percents=WHOLE)["slots"] == {"canary": "green"}


def test_other_sources_are_left_out_too_when_they_compare() -> None:
    metric = {"type": "prometheus", "slots": SLOTS, "success_condition": "canary <= stable"}
    assert "skip" in of(metric, percents=WHOLE)
    assert "skip" not in of({"type": "prometheus", "success_condition": "result < 5"}, percents=WHOLE)


@pytest.mark.parametrize(
    ("metric", "seconds"),
    [
        ({"type": "nginx_log", "interval": 60, "count": 10}, 600),
        ({"type": "nginx_log", "interval": 60, "initial_delay": 30, "count": 2}, 150),
        ({"type": "sql", "interval": 60, "count": 10}, 540),
        ({"type": "sql"}, 0),
        ({"type": "sql", "initial_delay": 20}, 20),
    ],
)
def test_how_long_it_takes_until_a_metric_is_decided(metric: dict[str, Any], seconds: int) -> None:
    assert needed(metric) == seconds


def test_other_sources_know_no_slots() -> None:
    assert of({"type": "prometheus"}) == {"name": "one", "type": "prometheus"}


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "prometheus", "query": 'avg(process_resident_memory_bytes{slot="<slot>"})'},
        {"type": "http_json", "url": "http://metrics.example/<slot>.json"},
        {"type": "http_json", "url": "http://metrics.example/all.json", "path": "<slot>.memory"},
        {"type": "sql", "query": "SELECT memory FROM samples WHERE slot = '<slot>'"},
    ],
)
def test_other_sources_are_measured_by_slot_where_they_ask_for_it(asked: dict[str, Any]) -> None:
    metric = {**asked, "failure_condition": "canary > 1.5 * stable"}
    assert of(metric)["slots"] == SLOTS
    assert "skip" in of(metric, percents=WHOLE)
    alone = {**asked, "failure_condition": "canary > 2e9"}
    assert of(alone, percents=WHOLE)["slots"] == {"canary": "green"}


def test_a_delay_leaves_less_time_and_there_is_always_one_measurement() -> None:
    assert of({"type": "sql", "interval": 30, "initial_delay": 40})["count"] == 2
    assert of({"type": "sql", "interval": 300})["count"] == 1


def test_what_an_operator_has_said_stays() -> None:
    said = {"type": "haproxy", "interval": 10, "count": 2, "app": "other", "slots": {"canary": "blue"}}
    assert of(said) == {"name": "one", **said}


def test_at_0_percent_testers_are_compared_with_everyone() -> None:
    nobody = {"blue": 100, "green": 0}
    metric = {"type": "nginx_log", "interval": 30, "failure_condition": "canary.error_rate > stable.error_rate + 5"}
    made = of(metric, percents=nobody, override=True)
    assert (made["slots"], "skip" in made) == (SLOTS, False)
    assert "skip" in of(metric, percents=WHOLE, override=True)


MEMORY = {
    "name": "memory",
    "type": "prometheus",
    "query": 'memory{slot="<slot>"}',
    "failure_condition": "canary > stable",
}


def test_before_the_traffic_moves_the_new_slot_is_the_canary() -> None:
    plan = {**PLAN, "from": {"version": "1.0"}}
    up = {"name": "up", "type": "prometheus", "query": "up", "success_condition": "result == 1"}
    assert pre_metrics([MEMORY, up], plan) == [{**MEMORY, "slots": SLOTS}, up]


@pytest.mark.parametrize("plan", [{"from": None}, {"from": {}, "slot": "blue"}])
def test_before_the_first_release_or_without_a_switch_nothing_is_compared(plan: dict[str, Any]) -> None:
    slot = {**PLAN, **plan}["slot"]
    compared, alone = pre_metrics([MEMORY, {**MEMORY, "failure_condition": "canary > 1e9"}], {**PLAN, **plan})
    assert "skip" in compared
    assert (alone["slots"], "skip" in alone) == ({"canary": slot}, False)
