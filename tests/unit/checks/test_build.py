# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gates ask every http component of the slot that the plan fills, and no other."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._checks.build import (
    Patience,
    instance_checks,
    instance_listeners,
    leaving_checks,
    listener_checks,
    smoke_checks,
)

PLAN = {
    "slot": "green",
    "revision": {
        "components": [
            {
                "name": "web",
                "kind": "http",
                "ports": {"blue": 8081, "green": 8082},
                "health": {"ready": "/health/ready"},
            },
            {"name": "mailer", "kind": "worker"},
        ]
    },
}
PATIENCE = Patience(interval=1, successes=3, deadline=60)


def test_each_host_is_asked_at_its_address_on_the_port_of_the_slot():
    checks = instance_checks(PLAN, {"app1": "10.0.0.21", "app2": "10.0.0.22"}, PATIENCE)
    assert [check["url"] for check in checks] == [
        "http://10.0.0.21:8082/health/ready",
        "http://10.0.0.22:8082/health/ready",
    ]
    assert all(check["successes"] == 3 and check["deadline"] == 60 for check in checks)


def test_each_instance_listens_at_the_port_of_the_slot() -> None:
    assert instance_listeners(PLAN, {"app1": "10.0.0.21", "app2": "10.0.0.22"}) == [
        {"name": "web on app1", "address": "10.0.0.21:8082"},
        {"name": "web on app2", "address": "10.0.0.22:8082"},
    ]


def test_what_leaves_is_asked_where_its_own_revision_answers():
    old = {"name": "front", "kind": "http", "ports": {"blue": 7081, "green": 7082}, "health": {"ready": "/ready"}}
    plan = {**PLAN, "stable_slot": "blue", "leaving": {"app1": [old], "app2": [], "app3": [old]}}
    (check,) = leaving_checks(plan, {"app1": "10.0.0.21", "app2": "10.0.0.22"}, PATIENCE)
    assert (check["name"], check["url"]) == ("front on app1", "http://10.0.0.21:7081/ready")


def test_no_host_gives_no_check_so_that_the_gate_is_insufficient():
    assert instance_checks(PLAN, {}, PATIENCE) == []


def test_the_listener_is_asked_under_the_name_that_it_serves():
    (check,) = listener_checks(PLAN, 8480, "shop.example.net", PATIENCE)
    assert check["url"] == "http://127.0.0.1:8480/health/ready"
    assert check["host"] == "shop.example.net"


def test_a_listener_for_any_name_is_asked_under_its_address():
    (check,) = listener_checks(PLAN, 8480, "", PATIENCE)
    assert "host" not in check


def test_smoke_checks_keep_their_own_fields_and_an_explicit_host():
    checks = smoke_checks(
        [{"path": "/", "status": [200], "budget_ms": 300}, {"path": "/x", "host": "other"}],
        8480,
        "shop.example.net",
    )
    assert checks[0] == {
        "name": "smoke check 1, / through port 8480",
        "type": "http",
        "url": "http://127.0.0.1:8480/",
        "host": "shop.example.net",
        "status": [200],
        "budget_ms": 300,
    }
    assert checks[1]["host"] == "other"


SMOKE = [{"path": "/a", "where": "preview"}, {"path": "/b", "where": "public"}, {"path": "/c"}]


@pytest.mark.parametrize(
    ("where", "numbers"),
    [("preview", ["1, /a", "3, /c"]), ("public", ["2, /b", "3, /c"]), ("both", ["1, /a", "2, /b", "3, /c"])],
)
def test_smoke_checks_are_made_where_they_are_wanted(where: str, numbers: list[str]) -> None:
    checks = smoke_checks(SMOKE, 80, "", where)
    assert [check["name"] for check in checks] == [f"smoke check {number} through port 80" for number in numbers]
    assert not any("where" in check for check in checks)


def test_a_smoke_check_may_be_a_command_that_is_told_the_address():
    told = {"SLIPWAY_URL": "http://127.0.0.1:8480", "SLIPWAY_HOST_HEADER": "shop.example.net"}
    plain = {"type": "command", "argv": ["/opt/smoke", "all of it"], "environment": told}
    (once,) = smoke_checks([{"command": "/opt/smoke 'all of it'"}], 8480, "shop.example.net")
    assert once == {
        "name": "smoke check 1, command for port 8480",
        **plain,
        "timeout": 30,
        "successes": 1,
        "failures": 1,
    }
    (more,) = smoke_checks([{"command": "/opt/smoke 'all of it'", "failures": 3}], 8480, "shop.example.net")
    assert more["failures"] == 3
