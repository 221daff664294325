# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the operator and the compliance profiles hide is hidden in what the playbooks write, and stops no way back."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.slipway.release.plugins.module_utils._audit.operation import AUDIT, auditor
from ansible_collections.slipway.release.plugins.module_utils._audit.redact import Redactor
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import known
from ansible_collections.slipway.release.plugins.module_utils._compliance.redaction import (
    redaction_of,
    redaction_of_all,
)
from ansible_collections.slipway.release.plugins.module_utils._inputs.audit import OPTIONS
from ansible_collections.slipway.release.plugins.module_utils._inputs.rules import audit as rules
from ansible_collections.slipway.release.plugins.module_utils._inputs.rules.base import Context
from ansible_collections.slipway.release.plugins.plugin_utils.audited import OF_A_MODULE, AuditedModule

from ..flags.test_playbooks import book, kept
from .made import files, lines
from .test_audited import recorded

KEY = "canary-hmac-key/0123456789+abc"
HIDDEN = "********"
PERSONAL = {"email": "eva@example.com", "nested": {"patient_name": "Eva Example"}, "version": "1.4.2"}


def hook(directory: Path, **settings: Any) -> dict[str, Any]:
    """Settings of a run whose log is below the directory."""
    return {"slipway_audit": {"directory": f"{directory}/log/db1", **settings}}


def template(value: Any) -> Any:
    """What Ansible makes of a variable, of which one cannot be told."""
    if value == "{{ nowhere }}":
        raise AnsibleError("'nowhere' is undefined")
    return value


def intent(directory: Path, *more: dict[str, Any], **variables: Any) -> dict[str, Any]:
    """Act as an audited module does; the intent as it was recorded, nothing where none was."""
    action = object.__new__(AuditedModule)
    action._templar = SimpleNamespace(template=template)
    given = {"stream": "deployments", "context": {"details": PERSONAL}, **(more[0] if more else {})}
    arguments = action.completed({"audit": given}, {**hook(directory), **variables})
    before = len(recorded(directory))
    option = validated(arguments["audit"]) if "audit" in arguments else None
    with auditor(option, check_mode=False).operation("hook", "run") as act:
        act.result = "changed"
    found = recorded(directory)[before:]
    return found[0] if found else {}


def validated(option: dict[str, Any]) -> dict[str, Any]:
    """The option as a module reads it."""
    parsed: dict[str, Any] = ArgumentSpecValidator({"audit": AUDIT}).validate({"audit": option}).validated_parameters
    return dict(parsed["audit"])


def test_what_a_profile_hides_is_masked_wherever_it_stands(tmp_path: Path) -> None:
    found = intent(tmp_path, slipway_compliance=["hipaa"])
    assert found["details"]["nested"] == {"patient_name": HIDDEN}
    assert found["details"]["email"] == "eva@example.com" and found["details"]["version"] == "1.4.2"
    assert found["compliance_profiles"] == ["hipaa"]


def test_the_strictest_of_several_profiles_masks_what_one_of_them_hashes(tmp_path: Path) -> None:
    found = intent(tmp_path, slipway_compliance=["gdpr", "hipaa"], **hook(tmp_path, hash_key=KEY))
    assert (found["details"]["email"], found["details"]["nested"]) == (HIDDEN, {"patient_name": HIDDEN})


def test_an_hmac_is_kept_where_there_is_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
    found = intent(tmp_path, slipway_compliance=["gdpr"], **hook(tmp_path, hash_key=KEY))
    expected = Redactor(hashed=["email"], key=KEY.encode()).mark("eva@example.com")
    assert found["details"]["email"] == expected
    assert found["initiator"]["source_ip"].startswith("hmac-sha256:") and found["initiator"]["user"]
    assert KEY not in json.dumps(recorded(tmp_path))


@pytest.mark.parametrize("key", [{}, {"hash_key": "short"}])
def test_without_a_key_that_will_do_it_is_masked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: dict[str, Any]
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.1 22")
    settings = hook(tmp_path, hash=["details.version"], **key)
    found = intent(tmp_path, slipway_compliance=["gdpr"], **settings)
    assert (found["details"]["email"], found["details"]["version"]) == (HIDDEN, HIDDEN)
    assert found["initiator"]["source_ip"] == HIDDEN


