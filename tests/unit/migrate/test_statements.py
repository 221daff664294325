# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where statements end, what runs in a transaction, and what is refused with its line and column."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate.grammar import SqlSyntaxError
from ansible_collections.slipway.release.plugins.module_utils._migrate.statements import (
    Statement,
    statements,
    statements_of,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.transactions import lets_others_work

ATOMIC = """CREATE FUNCTION f(a int) RETURNS int
BEGIN ATOMIC
  SELECT CASE WHEN a = 1 THEN 2 ELSE 3 END;
  SELECT 4;
END"""
RULE = "CREATE RULE r AS ON INSERT TO t DO ALSO (DELETE FROM u; DELETE FROM v)"
PIECES = [
    "SELECT 1",
    "SELECT 'a;b''c;' , \"x;\"\"y;\"",
    "SELECT E'a\\';b', e'\\\\'",
    "SELECT E'a'\n  'b\\';c' ",
    "SELECT x'1f', U&'d\\0061t;a', n'a;b'",
    "SELECT $$ a; $b$ ; $$, $tag$ ; $$ ; $tag$",
    "SELECT a$1$b FROM t",
    "SELECT /* ; /* ; */ ; */ 1 -- ; '",
    "DO $do$ BEGIN PERFORM 1; END; $do$",
    "SELECT 1 - -1, 2 / 3, 'é;', \"ü\"",
    ATOMIC,
    RULE,
]


def texts(text: str) -> list[str]:
    return [one.text for one in statements(text)]


def in_pieces(text: str, size: int) -> Iterator[str]:
    return (text[at : at + size] for at in range(0, len(text), size))


def one(text: str) -> Statement:
    (found,) = statements(text)
    return found


@pytest.mark.parametrize("sql", PIECES)
def test_a_statement_between_others_is_found_whole(sql: str) -> None:
    assert texts(f"SELECT 0;{sql}\n;SELECT 9;") == ["SELECT 0", sql.rstrip(), "SELECT 9"]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 300])
def test_the_size_of_the_pieces_makes_no_difference(size: int) -> None:
    text = "\n;\n".join(PIECES)
    assert list(statements_of(in_pieces(text, size))) == list(statements(text))


def test_any_order_of_statements_is_found() -> None:
    for order in itertools.islice(_orders(), 60):
        assert texts("\n;".join(order)) == [sql.rstrip() for sql in order]


def _orders() -> Iterator[list[str]]:
    generator = random.Random(4)
    while True:
        yield generator.sample(PIECES, k=generator.randint(1, len(PIECES)))


def test_places_are_those_of_the_first_tokens() -> None:
    text = "-- header\n\n/* a\n/* b */ */ SELECT 1;  SELECT\n 2;\n\tSELECT 3"
    assert [(s.text, s.line, s.column) for s in statements(text, 10)] == [
        ("SELECT 1", 13, 12),
        ("SELECT\n 2", 13, 23),
        ("SELECT 3", 15, 2),
    ]


@pytest.mark.parametrize("text", ["", "  \n", "-- only\n", ";;", "/* a */;-- b", "-- no line break"])
def test_nothing_is_no_statement(text: str) -> None:
    assert texts(text) == []


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("SELECT 1;\nSELEC 2;", 2, 1, 'at or near "SELEC"'),
        ("SELECT 1;\n  SELECT 'ü', 1 FRM t ORDER x;", 2, 21, "syntax error"),
        ("SELECT 1 FROM;\nSELECT 2;", 1, 14, "ends too early"),
        ("CREATE TABLE t (a int;\nSELECT 2;", 1, 22, "ends too early"),
        ("SELECT 1 FROM", 1, 14, "end of input"),
        ("SELECT 'a;\n b;", 1, 8, "unterminated quoted string"),
        ("SELECT $x$ a;\n b; $y$", 1, 8, "unterminated dollar-quoted"),
        ("SELECT 1; /* a\n /* b */", 1, 11, "unterminated /* comment"),
        ("SELECT 1;\n\\connect other\nSELECT 2;", 2, 1, "backslash"),
        ("SELECT 1;\n COPY t FROM STDIN;\n1\n\\.\n", 2, 2, "COPY"),
        ("SELECT '\0'", 1, 9, "NUL"),
    ],
)
def test_what_is_no_sql_is_refused_with_its_place(text: str, line: int, column: int, says: str) -> None:
    with pytest.raises(SqlSyntaxError) as caught:
        list(statements(text, source="db/001_a.sql"))
    assert (caught.value.line, caught.value.column) == (line, column)
    assert says in caught.value.message()
    assert caught.value.where == f"db/001_a.sql:{line}:{column}"
    assert caught.value.remedy


