# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The verdict over a change, with approvals that real SSH keys have signed, and with those of forgers."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.slipway.release.plugins.module_utils._change.document import Document
from ansible_collections.slipway.release.plugins.module_utils._change.evidence import from_directory, from_server
from ansible_collections.slipway.release.plugins.module_utils._change.gate import (
    OPERATIONS,
    Change,
    Verdict,
    _unmet,
    judge,
)
from ansible_collections.slipway.release.plugins.module_utils._change.policy import read_policy, stricter
from ansible_collections.slipway.release.plugins.module_utils._change.signature import Signed, Signers
from ansible_collections.slipway.release.plugins.module_utils._change.subject import inventory_digest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import load
from ansible_collections.slipway.release.plugins.module_utils._ledger.who import Who

from tests.unit.change.made import NOW, SUBJECT, Keys, filled

FROZEN = datetime(2026, 11, 29, 10, 0, tzinfo=timezone.utc)
LATER: dict[str, Any] = {
    "given": (FROZEN - timedelta(hours=1)).isoformat(),
    "expires": (FROZEN + timedelta(hours=1)).isoformat(),
}


def verdict(
    keys: Keys,
    documents: Sequence[Document] = (),
    policy: dict[str, Any] | None = None,
    profiles: Sequence[str] = (),
    **changes: Any,
) -> Verdict:
    read = read_policy(policy or keys.policy())
    profile = load(profiles)
    if profile:
        read = stricter(read, profile)
    change = Change(**{"subject": SUBJECT, "at": NOW, "deployer": "ops", **changes})
    signers = Signers(Path(read.allowed_signers), read.revoked_keys)

    def verify(content: bytes, signature: bytes, signer: str, purpose: str, at: datetime) -> Signed:
        return signers.verified(content, signature, signer=signer, namespace=purpose, at=at)

    return judge(read, change, lambda: documents, verify)


def both(keys: Keys, **says: Any) -> list[Document]:
    return [keys.signed("eva", "engineering_manager", **says), keys.signed("otto", "operations_lead", **says)]


def test_what_both_have_approved_passes(keys: Keys) -> None:
    found = verdict(keys, both(keys))
    assert (found.verdict, found.reasons(), found.missing) == ("pass", [], [])
    assert [item.person for item in found.approvals if item.accepted] == ["eva", "otto"]


def test_what_one_has_approved_is_blocked(keys: Keys) -> None:
    found = verdict(keys, both(keys)[:1])
    assert found.verdict == "block"
    assert found.reasons() == ["no approval by operations_lead"]


def test_nobody_approves_twice(keys: Keys) -> None:
    documents = [keys.signed("eva", "engineering_manager"), keys.signed("eva", "operations_lead")]
    assert verdict(keys, documents).missing == ["operations_lead"]


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"key": "mallory"}, "the signature is not one of eva@example.com"),
        ({"key": "otto"}, "the signature is not one of eva@example.com"),
        ({"subject": replace(SUBJECT, environment="staging")}, "it is for environment staging instead of production"),
        (
            {"subject": replace(SUBJECT, artifact="d" * 64)},
            "artifact dddddddddddd... instead of aaaaaaaaaaaa",
        ),
        ({"subject": replace(SUBJECT, region="us")}, "it is for region us instead of nothing"),
        ({"subject": replace(SUBJECT, operation="failover")}, "it is for operation failover instead of deploy"),
        ({"subject": replace(SUBJECT, commit="beef")}, "it is for commit beef instead of c0ffee"),
        ({"subject": replace(SUBJECT, inventory="e" * 64)}, "it is for inventory eeeeeeeeeeee... instead of"),
        ({"subject": replace(SUBJECT, change="CR-16")}, "it is for change CR-16 instead of CR-17"),
        ({"subject": replace(SUBJECT, author="eva@example.com")}, "it is for author eva@example.com instead of"),
        ({"digest": "0" * 64}, "its digest is not that of what it says it is for"),
        ({"expires": (NOW - timedelta(seconds=1)).isoformat()}, "it has expired at 2026-11-24T09:59:59"),
        ({"expires": NOW.isoformat()}, "it has expired at 2026-11-24T10:00:00"),
        ({"given": (NOW - timedelta(days=8)).isoformat()}, "it has expired at 2026-11-23T10:00:00"),
        ({"given": (NOW + timedelta(hours=1)).isoformat()}, "which is in the future"),
        ({"given": "yesterday"}, "must be times with an offset"),
        ({"expires": "2026-11-25T10:00:00"}, "must be times with an offset"),
        ({"group": "dba"}, "eva is not in group dba"),
        ({"group": "finance"}, "group finance gives no approval"),
        ({"group": ""}, "it says nothing about group"),
        ({"signer": "-oProxyCommand=x"}, "characters that no name has"),
        ({"type": "override"}, "it says nothing about justification, ticket"),
        ({"schema": 2}, "of schema 1"),
    ],
)
def test_an_approval_that_is_no_approval_of_this(keys: Keys, says: dict[str, Any], reason: str) -> None:
    given = {"group": "engineering_manager", **says}
    document = keys.signed("eva", **given)
    found = verdict(keys, [document, keys.signed("otto", "operations_lead")])
    assert found.verdict == "block"
    assert found.missing == ["engineering_manager"]
    assert reason in found.approvals[0].refusal


