# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The size of batches, and estimates."""

from __future__ import annotations

import pytest
from ansible_collections.slipway.release.plugins.module_utils._common.errors import StateError
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.definition import (
    Definition,
    parse_limits,
)
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.pace import Pace
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.progress import Progress, continued
from ansible_collections.slipway.release.plugins.module_utils._migrate.backfill.target import Target

LIMITS = parse_limits({"batch_size": 1000, "batch_min": 100, "batch_max": 5000, "target_ms": 200})


@pytest.mark.parametrize(("seconds", "size"), [(0.2, 1000), (0.1, 2000), (0.16, 1250), (0.01, 2000), (9, 500)])
def test_a_batch_comes_closer_to_its_target(seconds: float, size: int) -> None:
    pace = Pace(LIMITS, 1000)
    pace.took(seconds)
    assert pace.size == size


def test_the_size_stays_within_its_bounds() -> None:
    pace = Pace(LIMITS, 99999)
    assert pace.size == 5000
    for _batch in range(9):
        pace.took(60)
    assert pace.size == 100


def test_a_batch_that_was_given_up_may_become_as_small_as_one_row() -> None:
    pace = Pace(LIMITS, 100)
    sizes = []
    while pace.too_slow():
        sizes.append(pace.size)
    assert sizes == [50, 25, 12, 6, 3, 1]
    assert pace.close_in() is False


def progress(**given: int | float) -> Progress:
    return Progress("one", "digest", {}, 100, **given)  # type: ignore[arg-type]


def test_the_rate_and_what_is_left() -> None:
    one = progress(scanned=3000, rows=10000, seconds=2.0)
    assert (one.rate, one.seconds_left) == (1500, pytest.approx(4.667, abs=0.001))
    assert progress(scanned=20, rows=10, seconds=1.0).seconds_left == 0
    assert progress(rows=10).seconds_left is None


def test_another_definition_under_the_same_name_is_refused() -> None:
    definition = Definition("one", "public", "orders", (("b", "1"),), "b IS NULL", ("id",))
    target = Target(definition, 1, (), 7)
    begun = continued(None, target, 50)
    assert (begun.rows, begun.batch_size, begun.after) == (7, 50, None)
    assert continued(begun, target, 99) is begun
    other = Target(Definition("one", "public", "orders", (("b", "2"),), "b IS NULL", ("id",)), 1, (), 7)
    with pytest.raises(StateError, match=r'set was {"b": "1"}') as caught:
        continued(begun, other, 50)
    assert "a name of its own" in caught.value.remedy
