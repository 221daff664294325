# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the benchmarks come from times to figures."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.deployment import Times
from benchmarks.figures import percentile
from benchmarks.switching import last_old_answers

TO_GREEN: dict[str, Any] = {"at_us": 1_000_000, "took_us": 20_000, "old": "blue", "new": "green"}
NEW = [1_015_000, 1_200_000, 1_300_000]


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_percentiles_are_values_that_were_measured(percent: int, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), percent) == expected


def test_the_last_answer_of_the_old_slot_counts_from_the_command() -> None:
    assert last_old_answers({"blue": [999_000, 1_012_000, 1_018_000], "green": NEW}, [TO_GREEN]) == [18_000]


def test_an_old_slot_that_answers_nothing_after_the_command_took_no_time() -> None:
    assert last_old_answers({"blue": [999_000], "green": NEW}, [TO_GREEN]) == [0]


def test_answers_after_the_next_command_belong_to_that_one() -> None:
    assert last_old_answers({"blue": [1_012_000, 1_900_000], "green": NEW}, [TO_GREEN]) == [12_000]


def test_a_switch_without_effect_is_no_quick_switch() -> None:
    with pytest.raises(RuntimeError, match="slot blue still had the traffic"):
        last_old_answers({"blue": [1_012_000, 1_200_000, 1_310_000], "green": [999_000]}, [TO_GREEN])


def test_the_ratio_is_that_of_the_medians_and_waiting_is_taken_from_both_sides() -> None:
    times = Times(product=[8.0, 9.0, 30.0], floor=[3.0, 4.0, 5.0], gated=[2.0, 2.0, 2.0])
    line = times.lines("deployment, warm", "5.0")[0]
    assert "2.25 times the floor" in line
    assert "3.50 without the waiting" in line
