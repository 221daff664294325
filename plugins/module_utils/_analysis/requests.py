# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a judge sees of requests that another source has counted. Touches what that source touches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._common.errors import InputError
from .._gate.options import Options
from .._judge.base import Metric
from .._judge.counts import Counts
from .._judge.errors import Errors
from .._judge.quantile import Samples
from .compared import SERIES, Compared
from .model import Counted, CountingSource, JudgedSource, Moment
from .sides import CANARY, STABLE, Sides

MILLISECOND = 1


class Requests(JudgedSource):
    """The requests of both sides.

    :param source: has counted them.
    :param metrics: what is compared.
    """

    def __init__(self, source: CountingSource, metrics: Sequence[Metric]) -> None:
        self.source = source
        self.metrics = metrics

    @classmethod
    def from_options(
        cls,
        options: Options,
        sides: Sides,
        compared: Sequence[Compared],
        *,
        kind: str,
        build: Callable[[Options, Sides], CountingSource],
    ) -> Requests:
        """Read what the source takes; it must be able to tell what is compared.

        :param kind: the type of the source.
        :param build: reads it.
        """
        source = build(options, sides)
        for one in compared:
            _refuse_what_is_not_counted(one, kind, source)
        return cls(source, [one.metric for one in compared])

    def target(self) -> str:
        return self.source.target()

    def resumed(self) -> bool:
        return self.source.resumed()

    def begin(self, moment: Moment) -> None:
        self.source.begin(moment)

    def position(self) -> dict[str, Any]:
        return self.source.position()

    def seen(self, moment: Moment) -> tuple[dict[str, Any], str]:
        counted, note = self.source.taken(moment)
        return {metric.name: _data(metric, counted) for metric in self.metrics}, note

    def judged(self) -> None:
        """The source has forgotten it already."""


def _refuse_what_is_not_counted(compared: Compared, kind: str, source: CountingSource) -> None:
    if compared.kind == SERIES:
        remedy = "use errors, quantile or limit, or a metric of its own from prometheus"
        raise InputError(f"{kind} counts requests and has no series", where=f"{compared.where}.kind", remedy=remedy)
    if compared.kind != "errors" and not source.capabilities.latencies:
        raise InputError(
            f"{kind} does not know how long each request took, so that it has errors alone",
            where=f"{compared.where}.kind",
            remedy="use kind errors, or a metric of type haproxy with a condition on canary.latency_ms.mean",
        )


def _data(metric: Metric, counted: Mapping[str, Counted]) -> Any:
    stable, canary = counted[STABLE], counted[CANARY]
    if isinstance(metric, Errors):
        return Counts(stable.requests, stable.errors, canary.requests, canary.errors)
    return Samples(_each(stable), _each(canary), resolution=MILLISECOND)


def _each(counted: Counted) -> list[int]:
    """One number a request."""
    milliseconds = sorted((counted.milliseconds or {}).items())
    return [round(value) for value, count in milliseconds for _number in range(count)]