def test_what_the_operator_hashes_and_matches_and_leaves_out(tmp_path: Path) -> None:
    found = intent(tmp_path, **hook(tmp_path, hash=["details.email"], hash_key=KEY, patterns=["Eva [A-Z][a-z]+"]))
    assert found["details"]["email"].startswith("hmac-sha256:")
    assert found["details"]["nested"]["patient_name"] == HIDDEN
    assert "details" not in intent(tmp_path, **hook(tmp_path, level="metadata"))
    assert "details" in intent(tmp_path, **hook(tmp_path, level="full"))


UNKNOWN: list[Any] = [["hipaa", "hippo"], ["/nowhere/own.yml"], "{{ nowhere }}", {"a": "b"}]


@pytest.mark.parametrize("names", UNKNOWN)
def test_profiles_that_cannot_be_told_stop_what_goes_on(tmp_path: Path, names: Any) -> None:
    with pytest.raises(InputError) as refused:
        intent(tmp_path, slipway_compliance=names)
    assert refused.value.where.startswith("slipway_compliance")


@pytest.mark.parametrize("names", UNKNOWN)
@pytest.mark.parametrize("back", [{"deployment_verb": "rollback"}, {"region_way": "back"}, {}])
def test_profiles_that_cannot_be_told_mask_everything_on_the_way_back(
    tmp_path: Path, names: Any, back: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr("ansible.utils.display.Display.warning", lambda _self, text: warned.append(text))
    more = {} if back else {"required": False}
    found = intent(tmp_path, more, slipway_compliance=names, **hook(tmp_path, hash_key=KEY), **back)
    assert len(warned) == 1 and "the audit log masks what any compliance profile hides" in warned[0]
    assert (found["details"]["email"], found["details"]["nested"]) == (HIDDEN, {"patient_name": HIDDEN})


def test_what_is_masked_when_nothing_can_be_told_is_what_any_profile_hides() -> None:
    fields = {path for name in known() for path in redaction_of([name], has_key=False).mask}
    assert "**.email" in fields and fields == set(redaction_of_all().mask)


def test_a_kill_masks_and_goes_on_and_says_what_it_does_not_know(tmp_path: Path) -> None:
    settings = {"directory": f"{tmp_path}/audit/{{{{ inventory_hostname }}}}", "hsah": ["**.target"]}
    given = {"slipway_audit": settings, "slipway_flags_hosts": ["application"], "slipway_compliance": ["hippo"]}
    done = book(tmp_path, "kill_switch.yml", "-e", "slipway_flag=search", **given)
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept(tmp_path, "app1", "search")["defaultVariant"] == "off"
    said = " ".join((done.stdout + done.stderr).split())
    assert "slipway_audit has no hsah, which is ignored" in said and "there is no profile 'hippo'" in said
    found = [json.loads(line)["event"] for line in lines(files(tmp_path / "audit" / "app1").current)]
    assert [it["operation"] for it in found[1:]] == ["kill", "kill"]


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({"hash": ["details.email"]}, "slipway_audit.hash_key"),
        ({"hash_key": "too short"}, "slipway_audit.hash_key"),
        ({"patterns": ["ok", "("]}, "slipway_audit.patterns[1]"),
        ({"patterns": ["x*"]}, "slipway_audit.patterns[0]"),
    ],
)
def test_settings_that_hide_nothing_are_refused_before_anything_is_touched(given: dict[str, Any], name: str) -> None:
    found = list(rules.audit({"slipway_audit": given}, Context("deploy", {}, {}, Path(), False)))
    assert [it.where for it in found] == [name]
    assert "too short" not in found[0].message()


@pytest.mark.parametrize("broken", [{"patterns": ["("]}, {"hash": "x"}, {"level": "all"}, {"hash_key": ["x"]}])
def test_settings_that_cannot_be_followed_leave_nothing_in_clear(tmp_path: Path, broken: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        intent(tmp_path, **hook(tmp_path, **broken))
    assert refused.value.where == "slipway_audit" and next(iter(broken)) in refused.value.what
    assert intent(tmp_path, **hook(tmp_path, **broken), deployment_verb="abort") == {}


def test_every_setting_of_a_module_is_one_of_the_operator() -> None:
    assert set(OF_A_MODULE) <= set(OPTIONS)


def test_a_profile_of_an_operator_hides_too(tmp_path: Path) -> None:
    path = tmp_path / "bank.yml"
    fields = {"method": "mask", "fields": ["version"]}
    path.write_text(yaml.safe_dump({"name": "bank", "title": "Ours", "redaction": fields}), encoding="utf-8")
    found = intent(tmp_path, slipway_compliance=[str(path)])
    assert found["details"]["version"] == HIDDEN and found["details"]["email"] == "eva@example.com"
