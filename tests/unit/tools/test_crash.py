# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where controllers are killed: what a position is, and that each is taken with both fates of the module."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.writes import Write
from tests.crash.killed import MODULES, Outcome
from tests.crash.positions import Position, Seen, task_under_way
from tests.crash.test_killed_anywhere import Case, possible

PLACE = Position("Slots | Place the revision, and wait", Write("app1", "application/journal.jsonl", 2))
MOVE = Position("Step | Move the traffic", Write("lb1", "balancer/token", 1))
SETTLE = Position("Settle | Settle in turn", Write("lb2", "balancer/journal.jsonl", 1))


def outcome(*positions: Position) -> Outcome:
    return Outcome(seen=[Seen(0, PLACE.write), *(Seen(1, one.write, one) for one in positions)])


def test_the_task_under_way_is_the_last_that_was_begun(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("PLAY [Plan] ****\n")
    assert task_under_way(log) == ""
    log.write_text(
        "TASK [slipway.release.deployment : Plan | Read the live state [all] of every host] ***\nok: [lb1]\n\n"
        "TASK [slipway.release.rollout : Step | Move the traffic] ********\nok: [lb1]\nTASK [half a li"
    )
    assert task_under_way(log) == "Step | Move the traffic"
    log.write_text("TASK [Validate every variable] ***\n")
    assert task_under_way(log) == "Validate every variable"


@pytest.mark.parametrize("position", [PLACE, MOVE])
def test_a_case_can_be_named_on_a_command_line(position: Position) -> None:
    case = Case("rolling_undone", "haproxy", "lives", position)
    assert Case.parse(str(case)) == case


def test_each_write_is_taken_once_with_each_fate_of_its_module() -> None:
    cases = possible({"nginx": outcome(PLACE, MOVE), "haproxy": outcome(PLACE, MOVE, SETTLE)}, "canary")
    assert sorted((case.position, case.module) for case in cases) == sorted(
        (position, module) for position in (PLACE, MOVE, SETTLE) for module in MODULES
    )
    assert {case.balancer for case in cases if case.position == SETTLE} == {"haproxy"}
    for position in (PLACE, MOVE):
        assert {case.balancer for case in cases if case.position == position} == {"nginx", "haproxy"}
