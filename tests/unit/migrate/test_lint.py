# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What lint is told, and how it says what it finds: severities, waivers, sizes, the memory it takes, its page."""

from __future__ import annotations

import itertools
import tracemalloc
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._migrate.directives import Directives
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.model import (
    ERROR,
    OFF,
    WARNING,
    Check,
    DataType,
    Finding,
    Table,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.run import MOST_OF_ONE_RULE, lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.seen import Seen
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.table import BY_NAME, RULES
from ansible_collections.slipway.release.plugins.module_utils._migrate.linting import Lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.statements import statements, statements_of
from ansible_collections.slipway.release.plugins.module_utils._migrate.text import Section

from tests.fixtures.migrate.cases import SchemaFacts
from tools.docs import NOTICE
from tools.lint_rules import lint_page

TOP = Path(__file__).resolve().parents[3]
INDEX = "CREATE INDEX ON orders (a);"


def found(sql: str, **more: Any) -> list[Finding]:
    told: Mapping[str, Any] = {
        "transactional": True,
        "phase": "expand",
        "waivers": {},
        "severities": {},
        "server_version": 15,
        **more,
    }
    return lint(statements(sql), **told)


def rules(sql: str, **more: Any) -> list[tuple[str, str]]:
    return [(one.rule, one.severity) for one in found(sql, **more)]


def test_the_message_says_which_lock_and_whom_it_stops_and_the_remedy_has_the_names() -> None:
    (finding,) = found('CREATE INDEX ON app."Größen" ("Maß");')
    assert finding.message.startswith('CREATE INDEX on app."Größen" without CONCURRENTLY: takes SHARE on the table')
    assert finding.remedy == (
        "-- file 1\n-- slipway:phase expand\n-- slipway:transaction off\n"
        'CREATE INDEX CONCURRENTLY IF NOT EXISTS "Größen_Maß_idx" ON app."Größen" ("Maß");'
    )


@pytest.mark.parametrize("severity", [ERROR, WARNING])
def test_a_severity_is_the_operators(severity: str) -> None:
    assert rules(INDEX, severities={"index-create": severity}) == [("index-create", severity)]


def test_a_rule_that_is_off_says_nothing() -> None:
    assert rules(INDEX, severities={"index-create": OFF}) == []


@pytest.mark.parametrize("severities", [{"index-creation": "off"}, {"index-create": "fatal"}])
def test_a_severity_that_means_nothing_is_refused(severities: dict[str, str]) -> None:
    with pytest.raises(InputError, match="there is no such rule|is no severity"):
        found("SELECT 1", severities=severities)


def test_a_waiver_with_a_reason_counts_for_its_rule_only() -> None:
    waivers = {"index-create": "nobody writes to it at night"}
    assert rules(INDEX + "DROP TABLE t;", waivers=waivers) == [("drop-table", ERROR)]


def test_a_waiver_without_a_reason_does_not_count() -> None:
    assert rules(INDEX, waivers={"index-create": " "}) == [("index-create", ERROR), ("waiver-reason", ERROR)]


def test_a_waiver_that_matches_only_what_turned_out_harmless_is_reported() -> None:
    assert rules("UPDATE t SET a = 1 WHERE a > 1;", waivers={"backfill-with-ddl": "few rows"}) == [
        ("waiver-unused", WARNING)
    ]


def test_a_small_table_makes_an_error_a_warning_where_size_is_what_hurts() -> None:
    sql = "ALTER TABLE tiny ADD CHECK (id > 0), DROP COLUMN name;"
    assert rules(sql, catalog=SchemaFacts()) == [("constraint-valid", WARNING), ("drop-column", ERROR)]
    asked_for = {"constraint-valid": ERROR}
    assert rules(sql, catalog=SchemaFacts(), severities=asked_for)[0] == ("constraint-valid", ERROR)


def test_a_table_that_the_database_does_not_have_is_new() -> None:
    assert rules("CREATE INDEX ON refunds (a);", catalog=SchemaFacts()) == []


def test_a_set_of_files_is_one_change() -> None:
    seen = Seen()
    assert rules("CREATE TABLE t (id bigint);", seen=seen) == []
    assert rules("CREATE INDEX ON t (id);", seen=seen) == []
    assert rules("CREATE INDEX ON t (id);") == [("index-create", ERROR)]


def test_names_without_a_schema_belong_where_the_runner_says() -> None:
    seen = Seen("tenant_a")
    assert rules("CREATE TABLE tenant_a.t (id bigint); CREATE INDEX ON t (id);", seen=seen) == []
    assert rules("CREATE INDEX ON public.t (id);", seen=seen) == [("index-create", ERROR)]


def test_the_search_path_of_one_file_is_not_that_of_the_next() -> None:
    seen = Seen()
    assert rules("SET search_path = app; CREATE TABLE t (id bigint);", seen=seen) == []
    assert rules("CREATE INDEX ON t (id);", seen=seen) == [("index-create", ERROR)]


def test_the_sequence_of_a_serial_that_the_file_makes_is_new() -> None:
    sql = "CREATE TABLE t (id bigserial, n serial4); REVOKE ALL ON SEQUENCE t_id_seq, t_n_seq FROM PUBLIC;"
    assert "rights-lost" not in [rule for rule, _severity in rules(sql)]
    assert ("rights-lost", WARNING) in rules(f"{sql} REVOKE ALL ON SEQUENCE t_x_seq FROM PUBLIC;")
    perhaps = "ALTER TABLE o ADD COLUMN IF NOT EXISTS n bigserial; REVOKE ALL ON SEQUENCE o_n_seq FROM PUBLIC;"
    assert ("rights-lost", WARNING) in rules(perhaps)
    assert ("rights-lost", WARNING) not in rules(perhaps.replace("IF NOT EXISTS ", ""))


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("REVOKE ALL ON LARGE OBJECT 17 FROM app", "REVOKE on large object 17 in"),
        ("ALTER LARGE OBJECT 17 OWNER TO app", "OWNER TO app of large object 17 in"),
        ("ALTER OPERATOR app.+ (int, text) OWNER TO app", "OWNER TO app of app.+ (integer, text) in"),
        ("ALTER OPERATOR - (NONE, int) OWNER TO app", "OWNER TO app of - (integer) in"),
    ],
)
def test_whose_rights_change_is_named(sql: str, shown: str) -> None:
    assert found(sql)[0].message.startswith(shown)


