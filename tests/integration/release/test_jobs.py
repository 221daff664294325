# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduled components while their schedule is handed over, run by a real systemd."""

from __future__ import annotations

import datetime
import threading
import time
from pathlib import Path

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.running import Selection, started, stopped
from tiny import APP, LAYOUT, REPORT, WEB, Release, read, running, systemctl

SERVICE = f"slipway-{APP}-report@blue.service"
DONE = Path(f"/var/lib/slipway-{APP}/done")
NEVER = "2099-01-01 00:00:00"


def placed(directory, seconds, *, schedule=NEVER, stop_timeout=30):
    """A release whose job runs so many seconds, placed in both slots, with its schedule in one of them."""
    job = {**REPORT, "command": f"""python3 -c 'import time; time.sleep({seconds}); open("{DONE}", "w")'"""}
    release = Release(directory, "1.0", components=[WEB, {**job, "schedule": schedule, "stop_timeout": stop_timeout}])
    for slot in ("blue", "green"):
        release.place(slot)
    started(Host(LAYOUT), Selection("blue", ["report"]))
    return release


def known(slot="blue"):
    return read()["slots"][slot]["instances"]["report"]


def test_a_run_under_way_finishes_and_only_then_the_other_slot_has_the_schedule(tmp_path):
    placed(tmp_path, 4)
    systemctl("start", "--no-block", SERVICE)
    assert known()["working"] and known()["last"]["ended"] is None
    stopped(Host(LAYOUT), Selection("blue", ["report"]))
    assert DONE.exists() and not known()["working"] and not running("blue", "report", "timer")
    started(Host(LAYOUT), Selection("green", ["report"]))
    assert running("green", "report", "timer")


def test_a_run_that_goes_on_for_too_long_is_ended_and_seen(tmp_path):
    placed(tmp_path, 600, stop_timeout=2)
    systemctl("start", "--no-block", SERVICE)
    began = time.monotonic()
    stopped(Host(LAYOUT), Selection("blue", ["report"]))
    assert time.monotonic() - began >= 2
    assert not DONE.exists()
    assert not known()["working"] and known()["last"]["result"] == "signal"


def test_two_revisions_of_a_job_never_run_at_once(tmp_path):
    placed(tmp_path, 3)
    systemctl("start", "--no-block", SERVICE)
    done = threading.Thread(target=stopped, args=(Host(LAYOUT), Selection("blue", ["report"])))
    done.start()
    while running("blue", "report", "timer"):
        time.sleep(0.05)
    assert known()["working"]
    started(Host(LAYOUT), Selection("green", ["report"]))
    assert running("green", "report", "timer") and not known()["working"]
    done.join()


def test_a_newer_deployment_does_not_wait_for_the_run_that_an_older_one_waits_for(tmp_path):
    placed(tmp_path, 600, stop_timeout=60)
    systemctl("start", "--no-block", SERVICE)
    failed = []

    def older():
        try:
            stopped(Host(LAYOUT, 4), Selection("blue", ["report"]))
        except StaleTokenError as exc:
            failed.append(exc)

    waiting = threading.Thread(target=older)
    waiting.start()
    while running("blue", "report", "timer"):
        time.sleep(0.05)
    started(Host(LAYOUT, 5), Selection("blue", ["report"]))
    waiting.join()
    assert failed and known()["working"]


@pytest.mark.parametrize("again", ["blue", "green"])
def test_a_run_that_falls_into_the_handover_is_not_caught_up(tmp_path, again):
    due = datetime.datetime.now() + datetime.timedelta(seconds=6)
    placed(tmp_path, 0, schedule=due.strftime("%Y-%m-%d %H:%M:%S"))
    assert known()["next"] == int(due.timestamp())
    stopped(Host(LAYOUT), Selection("blue", ["report"]))
    time.sleep(max(0.0, (due - datetime.datetime.now()).total_seconds()) + 1.5)
    started(Host(LAYOUT), Selection(again, ["report"]))
    time.sleep(2)
    assert known(again)["last"] is None and known(again)["next"] is None


def test_the_last_run_is_known_with_its_result(tmp_path):
    placed(tmp_path, 0)
    assert known()["last"] is None
    before = int(time.time())
    systemctl("start", SERVICE)
    last = known()["last"]
    assert before - 1 <= last["began"] <= last["ended"] <= time.time()
    assert last["result"] == "success" and not known()["working"]
