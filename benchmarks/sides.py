# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Several ways to do the same thing, which take turns: their times, as ratios to the floor and to a peer. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .figures import median


@dataclass
class Sides:
    """Seconds of each round of each side.

    :param floor: name of the side that the others are measured by.
    :param peer: name of a program by somebody else.
    """

    floor: str
    peer: str
    taken: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, seconds: float) -> None:
        """One round of a side."""
        self.taken.setdefault(name, []).append(seconds)

    def lines(self, title: str, rows: int = 0) -> Iterable[str]:
        """The figures as text.

        :param rows: that each side changes; 0 when its rate says nothing.
        """
        rounds = len(self.taken[self.floor])
        yield f"{title}; median of {rounds}, in turns"
        floor, peer = (median(self.taken[name]) for name in (self.floor, self.peer))
        for name, seconds in self.taken.items():
            middle = median(seconds)
            rate = f"{rows / middle:9.0f} rows/s" if rows else ""
            ratios = f"{middle / floor:6.2f} times the floor {middle / peer:6.2f} times the peer"
            yield f"  {name:34}{rate} {ratios}  {middle:7.3f} s ({min(seconds):.3f} to {max(seconds):.3f})"
