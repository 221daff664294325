# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a judge sees of series in Prometheus: the values of a query for both sides, at points of time.

Asks the server; touches nothing. Points are those of the server's clock, ``spacing`` seconds apart from the start of
the analysis on, so that none is given twice and none is of the time before. A point counts where both sides have a
value: a trend that both follow is then no difference between them. The judge takes points for independent of each
other, so what a value is made of must not overlap: neither the ranges of the query, nor the sample of one scrape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

from .._common.errors import InputError
from .._gate.options import Options
from .._judge.series import Values
from .compared import SERIES, Compared
from .model import A_DAY, JudgedSource, Moment, SourceError
from .prometheus import Api
from .promql import looks_at_a_fixed_time, reach, seconds_of
from .sides import CANARY, STABLE, Sides, placed
from .web import server_of

PROMETHEUS = "prometheus"
MINUTE = 60
MOST_POINTS = 60
MOST_AFTER_AN_OUTAGE = 240
EARLY_MS = 500
NO_NUMBER = "NaN"
UNKNOWN = 0.0


class PrometheusSeries(JudgedSource):
    """The points of some series since the look before.

    :param queries: name of the metric to what is asked for it.
    :param spacing: seconds from one point to the next.
    :param position: where an earlier analysis has stopped; empty where there is none.
    """

    def __init__(
        self, api: Api, queries: Mapping[str, str], sides: Sides, spacing: int, position: Mapping[str, Any]
    ) -> None:
        self.api = api
        self.queries = queries
        self.sides = sides
        self.spacing = spacing
        self._begun = bool(position)
        self._last_ms = self._seen_ms = position.get("last_ms", 0)
        self._interval_known = position.get("interval_known", False)

    @classmethod
    def from_options(cls, options: Options, sides: Sides, compared: Sequence[Compared]) -> PrometheusSeries:
        """Read ``url``, how to reach the server, ``spacing``, ``position``, and the ``query`` of each series."""
        spacing = options.number("spacing", MINUTE, 1, A_DAY)
        queries = {one.metric.name: _query_of(one, sides, spacing) for one in compared}
        return cls(Api(server_of(options)), queries, sides, spacing, _position_of(options))

    def target(self) -> str:
        return f"{self.api.server.shown()}: " + "; ".join(self.queries.values())

    def seconds(self) -> tuple[int, int]:
        return self.spacing, MOST_POINTS * self.spacing

    def resumed(self) -> bool:
        return self._begun

    def begin(self, moment: Moment) -> None:
        timeout = moment.timeout / 2
        now = self._now_ms(timeout)
        interval = self._scrape_interval(timeout)
        if interval > self.spacing:
            what = f"points {self.spacing} s apart would be the same samples, since it scrapes every {interval:g} s"
            remedy = f"set spacing to at least {interval:g}, and interval to several of it"
            raise SourceError(what, where=self.api.server.shown(), remedy=remedy)
        self._interval_known = interval != UNKNOWN
        self._last_ms = self._seen_ms = now
        self._begun = True

    def position(self) -> dict[str, Any]:
        return {"last_ms": self._last_ms, "interval_known": self._interval_known} if self._begun else {}

    def seen(self, moment: Moment) -> tuple[dict[str, Any], str]:
        timeout = moment.timeout / (1 + 2 * len(self.queries))
        since_ms = self._now_ms(timeout) + EARLY_MS - self._last_ms
        points = min(max(0, since_ms // (self.spacing * 1000)), MOST_AFTER_AN_OUTAGE)
        notes = [] if self._interval_known else [f"that a scrape takes less than {self.spacing} s is not known"]
        values = {}
        for name, query in self.queries.items():
            values[name], warnings = self._values(query, points, timeout)
            notes += warnings
        self._seen_ms = self._last_ms + points * self.spacing * 1000
        return values, "; ".join(notes)

    def judged(self) -> None:
        self._last_ms = self._seen_ms

    def _values(self, query: str, points: int, timeout: float) -> tuple[Values, list[str]]:
        if not points:
            return Values((), ()), []
        found: dict[str, dict[int, Fraction]] = {}
        notes: list[str] = []
        for side, asked in self.sides.filled(query).items():
            found[side], warnings = self._points(asked, points, timeout)
            notes += warnings
        both = sorted(found[STABLE].keys() & found[CANARY].keys())
        return Values(*([found[side][at] for at in both] for side in (STABLE, CANARY))), notes

    def _points(self, query: str, points: int, timeout: float) -> tuple[dict[int, Fraction], list[str]]:
        spacing_ms = self.spacing * 1000
        ends = {"start": self._last_ms + spacing_ms, "end": self._last_ms + points * spacing_ms}
        window = {name: f"{at // 1000}.{at % 1000:03}" for name, at in ends.items()}
        series, warnings = self.api.asked(
            "query_range", _series, timeout, query=query, step=str(self.spacing), **window
        )
        if len(series) > 1:
            remedy = "aggregate it to one for each slot, such as by avg() or sum()"
            raise SourceError(f"{query} gives {len(series)} series", where=self.api.server.shown(), remedy=remedy)
        try:
            return {at: Fraction(str(float(text))) for one in series for at, text in one}, warnings
        except ValueError as exc:
            what = f"{query} has a value that is no number: {exc}"
            raise SourceError(what, where=self.api.server.shown(), remedy="divide by what is never 0") from exc

    def _now_ms(self, timeout: float) -> int:
        """The time of the server, whose clock need not be that of this host."""
        return self.api.asked("query", _milliseconds, timeout, query="time()")[0]

    def _scrape_interval(self, timeout: float) -> float:
        """Seconds between two scrapes of what serves the slots; ``UNKNOWN`` of a server that does not tell."""
        try:
            targets, _warnings = self.api.asked("targets", _intervals, timeout, state="active")
        except SourceError:
            return UNKNOWN
        slots = set(self.sides.slots.values())
        of_slots = [interval for labels, interval in targets if labels & slots]
        return min(of_slots or [interval for _labels, interval in targets], default=UNKNOWN)


def _series(data: Any) -> list[list[tuple[int, str]]]:
    """The points of each series, as text; what is no number is no point."""
    if data["resultType"] != "matrix":
        raise ValueError(f"a {data['resultType']} where a matrix must be")
    return [
        [(round(float(at) * 1000), str(text)) for at, text in series["values"] if text != NO_NUMBER]
        for series in data["result"]
    ]


def _milliseconds(data: Any) -> int:
    return round(float(data["result"][1]) * 1000)


def _intervals(data: Any) -> list[tuple[set[str], float]]:
    """The values of the labels of each target, and the seconds between two scrapes of it."""
    return [(set(target["labels"].values()), seconds_of(target["scrapeInterval"])) for target in data["activeTargets"]]


def _query_of(compared: Compared, sides: Sides, spacing: int) -> str:
    if compared.kind != SERIES:
        remedy = "use kind series, or a metric of its own from nginx_log or haproxy"
        raise InputError("prometheus has series alone", where=f"{compared.where}.kind", remedy=remedy)
    options = compared.asked
    query = placed(options, sides, "query", options.text("query"))
    if looks_at_a_fixed_time(query):
        raise options.refuse("query", "has @, so that every point may have the same value", "remove it")
    if reach(query) > spacing:
        what = f"looks back {reach(query):g} s, so that points {spacing} s apart have what they count in common"
        raise options.refuse("query", what, f"look back at most {spacing} s, or raise spacing")
    return query


def _position_of(options: Options) -> dict[str, Any]:
    """Read ``position``."""
    position = options.mapping("position")
    known, last = position.get("interval_known"), position.get("last_ms")
    if position and not (isinstance(known, bool) and isinstance(last, int)):
        raise options.refuse("position", "is none of this source", "give what an earlier analysis returned")
    return position
