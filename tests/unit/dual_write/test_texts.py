# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that must be refused, and the texts that are made of the others, read by PostgreSQL's own grammar."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write import steps, triggers
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.change import parse
from ansible_collections.slipway.release.plugins.module_utils._migrate.dual_write.surroundings import (
    Column,
    ForeignKey,
    Index,
    Surroundings,
    refuse,
)
from pglast import parse_plpgsql, parse_sql

GOOD: dict[str, Any] = {"schema": "public", "table": "orders", "column": "total", "new_column": "cents"}
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"column": ""}, "column"),
    ({"new_column": "x" * 64}, "new_column"),
    ({"new_column": "total"}, "new_column"),
    ({"forward": "{value}"}, "backward"),
    ({"backward": "{value}"}, "forward"),
    ({"forward": "total * 100", "backward": "{value}"}, "forward"),
    ({"same": "{old} = 1"}, "same"),
    ({"handled": [""]}, "handled"),
]
ODD = ['a"b', "a'b", "a\\b", "a%sb", "$slipway$", "select", "Ä ö", "a;b--c", "/*"]


@pytest.mark.parametrize(("given", "where"), REFUSED)
def test_a_change_is_refused(given: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        parse({**GOOD, **given})
    assert caught.value.where == where


def around(**given: Any) -> Surroundings:
    """Of a column that has everything that can be copied."""
    index = Index("i", True, "btree", ("total", "id", "note"), 2, (3, 0), ("fillfactor=70",), "i", True)
    key = ForeignKey("f", ("total",), "public", "other", ("id",), "a", "n", "f", True, True)
    values: dict[str, Any] = {
        "table": 1,
        "column": Column("integer", True),
        "new_type": Column("bigint", True),
        "type_schemas": ("my types",),
        "owner": "the owner",
        "not_null": True,
        "default": "nextval('s'::regclass)",
        "collation": None,
        "comment": "it's",
        "grants": (("PUBLIC", "SELECT", True),),
        "sequences": ("public.s",),
        "indexes": (index,),
        "foreign_keys": (key,),
        "dependents": (),
        "problems": (),
        "expanded": False,
    }
    return Surroundings(**{**values, **given})


@pytest.mark.parametrize("name", ODD)
def test_the_files_are_read_as_they_were_meant(name: str) -> None:
    change = parse({"schema": name, "table": f"{name} t", "column": f"{name} c", "new_column": f"{name} n"})
    files = steps.files(change, around(comment=name))
    counts = {phase: len(parse_sql(text)) for phase, text in files.items()}
    assert counts == {"expand": 9, "migrate": 8, "contract": 7}
    assert parse_plpgsql(triggers.function(change, around()))


def test_a_file_says_its_phase_and_whether_it_is_one_transaction() -> None:
    files = steps.files(parse(GOOD), around())
    for phase, text in files.items():
        assert text.startswith(f"-- slipway:phase {phase}\n-- slipway:placeholders off\n")
    assert ["transaction off" in text for text in files.values()] == [False, True, False]


def test_the_function_finds_nothing_by_the_writers_search_path() -> None:
    text = triggers.function(parse(GOOD), around())
    assert 'SECURITY INVOKER SET search_path = pg_catalog, "my types", pg_temp' in text


def test_an_index_is_copied_with_all_it_has() -> None:
    created = steps.migrate(parse(GOOD), around())[0].sql
    assert created == (
        'CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS "i_cents" ON "public"."orders" USING "btree" '
        '("cents" DESC NULLS FIRST, "id") INCLUDE ("note") NULLS NOT DISTINCT WITH (fillfactor=70)'
    )


def test_types_without_equality_are_compared_as_text() -> None:
    json = Column("json", False)
    assert "(a)::text IS DISTINCT FROM (b)::text" in triggers.distinct("a", "b", json)


def test_a_stated_comparison_is_used_and_null_means_no() -> None:
    change = parse({**GOOD, "same": "abs({old} - {new}) < 1"})
    assert triggers.Conversion(change, around()).agree("o", "n") == "((abs(o - n) < 1\n) IS TRUE)"


def test_long_names_are_cut_to_what_postgresql_keeps_and_stay_different() -> None:
    names = {parse({**GOOD, "table": f"{'é' * 30}{letter}"}).function for letter in "ab"}
    assert len(names) == 2
    assert all(len(name.encode()) <= 63 for name in names)


def test_problems_are_refused_until_they_are_handled() -> None:
    found = around(problems=(("positive", "a CHECK constraint"),))
    with pytest.raises(StateError, match="positive: a CHECK constraint"):
        refuse(parse(GOOD), found)
    refuse(parse({**GOOD, "handled": ["positive"]}), found)
