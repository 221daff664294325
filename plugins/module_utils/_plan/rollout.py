# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a rollout decides: which slot on which hosts, how the percents move, in which stages.

Touches nothing. A rollout is one file with one class of this shape, and one line in `factory`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

from .._inputs.validate import Inputs
from .fleet import Fleet


@dataclass(frozen=True)
class Step:
    """One share of the traffic.

    :param percents: slot percents while it lasts.
    :param seconds: how long it is watched before the next one.
    """

    name: str
    percents: dict[str, int]
    seconds: int = 0


@dataclass(frozen=True)
class Batch:
    """Application hosts that change over together.

    :param hosts: the hosts.
    :param out: how their instances leave: ``percents``, ``servers`` and which of them to ``drain``; ``None`` where
        nothing is left to serve meanwhile.
    :param into: how the new ones join: ``percents`` and ``servers``.
    :param seconds: how long the batch is watched before the next one.
    """

    name: str
    hosts: list[str]
    out: dict[str, Any] | None
    into: dict[str, Any]
    seconds: int = 0


@dataclass(frozen=True)
class Park:
    """A place where the run ends and the deployment waits.

    :param stage: what it has come to.
    :param seconds: how long it waits at least.
    :param approval: whether it waits for an approval.
    """

    stage: str
    seconds: int
    approval: bool


@dataclass(frozen=True)
class Course:
    """The decisions of a rollout.

    :param stable_slot: slot that takes the traffic now.
    :param slot: slot that the revision goes to.
    :param place: application host to whether the slot must be filled or started there.
    """

    stable_slot: str
    slot: str
    place: dict[str, bool]
    percents_before: dict[str, int]
    percents_after: dict[str, int]
    changes: bool


class Rollout(ABC):
    """A way for a revision to become active."""

    @abstractmethod
    def course(self, fleet: Fleet, revision: str) -> Course:
        """Decide how ``revision`` becomes active on this fleet."""

    @abstractmethod
    def steps(self, course: Course, inputs: Inputs) -> list[Step]:
        """The shares of the traffic that lead from ``percents_before`` to ``percents_after``."""

    def batches(self, course: Course, inputs: Inputs) -> list[Batch]:
        """The hosts that change over one batch after the other; none where both slots run everywhere.

        :raises InputError: the batches cannot be made of these hosts.
        """
        return []

    def parks(self, inputs: Inputs) -> list[Park]:
        """The steps after which this rollout parks; what every rollout waits for is not among them."""
        return []

    def override(self, course: Course, inputs: Inputs) -> bool:
        """Whether matched requests reach the new revision from the first step on, whatever its share."""
        return False

    @abstractmethod
    def stages(self, course: Course, inputs: Inputs, handover: list[str]) -> list[dict[str, Any]]:
        """The stages that lead there, in order, each with how it is undone; none when there is nothing to do."""
