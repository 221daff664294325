# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every log that an account of a host has written is found, proven by its own head, and read as that account."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ansible_collections.slipway.release.plugins.module_utils._audit import places as places_module
from ansible_collections.slipway.release.plugins.module_utils._audit.places import place, places, reading_as_owner
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Head
from ansible_collections.slipway.release.plugins.module_utils._audit.sources import sources
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._report.logs import audit_of

from .made import an_event, log

GIVEN: dict[str, Any] = {
    "accounts": True,
    "origin": "lb1/deployments",
    "checkpoints": [],
    "public_keys": [],
    "heads": [],
}


class Host:
    """A host with two accounts, on this computer."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.own = top / "own"
        self.homes = {name: top / name for name in ("ann", "bob")}

    def accounts(self) -> list[Any]:
        """As the host lists them."""
        return [SimpleNamespace(pw_name=name, pw_dir=str(home), pw_uid=65534) for name, home in self.homes.items()]

    def log_of(self, name: str) -> Path:
        """Where an account's log is."""
        return self.homes[name] / places_module.OF_A_USER

    def sources(self, *heads: dict[str, Any], **more: Any) -> list[Any]:
        """The logs as modules see them."""
        given = {**GIVEN, "directory": str(self.own), "absent": "fail", "heads": list(heads), **more}
        return sources("deployments", given)


def written(directory: Path, events: int) -> Head:
    """A log with this many events and its opening record."""
    return log(directory).append([an_event(number) for number in range(events)]).head


def head(directory: Path, end: Head, **more: Any) -> dict[str, Any]:
    """What a record of the ledger host says of it."""
    return {
        "host": "lb1",
        "directory": str(directory),
        "stream": "deployments",
        "seq": end.seq,
        "hash": end.hash,
        **more,
    }


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    made = Host(tmp_path)
    monkeypatch.setattr(places_module, "_accounts", made.accounts)
    monkeypatch.setattr("os.geteuid", lambda: 1)
    return made


def test_a_log_in_a_home_is_never_taken_for_that_of_the_host(host: Host) -> None:
    """The account has written more than the host has."""
    ends = {host.own: written(host.own, 3), host.log_of("ann"): written(host.log_of("ann"), 9)}
    found = host.sources(*(head(directory, end) for directory, end in ends.items()))
    assert [(one.origin, one.account) for one in found] == [("lb1/deployments", ""), ("lb1/deployments@ann", "ann")]
    said = [audit_of(one, []) for one in found]
    assert [(one["verdict"], one["proven"]) for one in said] == [("intact", 4), ("intact", 10)]


def test_what_is_forged_in_a_home_is_found(host: Host) -> None:
    written(host.own, 1)
    end = written(host.log_of("ann"), 2)
    (_own, one) = host.sources(head(host.log_of("ann"), Head(end.segment, end.seq, "b" * 64)))
    with pytest.raises(StateError, match="forked"):
        audit_of(one, [])


def test_a_log_that_is_gone_is_no_log_that_was_never_there(host: Host) -> None:
    end = written(host.own, 1)
    assert len(host.sources()) == 1
    with pytest.raises(StateError, match="it is gone"):
        host.sources(head(host.log_of("ann"), end))
    written(host.own.with_name("moved"), 1)
    host.log_of("ann").parent.mkdir(parents=True)
    host.log_of("ann").symlink_to(host.own.with_name("moved"))
    assert len(host.sources(head(host.log_of("ann"), end))) == 2


def test_two_ledgers_that_contradict_each_other_are_not_believed(host: Host) -> None:
    end = written(host.own, 1)
    with pytest.raises(StateError, match="contradict"):
        host.sources(head(host.own, end), head(host.own, end, hash="c" * 64))


def test_the_own_log_may_be_absent_where_that_is_said(host: Host) -> None:
    written(host.log_of("bob"), 1)
    with pytest.raises(StateError, match="no such audit log"):
        host.sources()
    assert [one.account for one in host.sources(absent="pass")] == ["bob"]
    assert host.sources(absent="pass", accounts=False) == []


def test_an_old_place_that_a_head_names_is_read_too_and_a_log_by_two_names_once(host: Host) -> None:
    written(host.own, 1)
    old = host.own.with_name("old")
    end = written(old, 2)
    (host.own.with_name("link")).symlink_to(host.own)
    found = host.sources(head(old, end), head(host.own.with_name("link"), written(host.own, 1)))
    assert [str(one.files.directory) for one in found] == [str(host.own), str(old)]
    assert all(audit_of(one, [])["verdict"] == "intact" for one in found)


def test_where_an_account_writes_is_where_it_is_looked_for(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    (ann, _bob) = host.accounts()
    host.homes["ann"].mkdir()
    monkeypatch.setattr(pwd, "getpwuid", lambda _uid: ann)
    monkeypatch.setattr(places_module, "_may_write", lambda path: path != host.own)
    directory, _can = place(str(host.own))
    written(directory, 1)
    assert places(str(host.own), "deployments") == {host.own: "", directory: "ann"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read as somebody else")
def test_a_link_to_what_only_root_may_read_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("x", encoding="utf-8")
    secret.chmod(0o600)
    with reading_as_owner("nobody"), pytest.raises(PermissionError):
        secret.read_text(encoding="utf-8")
    assert os.geteuid() == 0 and secret.read_text(encoding="utf-8") == "x"