def test_a_changed_letter_makes_a_forgery(keys: Keys) -> None:
    signed = keys.signed("eva", "engineering_manager", comment="good")
    forged = replace(signed, content=signed.content.replace(b"good", b"fine"))
    found = verdict(keys, [forged, keys.signed("otto", "operations_lead")])
    assert found.verdict == "block" and found.approvals[0].illicit
    assert "approval-eva.json: the signature is not one of" in found.reasons()[0]


def test_a_signature_made_for_something_else_is_worth_nothing(keys: Keys) -> None:
    content = filled("approval", SUBJECT, "eva", "engineering_manager")
    for purpose in ("file", "git", "slipway-override"):
        document = Document("a.json", content, keys.signature("eva", content, purpose))
        assert "the signature is not one of" in verdict(keys, [document]).approvals[0].refusal


def test_what_is_not_signed_does_not_count(keys: Keys) -> None:
    document = Document("a.json", filled("approval", SUBJECT, "eva", "engineering_manager"))
    assert verdict(keys, [document]).approvals[0].refusal == "it is not signed"


def test_a_revoked_key_does_not_count(keys: Keys, tmp_path: Path) -> None:
    revoked = tmp_path / "revoked"
    revoked.write_text(f"{keys.public('eva')}\n", encoding="ascii")
    policy = keys.policy()
    policy["approvals"]["revoked_keys"] = str(revoked)
    assert verdict(keys, both(keys), policy).missing == ["engineering_manager"]


def test_a_file_of_signers_that_cannot_be_looked_at_is_one_message(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_given: object, **_options: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "is_file", closed)
    with pytest.raises(SystemFailure) as raised:
        Signers(keys.allowed).verified(b"", b"", signer="eva", namespace="x", at=NOW)
    assert "Permission denied" in raised.value.message()


def test_a_home_is_known_by_its_sign(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(keys.directory))
    policy = keys.policy()
    policy["approvals"]["allowed_signers"] = "~/allowed_signers"
    assert verdict(keys, both(keys), policy).verdict == "pass"


def test_a_key_counts_only_while_it_is_valid(keys: Keys, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    until = f"{NOW.astimezone():%Y%m%d%H%M%S}"
    lines = keys.allowed.read_text(encoding="ascii").splitlines()
    lines[0] = lines[0].replace(" ", f' valid-before="{until}" ', 1)
    allowed.write_text("\n".join(lines) + "\n", encoding="ascii")
    policy = keys.policy()
    policy["approvals"]["allowed_signers"] = str(allowed)
    before, after = NOW - timedelta(minutes=1), NOW + timedelta(minutes=1)
    assert verdict(keys, both(keys), policy, at=before).missing == []
    assert verdict(keys, both(keys), policy, at=after).missing == ["engineering_manager"]


def test_who_deploys_does_not_approve(keys: Keys) -> None:
    documents = [keys.signed("eva", "engineering_manager"), keys.signed("ops", "operations_lead")]
    found = verdict(keys, documents)
    assert found.verdict == "block"
    assert "ops deploys, which is self-approval" in found.reasons()[0]
    assert verdict(keys, documents, deployer="otto").verdict == "pass"


def test_the_author_does_not_approve(keys: Keys) -> None:
    by_eva = replace(SUBJECT, author="EVA@example.com")
    found = verdict(keys, both(keys, subject=by_eva), subject=by_eva)
    assert found.verdict == "block"
    assert "eva is the author, which is self-approval" in found.reasons()[0]


def test_self_approval_and_forgery_block_where_findings_only_warn(keys: Keys) -> None:
    policy = keys.policy(enforcement="warn")
    assert verdict(keys, both(keys)[:1], policy).verdict == "warn"
    ops = keys.signed("ops", "operations_lead")
    assert verdict(keys, [both(keys)[0], ops], policy).verdict == "block"
    forged = keys.signed("otto", "operations_lead", key="mallory")
    assert verdict(keys, [both(keys)[0], forged], policy).verdict == "block"
    assert verdict(keys, [forged], keys.policy(enforcement="none")).verdict == "pass"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"deployer": "stranger"}, "who deploys, stranger, cannot be told from who approves"),
        ({"subject": replace(SUBJECT, author="")}, "the author of the change is not named"),
        ({"subject": replace(SUBJECT, author="nobody")}, "the author, nobody, cannot be told from who approves"),
    ],
)
def test_who_is_unknown_may_be_anybody(keys: Keys, changes: dict[str, Any], reason: str) -> None:
    subject = changes.get("subject", SUBJECT)
    found = verdict(keys, both(keys, subject=subject), **changes)
    assert found.verdict == "block"
    assert reason in found.reasons()[0]


