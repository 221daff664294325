# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``unit_tests``: tests were run, none has failed, and they cover enough lines. JUnit XML, Cobertura, coverage.py.

Reads the reports.
"""

from __future__ import annotations

from .model import Finding, Looked, Scene
from .reports import NotUnderstood, from_json, from_xml, read

_AGAIN = "run the tests again"


def look(scene: Scene) -> Looked:
    """Read the results, then the coverage."""
    results, coverage = scene.options["tests"], scene.options["coverage"]
    if not results:
        return Looked(skipped="slipway_checklist.tests names no results")
    findings, run = [], 0
    for path in results:
        try:
            cases = list(from_xml(read(path)).iter("testcase"))
        except NotUnderstood as exc:
            findings.append(Finding(path, f"the results cannot be read: {exc}", _AGAIN))
            continue
        run += sum(case.find("skipped") is None for case in cases)
        for case in cases:
            if case.find("failure") is not None or case.find("error") is not None:
                name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
                findings.append(Finding(path, f"test {name} has failed", "repair what it tests"))
    if not run and not findings:
        findings.append(Finding(results[0], "no test was run", _AGAIN))
    if coverage:
        findings += _coverage(coverage, scene.options["coverage_least"])
    else:
        findings.append(Finding("slipway_checklist.coverage", "it is not said how much is covered", "name the report"))
    return Looked(findings)


def _coverage(path: str, least: int) -> list[Finding]:
    try:
        percent = _percent(read(path))
    except NotUnderstood as exc:
        return [Finding(path, f"the coverage cannot be read: {exc}", _AGAIN)]
    if percent > least:
        return []
    return [Finding(path, f"{percent:.1f} % of the lines are covered, not more than {least} %", "test more")]


def _percent(text: str) -> float:
    try:
        if text.lstrip().startswith("{"):
            return float(from_json(text)["totals"]["percent_covered"])
        return 100 * float(from_xml(text).attrib["line-rate"])
    except (KeyError, TypeError, ValueError) as exc:
        raise NotUnderstood("it is neither of Cobertura nor of coverage.py") from exc
