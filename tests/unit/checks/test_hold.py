# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the balancers watch while a deployment is parked: at the share that it has, until the traffic returns."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import WatchRequest
from ansible_collections.slipway.release.plugins.module_utils._checks.watch import hold_option
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan
from ansible_collections.slipway.release.plugins.module_utils._watch.parse import parse

from tests.unit.plan.made import document, fleet_of, inputs_for

ERRORS = {"name": "errors", "type": "nginx_log", "interval": 60, "failure_condition": "canary.error_rate > 5"}
COMPARED = {**ERRORS, "name": "compared", "failure_condition": "canary.error_rate > stable.error_rate + 5"}
CHECK = {"name": "web", "type": "http", "url": "http://127.0.0.1:80/health/ready", "interval": 1, "successes": 3}
TELL = {"name": "tell", "at": "on_return", "command": "tell", "hosts": "balancers"}
BOTH = ["before_traffic", "before_settle"]
CANARY = {"rollout": "canary", "canary_steps": [{"percent": 10, "approval": True}], "hooks": [TELL]}
A_WEEK = 604800


def option(stage: str, **changes: Any) -> dict[str, Any] | None:
    made = plan(inputs_for("1.1", approvals=BOTH, **changes), document("1.1"), fleet_of("1.0", None)).plan
    return hold_option(made, "d1", stage, [ERRORS, COMPARED], [CHECK], [TELL])


@pytest.mark.parametrize("watch", [{}, {"seconds": 0}])
@pytest.mark.parametrize(
    ("stage", "metrics"), [("canary at 10 %", ["errors", "compared"]), ("before_settle", ["errors"])]
)
def test_it_is_watched_with_what_makes_sense_and_returns_in_the_end(
    watch: dict[str, int], stage: str, metrics: list[str]
) -> None:
    found = option(stage, **CANARY, watch=watch)
    assert found is not None
    lists = {name: json.loads(found.get(name, "[]")) for name in ("metrics", "checks", "hooks")}
    asked = WatchRequest(**{**found, **lists})
    asked.check()
    assert (asked.deployment, asked.slot, asked.seconds, asked.at_end) == ("d1", "green", A_WEEK, "return")
    assert asked.return_to == {"blue": 100, "green": 0}
    judged = parse(asked)
    assert [metric.name for metric in judged.metrics] == metrics
    assert [hook.name for hook in judged.hooks] == ["tell"]


@pytest.mark.parametrize(("stage", "rollout"), [("before_traffic", "blue_green"), ("before_settle", "rolling")])
def test_nothing_is_watched_where_nothing_has_moved_or_nothing_could_return(stage: str, rollout: str) -> None:
    assert option(stage, rollout=rollout) is None