def test_the_author_may_not_deploy_where_the_policy_says_so(keys: Keys) -> None:
    by_ops = replace(SUBJECT, author="ops")
    separate = ["author_approver", "approver_deployer", "author_deployer"]
    found = verdict(keys, both(keys, subject=by_ops), keys.policy(separate=separate), subject=by_ops)
    assert found.reasons() == ["ops is the author and deploys"]
    assert verdict(keys, both(keys, subject=by_ops), subject=by_ops).verdict == "pass"


def test_only_named_groups_deploy(keys: Keys) -> None:
    policy = keys.policy(deployers=["operations"])
    assert verdict(keys, both(keys), policy).verdict == "pass"
    assert verdict(keys, both(keys), policy, deployer="dev").reasons() == ["dev is in none of the groups operations"]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("ops@vm", "ops"),
        ("otto (AWX as dev)@vm", "dev"),
        ("otto (AWX as stranger)@vm", "stranger"),
        ("otto (AWX as awx)@vm", "otto"),
    ],
)
def test_awx_names_who_deploys_only_beside_an_account_of_its_own(keys: Keys, line: str, name: str) -> None:
    assert read_policy(keys.policy(awx_accounts=["awx"])).deployer(Who.read(line)) == name


def test_no_account_of_awx_is_a_person(keys: Keys) -> None:
    with pytest.raises(InputError) as raised:
        read_policy(keys.policy(awx_accounts=["OPS"]))
    assert raised.value.where == "slipway_change_policy.awx_accounts"
    assert "OPS is a name of ops" in raised.value.message()


def test_migrations_need_an_approval_of_their_own(keys: Keys) -> None:
    migrating = replace(SUBJECT, migrations="f" * 64)
    found = verdict(keys, both(keys, subject=migrating), subject=migrating)
    assert found.missing == ["dba"]
    with_dba = [*both(keys, subject=migrating), keys.signed("dora", "dba", subject=migrating)]
    assert verdict(keys, with_dba, subject=migrating).verdict == "pass"
    assert verdict(keys, both(keys), subject=migrating).missing == ["engineering_manager", "operations_lead", "dba"]


def test_a_freeze_blocks_and_says_when_it_ends(keys: Keys) -> None:
    found = verdict(keys, both(keys, **LATER), at=FROZEN)
    assert found.verdict == "block"
    assert found.reasons() == ["freeze period close holds until 2026-12-01 00:00+01:00"]
    assert found.next_open == "2026-12-01 00:00+01:00"
    assert found.windows == [
        {
            "name": "period close",
            "effect": "denies",
            "start": "2026-11-28 00:00+01:00",
            "end": "2026-12-01 00:00+01:00",
        }
    ]


@pytest.mark.parametrize(
    ("environment", "frozen", "allowed"),
    [("production", True, True), ("Production", True, True), ("", True, False), ("staging", False, True)],
)
def test_doubt_about_the_environment_opens_nothing(keys: Keys, environment: str, frozen: bool, allowed: bool) -> None:
    subject = replace(SUBJECT, environment=environment)

    def passes(kind: str, **names: list[str]) -> bool:
        window = {"name": "w", "kind": kind, "starts": "2026-11-20", "ends": "2026-11-30", **names}
        policy = keys.policy(windows=[window], approvals={}, override={})
        return verdict(keys, [], policy, subject=subject).verdict == "pass"

    assert passes("deny", environments=["production"]) is not frozen
    assert passes("allow", environments=["production", "staging"]) is allowed


