# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sizes of batches, as an operator writes them: numbers and percentages.

Touches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

SIZE = re.compile(r"[1-9][0-9]{0,5}|(?:100|[1-9][0-9]?)%")


def sizes(batches: Sequence[str], hosts: int) -> Iterator[int]:
    """The number of hosts in each batch, until all are taken; the last entry holds for all that follow.

    :param batches: each a number of hosts, or a percentage of all, of which at least one host is taken.
    :param hosts: how many hosts there are.
    """
    left, number = hosts, 0
    while left:
        size = min(left, _size(batches[min(number, len(batches) - 1)], hosts))
        yield size
        left -= size
        number += 1


def _size(text: str, hosts: int) -> int:
    return max(1, hosts * int(text[:-1]) // 100) if text.endswith("%") else int(text)
