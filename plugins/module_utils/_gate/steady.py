# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps asking, for as long as something else is measured, whether any of the instances has died.

Opens connections, and closes them, in one daemon thread an address. An instance whose process has died refuses
connections until systemd starts it again, a second later, so that asking twice a second does not miss it.
"""

from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass
from typing import Any

from .model import FAIL, INSUFFICIENT, PASS
from .options import Options
from .spec import refuse_too_many, unique
from .tcp import connection_failure

TYPE = "steady"
PAUSE = 0.5
TIMEOUT = 1.0
# For a listener that had a full queue all the time, which may have been a second.
GRACE = 5.0


@dataclass
class Listener:
    """One address at which a process must go on listening, and what was heard of it.

    :ivar attempts: connections that were tried.
    :ivar accepted: those that were accepted.
    :ivar refused: why the address has failed; empty while it has not.
    :ivar silent: what the last attempt met that was neither; a slow answer is nobody's death.
    """

    name: str
    host: str
    port: int
    attempts: int = 0
    accepted: int = 0
    refused: str = ""
    silent: str = ""

    @property
    def verdict(self) -> str:
        """Of one that was never reached nothing is known."""
        if self.refused:
            return FAIL
        return PASS if self.accepted else INSUFFICIENT

    @property
    def unknown(self) -> bool:
        """Whether nothing was heard of it yet."""
        return not (self.accepted or self.refused)

    def ask(self) -> None:
        """Connect once."""
        self.attempts += 1
        try:
            socket.create_connection((self.host, self.port), TIMEOUT).close()
        except ConnectionRefusedError:
            self.refused = (
                f"refused a connection after {self.accepted} had been accepted: its process has died, or does not "
                "listen any more"
            )
        except (OSError, UnicodeError) as exc:
            self.silent = connection_failure(exc) if isinstance(exc, OSError) else f"'{self.host}' is no name of a host"
        else:
            self.accepted += 1

    def as_result(self, not_asked: str = "") -> dict[str, Any]:
        """As the finding of a check is shown.

        :param not_asked: why it was not asked at all.
        """
        reason = not_asked or self.refused
        if not reason:
            reason = f"{self.accepted} connections accepted" if self.accepted else f"never reached: {self.silent}"
        return {
            "name": self.name,
            "type": TYPE,
            "target": f"{self.host}:{self.port}",
            "verdict": INSUFFICIENT if not_asked else self.verdict,
            "reason": reason,
            "attempts_made": self.attempts,
            "attempts": [],
            "latency_ms": None,
        }


def parse(raw: list[dict[str, Any]]) -> list[Listener]:
    """What to ask.

    :param raw: the option ``steady``.
    :raises InputError: names the field and the remedy; nothing has been asked yet.
    """
    refuse_too_many(raw, "steady")
    listeners: list[Listener] = []
    for index, item in enumerate(raw):
        options = Options(item, f"steady[{index}]")
        name = unique(options, {other.name for other in listeners})
        listeners.append(Listener(name, *options.address("address")))
    return listeners


class Steady:
    """Asks all listeners from entering the context to leaving it.

    :param listeners: which get to know what was heard of them.
    :param alarm: set as soon as one has refused, so that whoever measures meanwhile may end.
    """

    def __init__(self, listeners: list[Listener], alarm: threading.Event) -> None:
        self.alarm = alarm
        self._end = threading.Event()
        self._last = 0.0
        self._threads = [threading.Thread(target=self._ask, args=(one,), daemon=True) for one in listeners]

    def __enter__(self) -> Steady:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._last = time.monotonic() + GRACE
        self._end.set()
        for thread in self._threads:
            thread.join(max(0.0, self._last - time.monotonic()) + TIMEOUT)

    def _ask(self, listener: Listener) -> None:
        while not (self._end.wait(PAUSE) and self._decided(listener)):
            listener.ask()
            if listener.refused:
                self.alarm.set()
                return

    def _decided(self, listener: Listener) -> bool:
        if listener.unknown and time.monotonic() < self._last:
            time.sleep(PAUSE)
            return False
        return True
