# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A parked deployment: nobody holds its lease, and it goes on once its time has come and it is approved.

Touches nothing. Its time is counted by the boot clock of the ledger host, and after a boot of that host by its wall
clock. That decides when a run may go on, never what is safe: whoever goes on takes a lease, and every gate is asked
again.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from .lease import Clock

ISO = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True)
class Parked:
    """Where a deployment is parked, and what it waits for.

    :param stage: the stage that it has come to.
    :param holder: who ran it to there.
    :param since: wall time, for people.
    :param until: wall time of the end; decides only after a boot.
    :param seconds: least time that it stays parked; 0 for none.
    :param deadline_ms: end, in milliseconds of CLOCK_BOOTTIME of boot ``boot_id``.
    :param approval: whether it waits for an approval.
    :param approved: whether it has one.
    """

    stage: str
    holder: str
    since: str
    until: str
    seconds: int
    deadline_ms: int
    boot_id: str
    approval: bool
    approved: bool = False

    @classmethod
    def at(cls, stage: str, holder: str, seconds: int, approval: bool, time: Clock) -> Parked:
        """Parked from now on."""
        now = time.now()
        return cls(
            stage=stage,
            holder=holder,
            since=now.strftime(ISO),
            until=(now + timedelta(seconds=seconds)).strftime(ISO),
            seconds=seconds,
            deadline_ms=time.boottime_ms() + seconds * 1000,
            boot_id=time.boot_id(),
            approval=approval,
        )

    @classmethod
    def from_record(cls, record: dict[str, Any] | None) -> Parked | None:
        """What a state file holds."""
        return None if record is None else cls(**record)

    def record(self) -> dict[str, Any]:
        """The form in a state file."""
        return asdict(self)

    def remaining_seconds(self, time: Clock) -> int:
        """Seconds until its time has come, at most ``seconds``; 0 when it has."""
        if self.boot_id == time.boot_id():
            left_ms = self.deadline_ms - time.boottime_ms()
        else:
            end = datetime.strptime(self.until, ISO).replace(tzinfo=timezone.utc)
            left_ms = int((end - time.now()).total_seconds() * 1000)
        return min(self.seconds, max(0, -(-left_ms // 1000)))

    def waits_for(self, time: Clock) -> str:
        """What keeps it parked, in words; empty when nothing does."""
        remaining = self.remaining_seconds(time)
        reasons = [f"until {self.until} ({remaining} s from now)"] if remaining else []
        if self.approval and not self.approved:
            reasons.append("until it is approved (approve.yml)")
        return " and ".join(reasons)

    def shown(self, time: Clock) -> dict[str, Any]:
        """What planners and people read."""
        kept = {name: value for name, value in asdict(self).items() if name not in ("deadline_ms", "boot_id")}
        return {**kept, "remaining_seconds": self.remaining_seconds(time), "waits_for": self.waits_for(time)}
