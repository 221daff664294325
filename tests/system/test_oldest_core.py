# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbooks on the oldest supported ansible-core, with what a later one left behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.system.fleet import Fleet
from tools.environments import OLDEST


@pytest.mark.skipif(not OLDEST.ready(), reason=f"no environment with ansible-core {OLDEST.core}")
def test_every_playbook_of_a_release_runs_on_the_oldest_core(fleet: Fleet, tmp_path: Path) -> None:
    older = Fleet(fleet.lab, fleet.balancer, fleet.versions, ansible=OLDEST.bin)
    before = older.active()["version"]
    version = older.versions.fresh()
    with older.traffic() as measured:
        shown = older.run("deploy", "--check", "--diff", version=version)
        done = older.deploy(version)
        again = older.deploy(version)
        returned = older.run("rollback")
    assert shown.code == 0, shown.reason()
    assert f"version: {version}" in shown.output()
    assert "changed=0" in again.output()
    assert returned.code == 0, returned.reason()
    older.require_active(before)
    measured.require_none_lost()
    assert measured.versions() == {before, version}
    assert "DEPRECATION" not in done.output() + returned.output()
    report = tmp_path / "status.json"
    status = older.run("status", status_file=str(report))
    assert status.code == 0, status.reason()
    assert before in status.output()
    assert json.loads(report.read_text(encoding="utf-8"))
