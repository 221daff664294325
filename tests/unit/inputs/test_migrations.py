# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bad input about migrations is refused with the variable's name and a remedy, and shows no secret."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._inputs.migrations import DUAL_WRITE, MIGRATIONS
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, Inputs, validate
from ansible_collections.slipway.release.plugins.module_utils._migrate.options import MIGRATING
from ansible_collections.slipway.release.plugins.modules.pg_dual_write import ARGUMENTS as DUAL_WRITING

from tests.unit.inputs.test_validate import GROUPS, good

SECRET = "s3cr3t"
CHECK = {"name": "filled", "query": "SELECT 1"}
CHANGE = {"table": "orders", "column": "total", "new_column": "cents"}


def judged(tmp_path: Path, verb: str = "migrate", *, check_mode: bool = False, **changes: Any) -> Inputs:
    files = tmp_path / "migrations"
    files.mkdir(exist_ok=True)
    given = {"path": str(files), "dsn": f"dbname=shop password={SECRET}", **changes.pop("database", {})}
    variables = {**good(tmp_path), "slipway_migrations": given, **changes}
    return validate(variables, GROUPS, base=tmp_path, verb=verb, check_mode=check_mode)


def database(**fields: Any) -> dict[str, Any]:
    return {"database": fields}


CASES: list[tuple[dict[str, Any], str, str]] = [
    ({"slipway_migrations": None}, "slipway_migrations", "say where"),
    ({"slipway_migrations": f"dsn={SECRET}"}, "slipway_migrations", "-e @<file>"),
    ({"slipway_migrations": {}}, "slipway_migrations.path", "Directory of the SQL files"),
    (database(path="migrations"), "slipway_migrations.path", "begin it with /"),
    (database(path="/nowhere"), "slipway_migrations.path", "correct it"),
    (database(host="db9"), "slipway_migrations.host", "localhost for the controller"),
    (database(user="Post gres"), "slipway_migrations.user", "at most 32"),
    (database(pasword="x"), "slipway_migrations.pasword", "remove it"),
    (database(schemas=["a", "a"]), "slipway_migrations.schemas", "each schema once"),
    (database(lock_timeout_ms=0), "slipway_migrations.lock_timeout_ms", "1 or more"),
    (database(placeholders={"schema": "x"}), "slipway_migrations.placeholders", "another name"),
    (database(secret_placeholders={"a": f"{SECRET}\n"}), "slipway_migrations.secret_placeholders", "text or a number"),
    (database(lint={"no-such-rule": "off"}), "slipway_migrations.lint.no-such-rule", ""),
    (database(lint={"drop-column": "loud"}), "slipway_migrations.lint.drop-column", "warning"),
    (database(out_of_order="maybe"), "slipway_migrations.out_of_order", "refuse, apply, ignore"),
    (database(backup={"required": True}), "slipway_migrations.backup.record", "set slipway_migrations.backup.record"),
    (database(backup={"record": "b.json"}), "slipway_migrations.backup.record", "begin it with /"),
    (database(backup={"record": "/b", "max_age": 0}), "slipway_migrations.backup.max_age", "at least 1"),
    (database(expected_most=0), "slipway_migrations.expected_most", "at least 1"),
    ({"slipway_migrate_action": "up"}, "slipway_migrate_action", "info, migrate, undo"),
    ({"slipway_migrate_action": "undo"}, "slipway_migrate_to", "name the version"),
    ({"slipway_migrate_action": "baseline"}, "slipway_migrate_to", "name the version"),
    ({"slipway_migrate_to": "latest"}, "slipway_migrate_to", "numbers with dots"),
    ({"slipway_migrate_action": "import"}, "slipway_migrate_from", "flyway or golang-migrate"),
    ({"slipway_migrate_from": "liquibase"}, "slipway_migrate_from", "flyway or golang-migrate"),
    ({"slipway_migrate_phase": "migrate"}, "slipway_migrate_phase", "expand, contract"),
    (
        {"slipway_migrate_phase": "contract", "slipway_migrate_action": "repair"},
        "slipway_migrate_phase",
        "or slipway_migrate_action",
    ),
    ({"slipway_contract_after": -1}, "slipway_contract_after", "use 0 to"),
    ({"slipway_contract_checks": [{**CHECK, "query": " ;"}]}, "slipway_contract_checks[0].query", "write a query"),
    ({"slipway_contract_checks": [CHECK, CHECK]}, "slipway_contract_checks[1].name", "its own"),
    ({"slipway_contract_checks": [{**CHECK, "before": "x"}]}, "slipway_contract_checks[0].before", "numbers with dots"),
    ({"slipway_dual_writes": [{**CHANGE, "new_column": "total"}]}, "slipway_dual_writes[0].new_column", "another name"),
    ({"slipway_dual_writes": [{**CHANGE, "forward": "f({value})"}]}, "slipway_dual_writes[0].backward", "both ways"),
]


@pytest.mark.parametrize(("changes", "where", "remedy"), CASES)
def test_one_wrong_variable_is_named_with_a_remedy(
    tmp_path: Path, changes: dict[str, Any], where: str, remedy: str
) -> None:
    with pytest.raises(InputProblems) as caught:
        judged(tmp_path, **changes)
    assert not caught.value.others, caught.value.as_result()
    assert caught.value.where == where
    assert remedy in caught.value.remedy
    assert SECRET not in str(caught.value.as_result())