def test_statements_before_an_error_are_given() -> None:
    found = statements("SELECT 1; SELEC 2")
    assert next(found).text == "SELECT 1"
    with pytest.raises(SqlSyntaxError):
        next(found)


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX CONCURRENTLY i ON t (a)",
        "create unique index concurrently if not exists i on t (a)",
        "DROP INDEX CONCURRENTLY i",
        "REINDEX TABLE CONCURRENTLY t",
        "REINDEX (VERBOSE, CONCURRENTLY) INDEX i",
        "REINDEX SCHEMA s",
        "REINDEX DATABASE d",
        "REINDEX SYSTEM d",
        "ALTER TABLE t DETACH PARTITION p CONCURRENTLY",
        "CREATE DATABASE d",
        "DROP DATABASE d",
        "CREATE TABLESPACE s LOCATION '/x'",
        "DROP TABLESPACE s",
        "ALTER DATABASE d SET TABLESPACE s",
        "CREATE SUBSCRIPTION s CONNECTION '' PUBLICATION p",
        "DROP SUBSCRIPTION s",
        "ALTER SUBSCRIPTION s REFRESH PUBLICATION",
        "ALTER SUBSCRIPTION s SET PUBLICATION p",
        "ALTER SUBSCRIPTION s ADD PUBLICATION p WITH (refresh = true)",
        "ALTER SUBSCRIPTION s DROP PUBLICATION p",
        "ALTER SUBSCRIPTION s SET (failover = true)",
        "ALTER SYSTEM SET work_mem = '4MB'",
        "VACUUM",
        "VACUUM FULL t",
        "CLUSTER",
        "DISCARD ALL",
    ],
)
def test_what_postgresql_refuses_in_a_transaction(sql: str) -> None:
    assert not one(sql).transactional


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX i ON t (a)",
        "DROP INDEX i",
        "REINDEX TABLE t",
        "REINDEX (CONCURRENTLY FALSE) TABLE t",
        "ALTER TABLE t DETACH PARTITION p",
        "ALTER TABLE t DETACH PARTITION p FINALIZE",
        "ALTER TYPE e ADD VALUE 'x'",
        "ANALYZE",
        "CLUSTER t USING i",
        "DISCARD TEMP",
        "SELECT 'VACUUM'",
        "ALTER SUBSCRIPTION s ADD PUBLICATION p WITH (refresh = false)",
        "ALTER SUBSCRIPTION s SET (synchronous_commit = off)",
        "ALTER SUBSCRIPTION s DISABLE",
        "ALTER DATABASE d SET work_mem = '4MB'",
        "INSERT INTO t VALUES (1)",
    ],
)
def test_what_postgresql_takes_in_a_transaction(sql: str) -> None:
    assert one(sql).transactional


@pytest.mark.parametrize(
    ("sql", "lets"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (x)", True),
        ("DROP INDEX CONCURRENTLY i", True),
        ("REINDEX TABLE CONCURRENTLY t", True),
        ("REINDEX SCHEMA CONCURRENTLY s", True),
        ("VACUUM (ANALYZE) t", True),
        ("VACUUM (FULL off) t", True),
        ("VACUUM FULL t", False),
        ("VACUUM (FULL) t", False),
        ("CLUSTER", False),
        ("REINDEX SCHEMA s", False),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", False),
        ("CREATE DATABASE d", False),
    ],
)
def test_which_statements_may_wait_since_nobody_waits_behind_them(sql: str, lets: bool) -> None:
    assert not one(sql).transactional and lets_others_work(one(sql)) is lets