def test_an_override_of_a_named_group_opens_a_freeze(keys: Keys) -> None:
    override = keys.signed("carl", "finance", kind="override", **LATER)
    found = verdict(keys, [*both(keys, **LATER), override], at=FROZEN)
    assert found.verdict == "pass"
    assert found.reasons() == ["freeze period close holds until 2026-12-01 00:00+01:00 (overridden)"]
    assert found.override and (found.override.person, found.override.ticket) == ("carl", "INC-4")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"justification": " "}, "it says nothing about justification"),
        ({"ticket": ""}, "it says nothing about ticket"),
        ({"expires": FROZEN.isoformat()}, "it has expired"),
        ({"given": (FROZEN - timedelta(hours=25)).isoformat()}, "it has expired"),
        ({"key": "mallory"}, "for slipway-override"),
        ({"group": "engineering_manager"}, "group engineering_manager gives no override"),
        ({"signer": "eva@example.com", "key": "eva"}, "eva is not in group finance"),
    ],
)
def test_an_override_that_is_none(keys: Keys, says: dict[str, Any], reason: str) -> None:
    given = {"group": "finance", "kind": "override", **LATER, **says}
    found = verdict(keys, [*both(keys, **LATER), keys.signed("carl", **given)], at=FROZEN)
    assert found.verdict == "block" and found.override is None
    assert reason in found.approvals[-1].refusal


@pytest.mark.parametrize(
    ("says", "enforcement", "expected", "reason"),
    [
        ({"key": "mallory"}, "warn", "block", "the signature is not one of carl@example.com"),
        ({"expires": FROZEN.isoformat()}, "warn", "warn", "it has expired"),
        ({"expires": FROZEN.isoformat()}, "block", "block", "it has expired"),
    ],
)
def test_why_an_override_is_refused_is_a_reason(
    keys: Keys, says: dict[str, Any], enforcement: str, expected: str, reason: str
) -> None:
    override = keys.signed("carl", **{"group": "finance", "kind": "override", **LATER, **says})
    found = verdict(keys, [override], keys.policy(approvals={}, enforcement=enforcement), at=FROZEN)
    assert found.verdict == expected
    assert f"override-carl.json: {reason}" not in found.reasons()[0] and reason in found.reasons()[1]


def test_an_old_override_stands_against_nothing(keys: Keys) -> None:
    override = keys.signed("carl", "finance", kind="override", expires=NOW.isoformat())
    found = verdict(keys, [*both(keys), override])
    assert (found.verdict, found.findings) == ("pass", [])


def test_who_deploys_does_not_override(keys: Keys) -> None:
    override = keys.signed("carl", "finance", kind="override", **LATER)
    found = verdict(keys, [*both(keys, **LATER), override], at=FROZEN, deployer="carl")
    assert found.verdict == "block" and found.override is None
    assert found.approvals[-1].refusal == "carl deploys, which is self-approval"


@pytest.mark.parametrize("separate", [[], ["author_approver", "approver_deployer"]])
@pytest.mark.parametrize(
    ("author", "deployer", "refusal"),
    [
        ("carl@example.com", "ops", "carl is the author, which is self-approval"),
        ("dev", "carl", "carl deploys, which is self-approval"),
        ("", "ops", "the author of the change is not named and cannot be told from who overrides"),
        ("nobody", "ops", "the author, nobody, cannot be told from who overrides"),
        ("dev", "carlx", "who deploys, carlx, cannot be told from who overrides"),
    ],
)
def test_nobody_overrides_for_themselves(
    keys: Keys, separate: list[str], author: str, deployer: str, refusal: str
) -> None:
    subject = replace(SUBJECT, author=author)
    policy = keys.policy(separate=separate, approvals={})
    override = keys.signed("carl", "finance", kind="override", subject=subject, **LATER)
    found = verdict(keys, [override], policy, subject=subject, deployer=deployer, at=FROZEN)
    assert found.verdict == "block" and found.override is None
    assert refusal in found.approvals[0].refusal


def test_an_override_is_good_only_for_what_the_policy_names(keys: Keys) -> None:
    override = keys.signed("carl", "finance", kind="override")
    assert verdict(keys, [override]).verdict == "block"
    policy = keys.policy(override={"groups": ["finance"], "covers": ["approvals"]})
    assert verdict(keys, [override], policy).verdict == "pass"
    self_approved = keys.signed("ops", "operations_lead")
    assert verdict(keys, [override, both(keys)[0], self_approved], policy).verdict == "block", "self-approval"


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ({"artifact": ""}, "artifact_sha256"),
        ({"artifact": "v1"}, "artifact_sha256"),
        ({"environment": ""}, "environment"),
    ],
)
def test_an_approval_is_for_a_known_artifact_and_environment(keys: Keys, says: dict[str, str], reason: str) -> None:
    subject = replace(SUBJECT, **says)
    found = verdict(keys, both(keys, subject=subject), subject=subject)
    assert found.verdict == "block" and reason in found.reasons()[0]
    override = keys.signed("carl", "finance", kind="override", subject=subject, **LATER)
    frozen = verdict(keys, [override], keys.policy(approvals={}), subject=subject, at=FROZEN)
    assert frozen.verdict == "block" and reason in frozen.approvals[0].refusal


