# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and expressions of any content come out of the statements as PostgreSQL's own grammar reads them."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import parse_definition
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.statements import (
    KeyColumn,
    Query,
    Statements,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.quoting import literal, quoted
from pglast import ast, parse_sql

ODD = ['a"b', "a'b", "a\\b", "a%sb", "a%b", "$$", "select", "Ä ö", "a;b--c", "/*", "{value}"]


def as_sent(query: Query) -> str:
    """The statement as psycopg2 sends it."""
    return query.text % tuple(literal(value) for value in query.values)


def statements(name: str = "orders", where: str = "b IS NULL") -> Statements:
    raw = {"name": "one", "schema": name, "table": name, "set": {name: "a % 2 -- half"}, "where": where, "key": []}
    return Statements(parse_definition(raw), [KeyColumn(f"{name}1", "bigint"), KeyColumn("k2", "text")])


@pytest.mark.parametrize("name", ODD)
def test_an_identifier_is_read_as_it_was_meant(name: str) -> None:
    select = parse_sql(f"SELECT 1 FROM {quoted(name)}")[0].stmt
    assert isinstance(select, ast.SelectStmt)
    assert select.fromClause[0].relname == name


@pytest.mark.parametrize("text", [*ODD, "", "it's", "\\'", "a\nb"])
def test_a_text_is_read_as_it_was_meant(text: str) -> None:
    select = parse_sql(f"SELECT {literal(text)}")[0].stmt
    assert isinstance(select, ast.SelectStmt)
    assert select.targetList[0].val.val.sval == text


@pytest.mark.parametrize("refused", [quoted, literal])
def test_what_no_name_or_text_can_hold_is_refused(refused: object) -> None:
    with pytest.raises(ValueError, match="NUL"):
        refused("a\0b")  # type: ignore[operator]


@pytest.mark.parametrize("name", ODD)
def test_every_statement_is_one_statement(name: str) -> None:
    one = statements(name)
    after, last = ["1", "x'); DROP TABLE orders; --"], ["2", "\\"]
    for query in (
        one.bound(after, 10),
        one.bound(None, 10),
        one.change(after, last),
        one.change_unlocked(after, None),
        one.left_out(None, last),
        one.count(after, last),
        one.change_one(last),
        one.explained(),
    ):
        assert len(parse_sql(as_sent(query))) == 1


def test_a_comment_at_the_end_of_an_expression_hides_nothing() -> None:
    text = as_sent(statements(where="b IS NULL -- still").change(None, None))
    select = parse_sql(text)[0].stmt
    assert isinstance(select, ast.SelectStmt)
    update = select.withClause.ctes[0].ctequery
    assert update.whereClause is not None
    assert getattr(update, "returningList", None) or getattr(update, "returningClause", None)


def test_a_batch_ends_with_its_last_key_and_begins_behind_the_one_before() -> None:
    query = statements().change(["1", "a"], ["2", "b"])
    assert '("orders"."orders1", "orders"."k2") > (%s::bigint, %s::text)' in query.text
    assert '("orders"."orders1", "orders"."k2") <= (%s::bigint, %s::text)' in query.text
    assert query.values == ("1", "a", "2", "b")


def test_the_bound_is_found_in_the_order_of_the_columns_and_not_of_their_texts() -> None:
    assert 'ORDER BY "orders"."orders1", "orders"."k2" OFFSET 9 LIMIT 1' in statements().bound(None, 10).text
