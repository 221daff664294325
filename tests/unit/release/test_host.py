# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read of a host without a running systemd: ports, records, unit states, kept revisions."""

from __future__ import annotations

import contextlib
import os
import socket
from functools import partial

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.canonical import digest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._common.files import write_state
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout, make_directory
from ansible_collections.slipway.release.plugins.module_utils._release.ports import (
    listening_by_netlink,
    listening_by_proc,
    owners,
)
from ansible_collections.slipway.release.plugins.module_utils._release.record import Record, RecordFile, SlotRecord
from ansible_collections.slipway.release.plugins.module_utils._release.store import Store, environment_text
from ansible_collections.slipway.release.plugins.module_utils._release.systemd import Answer, Systemd, UnitState

TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 111 1
   1: 0100007F:1F92 0100007F:9000 01 00000000:00000000 00:00000000 00000000     0        0 222 1
"""
TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000000000000:1F93 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 333 1
   1: 00000000000000000000000000000000:1F94 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 444 1
"""


def test_ports_and_their_owners(tmp_path):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "tcp").write_text(TCP)
    (tmp_path / "net" / "tcp6").write_text(TCP6)
    for pid, name, inode, group in (
        ("7", "python3", 111, "slipway-shop-web@blue.service"),
        ("8", "nginx", 333, "n.service"),
    ):
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "fd" / "3").symlink_to(f"socket:[{inode}]")
        (tmp_path / pid / "comm").write_text(name + "\n")
        (tmp_path / pid / "cgroup").write_text(f"1:name=systemd:/\n0::/system.slice/x.slice/{group}\n")
    found = owners([8081, 8082, 8083, 8084], tmp_path, partial(listening_by_proc, tmp_path))
    assert {port: str(owner) if owner else None for port, owner in found.items()} == {
        8081: "slipway-shop-web@blue.service",
        8082: None,
        8083: "nginx (pid 8)",
        8084: "unknown process",
    }


@pytest.mark.parametrize("listening", [None, listening_by_netlink, listening_by_proc])
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_real_listener_is_found_and_a_connection_is_not(listening, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        port = listener.getsockname()[1]
        with contextlib.ExitStack() as connections:
            client = connections.enter_context(socket.create_connection((address, port)))
            connections.enter_context(listener.accept()[0])
            other = client.getsockname()[1]
            found = owners([port, other], listening=listening)
        assert found[port].pid == os.getpid() and found[other] is None


def test_the_record_survives_writing(tmp_path):
    file = RecordFile(tmp_path)
    assert file.read() == Record()
    record = Record().with_slot("blue", SlotRecord("r1", "placed", {"u": "d"})).with_history("r1").with_history("r2")
    record = record.with_history("r1").with_proven("r2")
    file.write(record)
    assert file.read() == record
    assert record.history == ("r2", "r1")
    assert record.without({"r1", "r2"}).history == ()


def test_a_record_of_a_newer_collection_is_refused(tmp_path):
    write_state(tmp_path / "slots.json", 2, {"slots": {}, "history": [], "proven": []})
    with pytest.raises(StateError, match="schema 2"):
        RecordFile(tmp_path).read()


SHOWN = """\
MainPID=73
Id=a.service
LoadState=loaded
ActiveState=active
SubState=running
NeedDaemonReload=yes
Result=success
NRestarts=2

Id=b.timer
LoadState=loaded
ActiveState=failed
SubState=dead
NeedDaemonReload=no
"""


def test_unit_states():
    asked = []

    def runner(arguments, timeout, descriptors):
        asked.append(arguments)
        return Answer(0, SHOWN, "")

    found = Systemd(runner=runner).show(["b.timer", "a.service", "c.service"])
    assert found["a.service"] == UnitState("loaded", "active", "running", 73, True, "success", 2)
    assert found["a.service"].running and not found["b.timer"].running and found["b.timer"].stopped
    assert found["c.service"] == UnitState()
    assert len(asked) == 1


def test_systemd_that_does_not_answer_is_a_system_failure():
    broken = Systemd(runner=lambda *ignored: Answer(1, "", "Failed to connect to bus"))
    with pytest.raises(SystemFailure, match="connect to bus"):
        broken.show(["a.service"])


@pytest.fixture
def store(tmp_path):
    store = Store(Layout("shop", tmp_path / "opt", tmp_path / "var", tmp_path / "units"))
    for name in ("r1", "r2", "r3", "r4", "r5", "stray"):
        make_directory(store.layout.revision(name))
        document = {"artifact": {"sha256": f"sha-{name}"}}
        write_state(store.layout.revision(name) / "manifest.json", 1, {"document": document})
        make_directory(store.layout.artifacts)
        (store.layout.artifacts / f"sha-{name}").write_text("x")
    return store


HISTORY = Record(history=("r1", "r2", "r3", "r4", "r5"))


@pytest.mark.parametrize(
    ("record", "linked", "keep", "protect", "gone"),
    [
        (HISTORY, set(), 2, (), ["stray", "r1", "r2", "r3"]),
        (HISTORY, set(), 9, (), []),
        (HISTORY, {"r1"}, 1, (), ["stray", "r2", "r3", "r4"]),
        (HISTORY, set(), 1, ("r2", "stray"), ["r1", "r3", "r4"]),
        (HISTORY.with_proven("r1").with_proven("r2"), set(), 1, (), ["stray", "r1", "r3", "r4"]),
        (HISTORY.with_proven("r1").with_proven("r2"), {"r2"}, 1, (), ["stray", "r3", "r4"]),
        (HISTORY.with_history("new"), {"new"}, 2, (), ["stray", "r1", "r2", "r3", "r4"]),
        (HISTORY.with_history("missing"), set(), 1, (), ["stray", "r1", "r2", "r3", "r4"]),
    ],
)
def test_what_may_be_pruned(store, record, linked, keep, protect, gone):
    assert store.prunable(record, linked, keep, protect) == gone


def test_pruning_removes_what_was_only_needed_by_the_pruned(store):
    store.prune(["r1", "stray"])
    assert store.identifiers() == ["r2", "r3", "r4", "r5"]
    assert sorted(path.name for path in store.layout.artifacts.iterdir()) == ["sha-r2", "sha-r3", "sha-r4", "sha-r5"]
    assert store.leftovers() == []


def test_what_a_waiting_run_is_writing_is_not_swept(store):
    make_directory(store.layout.state)
    for name in (".announced.ab12cd_9", ".token.ab12cd_9", "token"):
        (store.layout.state / name).write_text("7\n")
    assert [path.name for path in store.leftovers()] == [".token.ab12cd_9"]


def test_a_changed_manifest_is_not_intact(store):
    document = {"artifact": {"sha256": "x"}}
    identifier = digest(document)[:16]
    make_directory(store.layout.revision(identifier))
    write_state(store.layout.revision(identifier) / "manifest.json", 1, {"document": document})
    assert store.intact(identifier)
    write_state(store.layout.revision(identifier) / "manifest.json", 1, {"document": {"artifact": {"sha256": "y"}}})
    assert not store.intact(identifier) and not store.intact("unknown")


def test_an_environment_file_quotes_what_systemd_would_read_otherwise():
    assert environment_text({"A": 'x"y\\z', "B": "$HOME `id` # no comment", "C": ""}) == (
        'A="x\\"y\\\\z"\nB="\\$HOME \\`id\\` # no comment"\nC=""\n'
    )
