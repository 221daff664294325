# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Only whole, old, delivered segments of an unbroken log expire, never under a legal hold or without a trace."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import ed25519
from ansible_collections.slipway.release.plugins.module_utils._audit import event as event_module
from ansible_collections.slipway.release.plugins.module_utils._audit import sources as sources_module
from ansible_collections.slipway.release.plugins.module_utils._audit.event import of_log
from ansible_collections.slipway.release.plugins.module_utils._audit.log import OPENED
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Head, Record
from ansible_collections.slipway.release.plugins.module_utils._audit.retention import Retention
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Signer
from ansible_collections.slipway.release.plugins.module_utils._audit.verify import (
    BROKEN,
    INTACT,
    UNPROVEN,
    Tombstone,
    signed_tombstone,
    verify,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, StateError

from .made import an_event, chained, files, lines, log
from .test_note import ORIGIN, Ed25519PrivateKey, pem

OLD, NEW = "2020-01-01T00:00:00.000+00:00", "2026-01-01T00:00:00.000+00:00"
DAYS = 30


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    """A new key."""
    (tmp_path / "key.pem").write_bytes(pem(Ed25519PrivateKey.generate()))
    return Signer(tmp_path / "key.pem", "ops")


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A log with two segments of long ago, and two of today."""
    writer = log(tmp_path / "log")
    with monkeypatch.context() as earlier:
        earlier.setattr(event_module, "utc", lambda: OLD)
        for _segment in range(2):
            writer.append([an_event(number) for number in range(5)])
            writer.rotate()
    writer.append([an_event()])
    writer.rotate()
    return tmp_path / "log"


def expired(directory: Path, signer: Signer) -> Retention:
    """With the two old ones gone."""
    retention = Retention(log(directory))
    due = retention.due(ORIGIN, DAYS)
    assert due
    retention.expire(signer.signed(due), [signer.key], due)
    return retention


def left(directory: Path, signer: Signer) -> Tombstone:
    """What reads the last tombstone."""
    return partial(signed_tombstone, files(directory), [signer.key], ORIGIN)


def test_whole_old_segments_expire_and_the_rest_is_proven(old: Path, signer: Signer) -> None:
    before = log(old).head()
    expired(old, signer)
    assert list(files(old).closed()) == [3]
    head = log(old).head()
    found = verify(files(old), {before.seq: before.hash, head.seq: head.hash}, tombstone=left(old, signer))
    assert (found.verdict, found.proven) == (INTACT, head.seq)
    assert '"segments.expired"' in lines(files(old).current)[-1].decode()


def test_a_tombstone_without_signature_is_none(old: Path, signer: Signer) -> None:
    expired(old, signer)
    path = next(files(old).tombstones.glob("*.note"))
    path.write_text(path.read_text(encoding="utf-8").replace("segment 2", "segment 3"), encoding="utf-8")
    assert left(old, signer)() is None
    assert verify(files(old), {}).counts["missing"] == 1


def test_a_log_in_a_home_is_proven_after_its_segments_have_expired(
    old: Path, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention = Retention(log(old))
    due = retention.due("db1/deployments@ann", DAYS)
    assert due
    retention.expire(signer.signed(due), [signer.key], due)
    monkeypatch.setattr(sources_module, "places", lambda *_asked: {tmp_path / "own": "", old: "ann"})
    given = {
        "directory": str(tmp_path / "own"),
        "accounts": True,
        "origin": "db1/deployments",
        "checkpoints": [],
        "public_keys": [signer.key.text()],
        "absent": "pass",
    }
    (found,) = sources_module.sources(files(old).stream, given)
    tombstone = partial(signed_tombstone, found.files, found.keys, found.origin)
    assert (found.account, verify(found.files, found.heads, tombstone=tombstone).verdict) == ("ann", UNPROVEN)


def test_nothing_expires_under_a_hold(old: Path) -> None:
    retention = Retention(log(old))
    assert retention.hold("case-7", "letter of the regulator", "ada")
    assert retention.hold("case-7", "again", "ada") is None
    assert retention.due(ORIGIN, DAYS) is None
    assert retention.release("case-7", "closed", "ada")
    assert retention.release("case-7", "closed", "ada") is None
    assert retention.due(ORIGIN, DAYS)
    told = files(old).current.read_text(encoding="utf-8")
    assert re.findall(r'"operation":"(hold[^"]*)"', told) == ["hold.set", "hold.released"]
    for name, reason in (("", "why"), ("case", " ")):
        with pytest.raises(InputError):
            retention.hold(name, reason, "ada")


def test_a_hold_that_is_set_while_the_log_is_read_stops_the_expiry(
    old: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def held_meanwhile(*given: Any, **more: Any) -> Any:
        Retention(log(old)).hold("case-7", "letter", "ada")
        return verify(*given, **more)

    monkeypatch.setattr(
        "ansible_collections.slipway.release.plugins.module_utils._audit.retention.verify", held_meanwhile
    )
    with pytest.raises(StateError, match="hold"):
        expired(old, signer)
    assert list(files(old).closed()) == [1, 2, 3]


def test_no_hold_of_many_at_once_is_lost(old: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda n: Retention(log(old)).hold(f"case-{n}", "letter", "ada"), range(16)))
    assert all(done) and len(Retention(log(old)).holds()) == 16


def test_what_is_young_or_not_delivered_stays(old: Path) -> None:
    retention = Retention(log(old))
    due = retention.due(ORIGIN, DAYS)
    assert due and due.segment == 2
    assert retention.due(ORIGIN, 0) is None
    assert retention.due(ORIGIN, 365_000) is None
    assert retention.due(ORIGIN, DAYS, least_seq=3) is None
    first = retention.due(ORIGIN, DAYS, least_seq=due.size - 1)
    assert first and first.segment == 1


def test_only_what_is_due_and_signed_expires(old: Path, signer: Signer) -> None:
    retention = Retention(log(old))
    due = retention.due(ORIGIN, DAYS)
    assert due
    with pytest.raises(StateError, match="due"):
        retention.expire(signer.signed(replace(due, segment=3)), [signer.key], due)
    with pytest.raises(StateError, match="trusted"):
        retention.expire(signer.signed(due), [], due)
    assert list(files(old).closed()) == [1, 2, 3]


def test_a_broken_log_keeps_everything(old: Path, signer: Signer) -> None:
    current = files(old).current
    current.write_bytes(b"{}\n" + current.read_bytes())
    with pytest.raises(StateError, match="broken"):
        expired(old, signer)
    assert list(files(old).closed()) == [1, 2, 3]


def test_a_log_that_a_checkpoint_contradicts_keeps_everything(old: Path, signer: Signer) -> None:
    retention = Retention(log(old))
    due = retention.due(ORIGIN, DAYS)
    assert due
    with pytest.raises(StateError, match="broken"):
        retention.expire(signer.signed(due), [signer.key], due, {due.size: "cd" * 32})
    assert list(files(old).closed()) == [1, 2, 3]


def test_what_expires_while_it_is_read_is_not_missed(old: Path, signer: Signer) -> None:
    seen: list[int] = []

    def take(record: Record) -> None:
        if not seen:
            expired(old, signer)
        seen.append(record.seq)

    found = verify(files(old), {}, tombstone=left(old, signer), consumer=take)
    assert (found.verdict, seen[0]) == (UNPROVEN, 1), found.findings
    assert found.head.seq == log(old).head().seq - 1


def test_a_segment_that_somebody_deletes_while_it_is_read_is_missed(old: Path, signer: Signer) -> None:
    found = verify(files(old), {}, tombstone=left(old, signer), consumer=lambda _: files(old).packed(2).unlink(True))
    assert found.counts["missing"] == 1


@pytest.mark.parametrize("forged_tail", [False, True])
def test_a_tombstone_that_a_checkpoint_contradicts_is_a_fork(old: Path, signer: Signer, forged_tail: bool) -> None:
    due = Retention(log(old)).due(ORIGIN, DAYS)
    assert due
    forged = replace(due, hash="ee" * 32)
    if forged_tail:
        shutil.rmtree(files(old).segments)
        opening = of_log(OPENED)
        files(old).current.write_bytes(chained([opening], Head(due.segment + 1, due.size, forged.hash)))
    for since in (0, due.segment, due.segment + 1):
        found = verify(files(old), {due.size: due.hash}, tombstone=lambda: forged, since=since)
        assert found.counts["forked"] == 1 and found.verdict == BROKEN
    assert verify(files(old), {due.size: due.hash}, tombstone=lambda: due).counts["forked"] == 0


def test_one_signature_is_checked_however_many_tombstones_there_are(
    old: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired(old, signer)
    made = left(old, signer)()
    assert made
    for segment in (1, 0):
        earlier = replace(made, segment=segment)
        files(old).tombstone(segment).write_text(signer.signed(earlier), encoding="utf-8")
    files(old).tombstone(9).write_text(signer.signed(replace(made, segment=1)), encoding="utf-8")
    files(old).tombstone(8).write_text("forged\n", encoding="utf-8")
    checked: list[bytes] = []
    verified = ed25519.verified
    monkeypatch.setattr(ed25519, "verified", lambda *given: (checked.append(given[1]), verified(*given))[1])
    assert left(old, signer)() == made
    assert len(checked) == 2


def test_segments_that_a_killed_expiry_left_are_not_doubted(old: Path, signer: Signer) -> None:
    kept = files(old).packed(2).read_bytes()
    expired(old, signer)
    files(old).packed(2).write_bytes(kept)
    assert verify(files(old), {}, tombstone=left(old, signer)).verdict != BROKEN


def test_a_later_expiry_follows_an_earlier_tombstone(
    old: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    retention = expired(old, signer)
    due = retention.due(ORIGIN, DAYS)
    assert due is None
    monkeypatch.setattr("ansible_collections.slipway.release.plugins.module_utils._audit.retention.timedelta", _past)
    due = retention.due(ORIGIN, DAYS)
    assert due and due.segment == 3
    retention.expire(signer.signed(due), [signer.key], due)
    assert left(old, signer)() == due
    assert verify(files(old), {}, tombstone=left(old, signer)).verdict != BROKEN


def _past(days: int) -> timedelta:
    return timedelta(days=-days)
