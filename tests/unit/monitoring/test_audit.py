# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an audit log was verified last is told as metrics, whether it is right or not."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.slipway.release.plugins.modules import audit_verify

from tests.unit.audit.made import files, filled
from tests.unit.running import module_result


def verified(log: Path, directory: Path, **more: object) -> dict[str, object]:
    given = {"stream": "deployments", "directory": str(log), "metrics_directory": str(directory)}
    return module_result(audit_verify, **{**given, **more})


def metrics(directory: Path) -> str:
    return (directory / "slipway_audit_deployments.prom").read_text(encoding="utf-8")


def test_an_intact_log_is_a_success_and_a_broken_one_is_none(tmp_path: Path) -> None:
    filled(tmp_path / "log")
    assert not verified(tmp_path / "log", tmp_path).get("failed")
    assert 'audit_last_verify_success{stream="deployments"} 1\n' in metrics(tmp_path)
    path = files(tmp_path / "log").current
    path.write_bytes(path.read_bytes().replace(b"success", b"failure", 1))
    assert verified(tmp_path / "log", tmp_path)["failed"]
    assert 'audit_last_verify_success{stream="deployments"} 0\n' in metrics(tmp_path)
    assert "audit_last_verify_timestamp_seconds" in metrics(tmp_path)


def test_metrics_that_cannot_be_written_are_a_warning(tmp_path: Path) -> None:
    filled(tmp_path / "log")
    found = verified(tmp_path / "log", tmp_path / "none")
    assert not found.get("failed") and "the metrics are not written" in str(found["warnings"])


def test_check_mode_writes_none(tmp_path: Path) -> None:
    filled(tmp_path / "log")
    verified(tmp_path / "log", tmp_path, _ansible_check_mode=True)
    assert not list(tmp_path.glob("*.prom"))
