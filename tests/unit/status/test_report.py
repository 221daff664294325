# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report shows what the hosts said, and names everything that is not as it must be."""

from __future__ import annotations

import copy

import pytest
from ansible_collections.slipway.release.plugins.module_utils._status.report import lines, report

ACTIVE = {"slot": "green", "revision": "bbbb", "version": "1.1.0"}
SLOTS = {
    "blue": {"revision": "aaaa", "version": "1.0.0", "status": "placed", "running": True},
    "green": {"revision": "bbbb", "version": "1.1.0", "status": "placed", "running": True},
}
STOPPED = {**SLOTS, "green": {**SLOTS["green"], "running": False}}
REVISIONS = [{"id": "aaaa", "version": "1.0.0"}, {"id": "bbbb", "version": "1.1.0"}]
LIVE = {
    "generation": 4,
    "stable": "green",
    "percents": {"blue": 0, "green": 100},
    "usable": {"blue": ["blue-app1"], "green": ["green-app1"]},
    "open": True,
}
FLEET = {
    "app1": {"release": {"slots": SLOTS, "revisions": REVISIONS}},
    "lb1": {"balancer": {"live": LIVE, "recorded": {"lease": None}, "consistent": True}},
    "db1": {
        "ledger": {
            "uuid": "u",
            "lease": None,
            "state": {
                "active": ACTIVE,
                "deployments": [
                    {"id": "d1", "verb": "deploy", "from": None, "to": {"version": "1.0.0"}, "result": "active"},
                    {
                        "id": "d2",
                        "verb": "deploy",
                        "from": {"version": "1.0.0"},
                        "to": {"version": "1.1.0"},
                        "result": "active",
                    },
                ],
            },
        }
    },
}


def fleet(**changes):
    changed = copy.deepcopy(FLEET)
    changed.update(changes)
    return changed


def test_a_healthy_fleet_has_no_problem_and_shows_everything_that_is_known():
    text = "\n".join(lines(report("shop", FLEET)))
    assert "PROBLEM" not in text
    assert "shop: 1.1.0 (revision bbbb) is active in slot green" in text
    assert "green-app1" in text
    assert "blue-app1" not in text, "a slot without a percent takes no traffic"
    assert text.index("d2") < text.index("d1"), "the newest deployment comes first"


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"app1": {"unreachable": True}}, "app1 cannot be reached"),
        (
            {"db1": {"ledger": {**FLEET["db1"]["ledger"], "unfinished": {"deployment": "d3"}}}},
            "deployment d3 was left unfinished",
        ),
        ({"db1": {"unreachable": True}}, "the ledger host did not answer"),
        ({"lb1": {"balancer": {"error": "nginx does not run"}}}, "balancer on lb1: nginx does not run"),
        (
            {"lb1": {"balancer": {"live": {**LIVE, "open": False}, "consistent": True}}},
            "balancer lb1 is closed and serves nothing",
        ),
        (
            {"lb1": {"balancer": {"live": LIVE, "consistent": False}}},
            "balancer lb1 does not do what it recorded",
        ),
        (
            {"lb2": {"balancer": {"live": {**LIVE, "percents": {"blue": 100, "green": 0}}, "consistent": True}}},
            "the balancers disagree",
        ),
        (
            {
                "app1": {
                    "release": {
                        "slots": {**SLOTS, "green": {**SLOTS["green"], "running": False}},
                        "revisions": REVISIONS,
                    }
                }
            },
            "app1 does not run the active revision in slot green",
        ),
    ],
)
def test_whatever_is_wrong_is_named(changes, problem):
    made = report("shop", fleet(**changes))
    assert any(problem in found for found in made["problems"]), made["problems"]
    assert any(line.startswith("PROBLEM") and problem in line for line in lines(made))


def test_before_the_first_deployment_it_says_so():
    nothing = {"ledger": {"uuid": None, "lease": None, "state": {"active": None, "deployments": []}}}
    assert lines(report("shop", {"db1": nothing}))[0] == "shop: no revision is active"
