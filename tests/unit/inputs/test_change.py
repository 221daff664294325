# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A change policy is judged with the other variables, and never stands in the way of a way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.backwards import WITHOUT_A_RELEASE
from ansible_collections.slipway.release.plugins.module_utils._evidence.inputs import shown
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, Inputs, validate

from tests.unit.inputs.test_validate import GROUPS, good

POLICY: dict[str, Any] = {
    "timezone": "Europe/Berlin",
    "people": {"eva": [], "otto": [], "dora": []},
    "groups": {"engineering_manager": ["eva"], "operations_lead": ["otto"], "dba": ["dora"], "operations": ["otto"]},
    "approvals": {"url": "https://approvals.example/secret-4711", "headers": {"X-Token": "secret-4711"}},
}
FLAGS: dict[str, Any] = {
    "slipway_flags_store": {"kind": "cloud"},
    "slipway_flags": [{"name": "x", "strategy": "gradual"}],
    "slipway_flags_hosts": ["gone"],
    "slipway_flags_user": "no user",
}
OF_NO_WAY_BACK = ["slipway_audit", "slipway_change", "slipway_checklist", "slipway_notifications", *FLAGS]


def judged(tmp_path: Path, verb: str = "deploy", **changes: Any) -> Inputs:
    reason = {"slipway_reason": "the test says so"}
    if verb == "root_cause":
        reason |= {"slipway_deployment": "d1", "slipway_root_cause": "the cache was cold"}
    return validate({**good(tmp_path), **reason, **changes}, GROUPS, base=tmp_path, verb=verb)


def test_a_policy_is_accepted_with_its_profiles(tmp_path: Path) -> None:
    inputs = judged(tmp_path, slipway_change_policy=POLICY, slipway_compliance=["sox"], slipway_change={"id": "CR-17"})
    assert (inputs.change_policy, inputs.compliance) == (POLICY, ["sox"])


@pytest.mark.parametrize(
    ("changes", "where", "says"),
    [
        ({"slipway_change_policy": "secret-4711"}, "slipway_change_policy", "a mapping"),
        ({"slipway_change_policy": {"windows": []}}, "slipway_change_policy.timezone", "it is not set"),
        ({"slipway_change_policy": {**POLICY, "runaway": 5}}, "slipway_change_policy.runaway", "policy.runway"),
        ({"slipway_compliance": ["sox"]}, "slipway_change_policy", "asks for sox"),
        ({"slipway_compliance": ["soks"]}, "slipway_compliance[0]", "no profile 'soks'"),
        (
            {"slipway_compliance": ["sox"], "slipway_change_policy": {**POLICY, "groups": {}}},
            "slipway_change_policy.groups",
            "engineering_manager, operations_lead",
        ),
        ({"slipway_change": {"number": "CR-17"}}, "slipway_change.number", "no such variable"),
        ({"slipway_change_at": "2026-12-01T08:00"}, "slipway_change_at", "run with --check"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changes: dict[str, Any], where: str, says: str) -> None:
    with pytest.raises(InputProblems) as raised:
        judged(tmp_path, **changes)
    assert raised.value.where == where and says in raised.value.message()
    assert "secret-4711" not in str(raised.value.as_result())


@pytest.mark.parametrize("verb", WITHOUT_A_RELEASE)
def test_a_wrong_policy_stands_in_no_way_back(tmp_path: Path, verb: str) -> None:
    wrong = {"slipway_change_policy": "block", "slipway_change": 5, "slipway_compliance": "soks"}
    with pytest.raises(InputProblems):
        judged(tmp_path, **wrong)
    assert judged(tmp_path, verb, **wrong).change_policy == {}


@pytest.mark.parametrize("verb", WITHOUT_A_RELEASE)
@pytest.mark.parametrize("name", FLAGS)
def test_nothing_about_feature_flags_stands_in_a_way_back(tmp_path: Path, verb: str, name: str) -> None:
    with pytest.raises(InputProblems) as raised:
        judged(tmp_path, **{name: FLAGS[name]})
    assert raised.value.where.startswith(name)
    assert judged(tmp_path, verb, **{name: FLAGS[name]}).verb == verb


def test_the_evidence_of_a_deployment_shows_no_secret_of_the_policy(tmp_path: Path) -> None:
    kept = shown(judged(tmp_path, slipway_change_policy=POLICY))
    assert kept["change_policy"] == sorted(POLICY)
    assert "secret-4711" not in str(kept)


def test_a_preview_has_a_time_and_a_run_has_none(tmp_path: Path) -> None:
    given = {**good(tmp_path), "slipway_change_policy": POLICY}
    kept = validate({**given, "slipway_change_at": "2026-12-01T08:00"}, GROUPS, base=tmp_path, check_mode=True)
    assert kept.change_at == "2026-12-01T08:00"
    with pytest.raises(InputProblems) as raised:
        validate({**given, "slipway_change_at": "tomorrow"}, GROUPS, base=tmp_path, check_mode=True)
    assert raised.value.where == "slipway_change_at" and "'tomorrow' is no time" in raised.value.message()


def test_where_there_are_regions_the_inventory_is_in_none(tmp_path: Path) -> None:
    assert judged(tmp_path, slipway_inventory_region="eu").inventory_region == "eu"
    with pytest.raises(InputProblems) as raised:
        judged(tmp_path, slipway_inventory_region="eu", slipway_regions=["eu", "us"])
    assert any("slipway_inventory_region" in other.message() for other in raised.value.others)


@pytest.mark.parametrize("verb", ["abort", "rollback"])
@pytest.mark.parametrize("name", OF_NO_WAY_BACK)
def test_what_cannot_be_evaluated_stands_in_no_way_back(tmp_path: Path, verb: str, name: str) -> None:
    given = {**good(tmp_path), "slipway_reason": "the test says so"}
    undefined = {name: "'vault_key' is undefined"}
    assert validate(given, GROUPS, base=tmp_path, verb=verb, undefined=undefined).verb == verb
    with pytest.raises(InputProblems, match="cannot be evaluated"):
        validate(given, GROUPS, base=tmp_path, verb="deploy", undefined=undefined)
