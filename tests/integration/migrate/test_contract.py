# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must be so before something is contracted, and what is told of ages and of what was contracted."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._migrate.contract import checks
from ansible_collections.slipway.release.plugins.module_utils._migrate.directives import PHASES
from ansible_collections.slipway.release.plugins.module_utils._migrate.fit import forms, misfit
from ansible_collections.slipway.release.plugins.module_utils._migrate.names import version_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.report import report
from ansible_collections.slipway.release.plugins.module_utils._migrate.session import Access

from .conftest import Writer
from .scene import migrate, options, picture, refusal
from .server import Database

DAY = 86_400
FILES = {
    "1_orders.sql": "CREATE TABLE orders (id int PRIMARY KEY, total text);",
    "2_cents.sql": "ALTER TABLE orders ADD COLUMN cents bigint;",
    "3_drop.sql": "-- slipway:phase contract\nALTER TABLE orders DROP COLUMN total;",
}
UNFILLED = {"name": "every order has cents", "query": "SELECT id FROM orders WHERE cents IS NULL; ", "before": "3"}


def made_earlier(database: Database, version: int, seconds: int) -> None:
    then = f"clock_timestamp() - interval '{seconds} s'"
    database.sql(f"UPDATE slipway_migrations SET started = {then} WHERE migration = '{version}'")


def has_column(database: Database, table: str, column: str) -> bool:
    found = "SELECT count(*) FROM information_schema.columns WHERE table_name = '{}' AND column_name = '{}'"
    return bool(database.one(found.format(table, column)))


def gates(**more: Any) -> dict[str, Any]:
    return {"phases": ("contract",), "contract_checks": checks([UNFILLED], "contract_checks"), **more}


def test_what_was_expanded_lately_is_not_contracted(database: Database, write: Writer) -> None:
    directory = write(FILES)
    migrate(directory, database)
    made_earlier(database, 1, 20 * DAY)
    made_earlier(database, 2, 13 * DAY)
    before = picture(database)
    error = refusal(directory, database, **gates(contract_after=14 * DAY))
    assert error.where.endswith("3_drop.sql")
    assert "2_cents.sql has expanded in public 13 days ago, and not 14 days" in error.what
    assert "run it in 24 hours" in error.remedy
    assert picture(database) == before
    made_earlier(database, 2, 14 * DAY + 60)
    migrate(directory, database, **gates(contract_after=14 * DAY))
    assert not has_column(database, "orders", "total")


@pytest.mark.parametrize("state", ["", "failed", "undone"])
def test_what_is_not_expanded_yet_has_no_age(database: Database, write: Writer, state: str) -> None:
    directory = write(FILES)
    migrate(directory, database, target=version_of("1", "target"))
    made_earlier(database, 1, 20 * DAY)
    if state:
        database.sql(
            f"INSERT INTO slipway_migrations SELECT '2', statement, name, '2_cents.sql', phase, checksum, '{state}',"
            " origin, started, duration_ms, line, error, actor, tool, deployment, token FROM slipway_migrations"
            " WHERE migration = '1' AND statement = 0"
        )
    before = picture(database)
    error = refusal(directory, database, phases=PHASES, contract_after=14 * DAY)
    assert error.where.endswith("3_drop.sql")
    assert "contracts what 2_cents.sql has not expanded in public yet" in error.what
    assert "run it 14 days after that, or state" in error.remedy
    assert picture(database) == before
    migrate(directory, database, phases=PHASES, contract_after=14 * DAY, target=version_of("2", "target"))
    refusal(directory, database, phases=PHASES, contract_after=14 * DAY)
    migrate(directory, database, phases=PHASES)
    assert not has_column(database, "orders", "total")


