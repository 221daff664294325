# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The keep-warm time of a slot under a real systemd: the timer, the program that it starts, and agents that answer."""

from __future__ import annotations

import json
import shutil
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._agent.payload import sources
from ansible_collections.slipway.release.plugins.module_utils._agent.place import Places, place
from ansible_collections.slipway.release.plugins.module_utils._agent.report import Report
from ansible_collections.slipway.release.plugins.module_utils._agent.server import StateServer
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State, whole
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.running import Selection, started
from ansible_collections.slipway.release.plugins.module_utils._release.warm import Request
from tiny import APP, LAYOUT, MAILER, WEB, Release, answer, pid, read, running, systemctl

TIMER, SERVICE = f"slipway-warm@{APP}.timer", f"slipway-warm@{APP}.service"
LINK = Path("/etc/systemd/system/timers.target.wants") / TIMER
SECONDS = 3
PLACES = Places(library=Path("/usr/local/lib/slipway"), python=sys.executable)


class Agent:
    """The agent of a balancer, which says what a test wants."""

    def __init__(self):
        self.report = None
        self.server = StateServer("127.0.0.1", 0, lambda: self.report.to_dict() if self.report else {})
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.server.server_address[1]}"

    def leads_to(self, slot, token):
        state = State(app=APP, generation=3, token=token, stable=slot, percents=whole(slot))
        self.report = Report(APP, "b", True, state, 0, 0)


@pytest.fixture(scope="module")
def installed():
    """What site.yml installs on an application host."""
    place(PLACES, sources())
    systemctl("daemon-reload")
    yield
    for path in (PLACES.unit, PLACES.watch_unit, PLACES.warm_unit, PLACES.warm_timer, PLACES.command, PLACES.tmpfiles):
        path.unlink()
    shutil.rmtree(PLACES.library.resolve())
    PLACES.library.unlink()
    systemctl("daemon-reload")


@pytest.fixture
def agents(installed):
    found = [Agent(), Agent()]
    yield found
    systemctl("stop", TIMER, SERVICE)
    LINK.unlink(missing_ok=True)
    for one in found:
        one.server.shutdown()
        one.server.server_close()


@pytest.fixture
def deployed(tmp_path, agents):
    """1.0 in blue was left for 2.0 in green with token 2; both run."""
    request = Request(SECONDS, tuple(one.address for one in agents))
    old = Release(tmp_path, "1.0", components=[WEB, MAILER])
    old.place("blue", token=1)
    Release(tmp_path, "2.0", components=[WEB, MAILER]).place("green", token=2, active_slot="blue", keep_warm=request)
    for one in agents:
        one.leads_to("blue", 1)
    return old


def look():
    """What the timer does when it comes round."""
    systemctl("start", SERVICE)
    assert systemctl("show", "--value", "--property=Result", SERVICE) == "success"


def warm():
    shown = read()["slots"]["blue"]["warm"]
    return shown["status"] if shown else "none"


def settle(agents, slot="green", token=2):
    for one in agents:
        one.leads_to(slot, token)


def test_the_timer_runs_and_a_boot_starts_it_and_nothing_is_stopped_before_the_traffic_has_left(deployed, agents):
    assert systemctl("is-active", TIMER) == "active"
    systemctl("daemon-reload")
    assert TIMER in systemctl("show", "--value", "--property=Wants", "timers.target").split()
    look()
    time.sleep(SECONDS + 1)
    look()
    assert warm() == "waiting" and running("blue", "web")


def test_the_slot_is_stopped_when_its_time_is_over_and_started_by_whoever_uses_it(deployed, agents, tmp_path):
    settle(agents)
    look()
    assert warm() == "warm" and running("blue", "web")
    before = pid("green")
    time.sleep(SECONDS + 1)
    look()
    assert warm() == "cold" and not running("blue", "web")
    assert systemctl("is-enabled", f"slipway-{APP}-web@blue.service") != "enabled"
    assert systemctl("is-active", TIMER) == "inactive" and not LINK.is_symlink()
    assert (answer("green")["code"], pid("green")) == ("2.0", before)
    assert read()["slots"]["blue"]["drift"] == []
    deployed.place("blue", token=3, active_slot="green")
    assert answer("blue")["code"] == "1.0"
    assert systemctl("is-enabled", f"slipway-{APP}-web@blue.service") == "enabled"
    assert warm() == "none"


def test_the_timer_comes_round_by_itself(deployed, agents):
    settle(agents)
    give_up = time.monotonic() + 120
    while warm() != "cold":
        assert time.monotonic() < give_up, json.dumps(read()["slots"]["blue"]["warm"])
        time.sleep(0.5)
    assert not running("blue", "web") and running("green", "web")


@pytest.mark.parametrize("silent", [False, True])
def test_traffic_that_has_returned_and_an_agent_without_an_answer_keep_it(deployed, agents, silent):
    settle(agents)
    look()
    if silent:
        agents[1].report = None
    else:
        agents[1].leads_to("blue", 2)
    time.sleep(SECONDS + 1)
    look()
    assert running("blue", "web") and answer("blue")["code"] == "1.0"
    settle(agents)
    look()
    assert warm() == ("cold" if silent else "warm")


def test_a_record_of_another_boot_begins_its_time_anew(deployed, agents):
    settle(agents)
    look()
    host = Host(LAYOUT)
    host.warm.write(replace(host.warm.read(), boot_id="another", deadline_ms=1))
    look()
    assert running("blue", "web")
    assert host.warm.read().boot_id != "another"


@pytest.mark.parametrize("number", range(5))
def test_a_rollback_at_the_moment_at_which_it_is_stopped(deployed, agents, number):
    settle(agents)
    look()
    time.sleep(SECONDS + 1)
    systemctl("start", "--no-block", SERVICE)
    time.sleep(number * 0.1)
    outcome = started(Host(LAYOUT, 3), Selection("blue", only_revision=deployed.id))
    assert outcome.instances["web"]["running"]
    look()
    assert running("blue", "web") and answer("blue")["code"] == "1.0"
    assert systemctl("is-enabled", f"slipway-{APP}-web@blue.service") == "enabled"
    assert warm() == "none" and not LINK.is_symlink()
