# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From the option ``metrics`` of ``health_gate`` to metrics.

Touches nothing: every refusal comes before anything is measured.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from .._common.errors import InputError
from .._gate.http import CREDENTIAL_HEADER
from .._gate.options import Options
from .expression import Condition
from .factory import SOURCES
from .model import A_DAY, Conditions, Limits, Metric, Schedule, Source
from .sides import sides_of

MOST_METRICS = 64
MOST_MEASUREMENTS = 1440
MOST_LOOKS = 500
JUDGE = "judge"


def parse(raw: list[dict[str, Any]]) -> list[Metric]:
    """All metrics of one call.

    :raises InputError: names the field and the remedy; nothing has been measured yet.
    """
    if len(raw) > MOST_METRICS:
        raise InputError(
            f"has {len(raw)} entries, more than {MOST_METRICS}", where="metrics", remedy="spread them over calls"
        )
    metrics: list[Metric] = []
    for index, item in enumerate(raw):
        metric = _metric(Options(item, f"metrics[{index}]"))
        if metric.name in {other.name for other in metrics}:
            raise InputError(
                f"'{metric.name}' is the name of an earlier metric",
                where=f"metrics[{index}].name",
                remedy="give every metric a name of its own",
            )
        metrics.append(metric)
    return metrics


def without_skipped(raw: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """The metrics that are measured, and the others with the reason."""
    skipped = [{"name": str(metric.get("name")), "reason": metric["skip"]} for metric in raw if metric.get("skip")]
    return [metric for metric in raw if not metric.get("skip")], skipped


def credentials(raw: list[dict[str, Any]]) -> set[str]:
    """Values of headers that look like credentials, so that not even the refusal of them shows one."""
    return {
        str(value)
        for metric in raw
        for name, value in (metric.get("headers") or {}).items()
        if CREDENTIAL_HEADER.search(str(name))
    }


def _metric(options: Options) -> Metric:
    name = options.text("name")
    kind = options.choice("type", tuple(SOURCES))
    sides = sides_of(options)
    schedule = _schedule(options)
    metric = Metric(
        name=name,
        type=kind,
        schedule=schedule,
        conditions=Conditions() if kind == JUDGE else _conditions(options, sides.names),
        limits=_limits(options, schedule),
        dry_run=options.flag("dry_run", False),
        must_pass=options.flag("must_pass", True),
        source=SOURCES[kind](options, sides),
    )
    _refuse_what_only_others_have(options, metric)
    _refuse_no_interval(options, schedule, metric.source)
    _refuse_interval_of_other_length(options, schedule, metric.source)
    options.done(f"a metric of type {kind}")
    return metric


def _schedule(options: Options) -> Schedule:
    return Schedule(
        interval=options.number("interval", Schedule.interval, 0, A_DAY),
        initial_delay=options.number("initial_delay", Schedule.initial_delay, 0, A_DAY),
        count=options.number("count", Schedule.count, 1, MOST_MEASUREMENTS),
        timeout=options.number("timeout", Schedule.timeout, 1, 300),
    )


def _refuse_no_interval(options: Options, schedule: Schedule, source: Source) -> None:
    if schedule.interval:
        return
    if schedule.count > 1:
        raise options.refuse("interval", f"is missing for {schedule.count} measurements", "set it, or leave count out")
    if source.capabilities.differences and not source.resumed():
        raise options.refuse(
            "interval", "is missing: what is measured is the difference of two readings", "set the seconds between them"
        )


def _refuse_interval_of_other_length(options: Options, schedule: Schedule, source: Source) -> None:
    least, most = source.seconds()
    if schedule.interval and not least <= schedule.interval <= most:
        what = f"must be {least} to {most} seconds, so that a look has some points and not too many"
        raise options.refuse("interval", what, "correct it, or spacing")


def _refuse_what_only_others_have(options: Options, metric: Metric) -> None:
    """The judge has its own verdicts in the place of conditions and limits, and only it may be undecided."""
    if metric.type != JUDGE:
        if not metric.must_pass:
            raise options.refuse("must_pass", "is for metrics of type judge", "set inconclusive_limit")
        return
    if metric.schedule.count > MOST_LOOKS:
        raise options.refuse("count", f"is above {MOST_LOOKS} looks", "raise interval, and lower count")
    for limit in fields(Limits):
        if limit.name != "consecutive_error" and getattr(metric.limits, limit.name) != limit.default:
            raise options.refuse(
                f"{limit.name}_limit",
                "is not for the judge, whose fail is final",
                "remove it, or state level and power",
            )


def _conditions(options: Options, names: tuple[str, ...]) -> Conditions:
    found = {
        kind: Condition(options.text(field), names, f"{options.where}.{field}") if options.given(field) else None
        for kind, field in (("success", "success_condition"), ("failure", "failure_condition"))
    }
    if not any(found.values()):
        raise options.refuse(
            "success_condition", "is missing, and so is failure_condition", f"set one, such as {names[-1]} < 5"
        )
    return Conditions(**found)


def _limits(options: Options, schedule: Schedule) -> Limits:
    limits = Limits(
        failure=options.number("failure_limit", Limits.failure, -1, MOST_MEASUREMENTS),
        inconclusive=options.number("inconclusive_limit", Limits.inconclusive, -1, MOST_MEASUREMENTS),
        consecutive_failure=options.number(
            "consecutive_failure_limit", Limits.consecutive_failure, 0, MOST_MEASUREMENTS
        ),
        consecutive_error=options.number("consecutive_error_limit", Limits.consecutive_error, 0, MOST_MEASUREMENTS),
        consecutive_success=options.number(
            "consecutive_success_limit", Limits.consecutive_success, 0, MOST_MEASUREMENTS
        ),
    )
    if limits.consecutive_success > schedule.count:
        raise options.refuse(
            "consecutive_success_limit", f"is above count, which is {schedule.count}", "raise count, or lower it"
        )
    if limits.consecutive_failure and 0 <= limits.failure <= limits.consecutive_failure:
        raise options.refuse(
            "consecutive_failure_limit",
            f"could never trip before failure_limit, which is {limits.failure}",
            "set failure_limit to -1",
        )
    return limits
