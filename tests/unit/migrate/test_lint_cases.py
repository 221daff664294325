# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every case of lint, its safe twin, and the rewrites that lint itself proposes."""

from __future__ import annotations

import dataclasses

import pytest
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.model import ERROR, Finding
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.run import lint
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.seen import Seen
from ansible_collections.slipway.release.plugins.module_utils._migrate.lint.table import RULES
from ansible_collections.slipway.release.plugins.module_utils._migrate.statements import statements

from tests.fixtures.migrate.cases import Case, Pair, SchemaFacts, pairs

PAIRS = list(pairs())
EVERYTHING = {rule.name: ERROR for rule in RULES}
# The application has to change, or there is nothing to write in place of it.
WITHOUT_REWRITE = {"duplicate-column", "every-row", "opaque", "txn-nesting", "waiver-reason", "waiver-unused"} | {
    "partition-attach"
}
ONLY_BY_CALL = {"waiver-reason"}
# Of these some cases have one.
SOMETIMES_WITHOUT = {"domain-constraint", "fk", "pk", "rename", "stored-generated", "wide-index"}


def places(findings: list[Finding]) -> tuple[tuple[str, int, int], ...]:
    return tuple((one.rule, one.line, one.column) for one in findings)


def test_there_are_enough_cases_and_each_has_another_name() -> None:
    names = [pair.name for pair in PAIRS]
    assert len(names) >= 150
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("rule", [rule.name for rule in RULES if rule.name not in ONLY_BY_CALL])
def test_every_rule_has_two_cases_that_expect_it(rule: str) -> None:
    own = [pair for pair in PAIRS if pair.rule == rule]
    assert len(own) >= 2
    assert all(rule in [one[0] for case in pair.bad for one in case.expected] for pair in own)
    assert all(pair.safe and not any(case.expected for case in pair.safe) for pair in own)


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_what_hurts_is_found_at_its_place_and_nothing_else(pair: Pair) -> None:
    seen = Seen()
    assert [places(case.findings(seen)) for case in pair.bad] == [case.expected for case in pair.bad]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_the_safe_twin_has_no_finding_of_any_rule(pair: Pair) -> None:
    seen = Seen()
    assert [case.findings(seen, EVERYTHING) for case in pair.safe] == [[] for _case in pair.safe]


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair.name)
def test_line_ends_of_windows_move_nothing(pair: Pair) -> None:
    seen = Seen()
    for case in pair.bad:
        windows = dataclasses.replace(case, sql=case.sql.replace("\n", "\r\n"))
        object.__setattr__(windows, "directives", case.directives)
        assert places(windows.findings(seen)) == case.expected


def test_what_has_no_rewrite_in_sql() -> None:
    without = {finding.rule for _name, _case, finding in rewrites() if not finding.steps}
    assert without == (WITHOUT_REWRITE - ONLY_BY_CALL) | SOMETIMES_WITHOUT


def rewrites() -> list[tuple[str, Case, Finding]]:
    found = []
    for pair in PAIRS:
        seen = Seen()
        for case in pair.bad:
            found += [(f"{pair.name} ({one.rule})", case, one) for one in case.findings(seen)]
    return found


@pytest.mark.parametrize(
    ("case", "finding"), [pytest.param(case, found, id=name) for name, case, found in rewrites() if found.steps]
)
def test_the_rewrite_that_lint_proposes_has_no_finding_itself(case: Case, finding: Finding) -> None:
    catalog = SchemaFacts() if "catalog" in case.given else None
    seen = Seen()
    for step in finding.steps:
        found = lint(
            statements(step.sql),
            transactional=step.transactional,
            phase=step.phase,
            waivers=dict.fromkeys(set(case.directives.waivers), "as in the case"),
            severities=dict.fromkeys(EVERYTHING, ERROR) | {"waiver-unused": "off"},
            server_version=case.server,
            timeouts="no timeouts" not in case.given,
            catalog=catalog,
            seen=seen,
        )
        assert not found, f"{finding.remedy}\n{found}"
    assert finding.remedy.startswith("-- file 1\n-- slipway:phase ")
