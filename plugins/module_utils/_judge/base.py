# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every kind of metric offers to the judge. Touches nothing."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .process import learned

Record = Mapping[str, Any]

_NINETY_FIVE_PERCENT = 1.6448536269514722


@dataclass(frozen=True)
class Evidence:
    """The e-values of one look, as logarithms.

    :param harm: against "the canary is not worse than the margin".
    :param safety: against "the canary is at least as bad as the harm".
    """

    harm: float
    safety: float


@dataclass(frozen=True)
class Alternatives:
    """The e-values of one look for each of several alternatives, as logarithms."""

    harm: Sequence[float]
    safety: Sequence[float]


def evidence_of(looks: Sequence[Alternatives | None]) -> list[Evidence]:
    """The e-values of every look, averaged over the alternatives; a look without data says nothing."""
    seen = [look for look in looks if look is not None]
    pairs = zip(learned([look.harm for look in seen]), learned([look.safety for look in seen]))
    found = iter([Evidence(harm, safety) for harm, safety in pairs])
    return [NOTHING if look is None else next(found) for look in looks]


NOTHING = Evidence(0.0, 0.0)


class Metric(ABC):
    """One thing that is compared, with the margin that is tolerated and the harm that must not be missed."""

    name: str

    @abstractmethod
    def declaration(self) -> dict[str, Any]:
        """What was declared, as JSON without floats."""

    @abstractmethod
    def record(self, data: Any) -> dict[str, Any]:
        """What the state keeps of one look: integers and text.

        :raises InputError: the data are not of the kind that this metric compares.
        """

    @abstractmethod
    def has_data(self, record: Record) -> bool:
        """Both sides were seen."""

    @abstractmethod
    def evidence(self, records: Sequence[Record | None]) -> list[Evidence]:
        """The e-values of every look, each made from that look and what came before it.

        :param records: one a look, ``None`` where it had no data of this metric.
        """

    @abstractmethod
    def observed(self, record: Record) -> dict[str, Any]:
        """The figures of one look that a reader wants to see, as JSON without floats."""

    @abstractmethod
    def missing(self, record: Record, short: float) -> dict[str, int] | None:
        """How much more it takes to pass, if the canary is as good as the stable side; ``None`` when unknown.

        :param record: the last look.
        :param short: how far the logarithm of the evidence is from what is needed.
        """


def enough(short: float, information: float) -> int:
    """Observations after which evidence that is ``short`` will have come with 95 %.

    A log-likelihood ratio that grows by ``information`` an observation has a variance of about twice that, so this
    solves ``n I - 1.645 sqrt(2 n I) = short`` for ``n``.
    """
    spread = _NINETY_FIVE_PERCENT * math.sqrt(2.0)
    root = (spread + math.sqrt(spread * spread + 4.0 * max(short, 0.0))) / 2.0
    return math.ceil(root * root / information)
