# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metrics of latency quantiles: against the stable side, and against a limit. Touches nothing."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .._common.errors import InputError
from .base import Alternatives, Evidence, Metric, Record, enough, evidence_of
from .counts import Line, Sides, divergence, information
from .exceed import BETTER, WORSE, beyond_limit, beyond_stable
from .numbers import exact_text, is_count, rate_text

_DIAGONAL = Line(1.0, 0.0)


@dataclass(frozen=True)
class Samples:
    """One number a request, such as microseconds, of one look.

    :param resolution: most that a number may be off, since the clock that it was taken from counts in steps.
    """

    stable: Sequence[int]
    canary: Sequence[int]
    resolution: int = 0


def rank_of(percent: Fraction, count: int) -> int:
    """The place of the quantile in the sorted sample, by the nearest-rank method, from 1."""
    return max(1, math.ceil(count * percent / 100))


@dataclass(frozen=True)
class Quantile(Metric):
    """A latency quantile of the canary against that of the stable side.

    The hypotheses are that the canary's requests are, as a distribution, at most ``margin`` times as slow, or at least
    ``harm`` times as slow, as those of the stable side. What is compared is the part beyond the stable side's quantile.
    """

    name: str
    percent: Fraction = Fraction(99)
    margin: Fraction = Fraction(5, 4)
    harm: Fraction = Fraction(2)

    def __post_init__(self) -> None:
        if not 0 < self.percent < 100 or not 1 <= self.margin <= self.harm or self.harm == 1:
            raise InputError(
                "the percent must be between 0 and 100, and the ratios 1 <= margin <= harm with a harm above 1",
                where=f"metric {self.name}",
                remedy="state margin and harm as multiples of the stable side's quantile",
            )

    def declaration(self) -> dict[str, Any]:
        """What was declared."""
        ratios = {"margin": exact_text(self.margin), "harm": exact_text(self.harm)}
        return {"name": self.name, "kind": "quantile", "percent": exact_text(self.percent), **ratios}

    def record(self, data: Any) -> dict[str, Any]:
        """Counts beyond the two multiples of the stable side's quantile, and the quantiles.

        What the resolution leaves open is counted against the evidence.
        """
        if not isinstance(data, Samples):
            raise _not_samples(self.name)
        stable, canary = _ordered(data.stable, self.name), _ordered(data.canary, self.name)
        found: dict[str, Any] = {"stable_requests": len(stable), "canary_requests": len(canary)}
        if not stable or not canary:
            return found
        rank = rank_of(self.percent, len(stable))
        off = data.resolution
        at_margin, at_harm = (stable[rank - 1] + off) * self.margin + off, (stable[rank - 1] - off) * self.harm - off
        return {
            **found,
            "stable_rank": rank,
            "stable_quantile": stable[rank - 1],
            "canary_quantile": canary[rank_of(self.percent, len(canary)) - 1],
            "canary_beyond_margin": len(canary) - bisect_right(canary, math.floor(at_margin)),
            "canary_beyond_harm": len(canary) - bisect_left(canary, math.ceil(at_harm)),
            "stable_beyond_harm": len(stable) - bisect_left(stable, math.ceil(at_harm)),
        }

    def has_data(self, record: Record) -> bool:
        """Both sides had requests."""
        return bool(record["stable_requests"] and record["canary_requests"])

    def evidence(self, records: Sequence[Record | None]) -> list[Evidence]:
        """The e-values of every look."""
        return evidence_of([self._look(record) if record and self.has_data(record) else None for record in records])

    def observed(self, record: Record) -> dict[str, Any]:
        """The counts and quantiles."""
        shown = dict(record)
        if self.has_data(record):
            shown["canary_share_beyond_margin"] = rate_text(record["canary_beyond_margin"], record["canary_requests"])
            shown["canary_share_beyond_harm"] = rate_text(record["canary_beyond_harm"], record["canary_requests"])
        return shown

    def missing(self, record: Record, short: float) -> dict[str, int] | None:
        """Requests of both sides, at the share of this look; ``None`` where even the stable side would not pass."""
        if not self.has_data(record):
            return None
        stable, canary = record["stable_requests"], record["canary_requests"]
        beyond = float(1 - self.percent / 100)
        if record["stable_beyond_harm"] > stable * (1 - self.percent / 100):
            return None
        expected = min((record["stable_beyond_harm"] + 0.5) / (stable + 1.0), beyond / 1.5)
        growth = information(_DIAGONAL, beyond, expected, Sides(stable, canary)) / (stable + canary)
        return {"requests": enough(short, growth)}

    def _look(self, record: Record) -> Alternatives:
        sizes = (record["canary_requests"], record["stable_requests"], record["stable_rank"])
        return Alternatives(
            harm=beyond_stable(record["canary_beyond_margin"], *sizes, WORSE),
            safety=beyond_stable(record["canary_beyond_harm"], *sizes, BETTER),
        )


