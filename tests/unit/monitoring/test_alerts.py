# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every alert says how bad it is, after how long, and where it is written what to do; each is tested both ways."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._audit import metrics
from ansible_collections.slipway.release.plugins.module_utils._evidence import prometheus

from tests.integration.alerts.cases import FIRES, STAYS_SILENT
from tests.unit.evidence.test_prometheus import FIGURES, made
from tests.unit.monitoring.files import PAGE, RULES, dashboard, dashboard_expressions, metrics_of

PAGE_TEXT = PAGE.read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^### (\w+)\n+((?:(?!^#).*\n?)*)", PAGE_TEXT, re.MULTILINE))
CELLS = re.findall(r"^\| (`[^|]+) \|", PAGE_TEXT, re.MULTILINE)
DOCUMENTED = {name for cell in CELLS for name in re.findall(r"`([a-zA-Z0-9_]+)`", cell)}
OURS = ("deploy_", "slipway_", "audit_")


def alerts() -> list[dict[str, Any]]:
    """Every alert."""
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: str(alert["alert"]))
def test_an_alert_has_all_that_somebody_needs_who_is_woken_by_it(alert: dict[str, Any]) -> None:
    name = alert["alert"]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert re.fullmatch(r"[0-9]+[mh]", alert["for"])
    assert alert["annotations"]["summary"].endswith(".")
    assert alert["annotations"]["runbook_url"].endswith(f"/docs/alerts.md#{name.lower()}")
    assert len(SECTIONS[name].strip()) > 60, "the section says what to do"


def test_names_and_sections_are_there_once() -> None:
    names = [alert["alert"] for alert in alerts()]
    assert len(names) == len(set(names))
    assert set(SECTIONS) == set(names)


@pytest.mark.parametrize("table", [FIRES, STAYS_SILENT])
def test_every_alert_is_tested_both_ways(table: dict[str, Any]) -> None:
    assert {name for name, cases in table.items() if cases} == {alert["alert"] for alert in alerts()}


def test_every_metric_is_documented() -> None:
    expressions = [alert["expr"] for alert in alerts()] + dashboard_expressions()
    used = set().union(*(metrics_of(expression) for expression in expressions))
    assert len(used) > 30
    assert used <= DOCUMENTED


def test_metrics_of_the_collection_are_those_that_it_writes(tmp_path: Path) -> None:
    prometheus.write_ledger(str(tmp_path), "shop", "", FIGURES)
    prometheus.write(str(tmp_path), made())
    metrics.write(str(tmp_path), "deployments", success=True, at=1)
    texts = [path.read_text(encoding="utf-8") for path in tmp_path.glob("*.prom")]
    written = {name for text in texts for name in re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)}
    documented = {name for name in DOCUMENTED if name.startswith(OURS)}
    assert documented == written


def test_the_dashboard_can_be_provisioned() -> None:
    found = dashboard()
    assert found["uid"] == "slipway" and "id" not in found and "__inputs" not in found
    assert {variable["name"] for variable in found["templating"]["list"]} == {"datasource", "app"}
    identifiers = [panel["id"] for panel in found["panels"]]
    assert len(identifiers) == len(set(identifiers))
    for panel in found["panels"]:
        if panel["type"] == "row":
            continue
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        assert panel["targets"] and all(target["expr"] for target in panel["targets"]), panel["title"]
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
