# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lease: who may act, with which token, until when; judged by this host's boot clock alone.

Touches nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from .._common import clock


class Clock:
    """The clocks of the ledger host."""

    def boottime_ms(self) -> int:
        """Milliseconds since this host booted, sleep included."""
        return int(clock.boottime() * 1000)

    def boot_id(self) -> str:
        """Identifier of this boot."""
        return clock.boot_id()

    def now(self) -> datetime:
        """Wall time, for people only: nothing is decided by it."""
        return datetime.now(timezone.utc)


@dataclass(frozen=True)
class Lease:
    """The right of one deployment to act.

    :param seconds: length from each sign of life.
    :param deadline_ms: end, in milliseconds of CLOCK_BOOTTIME of boot ``boot_id``.
    """

    token: int
    deployment: str
    holder: str
    seconds: int
    deadline_ms: int
    boot_id: str

    @classmethod
    def granted(cls, token: int, deployment: str, holder: str, seconds: int, time: Clock) -> Lease:
        """A lease of ``seconds`` from now."""
        return cls(token, deployment, holder, seconds, time.boottime_ms() + seconds * 1000, time.boot_id())

    @classmethod
    def from_record(cls, record: dict[str, Any] | None) -> Lease | None:
        """The lease in a state file."""
        return None if record is None else cls(**record)

    def record(self) -> dict[str, Any]:
        """The form in a state file."""
        return asdict(self)

    def renewed(self, time: Clock) -> Lease:
        """The same lease with its full length before it."""
        return self.granted(self.token, self.deployment, self.holder, self.seconds, time)

    def remaining_ms(self, time: Clock) -> int:
        """Milliseconds left; 0 when it has run out, or when this host has booted since."""
        if self.boot_id != time.boot_id():
            return 0
        return max(0, self.deadline_ms - time.boottime_ms())

    def live(self, time: Clock) -> bool:
        """Whether its holder may still act."""
        return self.remaining_ms(time) > 0
