# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hooks in the plan and in the request: without secrets, and where there are none as if there had never been any."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._plan.abort import abort
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan

from tests.unit.plan.made import document, fleet_of, inputs_for, leave_unfinished, proven

# What the planner gave for these inputs before there were hooks.
REQUEST_BEFORE = "b3c4eba458406f64b5cbbe1e95e1576f0f21f31efac33d9e17df345381a7526f"
PLAN_BEFORE = "8ac24e7bc7f22f7ad50b5ed08d38db174189f7c4ccb0d2c498dc5f594093294d"
WARM = {"name": "warm", "at": "before_traffic", "command": "warm --all", "hosts": "application", "user": "shop"}
TELL = {
    "name": "tell",
    "at": "on_undo",
    "url": "https://chat.example/services/T0B1?sig=abcdef",
    "headers": {"Authorization": "Bearer s3cr3t"},
    "timeout": 5,
}
SKIPPED = {"skip": ["hooks"], "reason": "the chat is down"}


def planned(live: dict[str, Any] | None = None, **changes: Any) -> Planned:
    return plan(inputs_for("1.1", **changes), document("1.1", **changes), live or fleet_of("1.0", None))


def test_without_hooks_plan_and_request_are_what_they_were() -> None:
    made = planned(watch={"seconds": 0})
    assert "hooks" not in made.plan
    assert (made.plan["request"], made.digest) == (REQUEST_BEFORE, PLAN_BEFORE)
    assert planned(watch={"seconds": 0}, hooks=[]).digest == PLAN_BEFORE


def test_the_plan_says_which_hook_runs_where() -> None:
    assert planned(hooks=[WARM, TELL]).plan["hooks"] == [
        {
            "name": "warm",
            "at": "before_traffic",
            "command": "warm --all",
            "hosts": ["app1", "app2"],
            "user": "shop",
            "timeout": 60,
        },
        {
            "name": "tell",
            "at": "on_undo",
            "url": "https://chat.example/...",
            "headers": ["Authorization"],
            "hosts": ["localhost"],
            "user": "",
            "timeout": 5,
        },
    ]


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("controller", ["localhost"]),
        ("ledger", ["db1"]),
        ("balancers", ["lb1", "lb2"]),
        ("application", ["app1", "app2"]),
    ],
)
def test_hosts_are_resolved(hosts: str, expected: list[str]) -> None:
    (hook,) = planned(hooks=[{**TELL, "hosts": hosts}]).plan["hooks"]
    assert hook["hosts"] == expected


def test_a_rollback_runs_hooks_on_the_hosts_that_are_left() -> None:
    live = {
        **fleet_of("1.0", "1.1", stable="green", history=(proven("1.0"), proven("1.1"))),
        "app2": {"unreachable": True},
    }
    made = plan(inputs_for(verb="rollback", rollback_to="previous", hooks=[WARM]), None, live).plan
    assert (made["lost"], made["hooks"][0]["hosts"]) == (["app2"], ["app1"])


def test_no_secret_is_in_the_plan() -> None:
    text = json.dumps(planned(hooks=[WARM, TELL]).plan)
    assert not [secret for secret in ("s3cr3t", "T0B1", "abcdef") if secret in text]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "say"},
        {"at": "after_step"},
        {"url": "https://chat.example/services/T0B2"},
        {"headers": {"X-Token": "Bearer s3cr3t"}},
        {"hosts": "ledger"},
        {"timeout": 6},
    ],
    ids=str,
)
def test_another_hook_is_another_request_and_does_not_resume(change: dict[str, Any]) -> None:
    first = planned(hooks=[TELL])
    other = planned(hooks=[{**TELL, **change}])
    assert other.plan["request"] != first.plan["request"]
    live = fleet_of("1.0", None)
    leave_unfinished(live, first)
    assert planned(live, hooks=[TELL]).resume == "d1"
    assert planned(live, hooks=[{**TELL, **change}]).resume == ""


def test_another_order_or_command_is_another_request() -> None:
    request = planned(hooks=[WARM, TELL]).plan["request"]
    assert planned(hooks=[TELL, WARM]).plan["request"] != request
    assert planned(hooks=[{**WARM, "command": "warm"}, TELL]).plan["request"] != request


@pytest.mark.parametrize(
    "change",
    [
        {"headers": {"Authorization": "Bearer an0ther"}},
        {"url": "https://chat.example/services/T0B1?sig=fedcba"},
    ],
    ids=["token", "signature"],
)
def test_what_may_be_new_at_each_run_resumes(change: dict[str, Any]) -> None:
    live = fleet_of("1.0", None)
    leave_unfinished(live, planned(hooks=[TELL]))
    assert planned(live, hooks=[{**TELL, **change}]).resume == "d1"


def test_hooks_that_are_skipped_are_not_in_the_plan() -> None:
    assert "hooks" not in planned(hooks=[WARM], **SKIPPED).plan


def test_an_abort_takes_the_hooks_that_were_recorded() -> None:
    live = fleet_of("1.0", None)
    with pytest.raises(StateError):
        abort(inputs_for(verb="abort", reason="why"), live)
    leave_unfinished(live, planned(hooks=[TELL]))
    assert [hook["name"] for hook in abort(inputs_for(verb="abort", reason="why"), live).plan["hooks"]] == ["tell"]