def test_what_a_baseline_stands_for_is_old_enough(database: Database, write: Writer) -> None:
    database.sql("CREATE TABLE orders (id int PRIMARY KEY, total text, cents bigint)")
    directory = write(FILES)
    migrate(directory, database, action="baseline", target=version_of("2", "target"))
    migrate(directory, database, phases=PHASES, contract_after=14 * DAY)
    assert not has_column(database, "orders", "total")
    later = {
        "4_tax.sql": "ALTER TABLE orders ADD COLUMN tax int;",
        "5_net.sql": "ALTER TABLE orders ADD COLUMN net int;",
    }
    migrate(write(later), database)
    directory = write({"6_drop.sql": "-- slipway:phase contract\nALTER TABLE orders DROP COLUMN tax;"})
    assert "what 4_tax.sql" in refusal(directory, database, phases=PHASES, contract_after=14 * DAY).what
    migrate(directory, database, action="baseline", target=version_of("5", "target"))
    migrate(directory, database, phases=PHASES, contract_after=14 * DAY)
    assert not has_column(database, "orders", "tax")


def test_what_came_after_it_does_not_make_it_wait(database: Database, write: Writer) -> None:
    directory = write({**FILES, "4_later.sql": "CREATE TABLE later ();"})
    migrate(directory, database)
    made_earlier(database, 1, 20 * DAY)
    made_earlier(database, 2, 20 * DAY)
    migrate(directory, database, **gates(contract_after=14 * DAY))
    assert not has_column(database, "orders", "total")


def test_data_that_are_not_consistent_are_not_contracted(database: Database, write: Writer) -> None:
    directory = write(FILES)
    migrate(directory, database)
    database.sql("INSERT INTO orders VALUES (1, '1.00', 100), (2, '2.00', NULL), (3, '3.00', NULL)")
    before = picture(database)
    error = refusal(directory, database, **gates())
    assert error.where == "check 'every order has cents' in public"
    assert "returns 2 rows" in error.what and "backfill" in error.remedy
    assert picture(database) == before
    database.sql("UPDATE orders SET cents = 0 WHERE cents IS NULL")
    migrate(directory, database, **gates())
    assert not has_column(database, "orders", "total")


def test_a_check_is_over_with_its_migration(database: Database, write: Writer) -> None:
    migrate(write(FILES), database)
    migrate(write({}), database, **gates())
    gone = checks([{**UNFILLED, "query": "SELECT total FROM orders"}], "contract_checks")
    later = write({"4_more.sql": "-- slipway:phase contract\nDROP TABLE orders;"})
    migrate(later, database, **gates(contract_checks=gone))
    assert not has_column(database, "orders", "id")


def test_what_has_begun_is_not_asked_again(database: Database, write: Writer) -> None:
    halves = "-- slipway:phase contract\n-- slipway:transaction off\nALTER TABLE orders DROP COLUMN total;\n{}"
    migrate(write({**FILES, "3_drop.sql": "-- slipway:phase contract\nSELECT 1;"}), database)
    asks = gates(contract_checks=checks([{**UNFILLED, "query": "SELECT total FROM orders WHERE cents < 0"}], "checks"))
    refusal(write({"3_drop.sql": halves.format("SELECT none;")}), database, **asks)
    assert not has_column(database, "orders", "total")
    migrate(write({"3_drop.sql": halves.format("SELECT 1;")}), database, **asks)


@pytest.mark.parametrize(
    ("query", "code"), [("SELECT none FROM orders", "42703"), ("DELETE FROM orders RETURNING id", "42601")]
)
def test_a_check_that_is_no_query_refuses(database: Database, write: Writer, query: str, code: str) -> None:
    directory = write(FILES)
    migrate(directory, database)
    asked = checks([{**UNFILLED, "query": query}], "contract_checks")
    error = refusal(directory, database, **gates(contract_checks=asked))
    assert code in error.what and error.remedy == "correct the query; nothing was changed"
    assert has_column(database, "orders", "total")


