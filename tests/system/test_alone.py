# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One at a time: of two controllers one acts, two revisions never consume at once, a singleton runs once."""

from __future__ import annotations

import pytest

from sample.overlaps import Run, overlaps, runs
from tests.system.fleet import APPLICATION, TAKING_OVER, Fleet, now_us


@pytest.mark.parametrize("round_number", range(3))
def test_of_two_controllers_exactly_one_acts(nginx: Fleet, round_number: int) -> None:
    wanted = [nginx.versions.fresh(), nginx.versions.fresh()]
    before = len(nginx.ledger()["plans"])
    started = [nginx.start("deploy", version=version) for version in wanted]
    ended = [run.finish() for run in started]
    winners = [version for version, run in zip(wanted, ended) if run.code == 0]
    assert len(winners) == 1, [run.reason() for run in ended]
    (loser,) = (run for run in ended if run.code)
    assert "holds the lease for" in loser.reason()
    assert "wait for its end" in loser.reason()
    assert len(nginx.ledger()["plans"]) == before + 1
    nginx.require_active(winners[0])


def consumers(fleet: Fleet, component: str, since_us: int) -> list[Run]:
    """When each process of a component consumed, on all hosts."""
    lines = [
        line
        for host in APPLICATION
        for line in fleet.inside(
            host,
            "find",
            f"/opt/slipway/{fleet.app}/shared/state",
            "-name",
            f"{component}.jsonl",
            "-exec",
            "cat",
            "{}",
            ";",
        ).splitlines()
    ]
    return [run for run in runs(lines) if run.end_us >= since_us]


def test_two_revisions_never_consume_at_once_and_a_singleton_runs_once(fleet: Fleet) -> None:
    began = now_us()
    fleet.deploy(fleet.versions.fresh())
    fleet.deploy(fleet.versions.fresh())
    assert fleet.run("rollback", rollback_to="previous").code == 0
    run = fleet.start("deploy", version=fleet.versions.fresh())
    run.wait_for(TAKING_OVER)
    fleet.poweroff("lb2")
    assert run.finish().code != 0
    mailers, clocks = consumers(fleet, "mailer", began), consumers(fleet, "clock", began)
    mixed = [pair for pair in overlaps(mailers, anywhere=True) if pair[0].version != pair[1].version]
    assert mixed == []
    assert overlaps(mailers) == []
    assert overlaps(clocks, anywhere=True) == []
    assert len({run.host for run in clocks}) == 1
    assert len({run.version for run in mailers}) == 4
    assert {run.host for run in mailers} == set(APPLICATION)
    assert len(clocks) >= 4
