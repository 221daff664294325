# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The status of an application with regions: a report of each, with its own hosts and its own ledger."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._status import regions

from tests.unit.plan.made import application, balancer, ledger

REGIONS = {"eu": ["lb1", "app1"], "us": ["lb2", "app2"]}


def ledger_of(version: str) -> dict[str, Any]:
    """A ledger in which this version is active in the slot blue."""
    answer: dict[str, Any] = ledger()["ledger"]
    answer["state"]["active"] = {"slot": "blue", "revision": version, "version": version}
    return answer


def live() -> dict[str, dict[str, Any]]:
    """Two regions, one of them a version behind, with their ledgers on one host."""
    return {
        **{name: balancer() for name in ("lb1", "lb2")},
        "app1": application("1.1", "1.0"),
        "app2": application("1.0", None),
        "db1": {"ledgers": {"eu": ledger_of("1.1"), "us": ledger_of("1.0")}},
    }


def test_each_region_has_its_own_hosts_and_its_own_ledger() -> None:
    made = regions.report("shop", live(), REGIONS)
    assert list(made["regions"]) == ["eu", "us"]
    assert {name: part["active"]["version"] for name, part in made["regions"].items()} == {"eu": "1.1", "us": "1.0"}
    assert {name: list(part["balancers"]) for name, part in made["regions"].items()} == {"eu": ["lb1"], "us": ["lb2"]}
    assert {row["host"] for row in made["regions"]["us"]["instances"]} == {"app2"}


def test_problems_name_the_region() -> None:
    state = live()
    state["lb2"] = {"unreachable": True}
    made = regions.report("shop", state, REGIONS)
    assert "us: lb2 cannot be reached" in made["problems"]
    assert not [problem for problem in made["problems"] if problem.startswith("eu: lb2")]


def test_a_lost_ledger_host_is_a_problem_of_every_region() -> None:
    made = regions.report("shop", {**live(), "db1": {"unreachable": True}}, REGIONS)
    assert {"eu: db1 cannot be reached", "us: db1 cannot be reached"} <= set(made["problems"])


def test_a_ledger_host_that_is_a_host_of_another_region_shows_nothing_of_itself() -> None:
    state = live()
    state["app1"]["ledgers"] = state.pop("db1")["ledgers"]
    made = regions.report("shop", state, REGIONS)
    assert made["regions"]["us"]["active"]["version"] == "1.0"
    assert {row["host"] for row in made["regions"]["us"]["instances"]} == {"app2"}


def test_lines_begin_each_region_with_its_name() -> None:
    shown = regions.lines(regions.report("shop", live(), REGIONS))
    assert [line for line in shown if line.startswith("REGION")] == ["REGION eu", "REGION us"]


def test_an_application_without_regions_has_one_report() -> None:
    state = {**live(), "db1": ledger()}
    made = regions.report("shop", state, {})
    assert "regions" not in made
    assert regions.lines(made)[0] == "shop: no revision is active"
