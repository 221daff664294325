# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of scheduled components as systemd tells of them, and how long one is waited for."""

from __future__ import annotations

import json

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StaleTokenError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._release import jobs
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout
from ansible_collections.slipway.release.plugins.module_utils._release.systemd import Answer, Systemd

SERVICE, TIMER = "slipway-shop-report@blue.service", "slipway-shop-report@blue.timer"
REPORT = {"name": "report", "kind": "scheduled", "stop_timeout": 30}


def systemd(*answers):
    """One that gives these answers, the last one for ever."""
    left = list(answers)

    def runner(arguments, timeout, descriptors):
        return Answer(0, left.pop(0) if len(left) > 1 else left[0], "")

    return Systemd(runner=runner)


def service(active, began="", ended="", result="success"):
    return (
        f"Id={SERVICE}\nActiveState={active}\nResult={result}\nExecMainStartTimestamp={began}\n"
        f"ExecMainExitTimestamp={ended}\n"
    )


def timer(following):
    return f"\nId={TIMER}\nActiveState=active\nNextElapseUSecRealtime={following}\n"


def described(shown):
    return jobs.described("shop", REPORT, "blue", systemd(shown).show([SERVICE, TIMER]))


def test_a_run_that_has_ended_is_told_with_its_result_and_the_next_one():
    ended = service("failed", "Fri 2026-11-06 03:00:00 UTC", "Fri 2026-11-06 03:00:41 UTC", "exit-code")
    assert described(ended + timer("Sat 2026-11-07 03:00:00 UTC")) == {
        "working": False,
        "stop_timeout": 30,
        "last": {"began": 1793934000, "ended": 1793934041, "result": "exit-code"},
        "next": 1794020400,
    }


def test_a_run_under_way_has_neither_end_nor_result():
    found = described(service("activating", "Fri 2026-11-06 03:00:00 UTC", "Thu 2026-11-05 03:00:41 UTC"))
    assert (found["working"], found["next"]) == (True, None)
    assert found["last"] == {"began": 1793934000, "ended": None, "result": ""}


@pytest.mark.parametrize("shown", ["", service("inactive"), service("inactive", "n/a", "n/a") + timer("n/a")])
def test_what_has_never_run_has_no_last_run(shown):
    found = described(shown)
    assert (found["working"], found["last"], found["next"]) == (False, None, None)


def test_a_run_is_waited_for_until_it_ends_or_its_time_is_over(monkeypatch):
    monkeypatch.setattr(jobs, "PAUSE", 0)
    seen = []
    busy, done = service("activating"), service("inactive")
    jobs.let_finish(systemd(busy, busy, done), {SERVICE: 600}, lambda: seen.append("checked"))
    assert seen == ["checked"] * 2
    jobs.let_finish(systemd(busy), {SERVICE: 0}, lambda: seen.append("too long"))
    assert seen == ["checked"] * 2


def test_nobody_waits_who_is_not_in_charge_any_more():
    def refuse():
        raise StaleTokenError("a newer one is", where="here", remedy="none")

    with pytest.raises(StaleTokenError):
        jobs.let_finish(systemd(service("activating")), {SERVICE: 600}, refuse)


def test_a_stop_that_fails_is_journaled_as_one_that_has_failed(tmp_path):
    host = Host(Layout("shop", tmp_path / "opt", tmp_path, tmp_path / "units"), 3)
    host.layout.state.mkdir()
    with pytest.raises(SystemFailure), host.journaled("stopped", slot="blue", failed=False):
        raise SystemFailure("it still runs", where="systemd", remedy="look")
    intent, outcome = (json.loads(line) for line in host.journal.path.read_text().splitlines())
    assert intent["failed"] is False and "it still runs" in outcome["failed"]
