# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starting, stopping and handing over what was placed, on a machine with systemd."""

from __future__ import annotations

import os
import signal
import subprocess
import time

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    StateError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.running import (
    Selection,
    handover,
    proven,
    started,
    stopped,
)
from tiny import ALL, APP, LAYOUT, MAILER, WEB, Release, answer, pid, read, running, snapshot, systemctl


def test_a_dead_unit_is_started_again(one):
    one.place("blue")
    answer("blue")
    systemctl("stop", f"slipway-{APP}-web@blue.service")
    outcome = one.place("blue", active_slot="blue")
    assert outcome.changed and outcome.before == outcome.after
    assert answer("blue")["code"] == "1.0"


def test_a_crashed_process_comes_back_by_itself(one):
    one.place("blue")
    answer("blue")
    first = pid("blue")
    os.kill(first, signal.SIGKILL)
    answer("blue")
    assert pid("blue") not in (0, first)


def test_the_start_limit_never_refuses_a_deliberate_start(one, two):
    unit = f"slipway-{APP}-web@blue.service"
    one.place("blue")
    refused = False
    for _round in range(30):
        if subprocess.run(["systemctl", "start", unit], capture_output=True, check=False).returncode:
            refused = True
            break
        os.kill(pid("blue"), signal.SIGKILL)
        while running("blue", "web"):
            time.sleep(0.01)
    assert refused, "without the limit this test shows nothing"
    assert one.place("blue").changed
    assert answer("blue")["code"] == "1.0"


def test_a_component_that_cannot_start_fails_the_slot(tmp_path, one):
    one.place("blue")
    broken = Release(tmp_path, "2.0", components=[{**WEB, "command": "/no/such/program"}])
    with pytest.raises(SystemFailure, match="did not start"):
        broken.place("blue")
    slot = read()["slots"]["blue"]
    assert (slot["status"], slot["running"], slot["revision"]) == ("failed", False, broken.id)
    assert not slot["instances"]["web"]["enabled"]
    assert one.place("blue").changed
    assert answer("blue")["code"] == "1.0"


def test_stopping_and_marking_a_failed_slot(one, two):
    one.place("blue")
    two.place("green")
    nothing = stopped(Host(LAYOUT), Selection("green", only_revision=one.id), failed=True)
    assert not nothing.changed and running("green", "web")
    done = stopped(Host(LAYOUT), Selection("green", only_revision=two.id), failed=True)
    assert done.changed and done.after["status"] == "failed"
    assert not running("green", "web") and running("blue", "web")
    assert not stopped(Host(LAYOUT), Selection("green"), failed=True).changed
    slot = read()["slots"]["green"]
    assert (slot["status"], slot["running"]) == ("failed", False)
    with pytest.raises(StateError, match="failed"):
        started(Host(LAYOUT), Selection("green"))
    assert two.place("green").changed
    assert read()["slots"]["green"]["status"] == "placed"


def test_stopping_and_starting_again(one):
    one.place("blue")
    assert stopped(Host(LAYOUT), Selection("blue")).changed
    assert not stopped(Host(LAYOUT), Selection("blue")).changed
    assert not running("blue", "web")
    assert started(Host(LAYOUT), Selection("blue")).changed
    assert answer("blue")["code"] == "1.0"
    assert not started(Host(LAYOUT), Selection("blue")).changed


def test_an_empty_slot_can_be_stopped_but_not_started(one):
    assert not stopped(Host(LAYOUT), Selection("green"), failed=True).changed
    assert not stopped(Host(LAYOUT), Selection("green", ["mailer"])).changed
    assert not started(Host(LAYOUT), Selection("green", ["mailer"])).changed
    with pytest.raises(StateError, match="empty"):
        started(Host(LAYOUT), Selection("green"))
    with pytest.raises(StateError, match="empty"):
        proven(Host(LAYOUT), Selection("green"))


NOT_HTTP = [("mailer", "service"), ("leader", "service"), ("report", "timer")]


def consumers(slot):
    return [name for name, suffix in NOT_HTTP if running(slot, name, suffix)]


def test_handover_in_two_steps(tmp_path):
    old, new = Release(tmp_path, "1.0", components=ALL), Release(tmp_path, "2.0", components=ALL)
    names = [name for name, _rest in NOT_HTTP]
    old.place("blue")
    assert consumers("blue") == []
    started(Host(LAYOUT), Selection("blue", names))
    assert consumers("blue") == names
    new.place("green")
    assert consumers("green") == []
    with pytest.raises(StateError, match="must not run at once"):
        started(Host(LAYOUT), Selection("green", names))
    outcome = stopped(Host(LAYOUT), Selection("blue", [*names, "unknown"]))
    assert outcome.changed and outcome.extra == {"passed_over": ["unknown"]}
    assert (consumers("blue"), consumers("green")) == ([], [])
    started(Host(LAYOUT), Selection("green", names))
    assert (consumers("blue"), consumers("green")) == ([], names)
    assert running("blue", "web") and running("green", "web")
    assert not new.place("green").changed


def test_handover_in_one_step_never_runs_two(tmp_path):
    overlapping = {**MAILER, "name": "indexer", "overlap": True}
    old = Release(tmp_path, "1.0", components=[*ALL, overlapping])
    new = Release(tmp_path, "2.0", components=[*ALL, overlapping])
    old.place("blue")
    assert handover(Host(LAYOUT), Selection("blue")).changed
    new.place("green")
    foretold = handover(Host(LAYOUT, check=True), Selection("green"))
    assert foretold.changed and consumers("green") == []
    outcome = handover(Host(LAYOUT), Selection("green"))
    assert [step["name"] for step in outcome.steps] == ["start", "stop", "start"]
    assert (consumers("blue"), consumers("green")) == ([], [name for name, _rest in NOT_HTTP])
    assert running("green", "indexer") and not running("blue", "indexer")
    before = snapshot()
    assert not handover(Host(LAYOUT), Selection("green")).changed
    assert snapshot() == before
