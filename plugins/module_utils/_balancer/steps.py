# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and durations of what was done. Touches nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Steps:
    """A list of steps, each timed."""

    def __init__(self) -> None:
        self.done: list[dict[str, Any]] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Time one step, whether it succeeds or not."""
        started = time.perf_counter_ns()
        try:
            yield
        finally:
            self.done.append({"name": name, "elapsed_us": (time.perf_counter_ns() - started) // 1000})