def test_an_approval_is_no_override(keys: Keys) -> None:
    policy = keys.policy(override={"groups": ["engineering_manager"], "covers": ["windows", "approvals"]})
    found = verdict(keys, both(keys, **LATER), policy, at=FROZEN)
    assert found.verdict == "block" and found.override is None


@pytest.mark.parametrize(("enforcement", "expected"), [("none", "pass"), ("warn", "warn"), ("block", "block")])
def test_enforcement(keys: Keys, enforcement: str, expected: str) -> None:
    found = verdict(keys, both(keys, **LATER), keys.policy(enforcement=enforcement), at=FROZEN)
    assert found.verdict == expected
    assert found.reasons(), "it is said in any case"


@pytest.mark.parametrize("operation", ["rollback", "kill_switch"])
def test_the_ways_back_always_pass_and_are_recorded(keys: Keys, operation: str) -> None:
    policy = keys.policy(deployers=["operations"], residency={"regions": ["eu"]})
    subject = replace(SUBJECT, operation=operation, region="us")
    found = verdict(keys, [], policy, subject=subject, at=FROZEN, deployer="stranger")
    assert found.verdict == "pass"
    assert found.exempt == f"a {operation.replace('_', ' ')} always passes"
    assert found.reasons()[0] == "freeze period close holds until 2026-12-01 00:00+01:00"
    assert "region us is not among eu" in found.reasons()[1]


def test_many_freezes_are_judged_at_once(keys: Keys) -> None:
    hourly = [
        {
            "name": f"h{hour}",
            "kind": "deny",
            "rrule": "FREQ=DAILY",
            "from": f"{hour:02d}:00",
            "to": f"{hour + 1:02d}:00",
        }
        for hour in range(24)
    ]
    began = time.process_time()
    found = verdict(keys, [], keys.policy(windows=hourly), subject=replace(SUBJECT, operation="rollback"))
    assert found.next_open == ""
    assert time.process_time() - began < 5
    without_four = [window for window in hourly if window["name"] != "h4"]
    later = verdict(keys, [], keys.policy(windows=without_four), subject=replace(SUBJECT, operation="rollback"))
    assert later.next_open == "2026-11-25 04:00+01:00"


def test_no_way_back_waits_for_evidence(keys: Keys) -> None:
    read = read_policy(keys.policy())

    def broken() -> list[Document]:
        raise SystemFailure("it is down", where="server", remedy="wait")

    for operation in sorted({*OPERATIONS} - {"flags"}):
        change = Change(replace(SUBJECT, operation=operation), NOW, "ops")
        found = judge(read, change, broken, lambda *_given: Signed())
        always = operation in ("rollback", "abort", "kill_switch")
        assert found.verdict == ("pass" if always else "block"), operation
        assert ("server: it is down. Remedy: wait" in found.reasons()) != always


def test_flags_are_judged_by_windows_deployers_and_request_and_by_nothing_of_a_release(keys: Keys) -> None:
    def unasked() -> list[Document]:
        raise AssertionError("flags need no approval")

    flags = replace(SUBJECT, operation="flags", region="mars", change="", migrations="a" * 64)
    more = {"residency": {"regions": ["eu"]}, "override": {}, "change_request": ["id"], "deployers": ["operations"]}
    read = replace(read_policy(keys.policy(**more)), gates=("unit_tests",))
    at = datetime(2026, 11, 29, 10, tzinfo=timezone.utc)
    found = judge(read, Change(flags, at, "dev"), unasked, lambda *_given: Signed())
    assert (found.verdict, [finding.kind for finding in found.findings]) == (
        "block",
        ["windows", "change_request", "deployer"],
    )
    allowed = replace(flags, change="CR-17")
    assert judge(read, Change(allowed, NOW, "ops"), unasked, lambda *_given: Signed()).verdict == "pass"


