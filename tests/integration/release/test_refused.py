# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What release_place refuses before it changes anything, on a machine with systemd."""

from __future__ import annotations

import json
import os
import socket

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    StaleTokenError,
    StateError,
)
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.running import (
    Selection,
    stopped,
)
from tiny import APP, LAYOUT, PORTS, WEB, Release, answer, read, snapshot


def test_the_slot_that_takes_the_traffic_is_not_overwritten(one, two):
    one.place("blue")
    before = snapshot()
    with pytest.raises(StateError, match="takes the traffic"):
        two.place("blue", active_slot="blue")
    with pytest.raises(StateError, match="takes the traffic"):
        stopped(Host(LAYOUT), Selection("blue", active_slot="blue"))
    assert snapshot() == before
    assert two.place("blue", active_slot="blue", force=True).changed


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1"])
def test_a_port_in_use_is_refused_before_anything_changes(one, address):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((address, PORTS["blue"]))
        listener.listen()
        for check in (True, False):
            with pytest.raises(StateError, match=rf"port 18081 .* in use by .*pid {os.getpid()}"):
                one.place("blue", check=check)
        assert read([PORTS["blue"]])["ports"] == {"18081": f"python3 (pid {os.getpid()})"}
    assert not LAYOUT.home.exists()
    assert one.place("blue").changed


def test_the_other_slot_counts_as_somebody_else(tmp_path, one):
    one.place("blue")
    answer("blue")
    swapped = Release(tmp_path, "2.0", components=[{**WEB, "ports": {"blue": 18082, "green": 18081}}])
    with pytest.raises(StateError, match=f"slipway-{APP}-web@blue.service"):
        swapped.place("green")
    assert answer("blue")["code"] == "1.0"


def test_a_missing_account_is_refused(tmp_path):
    release = Release(tmp_path, "1.0")
    release.document["user"] = "nobody-here"
    with pytest.raises(StateError, match="nobody-here"):
        release.place("blue")
    assert not LAYOUT.home.exists()


def test_a_unit_of_somebody_else_is_not_overwritten(one):
    foreign = LAYOUT.units / f"slipway-{APP}-web@blue.service"
    foreign.write_text("[Service]\nExecStart=/bin/true\n")
    with pytest.raises(StateError, match="does not belong"):
        one.place("blue")
    assert foreign.read_text().startswith("[Service]")


def test_a_wrong_checksum_leaves_the_slot_as_it_was(tmp_path, one, two):
    one.place("blue")

    def seen():
        return {name: value for name, value in snapshot().items() if "journal" not in name and "artifacts" not in name}

    before = seen()
    with pytest.raises(InputError, match="SHA-256"):
        two.place("blue", source=two.source(artifact=str(one.archive)))
    assert seen() == before
    assert [path.name for path in LAYOUT.artifacts.iterdir()] == [one.document["artifact"]["sha256"]]
    journal = [json.loads(line) for line in (LAYOUT.state / "journal.jsonl").read_text().splitlines()]
    assert [line["event"] for line in journal[-2:]] == ["intent", "outcome"]
    assert "SHA-256" in journal[-1]["failed"]


def test_a_stale_token_changes_nothing(one, two):
    one.place("blue", token=7)
    before = snapshot()
    with pytest.raises(StaleTokenError):
        two.place("green", token=6)
    with pytest.raises(StaleTokenError):
        stopped(Host(LAYOUT, 6), Selection("blue"))
    with pytest.raises(StaleTokenError):
        two.place("green", token=6, check=True)
    assert snapshot() == before
    assert read()["token"] == 7
