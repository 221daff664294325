# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metric of a series: one value an interval, such as CPU, memory or orders. Touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .._common.errors import InputError
from .base import Alternatives, Evidence, Metric, Record, evidence_of
from .numbers import exact_text, text
from .process import learned
from .ranks import doubled_statistic, evidence, interval_is_exact, mann_whitney, shift

_SHOWN_CONFIDENCE = Fraction(95, 100)
_MOST_VALUES = 10_000


@dataclass(frozen=True)
class Values:
    """The values of one look, of each side."""

    stable: Sequence[Fraction]
    canary: Sequence[Fraction]


@dataclass(frozen=True)
class Change:
    """A change from the stable side's values: ``ratio * value + difference``."""

    ratio: Fraction = Fraction(1)
    difference: Fraction = Fraction(0)

    def of(self, value: Fraction) -> Fraction:
        """The changed value."""
        return self.ratio * value + self.difference

    def declaration(self) -> dict[str, Any]:
        """As JSON."""
        return {"ratio": exact_text(self.ratio), "difference": exact_text(self.difference)}


@dataclass(frozen=True)
class Series(Metric):
    """The values of the canary against those of the stable side, by ranks.

    :param higher_is_worse: such as CPU; otherwise lower is worse, such as orders.
    :param margin: the change that is tolerated.
    :param harm: the change that must not be missed.
    """

    name: str
    margin: Change = Change()
    harm: Change = Change(ratio=Fraction(3, 2))
    higher_is_worse: bool = True

    def __post_init__(self) -> None:
        sign = self._sign()
        ratios = [Fraction(1), self.margin.ratio, self.harm.ratio]
        differences = [Fraction(0), self.margin.difference, self.harm.difference]
        ordered = all([sign * one for one in row] == sorted(sign * one for one in row) for row in (ratios, differences))
        if not ordered or self.harm == Change() or min(ratios) <= 0:
            raise InputError(
                "margin and harm must be changes for the worse, the harm not below the margin, and ratios above 0",
                where=f"metric {self.name}",
                remedy="state ratio and difference of margin and harm, and whether higher is worse",
            )

    def declaration(self) -> dict[str, Any]:
        """What was declared."""
        changes = {"margin": self.margin.declaration(), "harm": self.harm.declaration()}
        return {"name": self.name, "kind": "series", "higher_is_worse": self.higher_is_worse, **changes}

    def record(self, data: Any) -> dict[str, Any]:
        """The values themselves."""
        if not isinstance(data, Values) or not all(isinstance(one, Fraction) for one in [*data.stable, *data.canary]):
            raise InputError(
                "each side needs one exact number an interval",
                where=f"metric {self.name}",
                remedy="give the values of this look as Fraction",
            )
        if self._scales() and min([*data.stable, *data.canary], default=Fraction(0)) < 0:
            raise InputError(
                "a ratio has no meaning for values below 0",
                where=f"metric {self.name}",
                remedy="state margin and harm as differences",
            )
        return {
            "stable": [exact_text(value) for value in data.stable],
            "canary": [exact_text(value) for value in data.canary],
        }

    def has_data(self, record: Record) -> bool:
        """Both sides have values."""
        return bool(record["stable"] and record["canary"])

    def evidence(self, records: Sequence[Record | None]) -> list[Evidence]:
        """The e-values of every look."""
        return evidence_of([self._look(record) if record and self.has_data(record) else None for record in records])

    def observed(self, record: Record) -> dict[str, Any]:
        """The test against the margin in this look alone, and the shift (Hodges and Lehmann) with its interval."""
        shown = dict(record)
        if not self.has_data(record):
            return shown
        stable, canary = _values(record["stable"]), _values(record["canary"])
        test = mann_whitney(self._signed(canary), self._signed([self.margin.of(value) for value in stable]))
        estimate, low, high = shift(canary, stable, _SHOWN_CONFIDENCE)
        shown["mann_whitney"] = {
            "doubled_statistic": test.doubled,
            "p_value": text(test.p_value),
            "method": "exact" if test.exact else "normal",
        }
        shown["shift"] = exact_text(estimate)
        if interval_is_exact(len(canary), len(stable), _SHOWN_CONFIDENCE):
            shown["shift_interval"] = [exact_text(low), exact_text(high)]
        return shown

    def missing(self, record: Record, short: float) -> dict[str, int] | None:
        """Values of each side, if the canary's are like those of the stable side in this look."""
        if not self.has_data(record):
            return None
        stable = _values(record["stable"])
        wins = doubled_statistic(self._signed([self.harm.of(value) for value in stable]), self._signed(stable))
        share = Fraction(wins, 2 * len(stable) ** 2)
        if self._after(share, _MOST_VALUES) < short:
            return None
        few, enough = 0, _MOST_VALUES
        while enough - few > 1:
            middle = (few + enough) // 2
            few, enough = (few, middle) if self._after(share, middle) >= short else (middle, enough)
        return {"values": enough}

    def _look(self, record: Record) -> Alternatives:
        stable, canary = _values(record["stable"]), _values(record["canary"])
        at_margin = [self.margin.of(value) for value in stable]
        at_harm = [self.harm.of(value) for value in stable]
        sizes = (len(canary), len(stable))
        return Alternatives(
            harm=evidence(doubled_statistic(self._signed(canary), self._signed(at_margin)), *sizes),
            safety=evidence(doubled_statistic(self._signed(at_harm), self._signed(canary)), *sizes),
        )

    @staticmethod
    def _after(share: Fraction, count: int) -> float:
        """The evidence of one look with that many values of each side, of which that share of pairs is in order."""
        return learned([evidence(int(2 * share * count * count), count, count)])[0]

    def _sign(self) -> int:
        return 1 if self.higher_is_worse else -1

    def _signed(self, values: Sequence[Fraction]) -> list[Fraction]:
        return [self._sign() * value for value in values]

    def _scales(self) -> bool:
        return self.margin.ratio != 1 or self.harm.ratio != 1


def _values(texts: Sequence[str]) -> list[Fraction]:
    return [Fraction(one) for one in texts]
