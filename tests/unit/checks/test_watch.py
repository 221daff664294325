# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the balancers are asked to watch, and that they can read it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import WatchRequest
from ansible_collections.slipway.release.plugins.module_utils._checks.watch import watch_metrics, watch_option
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import plan
from ansible_collections.slipway.release.plugins.module_utils._watch import parse as parse_module
from ansible_collections.slipway.release.plugins.module_utils._watch.parse import parse, refuse_missing_driver

from tests.unit.plan.made import document, fleet_of, inputs_for

ERRORS = {"name": "errors", "type": "nginx_log", "interval": 60, "failure_condition": "canary.error_rate > 5"}
COMPARED = {**ERRORS, "name": "compared", "failure_condition": "canary.error_rate > stable.error_rate + 5"}
ORDERS = {
    "name": "orders",
    "type": "sql",
    "dsn": "password=s3cret",
    "query": "SELECT 1",
    "failure_condition": "result < 1",
}
CHECK = {"name": "web", "type": "http", "url": "http://127.0.0.1:80/health/ready", "interval": 1, "successes": 3}
TELL = {
    "name": "tell",
    "at": "on_return",
    "url": "https://chat.example/T0",
    "headers": {"A": "s3cret"},
    "hosts": "balancers",
}
OTHER = {"name": "other", "at": "on_undo", "command": "true"}
ALL = {"green": 100, "blue": 0}


def made(**changes: Any) -> dict[str, Any]:
    return plan(inputs_for("1.1", **changes), document("1.1"), fleet_of("1.0", None)).plan


def option(metrics: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    hooks = [TELL, OTHER]
    found = watch_option(made(hooks=hooks, **changes), "d1", metrics, [CHECK], hooks)
    assert found is not None
    return found


def as_read(found: dict[str, Any]) -> WatchRequest:
    lists = {name: json.loads(found.get(name, "[]")) for name in ("metrics", "checks", "hooks")}
    return WatchRequest(**{**found, **lists})


def test_it_says_all_that_the_balancer_needs() -> None:
    found = as_read(option([ERRORS, COMPARED]))
    found.check()
    assert (found.deployment, found.slot, found.return_to, found.seconds) == (
        "d1",
        "green",
        {"blue": 100, "green": 0},
        86400,
    )
    judged = parse(found)
    assert [metric.name for metric in judged.metrics] == ["errors"], "the other has nobody to compare with"
    assert (judged.metrics[0].schedule.count, found.metrics[0]["window"]) == (10, 600)
    assert [check.name for check in judged.checks] == ["web"]
    assert (judged.checks[0].timing.successes, judged.checks[0].timing.failures) == (1, 1)
    assert [hook.name for hook in judged.hooks] == ["tell"]
    assert (found.facts["hook"], found.facts["percent"], found.facts["version"]) == ("on_return", 0, "1.1")


def test_a_command_is_not_left_to_the_watch_which_would_run_it_as_root() -> None:
    command = {"name": "smoke check 1, command for port 80", "type": "command", "argv": ["/opt/smoke"]}
    found = watch_option(made(), "d1", [], [command, CHECK], [])
    assert found is not None
    assert [check.name for check in parse(as_read(found)).checks] == ["web"]


def test_without_a_watch_in_the_plan_there_is_no_option() -> None:
    assert watch_option(made(watch={"seconds": 0}), "d1", [ERRORS], [CHECK], []) is None


def test_hooks_that_are_skipped_are_not_told() -> None:
    assert "hooks" not in option([], skip=["hooks"], reason="noise")


@pytest.mark.parametrize(
    ("metric", "count", "window"),
    [
        ({**ERRORS, "count": 3, "window": 30}, 3, 30),
        ({**ERRORS, "interval": 900}, 1, 900),
        ({**ERRORS, "interval": 1}, 600, 600),
        (ORDERS, 10, None),
    ],
)
def test_how_much_of_the_past_counts(metric: dict[str, Any], count: int, window: int | None) -> None:
    found = watch_metrics([metric], made(), ALL, 600, "d1")[0]
    assert (found["count"], found.get("window"), found["interval"]) == (count, window, metric.get("interval", 60))


def test_many_measurements_are_as_many_as_can_be_judged() -> None:
    found = watch_metrics([{**ERRORS, "interval": 1}], made(), ALL, 86400, "d1")[0]
    assert found["count"] == 1440


def test_a_held_canary_is_compared() -> None:
    half = {"blue": 50, "green": 50}
    assert [metric["name"] for metric in watch_metrics([ERRORS, COMPARED], made(), half, 600, "d1")] == [
        "errors",
        "compared",
    ]


def test_a_hook_of_a_user_is_run_as_that_user() -> None:
    hook = {"name": "mine", "command": "echo hello", "user": "shop", "timeout": 5}
    action = parse(WatchRequest("d1", "green", {}, 1, hooks=[hook])).hooks[0].action
    assert action.shown() == "runuser -u shop -- echo hello"


def test_a_source_that_this_host_cannot_ask_is_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    found = as_read(option([ORDERS]))
    monkeypatch.setattr(parse_module, "has_driver", lambda: True)
    refuse_missing_driver(found)
    monkeypatch.setattr(parse_module, "has_driver", lambda: False)
    with pytest.raises(StateError) as caught:
        refuse_missing_driver(found)
    assert "python3-psycopg2" in caught.value.message()
    assert "s3cret" not in caught.value.message()
    refuse_missing_driver(as_read(option([{**ORDERS, "dsn": None, "database": "/tmp/x"}])))
