# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which instances must be ready before a change, and what becomes of those that are not. Touches nothing.

No change leads traffic to an instance that is not ready, and none takes the last ready one out of a slot with traffic.
"""

from __future__ import annotations

from collections.abc import Collection, Container
from dataclasses import dataclass

from .._common.errors import StateError
from .base import Live
from .config import SLOTS, BalancerConfig, other_slot
from .state import State


@dataclass(frozen=True)
class Admission:
    """The instances that would get traffic which they do not get now.

    :param gaining: all admitted instances of slots whose percent rises, or that the override opens.
    :param returning: instances coming back, or added, to a slot that serves already.
    :param named: those the operator asked for by name.
    :param stable: the slot to fall back to, before the change.
    """

    config: BalancerConfig
    gaining: tuple[str, ...]
    returning: tuple[str, ...]
    named: frozenset[str]
    stable: str

    @property
    def asked(self) -> tuple[str, ...]:
        """All instances whose readiness matters."""
        return self.gaining + self.returning

    def refuse(self, complaints: dict[str, str]) -> None:
        """Refuse a change that would direct traffic to an instance that is not ready.

        :param complaints: the instances that are not ready, and why.
        :raises StateError: one of them may not simply be left out.
        """
        refused = [name for name in sorted(complaints) if not self._may_be_left_out(name, complaints)]
        if refused:
            raise StateError(
                "not ready, as seen from this balancer: "
                + ", ".join(f"{name} ({self.config.address(name)}: {complaints[name]})" for name in refused),
                where=f"application {self.config.app}",
                remedy="repair or drain these instances; 'force' sends traffic to them all the same",
            )

    def _may_be_left_out(self, name: str, complaints: dict[str, str]) -> bool:
        if name in self.named:
            return False
        if name in self.returning:
            return True
        slot = self.config.slot_of(name)
        one_is_ready = any(other not in complaints and self.config.slot_of(other) == slot for other in self.gaining)
        return slot == self.stable and one_is_ready


def admission(
    config: BalancerConfig, recorded: State, live: Live | None, wanted: State, named: Collection[str]
) -> Admission:
    """Compare what the balancer does with what is wanted.

    :param live: what the balancer does; where that cannot be read, ``recorded`` stands in for the percents.
    """
    percents = live.percents if live else recorded.percents
    opens = wanted.override and not (live.override if live else recorded.override)
    gaining = [
        slot
        for slot in SLOTS
        if wanted.percents[slot] > percents[slot] or (opens and slot == other_slot(wanted.stable))
    ]
    returning = [
        name
        for slot in SLOTS
        if live and wanted.reaches(slot) and slot not in gaining
        for name in wanted.usable(config, slot)
        if name not in live.usable[slot]
    ]
    return Admission(
        config=config,
        gaining=tuple(name for slot in gaining for name in wanted.admitted(config, slot)),
        returning=tuple(returning),
        named=frozenset(named),
        stable=recorded.stable,
    )


@dataclass(frozen=True)
class Departure:
    """Instances that are taken out of a slot which keeps traffic, and those that stay in it."""

    slot: str
    leaving: tuple[str, ...]
    staying: tuple[str, ...]

    def refuse(self, complaints: Container[str]) -> None:
        """Refuse to take the last ready instance out.

        :param complaints: the instances that are not ready.
        :raises StateError: one that leaves is ready, and none that stays.
        """
        ready = [name for name in self.leaving if name not in complaints]
        if ready and all(name in complaints for name in self.staying):
            raise StateError(
                f"{', '.join(ready)} would leave slot {self.slot} with traffic and nobody ready: "
                f"{', '.join(self.staying)} not ready, as seen from this balancer",
                where="servers",
                remedy="repair one of those that stay, or move the traffic first; 'force' takes it out all the same",
            )


def departures(config: BalancerConfig, recorded: State, wanted: State) -> list[Departure]:
    """What leaves the slots that get requests afterwards."""
    found = []
    for slot in SLOTS:
        staying = wanted.admitted(config, slot)
        leaving = tuple(name for name in recorded.admitted(config, slot) if name not in staying)
        if wanted.reaches(slot) and leaving and staying:
            found.append(Departure(slot, leaving, staying))
    return found
