# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Definitions and limits that must be refused, each naming its field, and what makes two definitions the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import (
    parse_definition,
    parse_limits,
)

GOOD: dict[str, Any] = {
    "name": "one",
    "schema": "public",
    "table": "orders",
    "set": {"b": "a + 1"},
    "where": "b IS NULL",
    "key": [],
}

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"name": ""}, "name"),
    ({"name": "a b"}, "name"),
    ({"name": "-a"}, "name"),
    ({"name": "x" * 101}, "name"),
    ({"schema": ""}, "schema"),
    ({"table": "x" * 64}, "table"),
    ({"table": "é" * 32}, "table"),
    ({"table": "a\0b"}, "table"),
    ({"set": {}}, "set"),
    ({"set": {"b": " "}}, "set.b"),
    ({"set": {"": "1"}}, "set"),
    ({"where": ""}, "where"),
    ({"key": ["a", "a"]}, "key"),
    ({"key": ["b"]}, "set"),
]

LIMITS: list[tuple[dict[str, int], str]] = [
    ({"batch_size": 0}, "batch_size"),
    ({"batch_min": 0}, "batch_min"),
    ({"target_ms": 0}, "target_ms"),
    ({"pause_ms": -1}, "pause_ms"),
    ({"lock_timeout_ms": 0}, "lock_timeout_ms"),
    ({"max_replica_lag_ms": -1}, "max_replica_lag_ms"),
    ({"batch_size": 10}, "batch_size"),
    ({"batch_max": 9999}, "batch_size"),
    ({"statement_timeout_ms": 250}, "statement_timeout_ms"),
]


@pytest.mark.parametrize(("given", "where"), REFUSED)
def test_a_definition_is_refused(given: dict[str, Any], where: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_definition({**GOOD, **given})
    assert caught.value.where == where


@pytest.mark.parametrize(("given", "where"), LIMITS)
def test_a_limit_is_refused(given: dict[str, int], where: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_limits(given)
    assert caught.value.where == where


def test_limits_have_defaults_and_zero_is_none() -> None:
    limits = parse_limits({"max_replica_lag_ms": 0, "time_limit": None})
    assert (limits.batch_size, limits.pause_ms, limits.max_replica_lag_ms, limits.time_limit) == (10000, 100, 0, 0)


def test_the_digest_is_that_of_everything_but_the_name() -> None:
    one = parse_definition({**GOOD, "set": {"b": "1", "ü": "2"}})
    assert one.digest == parse_definition({**GOOD, "set": {"ü": "2", "b": "1"}, "name": "other"}).digest
    for changed in (
        replace(one, schema="other"),
        replace(one, table="other"),
        replace(one, where="true"),
        replace(one, key=("a",)),
        replace(one, assignments=(("b", "2"), ("ü", "2"))),
    ):
        assert changed.digest != one.digest
