# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sides that a metric measures: one result, one slot, or stable and canary.

Touches nothing. Sources that know slots ask for a side by its slot; for the others the text ``<slot>`` in what they
ask stands for it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .._gate.options import Options

RESULT = "result"
STABLE = "stable"
CANARY = "canary"
PLACEHOLDER = "<slot>"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True)
class Sides:
    """What is measured: names as conditions use them, each with its slot.

    :param slots: side to slot; empty when there is one result for all slots.
    """

    slots: Mapping[str, str]

    @property
    def names(self) -> tuple[str, ...]:
        """The names that conditions may use."""
        return tuple(self.slots) or (RESULT,)

    def filled(self, text: str) -> dict[str, str]:
        """A text for each side."""
        if not self.slots:
            return {RESULT: text}
        return {side: text.replace(PLACEHOLDER, slot) for side, slot in self.slots.items()}


def sides_of(options: Options) -> Sides:
    """Read ``slots``."""
    if not options.given("slots"):
        return Sides({})
    sub = options.sub("slots")
    given = {side: sub.text(side) for side in (STABLE, CANARY) if sub.given(side)}
    sub.done("slots")
    if CANARY not in given:
        raise sub.refuse(CANARY, "is missing", "name the slot of the canary, such as green")
    for side, slot in given.items():
        if not _NAME.fullmatch(slot):
            raise sub.refuse(side, "is no name of a slot", "name a slot, such as blue or green")
    if len(given) > 1 and given[STABLE] == given[CANARY]:
        raise options.refuse("slots", "compares a slot with itself", "give stable and canary slots of their own")
    return Sides(given)


def placed(options: Options, sides: Sides, field: str, text: str) -> str:
    """A text in which the slot must stand exactly when the sides have slots."""
    if sides.slots and PLACEHOLDER not in text:
        remedy = f"write {PLACEHOLDER} where it names the slot, or remove slots"
        raise options.refuse(field, "asks the same of every slot", remedy)
    if not sides.slots and PLACEHOLDER in text:
        raise options.refuse(field, f"has {PLACEHOLDER}, but no slots are given", "set slots, or name the slot")
    return text
