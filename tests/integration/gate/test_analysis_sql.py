# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Metrics of a real PostgreSQL."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._analysis.model import MetricFinding
from ansible_collections.slipway.release.plugins.module_utils._analysis.run import Analysis, as_results
from ansible_collections.slipway.release.plugins.module_utils._analysis.spec import parse

from .conftest import sql


def finding_of(**raw: Any) -> MetricFinding:
    """The finding of one metric, which is asked once and not again."""
    metric = {"name": "orders", "type": "sql", "consecutive_error_limit": 0, **raw}
    return Analysis(parse([metric])).run()[0]


@pytest.mark.parametrize(
    ("query", "condition", "verdict"),
    [
        ("SELECT 40 + 2", "result == 42", "pass"),
        ("SELECT 40 + 2", "result < 42", "fail"),
        ("SELECT 0.5::numeric", "result == 0.5", "pass"),
        ("SELECT count(*) AS orders, avg(value) AS worth FROM gate_test", "result.orders == 0", "pass"),
        ("SELECT avg(value) FROM gate_test", "result >= 0", "insufficient"),
        ("SELECT value FROM gate_test", "result >= 0", "insufficient"),
        ("SELECT 'NaN'::float8", "result >= 0", "insufficient"),
        ("SELECT true", "result == true", "pass"),
        ("SELECT now()", "result > '2020'", "pass"),
    ],
)
def test_verdicts(database: str, query: str, condition: str, verdict: str) -> None:
    finding = finding_of(dsn=database, query=query, success_condition=condition)
    assert finding.verdict == verdict, finding
    json.dumps(as_results([finding]), allow_nan=False)


def test_both_sides(database: str) -> None:
    slots = {"stable": "blue", "canary": "green"}
    query = "SELECT length('<slot>')"
    finding = finding_of(dsn=database, query=query, slots=slots, failure_condition="canary > stable")
    assert (finding.verdict, finding.measurements[0].value) == ("fail", {"stable": 4, "canary": 5})


def test_a_metric_cannot_write(database: str) -> None:
    query = "INSERT INTO gate_test VALUES (1) RETURNING value"
    finding = finding_of(dsn=database, query=query, success_condition="result == 1")
    assert finding.verdict == "insufficient"
    assert "ReadOnlySqlTransaction" in finding.reason
    assert "(0 rows)" in sql("SELECT * FROM gate_test")


def test_a_query_that_takes_too_long_is_given_up(database: str) -> None:
    finding = finding_of(dsn=database, query="SELECT pg_sleep(60)", success_condition="result == ''", timeout=1)
    assert (finding.verdict, finding.measurements[0].verdict) == ("insufficient", "error")
    assert "QueryCanceled" in finding.reason


@pytest.mark.parametrize("change", [("hunter2", "hunter3"), ("dbname=postgres", "dbname=missing"), ("5432", "1")])
def test_a_database_that_refuses_is_an_error_without_the_password(database: str, change: tuple[str, str]) -> None:
    dsn = f"{database} port=5432".replace(*change)
    finding = finding_of(dsn=dsn, query="SELECT 1", success_condition="result == 1")
    assert finding.measurements[0].verdict == "error"
    assert "hunter" not in json.dumps(as_results([finding]))