@pytest.mark.parametrize(("enforcement", "expected"), [("none", "pass"), ("warn", "warn"), ("block", "block")])
def test_a_server_that_is_down_stands_against_a_change_like_everything_else(
    keys: Keys, enforcement: str, expected: str
) -> None:
    def broken() -> list[Document]:
        raise SystemFailure("it is down", where="server", remedy="wait")

    read = read_policy(keys.policy(enforcement=enforcement))
    assert judge(read, Change(SUBJECT, NOW, "ops"), broken, lambda *_given: Signed()).verdict == expected


def test_a_change_that_is_exempt_passes_with_what_stands_against_it(keys: Keys) -> None:
    found = verdict(keys, at=FROZEN, exempt="its traffic moves already")
    assert (found.verdict, found.exempt) == ("pass", "its traffic moves already")
    assert found.reasons() == ["freeze period close holds until 2026-12-01 00:00+01:00"]


def test_one_key_is_not_two_persons(keys: Keys, tmp_path: Path) -> None:
    shared = tmp_path / "allowed_signers"
    lines = keys.allowed.read_text(encoding="ascii").splitlines()
    lines = [line.replace("eva@", "eva@example.com,otto@", 1) if line.startswith("eva@") else line for line in lines]
    shared.write_text("\n".join(lines) + "\n", encoding="ascii")
    policy = keys.policy()
    policy["approvals"]["allowed_signers"] = str(shared)
    documents = [keys.signed("eva", "engineering_manager"), keys.signed("otto", "operations_lead", key="eva")]
    found = verdict(keys, documents, policy)
    assert found.verdict == "block" and found.missing == ["engineering_manager", "operations_lead"]
    assert all("signs for eva and otto" in item.refusal and item.illicit for item in found.approvals)
    assert verdict(keys, both(keys), policy).verdict == "pass", "each with a key of their own"


def test_a_migration_alone_needs_no_artifact_but_what_is_due(keys: Keys) -> None:
    migrating = replace(SUBJECT, operation="migrate", artifact="", migrations="c" * 64)
    documents = [*both(keys, subject=migrating), keys.signed("dora", "dba", subject=migrating)]
    assert verdict(keys, documents, subject=migrating).verdict == "pass"
    assert verdict(keys, documents[:2], subject=migrating).missing == ["dba"]
    nothing = replace(migrating, migrations="")
    found = verdict(keys, both(keys, subject=nothing), subject=nothing)
    assert found.reasons() == ["an approval needs migrations that are due"]


def test_data_stays_where_it_may_be(keys: Keys) -> None:
    policy = keys.policy(enforcement="warn", residency={"regions": ["eu"], "failover_regions": ["eu_west"]})

    def into(region: str, operation: str = "deploy") -> tuple[str, list[str]]:
        subject = replace(SUBJECT, region=region, operation=operation)
        found = verdict(keys, both(keys, subject=subject), policy, subject=subject)
        return found.verdict, [finding.kind for finding in found.findings]

    assert into("eu") == into("eu_west", "failover") == ("pass", [])
    for region, operation in (("us", "deploy"), ("", "deploy"), ("eu_west", "deploy"), ("us", "failover")):
        assert into(region, operation) == ("block", ["residency"]), region


def test_a_change_request_says_what_the_policy_asks(keys: Keys) -> None:
    silent = replace(SUBJECT, change="", justification=" ", risk="")
    policy = keys.policy(change_request=["id", "justification", "risk"])
    assert verdict(keys, both(keys, subject=silent), policy, subject=silent).reasons() == [
        "the change request has no id: set slipway_change.id",
        "the change request has no justification: set slipway_change.justification",
        "the change request has no risk: set slipway_change.risk",
    ]


def test_a_profile_makes_the_policy_stricter(keys: Keys) -> None:
    lax = keys.policy(enforcement="none", approvals={})
    assert verdict(keys, [], lax).verdict == "pass"
    found = verdict(keys, [], lax, ["sox"])
    assert found.verdict == "block"
    assert found.missing == ["engineering_manager", "operations_lead"]
    assert "gate unit_tests: it was not run" in found.reasons()
    gates = dict.fromkeys(
        ["config_lint", "placeholder_audit", "staging_smoke", "unit_tests", "backup", "health"], "pass"
    )
    assert verdict(keys, both(keys), lax, ["sox"], gates=gates).verdict == "pass"
    failed = verdict(keys, both(keys), lax, ["sox"], gates={**gates, "backup": "insufficient"})
    assert failed.reasons() == ["gate backup: insufficient"]
    assert verdict(keys, both(keys), lax, ["sox"], gates=gates, deployer="dora").verdict == "block"
    residency = verdict(keys, both(keys), lax, ["sox", "gdpr"], gates=gates)
    assert residency.reasons() == ["it is not said where data may be: set slipway_change_policy.residency.regions"]


