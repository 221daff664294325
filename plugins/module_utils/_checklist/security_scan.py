# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``security_scan``: no scanner has found a vulnerability that is critical or high. SARIF, Trivy and Grype.

Reads the reports.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .model import Finding, Looked, Scene
from .reports import NotUnderstood, from_json, read

BLOCKING = ("critical", "high")
_HIGH, _CRITICAL = 7.0, 9.0


def look(scene: Scene) -> Looked:
    """Read each report by its form."""
    reports = scene.options["security"]
    if not reports:
        return Looked(skipped="slipway_checklist.security names no report")
    findings: list[Finding] = []
    for path in reports:
        try:
            findings += [
                Finding(
                    f"{path} ({place})" if place else path,
                    f"{name} is {level}",
                    "update what has it, or allow it with a reason",
                    level in BLOCKING,
                )
                for name, level, place in _vulnerabilities(from_json(read(path)))
                if level in (*BLOCKING, "medium")
            ]
        except NotUnderstood as exc:
            findings.append(Finding(path, f"the report cannot be read: {exc}", "let the scanner write it again"))
    return Looked(findings)


def _vulnerabilities(report: Any) -> Iterator[tuple[str, str, str]]:
    """Name, level and place of each.

    :raises NotUnderstood: the form is not known.
    """
    try:
        if isinstance(report, dict) and "runs" in report:
            for run in report["runs"]:
                yield from _sarif(run)
        elif isinstance(report, dict) and "matches" in report:
            for match in report["matches"]:
                found = match["vulnerability"]
                yield str(found["id"]), str(found["severity"]).lower(), str(match["artifact"]["name"])
        elif isinstance(report, dict) and "SchemaVersion" in report:
            for result in report.get("Results") or []:
                for found in result.get("Vulnerabilities") or []:
                    yield str(found["VulnerabilityID"]), str(found["Severity"]).lower(), str(found["PkgName"])
        else:
            raise NotUnderstood("it is neither SARIF nor of Trivy nor of Grype")
    except (AttributeError, KeyError, TypeError, ValueError, IndexError) as exc:
        raise NotUnderstood("its form is not what its kind has") from exc


def _sarif(run: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    rules = {rule["id"]: rule for rule in run["tool"]["driver"].get("rules") or []}
    for result in run.get("results") or []:
        if result.get("suppressions"):
            continue
        name = result.get("ruleId") or run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"]
        rule = rules.get(name, {})
        score = (rule.get("properties") or {}).get("security-severity")
        level = result.get("level") or (rule.get("defaultConfiguration") or {}).get("level") or "warning"
        yield str(name), _level(score, level), _where(result)


def _level(score: Any, level: str) -> str:
    if score is None:
        return {"error": "high", "warning": "medium"}.get(level, "low")
    return "critical" if float(score) >= _CRITICAL else "high" if float(score) >= _HIGH else "medium"


def _where(result: dict[str, Any]) -> str:
    for location in result.get("locations") or []:
        physical = location.get("physicalLocation") or {}
        line = (physical.get("region") or {}).get("startLine")
        place = (physical.get("artifactLocation") or {}).get("uri") or ""
        return f"{place}:{line}" if line else str(place)
    return ""
