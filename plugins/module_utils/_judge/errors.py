# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metric of errors among requests. Touches nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .._common.errors import InputError
from .base import Alternatives, Evidence, Metric, Record, enough, evidence_of
from .binomial import interval
from .counts import Counts, Line, Past, Sides, harm_evidence, information, safety_evidence
from .numbers import exact_text, is_count, rate_text, text

_SHOWN_CONFIDENCE = 0.95


@dataclass(frozen=True)
class Bound:
    """A limit for the canary that depends on the stable side: ``ratio * stable + points``.

    :param points: percentage points.
    """

    points: Fraction = Fraction(0)
    ratio: Fraction = Fraction(1)

    def declaration(self) -> dict[str, Any]:
        """As JSON."""
        return {"points": exact_text(self.points), "ratio": exact_text(self.ratio)}

    def line(self) -> Line:
        """As the border of a half-plane."""
        return Line(float(self.ratio), float(self.points / 100))

    def within(self, other: Bound) -> bool:
        """Never above the other bound."""
        return self.points <= other.points and self.ratio <= other.ratio


EQUAL = Bound()
WHOLE = 100


@dataclass(frozen=True)
class Errors(Metric):
    """The share of errors of the canary against that of the stable side.

    :param margin: what is tolerated.
    :param harm: what must not be missed.
    """

    name: str
    margin: Bound = Bound(points=Fraction(1, 2))
    harm: Bound = Bound(points=Fraction(2))

    def __post_init__(self) -> None:
        if self.harm.points >= WHOLE:
            raise InputError(
                f"the harm must be below {WHOLE} points, since no canary has more errors than requests",
                where=f"metric {self.name}",
                remedy="state percentage points, such as 2",
            )
        if not EQUAL.within(self.margin) or not self.margin.within(self.harm) or self.harm == EQUAL:
            raise InputError(
                "the margin must not be below equality, and the harm must be above equality and not below the margin",
                where=f"metric {self.name}",
                remedy="state points and ratio of margin and harm in ascending order",
            )

    def declaration(self) -> dict[str, Any]:
        """What was declared."""
        bounds = {"margin": self.margin.declaration(), "harm": self.harm.declaration()}
        return {"name": self.name, "kind": "errors", **bounds}

    def record(self, data: Any) -> dict[str, Any]:
        """The four counts."""
        if not isinstance(data, Counts) or not _possible(data):
            raise InputError(
                "each side needs requests and errors, whole numbers, and no more errors than requests",
                where=f"metric {self.name}",
                remedy="give the counts of this look alone, not totals since the start of the server",
            )
        return {
            "stable_requests": data.stable_requests,
            "stable_errors": data.stable_errors,
            "canary_requests": data.canary_requests,
            "canary_errors": data.canary_errors,
        }

    def has_data(self, record: Record) -> bool:
        """Both sides had requests."""
        return bool(record["stable_requests"] and record["canary_requests"])

    def evidence(self, records: Sequence[Record | None]) -> list[Evidence]:
        """The e-values of every look."""
        before: list[Counts] = []
        found: list[Alternatives | None] = []
        for record in records:
            if record is None or not self.has_data(record):
                found.append(None)
            else:
                found.append(self._look(Counts(**record), before))
            if record is not None:
                before.append(Counts(**record))
        return evidence_of(found)

    def observed(self, record: Record) -> dict[str, Any]:
        """Counts, rates, and their intervals (Clopper and Pearson, 95 %)."""
        shown: dict[str, Any] = dict(record)
        for side in ("stable", "canary"):
            errors, requests = record[f"{side}_errors"], record[f"{side}_requests"]
            shown[f"{side}_rate"] = rate_text(errors, requests)
            if requests:
                shown[f"{side}_interval"] = [text(bound) for bound in interval(errors, requests, _SHOWN_CONFIDENCE)]
        return shown

    def missing(self, record: Record, short: float) -> dict[str, int] | None:
        """Requests of both sides, at the share of this look."""
        if not self.has_data(record):
            return None
        stable, canary = record["stable_requests"], record["canary_requests"]
        rate = (record["stable_errors"] + 0.5) / (stable + 1.0)
        harm = self.harm.line()
        if harm.at(rate) >= 1.0:
            return None
        growth = information(harm, rate, rate, Sides(stable, canary)) / (stable + canary)
        return {"requests": enough(short, growth)}

    def _look(self, counts: Counts, before: Sequence[Counts]) -> Alternatives:
        margin, harm = self.margin.line(), self.harm.line()
        past = Past(
            looks=len(before),
            requests=sum(one.stable_requests for one in before),
            errors=sum(one.stable_errors for one in before),
        )
        return Alternatives(
            harm=harm_evidence(margin, harm, counts, past), safety=safety_evidence(margin, harm, counts, past)
        )


def _possible(counts: Counts) -> bool:
    sides = ((counts.stable_errors, counts.stable_requests), (counts.canary_errors, counts.canary_requests))
    return all(is_count(errors) and is_count(requests) and errors <= requests for errors, requests in sides)
