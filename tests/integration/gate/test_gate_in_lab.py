# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gate against real units and a real database."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._gate.run import Gate, as_results, verdict
from ansible_collections.slipway.release.plugins.module_utils._gate.spec import parse

from .conftest import sql

Unit = Callable[..., str]


def gate(*checks: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """Verdict and results of a gate."""
    quick = {"interval": 0, "deadline": 5}
    findings = Gate(parse([{"name": str(n), **quick, **one} for n, one in enumerate(checks)])).run()
    return verdict(findings), as_results(findings)


def test_an_active_unit_passes(unit: Unit) -> None:
    assert gate({"type": "unit", "unit": unit("/bin/sleep 600")})[0] == "pass"


def test_a_unit_that_crashes_and_is_restarted_does_not_pass(unit: Unit) -> None:
    name = unit("/bin/sleep 0.5", "Restart=always\nRestartSec=100ms")
    found, (result,) = gate({"type": "unit", "unit": name, "interval": 1, "successes": 3, "deadline": 8})
    assert found == "fail"
    assert result["attempts_made"] > 3


@pytest.mark.parametrize("command", ["/bin/false", "/no/such/program"])
def test_a_unit_that_fails_does_not_pass(unit: Unit, command: str) -> None:
    assert gate({"type": "unit", "unit": unit(command), "failures": 3})[0] == "fail"


def test_a_unit_that_does_not_exist_fails() -> None:
    found, (result,) = gate({"type": "unit", "unit": "no-such.service", "failures": 1})
    assert (found, result["attempts"][0]["detail"]) == ("fail", "there is no such unit")


def test_sql(database: str) -> None:
    good = {"type": "sql", "dsn": database, "query": "SELECT 40 + 2", "expect": "42"}
    assert gate(good)[0] == "pass"
    bad, (result,) = gate({**good, "expect": "43", "failures": 1})
    assert (bad, result["attempts"][0]["detail"]) == ("fail", "returned '42', expected '43'")


def test_sql_cannot_write(database: str) -> None:
    query = "INSERT INTO gate_test VALUES (1) RETURNING value"
    found, (result,) = gate({"type": "sql", "dsn": database, "query": query, "failures": 1})
    assert found == "fail"
    assert "ReadOnlySqlTransaction" in result["reason"]
    assert "(0 rows)" in sql("SELECT * FROM gate_test")


def test_a_query_that_takes_too_long_is_given_up(database: str) -> None:
    found, (result,) = gate({"type": "sql", "dsn": database, "query": "SELECT pg_sleep(60)", "failures": 1})
    assert found == "fail"
    assert "QueryCanceled" in result["reason"]


@pytest.mark.parametrize(
    "change", [("hunter2", "hunter3"), ("dbname=postgres", "dbname=missing"), ("127.0.0.1", "127.0.0.1 port=1")]
)
def test_a_database_that_refuses_fails_without_showing_the_password(database: str, change: tuple[str, str]) -> None:
    check = {"type": "sql", "dsn": database.replace(*change), "query": "SELECT 1", "failures": 1}
    found, results = gate(check)
    assert found == "fail"
    assert "hunter" not in json.dumps(results)


def test_many_checks_at_once(unit: Unit, database: str) -> None:
    name = unit("/bin/sleep 600")
    checks: list[dict[str, Any]] = [
        {"type": "unit", "unit": name},
        {"type": "sql", "dsn": database, "query": "SELECT 1"},
        {"type": "tcp", "address": "127.0.0.1:5432"},
        {"type": "command", "argv": ["true"]},
    ]
    found, results = gate(*checks * 10)
    assert found == "pass"
    assert len(results) == 40