@pytest.mark.parametrize(
    ("before", "what"),
    [
        ("2", "2 is the version of 2_cents.sql, which is of the phase expand"),
        ("3.1", "3.1 is the version of no migration"),
        ("31", "31 is the version of no migration"),
    ],
)
def test_a_check_for_what_is_not_contracted_is_refused(
    database: Database, write: Writer, before: str, what: str
) -> None:
    directory = write(FILES)
    asked = checks([{**UNFILLED, "name": "all", "before": ""}, {**UNFILLED, "before": before}], "contract_checks")
    migrate(directory, database, contract_checks=asked)
    error = refusal(directory, database, **gates(contract_checks=asked))
    assert error.where == "contract_checks[1].before" and what in error.what
    assert "a file of the phase contract" in error.remedy
    assert has_column(database, "orders", "total")


def test_a_check_may_stay_when_its_migration_is_over_and_gone(database: Database, write: Writer) -> None:
    directory = write(FILES)
    migrate(directory, database)
    migrate(directory, database, **gates())
    (directory / "3_drop.sql").unlink()
    lower = checks([{**UNFILLED, "before": "2.5"}, {**UNFILLED, "name": "own"}], "contract_checks")
    migrate(directory, database, action="baseline", target=version_of("3", "target"))
    write({"4_more.sql": "-- slipway:phase contract\nDROP TABLE orders;"})
    migrate(directory, database, **gates(contract_checks=lower))
    assert not has_column(database, "orders", "id")


def test_rows_that_a_policy_hides_are_not_taken_for_consistent(database: Database, write: Writer) -> None:
    directory = write(FILES)
    migrate(directory, database)
    role = f"contractor_{database.name}"
    database.sql(
        f"INSERT INTO orders VALUES (1, '1.00', NULL); CREATE ROLE {role} LOGIN;"
        f" GRANT ALL ON SCHEMA public TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA public TO {role};"
        " ALTER TABLE orders ENABLE ROW LEVEL SECURITY;"
    )
    try:
        error = refusal(directory, database, access=Access(database.dsn(user=role)), **gates())
        assert error.where == "check 'every order has cents' in public"
        assert "row-level security" in error.what and "BYPASSRLS" in error.remedy
        assert has_column(database, "orders", "total")
    finally:
        database.sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_check_writes_nothing(database: Database, write: Writer) -> None:
    deletes = "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'DELETE FROM orders; SELECT 1'"
    directory = write({**FILES, "V2.1__f.sql": deletes})
    migrate(directory, database)
    asked = checks([{**UNFILLED, "query": "SELECT f()"}], "contract_checks")
    assert "25006" in refusal(directory, database, **gates(contract_checks=asked)).what


@pytest.mark.parametrize("one", [{"name": " "}, {"query": " ; "}, {"before": "now"}])
def test_a_bad_check_is_named(one: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        checks([{**UNFILLED, **one}], "contract_checks")
    assert f"contract_checks[0].{next(iter(one))}" == caught.value.where


def test_a_contract_that_is_half_done_is_told(database: Database, write: Writer) -> None:
    off = "-- slipway:phase contract\n-- slipway:transaction off\nALTER TABLE orders DROP COLUMN total;\nSELECT none;"
    directory = write({**FILES, "3_drop.sql": off})
    migrate(directory, database)
    refusal(directory, database, **gates())
    (part,) = report(options(directory, database))
    assert part["contracted"] == "3" and part["migrations"][2]["state"] == "failed"
    assert [row["stays"] for row in part["migrations"]] == [True, True, True]
    assert misfit({"min": 1, "max": 2}, forms([part])) == "it works up to schema 2, and public is contracted to 3"


def test_the_report_tells_ages_and_what_was_contracted(database: Database, write: Writer) -> None:
    directory = write(FILES)
    migrate(directory, database)
    made_earlier(database, 2, 3 * DAY)
    (part,) = report(options(directory, database))
    assert part["contracted"] == ""
    assert [row["age"] is not None for row in part["migrations"]] == [True, True, False]
    assert 3 * DAY <= part["migrations"][1]["age"] <= 3 * DAY + 60
    migrate(directory, database, phases=("contract",))
    assert report(options(directory, database))[0]["contracted"] == "3"
    (directory / "3_drop.sql").unlink()
    assert report(options(directory, database))[0]["contracted"] == "3"
