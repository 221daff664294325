# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Components that come after others, started and stopped by a real systemd."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.running import Selection, started, stopped
from tiny import APP, LAYOUT, LEADER, MAILER, REPORT, WEB, Release, running, systemctl

READY_WEB = {**WEB, "health": {"ready": "/"}}
ENDS = Path(f"/var/lib/slipway-{APP}/ends")
# Takes a second to end, so that nothing which waits for its end could have been stopped after it by chance.
SLOW = f"""
import signal, sys, time
def say(what):
    with open("{ENDS}", "a") as file:
        file.write(sys.argv[1] + " " + what + "\\n")
def end(*ignored):
    say("is told")
    time.sleep(1)
    say("has ended")
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
time.sleep(1e6)
"""
FAILING = "import sys, time\ntime.sleep(0.5)\nsys.exit(1)\n"
BEHIND = {**MAILER, "command": "python3 slow.py mailer", "after": ["leader", "web"]}
LAST = {**MAILER, "name": "indexer", "command": "python3 slow.py indexer", "after": ["mailer"]}
NAMES = ["indexer", "leader", "mailer", "report"]


def release(directory, *, leader="python3 slow.py leader"):
    components = [READY_WEB, {**LEADER, "command": leader}, BEHIND, LAST, {**REPORT, "after": ["mailer"]}]
    return Release(directory, "1.0", components=components, extra={"slow.py": SLOW, "failing.py": FAILING})


def start_of(component, suffix="service"):
    """When the unit of a component became active, in seconds."""
    unit = f"slipway-{APP}-{component}@blue.{suffix}"
    return int(systemctl("show", "--value", "--property=ActiveEnterTimestampMonotonic", unit)) / 1_000_000


def test_each_starts_once_what_it_comes_after_is_ready_and_they_stop_in_the_opposite_order(tmp_path):
    release(tmp_path).place("blue")
    started(Host(LAYOUT), Selection("blue", NAMES))
    assert start_of("mailer") - start_of("leader") >= 2
    assert start_of("indexer") - start_of("mailer") >= 2
    assert start_of("report", "timer") - start_of("mailer") >= 2
    assert not started(Host(LAYOUT), Selection("blue", NAMES)).changed
    stopped(Host(LAYOUT), Selection("blue", NAMES))
    order = [f"{name} {what}" for name in ("indexer", "mailer", "leader") for what in ("is told", "has ended")]
    assert ENDS.read_text().splitlines() == order
    assert running("blue", "web")


def test_what_does_not_stay_keeps_those_after_it_from_starting(tmp_path):
    release(tmp_path, leader="python3 failing.py").place("blue")
    with pytest.raises(SystemFailure, match="leader is not ready .* nothing that comes after it starts"):
        started(Host(LAYOUT), Selection("blue", NAMES))
    assert not running("blue", "mailer") and not running("blue", "indexer") and not running("blue", "report", "timer")


def test_a_component_that_serves_must_answer_before_those_after_it_start(tmp_path):
    release(tmp_path).place("blue")
    systemctl("kill", "--signal=STOP", f"slipway-{APP}-web@blue.service")
    with pytest.raises(SystemFailure, match="web is not ready"):
        started(Host(LAYOUT), Selection("blue", ["mailer"]))
    assert not running("blue", "mailer")
    systemctl("kill", "--signal=CONT", f"slipway-{APP}-web@blue.service")
    started(Host(LAYOUT), Selection("blue", ["mailer"]))
    assert running("blue", "mailer")


def test_a_singleton_that_runs_elsewhere_is_not_waited_for_here(tmp_path):
    release(tmp_path).place("blue")
    started(Host(LAYOUT), Selection("blue", ["mailer"]))
    assert running("blue", "mailer") and not running("blue", "leader")