def test_what_is_accepted_is_complete_with_the_defaults_of_the_module(tmp_path: Path) -> None:
    accepted = judged(tmp_path)
    assert accepted.migrations is not None
    assert accepted.migrations["host"] == "localhost"
    shared = MIGRATIONS.keys() & MIGRATING.keys()
    assert {name: accepted.migrations[name] for name in shared - {"path", "dsn"}} == {
        name: MIGRATING[name]["default"] for name in shared - {"path", "dsn"}
    }
    assert accepted.contract_after == 14 * 24 * 3600


def test_only_migrating_needs_migrations(tmp_path: Path) -> None:
    assert judged(tmp_path, verb="deploy", slipway_migrations=None).migrations is None


def test_files_on_a_host_are_not_looked_for_on_the_controller(tmp_path: Path) -> None:
    assert judged(tmp_path, database={"host": "db1", "path": "/opt/shop/migrations"}).migrations


APPROVED_FIRST = {"slipway_approvals": ["before_traffic", "before_migrations"]}
CONTRACTING = {"slipway_migrate_phase": "contract"}
UNDOING = {"slipway_migrate_action": "undo", "slipway_migrate_to": "3"}


@pytest.mark.parametrize("acting", [{}, CONTRACTING, UNDOING], ids=["migrate", "contract", "undo"])
def test_what_waits_for_an_approval_is_not_applied_without_one(tmp_path: Path, acting: dict[str, Any]) -> None:
    with pytest.raises(InputProblems) as caught:
        judged(tmp_path, **APPROVED_FIRST, **acting)
    assert (caught.value.where, caught.value.others) == ("slipway_approvals", [])
    assert "migrate.yml asks for no approval" in caught.value.what
    assert "deploy.yml asks for the approval of what adds" in caught.value.remedy
    assert "slipway_force=true with a slipway_reason does it without" in caught.value.remedy
    with pytest.raises(InputProblems) as unreasoned:
        judged(tmp_path, **APPROVED_FIRST, **acting, slipway_force=True)
    assert unreasoned.value.where == "slipway_reason"
    assert judged(tmp_path, **APPROVED_FIRST, **acting, slipway_force=True, slipway_reason="at night").force
    assert judged(tmp_path, **APPROVED_FIRST, **acting, check_mode=True).approvals
    assert judged(tmp_path, slipway_approvals=["before_traffic"], **acting).approvals


@pytest.mark.parametrize(
    "acting",
    [
        {"slipway_migrate_action": "info"},
        {"slipway_migrate_action": "repair"},
        {"slipway_migrate_action": "baseline", "slipway_migrate_to": "3"},
        {"slipway_migrate_action": "import", "slipway_migrate_from": "flyway"},
    ],
    ids=["info", "repair", "baseline", "import"],
)
def test_what_changes_no_schema_waits_for_no_approval(tmp_path: Path, acting: dict[str, Any]) -> None:
    assert judged(tmp_path, **APPROVED_FIRST, **acting).approvals


def test_other_playbooks_ask_for_it_themselves(tmp_path: Path) -> None:
    for verb in ("deploy", *OTHERS):
        assert judged(tmp_path, verb=verb, **APPROVED_FIRST, slipway_reason="now").approvals


OTHERS = ("rollback", "abort", "approve", "release_lease", "validate")


@pytest.mark.parametrize("verb", OTHERS)
def test_a_way_back_needs_no_files(tmp_path: Path, verb: str) -> None:
    missing = judged(tmp_path, verb=verb, database={"path": "/nowhere"}, slipway_reason="now")
    assert missing.migrations is None
    assert missing.migrations_unread == "there is no directory /nowhere on the controller"
    there = judged(tmp_path, verb=verb, slipway_reason="now")
    assert there.migrations and not there.migrations_unread
    elsewhere = judged(tmp_path, verb=verb, database={"host": "db1", "path": "/nowhere"}, slipway_reason="now")
    assert elsewhere.migrations and not elsewhere.migrations_unread


@pytest.mark.parametrize("verb", OTHERS)
def test_a_way_back_does_without_what_cannot_be_evaluated(tmp_path: Path, verb: str) -> None:
    variables = {**good(tmp_path), "slipway_reason": "now"}
    undefined = {"slipway_migrations": "'slipway_version' is undefined"}
    accepted = validate(variables, GROUPS, base=tmp_path, verb=verb, undefined=undefined)
    assert accepted.migrations is None
    assert accepted.migrations_unread == "it cannot be evaluated: 'slipway_version' is undefined"
    with pytest.raises(InputProblems) as caught:
        validate(variables, GROUPS, base=tmp_path, verb=verb, undefined={**undefined, "slipway_config": "no"})
    assert [caught.value.where, *caught.value.others] == ["slipway_config"]


@pytest.mark.parametrize("verb", ["deploy", "migrate"])
def test_what_applies_needs_the_files(tmp_path: Path, verb: str) -> None:
    with pytest.raises(InputProblems) as missing:
        judged(tmp_path, verb=verb, database={"path": "/nowhere"})
    assert missing.value.where == "slipway_migrations.path"
    undefined = {"slipway_migrations": "'slipway_version' is undefined"}
    with pytest.raises(InputProblems) as unknown:
        validate(good(tmp_path), GROUPS, base=tmp_path, verb=verb, undefined=undefined)
    assert (unknown.value.where, unknown.value.others) == ("slipway_migrations", [])


def test_a_rule_may_be_off_as_yaml_reads_it(tmp_path: Path) -> None:
    assert judged(tmp_path, database={"lint": {"drop-column": False}}).migrations


def test_the_module_takes_what_the_variable_does() -> None:
    assert not MIGRATIONS.keys() - MIGRATING.keys() - {"host", "user", "expected_most", "backup"}
    assert not DUAL_WRITE.keys() - DUAL_WRITING.keys()
