# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions on the controller say of the database: whether it is migrated, and who holds a lease for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.plan.made import fleet_of
from tests.unit.plan.test_actions import LEDGER, Stand, variables
from tests.unit.plan.test_planner_database import APPLIED, database

__all__ = ["variables"]


def deploying(given: dict[str, Any], tmp_path: Path, *members: str, **task: Any) -> Stand:
    given["slipway_migrations"] = {"path": str(tmp_path)}
    options = {"verb": "deploy", "live": fleet_of("1.0", None), "database": database(*members)}
    return Stand("deployment_plan", options, **task)


@pytest.mark.parametrize(
    ("committed", "migrates"), [([], True), (["before_migrations"], True), (["migrate"], False), (["undo"], False)]
)
def test_it_is_migrated_until_that_is_recorded(
    variables: dict[str, Any], tmp_path: Path, committed: list[str], migrates: bool
) -> None:
    stand = deploying(variables, tmp_path, *APPLIED, "8 expand pending")
    stand.answers["slipway.release.ledger"] = {**LEDGER, "committed": committed}
    result = stand.run(variables)
    assert result["migrates"] is migrates
    assert ", after 1 migration of the database; plan digest" in result["summary"]


def test_it_is_not_migrated_where_nothing_is_due_and_in_check_mode(variables: dict[str, Any], tmp_path: Path) -> None:
    assert not deploying(variables, tmp_path, *APPLIED).run(variables)["migrates"]
    checking = deploying(variables, tmp_path, *APPLIED, "8 expand pending", check_mode=True).run(variables)
    assert not checking["migrates"] and checking["plan"]["migrations"]["files"]


def test_a_secret_of_the_connection_is_nowhere(variables: dict[str, Any], tmp_path: Path) -> None:
    stand = deploying(variables, tmp_path, *APPLIED, "8 expand pending")
    variables["slipway_migrations"]["dsn"] = "dbname=shop password=s3cr3t"
    assert "s3cr3t" not in str(stand.run(variables)) + str(stand.ran)


def test_the_validated_variables_say_whether_there_is_a_database(variables: dict[str, Any], tmp_path: Path) -> None:
    validating = Stand("deployment_plan", {"verb": "validate"})
    assert validating.run(variables)["migrates"] is False
    variables["slipway_migrations"] = {"path": str(tmp_path)}
    accepted = Stand("deployment_plan", {"verb": "validate"}).run(variables)
    assert accepted["migrates"] is True and accepted["ledgers"] == [{"region": "", "host": "db1"}]


@pytest.mark.parametrize("path", ["/nowhere", "{{ nothing }}"])
def test_of_a_way_back_they_say_that_nothing_is_to_be_read(variables: dict[str, Any], path: str) -> None:
    given = path if path == "{{ nothing }}" else {"path": path}
    back = Stand("deployment_plan", {"verb": "validate", "purpose": "rollback"})
    assert back.run({**variables, "slipway_migrations": given})["migrates"] is False
    there = Stand("deployment_plan", {"verb": "validate", "purpose": "deploy"})
    refused = there.run({**variables, "slipway_migrations": given})
    assert refused["failed"] and "slipway_migrations" in refused["msg"]


def test_they_are_looked_at_without_an_approval_and_not_applied(variables: dict[str, Any], tmp_path: Path) -> None:
    given = {
        **variables,
        "slipway_migrations": {"path": str(tmp_path)},
        "slipway_approvals": ["before_migrations"],
    }
    options = {"verb": "validate", "purpose": "migrate"}
    assert "slipway_approvals" in Stand("deployment_plan", options).run(given)["msg"]
    assert Stand("deployment_plan", options, check_mode=True).run(given)["migrates"] is True


def test_a_lease_that_is_held_says_by_whom() -> None:
    stand = Stand("ledger", {"app": "shop", "command": "hold", "purpose": "contract"})
    stand.run({})
    assert "@" in stand.ran[0][1]["holder"]
