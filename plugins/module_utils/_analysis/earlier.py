# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an analysis takes over: from the slice before it the measurements, and where its sources have stopped reading,
and from that or from the step before it what the judge has seen.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from .._common.errors import InputError
from .model import Measurement, Moment

NEEDED = ("name", "measurements", "position", "finished", "due_in_ms")


def check(earlier: Sequence[Mapping[str, Any]], raw: Sequence[Mapping[str, Any]]) -> None:
    """Refuse what does not continue these metrics.

    :param raw: the metrics of this call.
    :raises InputError: it is no result of an analysis, or one of other metrics.
    """
    for number, one in enumerate(earlier):
        missing = [name for name in NEEDED if name not in one]
        if missing:
            raise _refused(number, f"has no {missing[0]}")
    if earlier and [one["name"] for one in earlier] != [metric.get("name") for metric in raw]:
        raise _refused(0, "belongs to other metrics")


def with_positions(raw: Sequence[Mapping[str, Any]], earlier: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The metrics of this call, each to be read on from where the slice before it stopped."""
    return _with(raw, "position", earlier)


def with_records(raw: Sequence[Mapping[str, Any]], before: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The metrics of this call, each to be judged with what was seen before, in this step or in the last one.

    :raises InputError: it is no result of an analysis.
    """
    for number, one in enumerate(before):
        if "name" not in one:
            raise InputError("has no name", where=f"step_before[{number}]", remedy="give what the step has returned")
    return _with(raw, "record", before)


def _with(raw: Sequence[Mapping[str, Any]], field: str, results: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the results of the same metrics have of a field, where they have any."""
    found = {one["name"]: one[field] for one in results if one.get(field)}
    return [{**metric, field: found[metric["name"]]} if metric["name"] in found else dict(metric) for metric in raw]


def measurements(earlier: Mapping[str, Any]) -> list[Measurement]:
    """The measurements of one metric, as they were made."""
    return [
        Measurement(
            Moment(one["at_ms"] / 1000, datetime.fromisoformat(one["time"]).timestamp(), 0.0),
            one["verdict"],
            one["detail"],
            one["value"],
        )
        for one in earlier["measurements"]
    ]


def _refused(number: int, what: str) -> InputError:
    return InputError(what, where=f"earlier[{number}]", remedy="give the metrics that the call before has returned")
