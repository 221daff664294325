# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""DORA's four figures, of deployments that the audit log has. Touches nothing.

What is not known is counted and never taken for zero. A change is a deployment that users met: it became active, or
traffic moved to it. It has failed when somebody had to go back from it: it was undone after traffic had moved, the
watch has returned its traffic, or a rollback led away from it. A failed run that moved no traffic is none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .deployments import DEPLOY, RETURNED, UNSUCCESSFUL, Deployment
from .period import Period
from .words import DAY

WEEK = 7 * DAY


def dora(deployments: Sequence[Deployment], period: Period) -> dict[str, Any]:
    """The figures of the deployments that ended in the period; durations in milliseconds."""
    ended = [one for one in deployments if one.verb == DEPLOY and period.has(one.ended)]
    released = [one for one in ended if one.was_active]
    changes = [one for one in ended if one.was_active or one.moved is not None]
    unsure = [one for one in ended if not one.was_active and one.result in UNSUCCESSFUL and not known(one)]
    failures = [one for one in changes if failed(one)]
    return {
        "deployment_frequency": {
            "deployments": len(released),
            "days": period.days,
            "per_week": decimal(len(released) * 7, period.days),
            "days_with_deployments": len({(one.ended or 0) // DAY for one in released}),
            "by_week": _by_week(released, period),
        },
        "lead_time": _spread([lead_ms(one) for one in released]),
        "change_failure_rate": {
            "changes": len(changes),
            "failures": len(failures),
            "unknown": len(unsure),
            "percent": decimal(100 * len(failures), len(changes)),
        },
        "time_to_restore": _spread([restore_ms(one) for one in failures]),
        "time_exposed": _spread([exposed_ms(one) for one in failures]),
    }


def known(one: Deployment) -> bool:
    """Whether the logs say whether traffic moved to it."""
    return one.moved is not None or one.moves_known


def failed(one: Deployment) -> bool:
    """Whether users met it, and somebody had to go back."""
    undone = one.result in UNSUCCESSFUL and one.result != RETURNED and one.moved is not None
    return undone or one.result == RETURNED or bool(one.undone_by)


def lead_ms(one: Deployment) -> int | None:
    """From the commit to running in production; ``None`` where the log does not have the commit's time."""
    if one.built is None or one.ended is None or one.built > one.ended:
        return None
    return one.ended - one.built


def restore_ms(one: Deployment) -> int | None:
    """From the first record of the failure to the record that service was restored.

    How long it took until somebody noticed is in no record, and so not in it.
    """
    if one.undone_by:
        return _between(one.way_back, one.restored)
    return None if one.result == RETURNED else _between(one.way_back, one.ended)


def exposed_ms(one: Deployment) -> int | None:
    """From the first traffic on it, or else its end, to the record that service was restored: at most so long."""
    if one.undone_by:
        return _between(one.moved if one.moved is not None else one.ended, one.restored)
    return None if one.result == RETURNED else _between(one.moved, one.ended)


def _between(first: int | None, last: int | None) -> int | None:
    return last - first if first is not None and last is not None and last >= first else None


def _by_week(released: Sequence[Deployment], period: Period) -> list[dict[str, Any]]:
    """Weeks of the period from its first day on; the last one may be shorter."""
    found = []
    for start in range(period.start, period.end, WEEK):
        end = min(start + WEEK, period.end)
        count = sum(one.ended is not None and start <= one.ended < end for one in released)
        found.append({"from": start, "until": end, "deployments": count})
    return found


def _spread(values: Sequence[int | None]) -> dict[str, Any]:
    """Median and ninetieth percentile by the nearest rank, of those that are known."""
    found = sorted(value for value in values if value is not None)
    return {
        "known": len(found),
        "unknown": len(values) - len(found),
        "median_ms": _ranked(found, 50),
        "p90_ms": _ranked(found, 90),
        "longest_ms": found[-1] if found else None,
    }


def _ranked(ordered: Sequence[int], percent: int) -> int | None:
    return ordered[-(-len(ordered) * percent // 100) - 1] if ordered else None


def decimal(part: int, whole: int) -> str | None:
    """A ratio as text with one place, rounded half up; ``None`` of nothing."""
    if not whole:
        return None
    tenths = (20 * part + whole) // (2 * whole)
    return f"{tenths // 10}.{tenths % 10}"
