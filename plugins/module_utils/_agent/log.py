# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the agent tells the journal of the host: one line an event, repeated at most once a minute.

Writes to standard error.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .._common.errors import SlipwayError

REPEAT_SECONDS = 60


class Log:
    """Lines for systemd's journal, with its priorities; a line that says nothing new is left out for a minute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: dict[str, tuple[str, float]] = {}

    def info(self, topic: str, text: str) -> None:
        """Something happened that is as it should be."""
        self._say("<6>", topic, text)

    def warning(self, topic: str, text: str) -> None:
        """Something an operator should look at."""
        self._say("<4>", topic, text)

    def settled(self, topic: str) -> None:
        """The topic is in order again, so its next line is new."""
        with self._lock:
            self._last.pop(topic, None)

    @contextmanager
    def failures(self, topic: str) -> Iterator[None]:
        """Log what an operator can act on, and go on; anything else ends the agent, which systemd starts again."""
        try:
            yield
        except SlipwayError as exc:
            self.warning(topic, f"{exc.kind}: {exc.message()}")
        except OSError as exc:
            self.warning(topic, f"{type(exc).__name__}: {exc}")
        else:
            self.settled(topic)

    def _say(self, priority: str, topic: str, text: str) -> None:
        now = time.monotonic()
        with self._lock:
            last, at = self._last.get(topic, ("", 0.0))
            if last == text and now - at < REPEAT_SECONDS:
                return
            self._last[topic] = (text, now)
        sys.stderr.write(f"{priority}{topic}: {text}\n")
        sys.stderr.flush()