def test_no_override_waives_what_a_profile_demands(keys: Keys) -> None:
    policy = keys.policy(override={"groups": ["finance"], "covers": ["windows", "approvals", "gates"]})
    override = keys.signed("carl", "finance", kind="override")
    assert verdict(keys, [override], policy).verdict == "pass"
    found = verdict(keys, [override], policy, ["sox"])
    assert found.verdict == "block" and found.missing == ["engineering_manager", "operations_lead"]
    assert not any(finding.overridden for finding in found.findings)
    read = stricter(read_policy(policy), load(["hipaa"]) or pytest.fail("no profile"))
    assert "windows" in read.covers


def test_a_profile_needs_its_groups(keys: Keys) -> None:
    policy = keys.policy()
    del policy["groups"]["operations"]
    with pytest.raises(InputError) as raised:
        verdict(keys, [], policy, ["sox"])
    assert raised.value.message() == (
        "slipway_change_policy.groups: profile sox asks for operations, which has no members. "
        "Remedy: name the members of operations there."
    )


def test_each_group_gets_a_person_of_its_own() -> None:
    """Against every way to give the groups their persons."""
    people = ("p", "q", "r")
    choices = [list(chosen) for count in range(4) for chosen in itertools.combinations(people, count)]
    for given in itertools.product(choices, repeat=3):
        by_group = dict(zip("abc", given))
        best = max(
            len({group for group, person in zip("abc", way) if person in by_group[group]})
            for way in itertools.permutations([*people, None, None, None], 3)
        )
        assert len(_unmet("abc", by_group)) == 3 - best, by_group


def test_files_of_a_directory(keys: Keys, tmp_path: Path) -> None:
    for document in both(keys):
        (tmp_path / document.source).write_bytes(document.content)
        (tmp_path / f"{document.source}.sig").write_bytes(document.signature or b"")
    (tmp_path / "notes.txt").write_text("not looked at", encoding="ascii")
    (tmp_path / "junk.json").write_bytes(b"\xff")
    found = verdict(keys, from_directory(tmp_path))
    assert found.verdict == "pass"
    assert found.approvals[-1].refusal.startswith("it is no JSON object")
    with pytest.raises(InputError):
        from_directory(tmp_path / "nowhere")


