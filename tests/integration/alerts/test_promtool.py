# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prometheus' own tool reads rules, queries of the dashboard and metrics, and lets each alert fire and be silent."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import metrics
from ansible_collections.slipway.release.plugins.module_utils._evidence import prometheus

from ...unit.evidence.test_prometheus import FIGURES, made
from ...unit.monitoring.files import RULES, dashboard_expressions, plain
from .cases import document


def promtool(*arguments: str, content: str = "") -> str:
    """Run it; what it says when it is not content is the message of the failure."""
    done = subprocess.run(["promtool", *arguments], input=content, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_rules_can_be_read() -> None:
    promtool("check", "rules", str(RULES))


def test_every_alert_fires_and_stays_silent(tmp_path: Path) -> None:
    path = tmp_path / "tests.yml"
    path.write_text(document(str(RULES)), encoding="utf-8")
    promtool("test", "rules", str(path))


def test_an_alert_that_does_not_fire_is_found(tmp_path: Path) -> None:
    """The tests of the alerts can fail."""
    broken = tmp_path / "rules.yml"
    broken.write_text(
        RULES.read_text(encoding="utf-8").replace("pg_replication_lag_seconds > 300", "pg_up > 9"), "utf-8"
    )
    path = tmp_path / "tests.yml"
    path.write_text(document(str(broken)), encoding="utf-8")
    with pytest.raises(AssertionError, match="ReplicaLagLong"):
        promtool("test", "rules", str(path))


def test_every_query_of_the_dashboard_can_be_read(tmp_path: Path) -> None:
    rules = [{"record": f"panel:{number}", "expr": plain(it)} for number, it in enumerate(dashboard_expressions())]
    path = tmp_path / "rules.yml"
    path.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}), encoding="utf-8")
    assert f"{len(rules)} rules found" in promtool("check", "rules", str(path))


def test_the_metrics_are_such_as_they_should_be(tmp_path: Path) -> None:
    prometheus.write_ledger(str(tmp_path), "shop", "", FIGURES)
    prometheus.write(str(tmp_path), made())
    metrics.write(str(tmp_path), "deployments", success=False, at=1)
    for path in sorted(tmp_path.glob("*.prom")):
        promtool("check", "metrics", content=path.read_text(encoding="utf-8"))
