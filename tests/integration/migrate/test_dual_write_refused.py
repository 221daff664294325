# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Columns and changes that are refused. Touches a cluster of its own."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.session import SqlError

from tests.integration.migrate.clusters import Cluster
from tests.integration.migrate.dual_writes import change, make, phases

REFUSED = {
    "generated": ("total int GENERATED ALWAYS AS (1) STORED", "", "generated column"),
    "identity": ("total int GENERATED ALWAYS AS IDENTITY", "", "identity column"),
    "generated from": ("total int, twice int GENERATED ALWAYS AS (total * 2) STORED", "", "generated from it"),
    "check": ("total int CHECK (total > 0)", "", "CHECK constraint"),
    "referred to": ("total int UNIQUE", "CREATE TABLE lines (total int REFERENCES orders (total))", "refers to it"),
    "partial index": ("total int", "CREATE INDEX ON orders (id) WHERE total > 0", "an expression, a condition"),
    "expression index": ("total int", "CREATE INDEX ON orders ((total + 1))", "an expression, a condition"),
    "operator class": ("total text", "CREATE INDEX ON orders (total text_pattern_ops)", "an operator class"),
    "exclusion": ("total int, EXCLUDE USING btree (total WITH =)", "", "exclusion"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_copied_is_refused(cluster: Cluster, case: str) -> None:
    column, statement, said = REFUSED[case]
    cluster.sql("DROP TABLE IF EXISTS lines")
    make(cluster, column)
    if statement:
        cluster.sql(statement)
    with phases(cluster, change()) as both, pytest.raises(StateError, match=said) as caught:
        both.expand()
    assert "handled" in caught.value.remedy
    assert (
        cluster.value("SELECT count(*) FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'cents'")
        == 0
    )


def test_what_is_handled_is_left_to_the_operator(cluster: Cluster) -> None:
    make(cluster, "total int CONSTRAINT positive CHECK (total > 0)")
    with phases(cluster, change(handled=["positive"])) as both:
        assert both.expand() != []


def test_the_primary_key_is_refused(cluster: Cluster) -> None:
    make(cluster)
    with phases(cluster, change(column="id")) as both, pytest.raises(StateError, match="primary key"):
        both.expand()


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"column": "nothing"}, InputError),
        ({"new_type": "nothing"}, InputError),
        ({"new_type": "point"}, SqlError),
        ({"forward": "nothing({value})", "backward": "{value}"}, SqlError),
        ({"table": "nothing"}, InputError),
    ],
)
def test_what_the_server_does_not_understand_is_refused_before_anything_is_made(
    cluster: Cluster, given: dict[str, Any], error: type[Exception]
) -> None:
    make(cluster, "total int")
    with phases(cluster, change(**given)) as both, pytest.raises(error):
        both.expand()
    assert cluster.value("SELECT count(*) FROM pg_proc WHERE proname LIKE 'slipway%'") == 0
