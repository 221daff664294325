# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was lost before a moment is told from what has met it."""

from __future__ import annotations

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._meter.answers import OK, RESET, STATUS, TIMEOUT
from ansible_collections.slipway.release.plugins.module_utils._meter.connection import Exchange
from ansible_collections.slipway.release.plugins.module_utils._meter.records import NEW, Recorder

ORIGIN = 500.0
MOMENT = ORIGIN + 10


def around(*requests: tuple[float, float, str, str], spared: tuple[str, ...] = ("blue",)) -> dict[str, Any]:
    """The counts around the moment, of requests with begin, end, outcome and slot."""
    recorder = Recorder(ORIGIN)
    for begin, end, outcome, slot in requests:
        exchange = Exchange(NEW, ORIGIN + begin, ORIGIN + begin, 5.0, 0, 0)
        exchange.answer.slot = slot.encode()
        recorder.add(exchange, outcome, ORIGIN + end)
    return recorder.around(MOMENT, spared)


def test_a_request_counts_on_the_side_on_which_it_ended() -> None:
    found = around((8, 9, RESET, ""), (9, 10.5, RESET, ""), (11, 12, OK, "green"))
    assert (found["before"]["sent"], found["before"]["lost"]) == (1, 1)
    assert (found["since"]["sent"], found["since"]["lost"], found["since"]["ok"]) == (2, 1, 1)


def test_only_answers_of_spared_slots_are_spared_and_only_since_then() -> None:
    found = around(
        (8, 9, STATUS, "blue"), (11, 12, STATUS, "blue"), (11, 12, STATUS, "green"), (11, 12, STATUS, ""),
        (11, 16, TIMEOUT, "blue"), (11, 12, OK, "blue"),
    )  # fmt: skip
    assert found["before"]["lost"] == 1
    assert (found["since"]["lost"], found["since"]["answered_elsewhere"], found["since"]["ok"]) == (3, 1, 1)
    assert found["since"]["lost_by"] == {"refused": 0, "reset": 0, "timeout": 1, "status": 2, "truncated": 0}