@dataclass(frozen=True)
class Limit(Metric):
    """A latency quantile of the canary against a limit; the stable side is not looked at.

    :param margin: what the quantile may be, in the unit of the samples.
    :param harm: what must not be missed; may be the same.
    """

    name: str
    percent: Fraction
    margin: int
    harm: int

    def __post_init__(self) -> None:
        if not 0 < self.percent < 100 or not 0 <= self.margin <= self.harm:
            raise InputError(
                "the percent must be between 0 and 100, and the limits 0 <= margin <= harm",
                where=f"metric {self.name}",
                remedy="state margin and harm in the unit of the samples",
            )

    def declaration(self) -> dict[str, Any]:
        """What was declared."""
        limits = {"margin": self.margin, "harm": self.harm}
        return {"name": self.name, "kind": "limit", "percent": exact_text(self.percent), **limits}

    def record(self, data: Any) -> dict[str, Any]:
        """Counts beyond the two limits, and the quantile."""
        if not isinstance(data, Samples):
            raise _not_samples(self.name)
        canary = _ordered(data.canary, self.name)
        if not canary:
            return {"canary_requests": 0}
        return {
            "canary_requests": len(canary),
            "canary_quantile": canary[rank_of(self.percent, len(canary)) - 1],
            "canary_beyond_margin": len(canary) - bisect_right(canary, self.margin),
            "canary_beyond_harm": len(canary) - bisect_left(canary, self.harm),
        }

    def has_data(self, record: Record) -> bool:
        """The canary had requests."""
        return bool(record["canary_requests"])

    def evidence(self, records: Sequence[Record | None]) -> list[Evidence]:
        """The e-values of every look."""
        return evidence_of([self._look(record) if record and self.has_data(record) else None for record in records])

    def observed(self, record: Record) -> dict[str, Any]:
        """The counts and the quantile."""
        return dict(record)

    def missing(self, record: Record, short: float) -> dict[str, int] | None:
        """Requests of the canary, if the share beyond the harm stays what it is."""
        if not self.has_data(record):
            return None
        beyond, canary = float(1 - self.percent / 100), record["canary_requests"]
        expected = min((record["canary_beyond_harm"] + 0.5) / (canary + 1.0), beyond / 1.5)
        return {"canary_requests": enough(short, divergence(expected, beyond))}

    def _look(self, record: Record) -> Alternatives:
        canary, beyond = record["canary_requests"], float(1 - self.percent / 100)
        return Alternatives(
            harm=beyond_limit(record["canary_beyond_margin"], canary, beyond, WORSE),
            safety=beyond_limit(record["canary_beyond_harm"], canary, beyond, BETTER),
        )


def _ordered(sample: Iterable[int], name: str) -> list[int]:
    ordered = sorted(sample)
    if not all(is_count(value) for value in ordered[:1] + ordered[-1:]):
        raise _not_samples(name)
    return ordered


def _not_samples(name: str) -> InputError:
    return InputError(
        "each side needs one whole number a request, none below 0",
        where=f"metric {name}",
        remedy="give the latencies of this look as integers, such as microseconds",
    )
