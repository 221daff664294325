# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How large the next batch is. Pure."""

from __future__ import annotations

from .definition import Limits

LARGEST_STEP = 2.0
SMALLEST_STEP = 0.5
DATA_ERROR_STEP = 8


class Pace:
    """The size of batches, tuned so that each takes the time it should.

    :param size: rows of the next batch, as an earlier run left it.
    """

    def __init__(self, limits: Limits, size: int) -> None:
        self._limits = limits
        self.size = self._bounded(size)

    def took(self, seconds: float) -> None:
        """A batch of the present size has taken this long."""
        wanted = self._limits.target_ms / 1000 / max(seconds, 0.001)
        self.size = self._bounded(int(self.size * min(LARGEST_STEP, max(SMALLEST_STEP, wanted))))

    def too_slow(self) -> bool:
        """Make the next one half as large, because one was given up; false when it cannot be any smaller."""
        if self.size <= 1:
            return False
        self.size = max(1, self.size // 2)
        return True

    def close_in(self) -> bool:
        """Make the next one much smaller, to find the row that cannot be done; false when it is this one."""
        if self.size <= 1:
            return False
        self.size = max(1, self.size // DATA_ERROR_STEP)
        return True

    def _bounded(self, size: int) -> int:
        return max(self._limits.batch_min, min(self._limits.batch_max, size))
