# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells all channels at once, with retries, within one time limit; a channel that fails is data.

Opens connections to the services of the channels.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from .factory import Named
from .model import Message, NotSent

FIRST_PAUSE = 0.25
LONGEST_ATTEMPT = 5.0


@dataclass(frozen=True)
class Delivery:
    """How it went with one channel.

    :ivar detail: why it was not sent, without secrets.
    """

    name: str
    channel: str
    sent: bool
    attempts: int
    detail: str = ""


def deliver(channels: Sequence[Named], message: Message, seconds: float) -> list[Delivery]:
    """Tell each channel that wants to know, and come back in time whatever they do.

    :param seconds: for all of it, retries included.
    """
    deadline = time.monotonic() + seconds
    tellers = [_Teller(named, message, deadline) for named in channels if named.wanted.has(message.facts)]
    for teller in tellers:
        teller.start()
    for teller in tellers:
        teller.join(max(0.0, deadline - time.monotonic()))
    return [teller.delivery() for teller in tellers]


class _Teller(threading.Thread):
    """Tells one channel. It dies with the process, so that a name server that hangs holds nobody."""

    def __init__(self, named: Named, message: Message, deadline: float) -> None:
        super().__init__(daemon=True)
        self._named = named
        self._message = message
        self._deadline = deadline
        self._attempts = 0
        self._sent = False
        self._detail = "no answer in time"

    def delivery(self) -> Delivery:
        """How it went so far."""
        detail = "" if self._sent else self._detail
        return Delivery(self._named.name, self._named.kind, self._sent, self._attempts, detail)

    def run(self) -> None:
        """Try until it is sent, it cannot be, or the time is up."""
        pause = FIRST_PAUSE
        while True:
            left = self._deadline - time.monotonic()
            self._attempts += 1
            refusal = self._refusal(min(left, LONGEST_ATTEMPT))
            if refusal is None:
                self._sent = True
                return
            self._detail = str(refusal)
            wait = max(pause, refusal.after)
            if not refusal.again or time.monotonic() + wait >= self._deadline:
                return
            time.sleep(wait)
            pause *= 2

    def _refusal(self, seconds: float) -> NotSent | None:
        """Why it was not sent, also where a channel ends as none should."""
        found: NotSent | None = NotSent("an unexpected error", again=False)
        with suppress(Exception):
            try:
                self._named.channel.send(self._message, seconds)
                found = None
            except NotSent as exc:
                found = exc
        return found
