# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules by which one check is decided, without waiting for anything."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._gate.judge import Judge
from ansible_collections.slipway.release.plugins.module_utils._gate.model import (
    FAIL,
    INSUFFICIENT,
    PASS,
    Answer,
    Timing,
    impossible,
)
from ansible_collections.slipway.release.plugins.module_utils._gate.run import nearest_rank

GOOD = Answer(ok=True)
BAD = Answer(ok=False, detail="status 503")
NONE = impossible("the name cannot be resolved")


def judged(timing: Timing, answers: list[Answer]) -> Judge:
    """Feed one answer a second until the check is decided or the deadline has come."""
    judge = Judge(timing)
    for second, answer in enumerate(answers, start=1):
        if judge.heard(answer, second):
            return judge
    judge.expired()
    return judge


def test_passes_at_the_wanted_number_of_consecutive_successes() -> None:
    judge = Judge(Timing(successes=3))
    assert [judge.heard(GOOD, 1), judge.heard(GOOD, 2), judge.heard(GOOD, 3)] == [False, False, True]
    assert judge.verdict == PASS


@pytest.mark.parametrize("pattern", [[GOOD, BAD], [GOOD, GOOD, BAD], [GOOD, GOOD, NONE]])
def test_a_flapping_endpoint_never_passes(pattern: list[Answer]) -> None:
    assert judged(Timing(successes=3), pattern * 50).verdict == FAIL


def test_no_attempt_made_is_insufficient_and_not_a_failure() -> None:
    assert judged(Timing(), [NONE] * 60).verdict == INSUFFICIENT


def test_one_attempt_made_among_impossible_ones_is_a_failure() -> None:
    assert judged(Timing(), [NONE, BAD, NONE]).verdict == FAIL


def test_nothing_heard_by_the_deadline_is_insufficient() -> None:
    assert judged(Timing(), []).verdict == INSUFFICIENT


def test_a_limit_of_failures_ends_the_check_early() -> None:
    judge = judged(Timing(failures=3), [BAD] * 60)
    assert judge.verdict == FAIL
    assert judge.reason == "3 consecutive failures, the last: status 503"


def test_a_success_between_failures_starts_the_count_anew() -> None:
    assert judged(Timing(failures=3, successes=2), [BAD, BAD, GOOD, BAD, BAD, GOOD, GOOD]).verdict == PASS


def test_failures_during_startup_do_not_count() -> None:
    timing = Timing(failures=3, successes=2, startup=20)
    assert judged(timing, [BAD] * 20 + [GOOD] * 2).verdict == PASS
    assert judged(timing, [BAD] * 22 + [GOOD] * 2).verdict == PASS
    assert judged(timing, [BAD] * 23 + [GOOD] * 2).verdict == FAIL


def test_without_a_limit_failures_go_on_until_the_deadline() -> None:
    assert judged(Timing(failures=0, successes=2), [BAD] * 50 + [GOOD] * 2).verdict == PASS


def test_what_cannot_change_ends_the_check_at_once() -> None:
    judge = judged(Timing(), [impossible("no psycopg2", final=True)])
    assert (judge.verdict, judge.reason) == (INSUFFICIENT, "no psycopg2")


def test_the_reason_at_the_deadline_tells_how_near_it_came_and_what_failed() -> None:
    reason = judged(Timing(successes=3, deadline=9), [BAD, GOOD, GOOD]).reason
    assert reason == "2 of 3 consecutive good answers by the deadline of 9 s, the last failure: status 503"


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([7], 95, 7), ([1, 2], 50, 1), (list(range(1, 101)), 95, 95), ([1, 2, 3], 95, 3)],
)
def test_nearest_rank(values: list[int], percent: int, expected: int) -> None:
    assert nearest_rank(values, percent) == expected
