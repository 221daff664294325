# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""audit_emit hides what the compliance profiles hide, and keeps a log as long as they demand, and no longer."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.action.audit_emit import ActionModule
from ansible_collections.slipway.release.plugins.module_utils._audit import event as event_module
from ansible_collections.slipway.release.plugins.module_utils._audit.redact import Redactor
from ansible_collections.slipway.release.plugins.module_utils._audit.retention import Retention
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._compliance.profile import Profile, read_profile
from ansible_collections.slipway.release.plugins.module_utils._compliance.retention import Term, term
from ansible_collections.slipway.release.plugins.modules import audit_emit

from ..running import module_result
from .made import an_event, files, lines, log
from .test_note import Ed25519PrivateKey, pem

KEY = "canary-hmac-key/0123456789+abc"
HIDDEN = "********"
OLD = "2020-01-01T00:00:00.000+00:00"
DETAILS = {"email": "eva@example.com", "patient_name": "Eva Example", "client_address": "192.0.2.9", "card": "1"}


class Here(ActionModule):
    """The action, whose module runs here."""

    def __init__(self, directory: Path, compliance: Any) -> None:
        self.directory = directory
        self.variables = {"inventory_hostname": "db1", "slipway_compliance": compliance}
        self._task: Any = SimpleNamespace(check_mode=False)
        self._templar: Any = SimpleNamespace(template=lambda value: value)

    def _execute_module(self, **call: Any) -> dict[str, Any]:
        return module_result(audit_emit, **call["module_args"])

    def emit(self, **arguments: Any) -> dict[str, Any]:
        """Run a task on db1."""
        key = self.directory / "key.pem"
        if not key.exists():
            key.write_bytes(pem(Ed25519PrivateKey.generate()))
        mine = {"signing_passphrase": "", "key_name": "", "signing_key": str(key)}
        mine["checkpoint_directory"] = str(self.directory / "kept")
        log_of = {"stream": "deployments", "directory": str(self.directory), "origin": "db1/deployments"}
        return self._run({**log_of, **arguments}, mine, self.variables)

    def details(self, **redaction: Any) -> dict[str, Any]:
        """What is recorded of the details of an event."""
        given = {"type": "approval", "operation": "approve", "details": DETAILS}
        result = self.emit(events=[given], **redaction)
        assert not result.get("failed"), result
        found: dict[str, Any] = json.loads(lines(files(self.directory).current)[-1])["event"]["details"]
        return found


def test_what_the_profiles_hide_is_masked(tmp_path: Path) -> None:
    assert Here(tmp_path, []).details() == DETAILS
    found = Here(tmp_path, ["gdpr", "hipaa"]).details(redaction={"mask": "details.card"})
    assert set(found.values()) == {HIDDEN} and set(found) == set(DETAILS)


def test_an_hmac_is_kept_where_the_profile_wants_one_and_there_is_a_key(tmp_path: Path) -> None:
    here = Here(tmp_path, ["gdpr"])
    found = here.details(redaction={"key": KEY})
    assert found["email"] == Redactor(hashed=["email"], key=KEY.encode()).mark("eva@example.com")
    assert found["patient_name"] == "Eva Example"
    assert here.details()["email"] == HIDDEN


def test_what_a_task_hashes_needs_its_key_as_ever(tmp_path: Path) -> None:
    result = Here(tmp_path, ["hipaa"]).emit(redaction={"hash": ["details.card"]})
    assert result["failed"] and "redaction.key" in result["msg"]


@pytest.mark.parametrize("redaction", [["x"], {"mask": {"a": "b"}}])
def test_rules_that_are_none_are_refused(tmp_path: Path, redaction: Any) -> None:
    with pytest.raises(InputError) as refused:
        Here(tmp_path, ["hipaa"]).emit(redaction=redaction)
    assert refused.value.where == "redaction"


def test_an_unknown_profile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError) as refused:
        Here(tmp_path, ["hippo"]).emit()
    assert refused.value.where == "slipway_compliance[0]"


def profile(**retention: int) -> Profile:
    return read_profile({"name": "own", "title": "of our own", "retention": retention}, "own")


@pytest.mark.parametrize(
    ("asked", "days", "found"),
    [
        ({"days": 30}, 0, Term(30)),
        ({"days": 30}, 40, Term(40)),
        ({"days": 30, "at_hand_days": 60}, 0, Term(60)),
        ({"days": 30, "at_most_days": 90}, 0, Term(30, 90)),
        ({"days": 30, "at_most_days": 90}, 400, Term(90, 90)),
        ({"at_most_days": 90}, 0, Term(90, 90)),
        ({}, 0, Term(0)),
        ({}, 7, Term(7)),
    ],
)
def test_how_long_a_log_is_kept(asked: dict[str, int], days: int, found: Term) -> None:
    assert term(profile(**asked), days, "retention_days") == found
    assert term(None, days, "retention_days") == Term(days)


@pytest.mark.parametrize("asked", [{"days": 30}, {"at_hand_days": 30}])
def test_a_shorter_time_than_a_profile_demands_is_refused(asked: dict[str, int]) -> None:
    with pytest.raises(InputError) as refused:
        term(profile(**asked), 29, "slipway_audit.retention_days")
    assert refused.value.where == "slipway_audit.retention_days" and "30" in refused.value.remedy


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log with a segment of long ago."""
    with monkeypatch.context() as earlier:
        earlier.setattr(event_module, "utc", lambda: OLD)
        log(tmp_path).append([an_event()])
        log(tmp_path).rotate()
    return tmp_path


# Nobody listens there.
BEHIND = [{"type": "syslog", "address": "/nowhere"}]


def test_expiry_takes_the_time_of_the_profiles(old: Path) -> None:
    assert Here(old, []).emit(command="expire")["expired"] == []
    with pytest.raises(InputError) as refused:
        Here(old, ["sox"]).emit(command="expire", retention_days=30)
    assert "sox keeps the audit log for 2557 days" in refused.value.what
    assert list(files(old).closed()) == [1]
    Here(old, ["pci_dss"]).emit()
    assert Here(old, ["pci_dss"]).emit(command="expire")["expired"] == [1]
    assert list(files(old).closed()) == []


def test_what_must_go_waits_for_no_sink_but_for_a_legal_hold(old: Path) -> None:
    Here(old, []).emit()
    assert Here(old, ["hipaa"]).emit(command="expire", sinks=BEHIND)["expired"] == []
    Retention(log(old)).hold("case-7", "letter of the regulator", "ada")
    assert Here(old, ["gdpr"]).emit(command="expire", sinks=BEHIND)["expired"] == []
    Retention(log(old)).release("case-7", "closed", "ada")
    assert Here(old, ["gdpr"]).emit(command="expire", sinks=BEHIND)["expired"] == [1]


def test_nothing_is_kept_for_longer_than_a_profile_lets_it(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr("ansible.utils.display.Display.warning", lambda _self, text: warned.append(text))
    Here(old, []).emit()
    assert Here(old, []).emit(command="expire", retention_days=36500)["expired"] == []
    assert Here(old, ["gdpr"]).emit(command="expire", retention_days=36500)["expired"] == [1]
    assert warned == ["the audit log goes after 1826 days, not 36500: a compliance profile says so"]