@pytest.mark.parametrize(
    ("values", "condition"),
    [
        ("'a', NULL", "kind IS NOT NULL AND kind NOT IN ('a')"),
        ("NULL::text", "kind IS NOT NULL"),
        ("'a,b', (concat('(', 'c')), NULL, 'd'", "kind IS NOT NULL AND kind NOT IN ('a,b', (concat('(', 'c')), 'd')"),
        ("'a', 'NULL'", "kind NOT IN ('a', 'NULL')"),
    ],
)
def test_what_keeps_a_list_out_of_the_default_partition_can_be_true_beside_null(values: str, condition: str) -> None:
    sql = f"CREATE TABLE t_a PARTITION OF t FOR VALUES IN ({values});"
    (finding,) = found(sql, catalog=Partitioned())
    assert f"CHECK ({condition}) NOT VALID" in finding.remedy


@pytest.mark.parametrize(
    ("written", "bounds", "found_rules"),
    [
        ("((at < '2030-01-01 00:00:00+00'::timestamp with time zone))", "FROM ('2030-01-01') TO (MAXVALUE)", []),
        ("(at < '2030-01-01'::date)", "FROM ('2030-01-01') TO ('2031-01-01')", ["partition-default"]),
        ("(at <> '2030-01-01-x'::text)", "FROM ('2030-01-01') TO (MAXVALUE)", ["partition-default"]),
        ("(at < '-5'::integer)", "FROM (-5) TO (MAXVALUE)", []),
        ("(at < 50)", "FROM (5) TO (MAXVALUE)", ["partition-default"]),
        ("(at IS NOT NULL)", "FROM (MINVALUE) TO (MAXVALUE)", ["partition-default"]),
    ],
)
def test_a_check_counts_for_the_bounds_that_it_speaks_of(written: str, bounds: str, found_rules: list[str]) -> None:
    sql = f"CREATE TABLE t_a PARTITION OF t FOR VALUES {bounds};"
    assert [rule for rule, _severity in rules(sql, catalog=Partitioned("at", written))] == found_rules


class Partitioned:
    """A database with a partitioned table and its default partition.

    :param check: what the latter says.
    """

    def __init__(self, key: str = "kind", check: str = "(id > 0)") -> None:
        big = 50 * 1024 * 1024
        self._tables = {
            "t": Table(big, partitioned=True, partition_key=frozenset({key}), default_partition=("public", "t_other")),
            "t_other": Table(big, checks=(Check("known", check, True),)),
        }

    def table(self, _schema: str, name: str) -> Table | None:
        return self._tables.get(name)

    def table_of_index(self, _schema: str, _name: str) -> None:
        return None

    def type(self, _schema: str, _name: str) -> None:
        return None

    def volatile(self, _function: str) -> None:
        return None

    def unforeseeable(self, _schemas: Sequence[str], _function: str) -> None:
        return None


class Tables:
    """A database that has some big tables and nothing else."""

    def __init__(self, *names: tuple[str, str]) -> None:
        self._names = names

    def table(self, schema: str, name: str) -> Table | None:
        return Table(50 * 1024 * 1024) if (schema, name) in self._names else None

    def table_of_index(self, schema: str, name: str) -> tuple[str, str] | None:
        return (schema, name[: -len("_idx")]) if (schema, name[: -len("_idx")]) in self._names else None

    def type(self, schema: str, name: str) -> DataType | None:
        return None

    def volatile(self, function: str) -> bool | None:
        return None


