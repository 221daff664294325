# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator may ask of a flag."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._flags.model import Flag, wanted
from ansible_collections.slipway.release.plugins.module_utils._flags.set import gains, users


def test_each_strategy_has_its_share() -> None:
    assert wanted("new", "off").percentage == wanted("new", "kill_switch").percentage == 0
    assert wanted("new", "full").percentage == 100
    assert wanted("new", "canary", segments=["beta"]).percentage == 100
    assert wanted("new", "gradual", percentage=5).percentage == 5


def test_everybody_is_a_segment_that_says_nothing() -> None:
    assert wanted("new", "full", segments=["all"]).segments == ()
    assert wanted("new", "gradual", percentage=5, segments=["b", "a", "b"]).segments == ("a", "b")


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"name": "a b"}, "name"),
        ({"name": "-a"}, "name"),
        ({"strategy": "some"}, "strategy"),
        ({"strategy": "gradual"}, "percentage"),
        ({"strategy": "gradual", "percentage": 101}, "percentage"),
        ({"strategy": "off", "percentage": 5}, "percentage"),
        ({"strategy": "full", "segments": ["beta"]}, "segments"),
        ({"strategy": "canary"}, "segments"),
        ({"strategy": "canary", "segments": ["all", "beta"]}, "segments"),
        ({"strategy": "kill_switch", "tenants": {"t": True}}, "tenants"),
        ({"strategy": "off", "tenants": {"t": "yes"}}, "tenants"),
        ({"sticky": "user id"}, "sticky"),
    ],
)
def test_what_contradicts_itself_is_refused_where_it_stands(options: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as refused:
        wanted(**{"name": "new", "strategy": "full", "where": "slipway_flags[0].", **options})
    assert refused.value.where == f"slipway_flags[0].{where}"


def flag(percentage: int, *segments: str, sticky: str = "targetingKey", **tenants: bool) -> Flag:
    return Flag("new", "gradual", percentage, segments, tenants, sticky)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, flag(5), "keep"),
        (flag(10), flag(25), "keep"),
        (flag(25), flag(10), "lose"),
        (flag(25), flag(0), "lose"),
        (flag(25, "beta"), flag(25), "keep"),
        (flag(25), flag(50, "beta"), "lose"),
        (flag(25, "beta"), flag(50, "beta", "staff"), "keep"),
        (flag(25, "beta"), flag(50, "staff"), "lose"),
        (flag(25), flag(25, sticky="account"), "lose"),
        (flag(25), flag(100, sticky="account"), "keep"),
        (flag(25), flag(25, t=False), "lose"),
        (flag(25, t=True), flag(50), "lose"),
        (flag(25, t=True), flag(100), "keep"),
        (flag(0, t=True), flag(0, t=True, u=True), "keep"),
    ],
)
def test_it_is_known_who_loses_the_feature(before: Flag | None, after: Flag, expected: str) -> None:
    assert users(before, after) == expected


HALF = Flag("new", "gradual", 50)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, Flag("new", "off"), False),
        (None, Flag("new", "full", 100), True),
        (HALF, HALF, False),
        (HALF, Flag("new", "gradual", 49), False),
        (HALF, Flag("new", "gradual", 51), True),
        (HALF, Flag("new", "kill_switch"), False),
        (HALF, Flag("new", "off", tenants={"acme": True}), True),
        (HALF, Flag("new", "gradual", 50, tenants={"acme": False}), False),
        (HALF, Flag("new", "gradual", 50, sticky="userId"), True),
        (HALF, Flag("new", "canary", 50, ("staff",)), False),
        (Flag("new", "canary", 50, ("staff",)), HALF, True),
        (Flag("new", "full", 100, tenants={"acme": False}), Flag("new", "full", 100), True),
        (Flag("new", "full", 100), Flag("new", "canary", 100, ("staff",)), False),
    ],
)
def test_what_may_give_the_feature_to_somebody(before: Flag | None, after: Flag, expected: bool) -> None:
    assert gains(before, after) is expected
