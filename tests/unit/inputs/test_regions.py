# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions as an operator writes them: which groups they may be, and where their hosts belong."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, validate

from tests.unit.plan.made import MAILER, WEB

GROUPS = {
    "all": ["app1", "app2", "lb1", "lb2", "db1"],
    "application": ["app1", "app2"],
    "balancers": ["lb1", "lb2"],
    "eu": ["app1", "lb1"],
    "us": ["app2", "lb2"],
    "slipway_regions": ["app1", "app2", "lb1", "lb2"],
}


def judge(verb: str = "deploy", groups: dict[str, list[str] | None] | None = None, **changes: Any) -> None:
    """Validate two regions with some variables, and groups, changed; a group that is ``None`` is not there."""
    variables = {
        "slipway_app": "shop",
        "slipway_version": "1.1",
        "slipway_artifact": "https://artifacts.example/shop.tar.gz",
        "slipway_components": [WEB, MAILER],
        "slipway_ledger_host": "db1",
        "slipway_regions": ["eu", "us"],
        **{f"slipway_{name}": value for name, value in changes.items()},
    }
    changed = {**GROUPS, **(groups or {})}
    validate(variables, {name: hosts for name, hosts in changed.items() if hosts is not None}, verb=verb)


def test_two_regions_are_accepted() -> None:
    judge()


@pytest.mark.parametrize(
    ("changes", "groups", "words"),
    [
        ({"regions": []}, {}, ("slipway_regions: the inventory has the group", "list its children")),
        ({}, {"slipway_regions": None}, ("group slipway_regions", "make eu, us its children")),
        ({"regions": ["eu", "asia"]}, {}, ("slipway_regions[1]", "no group asia", "name a group")),
        ({"regions": ["eu", "us", "eu"]}, {}, ("slipway_regions[2]", "eu is listed twice")),
        ({"regions": ["eu", "../us"]}, {}, ("slipway_regions[1]", "cannot be a region", "use up to 31 letters")),
        ({"regions": ["eu", "balancers"]}, {}, ("slipway_regions[1]", "'balancers' cannot be a region")),
        ({"regions": [*"abcdefg"]}, {}, ("7 regions are more than 6",)),
        ({}, {"us": ["app1", "app2", "lb2"]}, ("host app1", "in the regions eu, us", "the group of one region")),
        ({}, {"us": ["lb2"]}, ("group us", "no application hosts", "add hosts of the group application")),
        ({}, {"us": ["app2"]}, ("group us", "no balancers", "add hosts of the group balancers")),
        ({"regions": ["eu"]}, {}, ("host app2", "it is in no region")),
        ({}, {"slipway_regions": ["app1", "lb1"]}, ("host app2", "us is no child of the group slipway_regions")),
        ({"region": "us"}, {}, ("slipway_region: a deployment to us alone", "remove it")),
        ({"region": "asia"}, {}, ("slipway_region: 'asia' is not in slipway_regions", "use one of eu, us")),
        ({"approvals": ["before_settle"]}, {}, ("slipway_approvals: regions cannot be parked", "slipway_region_bake")),
        ({"canary_steps": [{"percent": 5, "park": 60}]}, {}, ("slipway_canary_steps[0]: regions cannot be parked",)),
        ({"region_bake": -1}, {}, ("slipway_region_bake", "-1 is out of range")),
        ({"regions_on_failure": "panic"}, {}, ("slipway_regions_on_failure", "leave, return")),
    ],
)
def test_what_is_wrong_is_refused_with_a_remedy(
    changes: dict[str, Any], groups: dict[str, list[str] | None], words: tuple[str, ...]
) -> None:
    with pytest.raises(InputProblems) as refused:
        judge(groups=groups, **changes)
    told = "\n".join([refused.value.message(), *(other.message() for other in refused.value.others)])
    for word in words:
        assert word in told, told


@pytest.mark.parametrize("verb", ["rollback", "release_lease", "abort"])
def test_a_way_back_may_be_that_of_one_region(verb: str) -> None:
    judge(verb, region="us", reason="users report errors")


def test_one_region_of_an_application_without_any_is_refused() -> None:
    with pytest.raises(InputProblems, match="'us' is not in slipway_regions"):
        judge("rollback", {"slipway_regions": None}, regions=[], region="us")