def test_a_name_without_a_schema_is_looked_up_in_all_of_the_search_path() -> None:
    catalog = Tables(("tenant", "orders"), ("public", "shops"))
    seen = Seen("tenant", ["public"])
    sql = "CREATE INDEX ON orders (a); CREATE INDEX ON shops (a); DROP INDEX shops_idx; CREATE INDEX ON nothing (a);"
    assert rules(sql, seen=seen, catalog=catalog) == [("index-create", ERROR)] * 2 + [("index-drop", ERROR)]
    assert rules("CREATE INDEX ON shops (a);", seen=Seen("tenant"), catalog=catalog) == []


def test_a_new_table_hides_one_of_a_later_schema() -> None:
    catalog = Tables(("public", "shops"))
    made = "CREATE TABLE IF NOT EXISTS shops (id bigint);"
    assert rules(f"{made} CREATE INDEX ON shops (id);", seen=Seen("tenant", ["public"]), catalog=catalog) == []
    assert rules(f"{made} CREATE INDEX ON shops (id);", seen=Seen(), catalog=catalog) == [("index-create", ERROR)]


def test_a_table_that_a_query_would_make_if_it_were_not_there_is_old() -> None:
    sql = "CREATE TABLE IF NOT EXISTS shops AS SELECT 1 AS id; CREATE INDEX ON shops (id);"
    assert rules(sql, catalog=Tables(("public", "shops"))) == [("index-create", ERROR)]
    assert rules(sql, catalog=Tables()) == []


@pytest.mark.parametrize("path", ["public, app", "'public,app'", 'pg_temp, "$user", app'])
def test_a_search_path_that_the_file_sets_is_looked_through_as_well(path: str) -> None:
    sql = f"SET search_path = {path}; CREATE INDEX ON jobs (id);"
    assert rules(sql, catalog=Tables(("app", "jobs"))) == [("index-create", ERROR)]


def test_what_is_new_to_one_schema_is_not_new_to_another() -> None:
    session: Any = Answers(("b", "orders"), ("public", "shops"))
    section = Section(Path("001_a.sql"), Directives())
    sql = "CREATE TABLE IF NOT EXISTS orders (id bigint); CREATE INDEX ON orders (id); CREATE INDEX ON shops (id);"
    lint_of_run = Lint({})
    found_in = [
        [one["column"] for one in lint_of_run.findings(statements(sql), section, session, (schema, "public"))]
        for schema in ("a", "b", "a")
    ]
    shops = sql.index("CREATE INDEX ON shops") + 1
    orders = sql.index("CREATE INDEX ON orders") + 1
    assert found_in == [[shops], [orders, shops], [shops]]


class Answers:
    """A session with a database that has some big tables and nothing else."""

    connection = SimpleNamespace(server_version=150000)

    def __init__(self, *names: tuple[str, str]) -> None:
        self._names = names

    def ask(self, sql: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return [(1, False, 50 * 1024 * 1024)] if "pg_class c JOIN" in sql and values in self._names else []


def test_an_enum_value_needs_no_transaction_before_12() -> None:
    sql = "ALTER TYPE mood ADD VALUE 'x' BEFORE 'y';"
    assert rules(sql, server_version=11) == [("concurrently-in-txn", ERROR)]
    assert rules(sql, server_version=12) == []


def test_many_findings_of_one_rule_are_counted_and_not_kept() -> None:
    findings = found(INDEX * 250)
    assert len(findings) == MOST_OF_ONE_RULE
    assert findings[-1].message.endswith("(and 150 more of this rule)")


def test_memory_does_not_grow_with_the_file() -> None:
    peak_of(150)
    assert peak_of(600) < peak_of(150) + 900_000


def peak_of(count: int) -> int:
    """Bytes that a file of ``count`` parts takes at most, each part with statements of many kinds."""
    part = "\n".join(
        [
            "INSERT INTO t (a, b) VALUES (1, 'x'), (2, 'y');",
            "UPDATE t SET a = 2 WHERE b = 'x';",
            "ALTER TABLE t ADD COLUMN c int NOT NULL;",
            "DROP INDEX i;",
            "INSERT INTO t SELECT 1;",
        ]
    )

    def text() -> Iterator[str]:
        return itertools.repeat(part, count)

    told: Any = {"transactional": True, "phase": "expand", "waivers": {}, "severities": {}, "server_version": 15}
    lint(statements_of(iter([part]), source="warm"), **told)
    tracemalloc.start()
    try:
        lint(statements_of(text(), source="test"), **told)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_the_page_about_the_rules_is_that_of_the_table() -> None:
    page = (TOP / "docs" / "migrations-lint.md").read_text(encoding="utf-8")
    assert page == NOTICE + lint_page()
    assert all(f"| `{rule.name}` | {rule.severity} |" in page for rule in RULES)


def test_names_of_rules_are_unique() -> None:
    assert len(BY_NAME) == len(RULES)