@contextmanager
def server(answer: bytes, asked: list[dict[str, Any]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            asked.append({"body": json.loads(self.rfile.read(length)), "token": self.headers["X-Token"]})
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_words: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.server_port}/approvals"
        finally:
            listening.shutdown()
            thread.join()


def test_what_is_no_file_is_a_refused_document(keys: Keys, tmp_path: Path) -> None:
    for document in both(keys):
        (tmp_path / document.source).write_bytes(document.content)
        (tmp_path / f"{document.source}.sig").write_bytes(document.signature or b"")
    (tmp_path / "directory.json").mkdir()
    (tmp_path / "gone.json").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe.json")
    found = verdict(keys, from_directory(tmp_path))
    assert found.verdict == "pass"
    assert [
        item.refusal for item in found.approvals if item.source in ("directory.json", "gone.json", "pipe.json")
    ] == [
        "it cannot be read: Is a directory",
        "it cannot be read: No such file or directory",
        "it cannot be read: it is no file",
    ]


def test_a_server_says_what_is_approved_of_exactly_this(keys: Keys) -> None:
    asked: list[dict[str, Any]] = []
    documents = [json.loads(document.content) for document in both(keys)]
    documents.append({**documents[0], "subject": {**SUBJECT.fields(), "environment": "staging"}})
    with server(json.dumps({"documents": documents}).encode("ascii"), asked) as url:
        found = verdict(keys, from_server(url, {"X-Token": "t"}, SUBJECT))
    assert found.verdict == "pass"
    assert "for environment staging" in found.approvals[-1].refusal
    assert asked == [{"body": {"digest": SUBJECT.digest, "subject": SUBJECT.fields()}, "token": "t"}]


@pytest.mark.parametrize("answer", [b"[]", b"{}", b'{"documents": ["x"]}', b"<html>"])
def test_a_server_that_answers_something_else_is_no_approval(answer: bytes) -> None:
    with server(answer, []) as url, pytest.raises(SystemFailure) as raised:
        from_server(url, {}, SUBJECT)
    assert "list of documents" in raised.value.message()


def test_a_server_that_is_down_is_no_approval() -> None:
    with server(b"", []) as url:
        pass
    with pytest.raises(SystemFailure):
        from_server(url, {}, SUBJECT)


def test_the_inventory_is_its_hosts_and_their_addresses() -> None:
    groups = {"application": ["a2", "a1"], "balancers": ["b"], "all": ["a1", "a2", "b", "x"]}
    addresses = {"a1": ["10.0.0.1"], "x": ["10.0.0.9"]}
    base = inventory_digest(groups, addresses, "d")
    assert base == inventory_digest({**groups, "application": ["a1", "a2"]}, {"a1": ["10.0.0.1"]}, "d")
    assert base != inventory_digest({**groups, "application": ["a1"]}, addresses, "d")
    assert base != inventory_digest(groups, {"a1": ["10.0.0.2"]}, "d")
    assert base != inventory_digest(groups, addresses, "b")


@pytest.mark.parametrize(
    ("changes", "where", "says"),
    [
        ({"timezone": None}, "timezone", "set slipway_change_policy.timezone"),
        ({"timezone": "Mars/Olympus"}, "timezone", "no time zone"),
        ({"timezone": "../etc/passwd"}, "timezone", "no time zone"),
        ({"enforcment": "block"}, "enforcment", "did you mean slipway_change_policy.enforcement"),
        ({"windows": "none"}, "windows", "text, not a list"),
        ({"windows": [{"name": "w", "kind": "deny", "rule": "x"}]}, "windows[0].rule", "windows[0].rrule"),
        ({"windows": [{"name": "w", "kind": "deny", "last_days": 0}]}, "windows[0].last_days", "1 to 31"),
        ({"windows": [{"name": "w", "kind": "deny", "last_days": 1}] * 2}, "windows[1].name", "twice"),
        ({"holidays": ["Christmas"]}, "holidays[0]", "YYYY-MM-DD"),
        ({"runway": -1}, "runway", "0 to 604800"),
        ({"people": {"ann": "ann@example.com"}}, "people.ann", "list of strings"),
        ({"people": {"ann": ["x"], "bob": ["X"]}, "groups": {}}, "people.bob", "a name of ann too"),
        ({"groups": {"dba": ["stranger"]}}, "groups.dba", "stranger is not in"),
        ({"deployers": ["nobody"]}, "groups", "asks for nobody"),
        ({"separate": ["cat_dog"]}, "separate", "author_approver"),
        ({"approvals": {"groups": ["dba"], "allowed_signers": ""}}, "approvals", "told from a forgery"),
        ({"approvals": {"groups": [], "url": "http://approvals.example/x"}}, "approvals.url", "use https"),
        ({"approvals": {"url": "https://[::1"}}, "approvals.url", "it is no URL"),
        ({"approvals": {"url": "https://host:canary/4711"}}, "approvals.url", "it is no URL"),
        ({"approvals": {"url": "https://user:canary/4711@host/"}}, "approvals.url", "it is no URL"),
        ({"approvals": {"url": "https://host:99999/"}}, "approvals.url", "it is no URL"),
        ({"approvals": {"url": "https://host:0/"}}, "approvals.url", "it is no URL"),
        ({"approvals": {"url": "https://ho st/"}}, "approvals.url", "it is no URL"),
        ({"approvals": {"url": "https://user:canary@host/"}}, "approvals.url", "approvals.headers"),
        (
            {"windows": [{"name": "w", "kind": "deny", "days": ["mon"], "from": "0\u0663:00"}]},
            "windows[0].from",
            "no time of day",
        ),
        ({"approvals": {"max_age": 0}}, "approvals.max_age", "60 to"),
        ({"override": {"groups": ["finance"], "covers": ["all"]}}, "override.covers", "windows"),
    ],
)
def test_a_wrong_policy_is_refused_with_its_variable(
    keys: Keys, changes: dict[str, Any], where: str, says: str
) -> None:
    with pytest.raises(InputError) as raised:
        read_policy(keys.policy(**changes))
    assert raised.value.where == f"slipway_change_policy.{where}"
    assert says in raised.value.message()
    assert "canary" not in raised.value.message()


def test_the_policy_of_the_guide_is_one() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "change-control.md").read_text(encoding="utf-8")
    given = json.loads(json.dumps(yaml.safe_load(page.split("```yaml\n")[1].split("```")[0]), default=str))
    policy = stricter(
        read_policy(given["slipway_change_policy"]), load(["sox", "pci_dss"]) or pytest.fail("no profile")
    )
    assert len(policy.windows) == 4 and policy.deployers == ("operations",)
