# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A finished deployment run again changes nothing, and check mode shows the plan that the run executes."""

from __future__ import annotations

import re

from ansible_collections.slipway.release.plugins.module_utils._common.canonical import digest

from tests.system.fleet import Fleet, differences

DIGEST = re.compile(r"\bdigest ([0-9a-f]{64})\b")
RECAP = re.compile(r"^\S+ +: ok=.* changed=(\d+) +unreachable=(\d+) +failed=(\d+)", re.MULTILINE)


def test_deploying_the_active_version_again_changes_nothing(fleet: Fleet) -> None:
    version = fleet.active()["version"]
    fleet.deploy(version)
    before = fleet.snapshot()
    done = fleet.deploy(version)
    assert differences(before, fleet.snapshot()) == []
    recap = RECAP.findall(done.output())
    assert len(recap) == 7
    assert set(recap) == {("0", "0", "0")}


def test_setting_up_again_changes_nothing(fleet: Fleet) -> None:
    version = fleet.active()["version"]
    before = fleet.snapshot()
    done = fleet.run("site", version=version)
    assert done.code == 0, done.reason()
    assert differences(before, fleet.snapshot()) == []
    assert {changed for changed, _lost, _failed in RECAP.findall(done.output())} == {"0"}


def test_check_mode_shows_the_plan_that_the_run_executes_and_changes_nothing(nginx: Fleet) -> None:
    version = nginx.versions.fresh()
    before, ledger_before = nginx.snapshot(), nginx.ledger()
    shown = nginx.run("deploy", "--check", "--diff", version=version)
    assert shown.code == 0, shown.reason()
    assert differences(before, nginx.snapshot()) == []
    assert nginx.ledger() == ledger_before
    assert f"version: {version}" in shown.output()
    assert "unknown:\n+- memory that web needs" in shown.output()
    done = nginx.deploy(version)
    promised, executed = set(DIGEST.findall(shown.output())), set(DIGEST.findall(done.output()))
    assert len(promised) == 1
    assert executed == promised
    ledger = nginx.ledger()
    last = ledger["state"]["deployments"][-1]
    assert {last["digest"]} == promised
    assert {digest(ledger["plans"][last["id"]])} == promised
