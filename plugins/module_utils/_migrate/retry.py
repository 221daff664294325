# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long to try again. Touches nothing but time."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

FIRST, FACTOR, MOST = 0.5, 2.0, 30.0


class BackOff:
    """Pauses that grow and vary, until a deadline.

    :param seconds: from now on; none are left afterwards.
    """

    def __init__(
        self,
        seconds: float,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        vary: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._clock, self._sleep, self._vary = clock, sleep, vary
        self._deadline = clock() + seconds
        self._pause = FIRST
        self.attempts = 1

    def remaining(self) -> float:
        """Seconds until the deadline, at least 0."""
        return max(0.0, self._deadline - self._clock())

    def pause(self) -> bool:
        """Wait for the next attempt; ``False`` when there is no time for one."""
        pause = self._vary(self._pause / 2, self._pause)
        if pause >= self.remaining():
            return False
        self._sleep(pause)
        self._pause = min(MOST, self._pause * FACTOR)
        self.attempts += 1
        return True
