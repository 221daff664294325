# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the upkeep of audit logs rests on: segments that are closed by their age, and settings that can be followed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import event as event_module
from ansible_collections.slipway.release.plugins.module_utils._audit.retention import Retention
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._inputs.rules import audit as rules
from ansible_collections.slipway.release.plugins.module_utils._inputs.rules.base import Context
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import InputProblems, validate
from ansible_collections.slipway.release.plugins.modules import audit_emit

from ..inputs.test_validate import GROUPS, good
from ..running import module_result
from .made import an_event, files, lines, log

OLD = "2020-01-01T00:00:00.000+00:00"
SECRET = "canary-sink-token/123456"


def aged(directory: Path, monkeypatch: pytest.MonkeyPatch, *, segments: int = 0) -> None:
    """A log that began long ago."""
    with monkeypatch.context() as earlier:
        earlier.setattr(event_module, "utc", lambda: OLD)
        log(directory).append([an_event()])
        for _segment in range(segments):
            log(directory).rotate()
            log(directory).append([an_event()])


def rotated(directory: Path, **more: Any) -> dict[str, Any]:
    given = {"stream": "deployments", "directory": str(directory), "command": "rotate", "rotate_days": 30}
    return module_result(audit_emit, **{**given, **more})


def test_a_segment_is_closed_when_its_first_event_is_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aged(tmp_path, monkeypatch)
    assert rotated(tmp_path, _ansible_check_mode=True)["changed"]
    log(tmp_path).append([an_event()])
    assert rotated(tmp_path)["rotated"] == 1
    assert not rotated(tmp_path)["changed"], "it has no events yet"
    log(tmp_path).append([an_event()])
    assert not rotated(tmp_path)["changed"], "its first event is of today"
    assert list(files(tmp_path).closed()) == [1]


def test_where_there_is_no_log_none_is_made(tmp_path: Path) -> None:
    for command in ("rotate", "expire"):
        done = rotated(tmp_path / "none", command=command, retention_days=30)
        assert not done.get("failed") and not done["changed"], done
    assert not (tmp_path / "none").exists()


def test_a_line_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    log(tmp_path).append([an_event()])
    current = files(tmp_path).current
    current.write_bytes(lines(current)[0] + b"{}\n")
    with pytest.raises(StateError):
        Retention(log(tmp_path)).aged(30)
    current.write_bytes(lines(current)[0] + b'{"torn')
    assert not Retention(log(tmp_path)).aged(30), "a torn line is recovered by who writes next"


HTTP = {"type": "http", "url": "https://logs.example/audit", "bearer_token": SECRET}


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"sinks": [HTTP, {"type": "carrier"}]}, "slipway_audit.sinks[1]"),
        ({"sinks": [{**HTTP, "bearer_tokne": SECRET}]}, "slipway_audit.sinks[0]"),
        ({"sinks": [HTTP, {**HTTP, "url": "https://other.example"}]}, "slipway_audit.sinks[1]"),
        ({"sinks": [{"type": "http", "url": f"ftp://{SECRET}@x"}]}, "slipway_audit.sinks[0]"),
        ({"rotate_days": 0}, "slipway_audit.rotate_days"),
        ({"retention_days": -1}, "slipway_audit.retention_days"),
    ],
)
def test_what_cannot_be_followed_is_refused(given: dict[str, Any], where: str) -> None:
    (found,) = rules.audit({"slipway_audit": given}, Context("deploy", {}, {}, Path(), False))
    assert found.where == where and SECRET not in found.message()
    assert not list(rules.audit({"slipway_audit": {"sinks": [HTTP]}}, Context("deploy", {}, {}, Path(), False)))


@pytest.mark.parametrize(("days", "refused"), [(2556, True), (2557, False), (0, False)])
def test_a_retention_below_that_of_a_profile_is_refused(days: int, refused: bool) -> None:
    values = {"slipway_audit": {"retention_days": days}, "slipway_compliance": ["sox", "gdpr"]}
    found = list(rules.retention(values, Context("deploy", {}, {}, Path(), False)))
    assert [it.where for it in found] == ["slipway_audit.retention_days"] * refused
    unknown = {**values, "slipway_compliance": ["hippo"]}
    assert not list(rules.retention(unknown, Context("deploy", {}, {}, Path(), False))), "the policy's rule says so"


def test_a_setting_that_does_not_exist_is_refused_and_a_shorter_retention_too(tmp_path: Path) -> None:
    given = {"hsah": ["x"], "retention_days": -1}
    with pytest.raises(InputProblems) as refused:
        validate({**good(tmp_path), "slipway_audit": given}, GROUPS, base=tmp_path)
    assert refused.value.where == "slipway_audit.hsah" and "did you mean slipway_audit.hash?" in refused.value.remedy
    assert validate({**good(tmp_path), "slipway_audit": given}, GROUPS, base=tmp_path, verb="rollback")
