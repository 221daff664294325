# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of a step: what the rollout adds, and what an operator has said is left alone."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._checks.metrics import step_metrics

PLAN = {"app": "shop", "slot": "green", "stable_slot": "blue"}
SLOTS = {"stable": "blue", "canary": "green"}


def of(metric: dict[str, Any], seconds: int = 100, **plan: Any) -> dict[str, Any]:
    return step_metrics([{"name": "one", **metric}], {**PLAN, **plan}, seconds)[0]


@pytest.mark.parametrize("kind", ["haproxy", "nginx_log"])
def test_traffic_is_compared_between_the_slots_of_the_plan(kind: str) -> None:
    made = of({"type": kind, "interval": 30})
    assert made == {"name": "one", "type": kind, "interval": 30, "count": 3, "app": "shop", "slots": SLOTS}


def test_a_slot_that_is_refilled_has_nothing_to_be_compared_with() -> None:
    assert "slots" not in of({"type": "haproxy", "interval": 30}, slot="blue")


def test_other_sources_know_no_slots() -> None:
    assert of({"type": "prometheus"}) == {"name": "one", "type": "prometheus"}


def test_a_delay_leaves_less_time_and_there_is_always_one_measurement() -> None:
    assert of({"type": "sql", "interval": 30, "initial_delay": 40})["count"] == 2
    assert of({"type": "sql", "interval": 300})["count"] == 1


def test_what_an_operator_has_said_stays() -> None:
    said = {"type": "haproxy", "interval": 10, "count": 2, "app": "other", "slots": {"canary": "blue"}}
    assert of(said) == {"name": "one", **said}
