# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a deployment's report, made of its evidence and of what the audit log has of it. Touches nothing.

All times are texts in UTC, durations whole milliseconds, shares texts in percent, as the evidence has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .words import moment

SCHEMA = 1
SLOTS = ("blue", "green")
QUANTILES = ("mean", "p50", "p95", "p99", "max")
Document = Mapping[str, Any]


def figures(
    document: Document,
    audit: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]] = (),
    unread: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """Everything that the report says.

    :param document: the evidence.
    :param audit: what the ledger host's audit log has of the deployment; empty when no log was asked.
    :param others: the same of other logs.
    :param unread: ``host`` and ``message`` of hosts whose logs could not be read.
    """
    plan = document["plan"]
    return {
        "schema": SCHEMA,
        "report": "deployment",
        **{name: document.get(name) for name in _TAKEN},
        "region": document.get("region", ""),
        "commit": _artifact(plan).get("commit") or "",
        "sha256": _artifact(plan).get("sha256") or "",
        "options": _options(plan),
        "percents": [dict(point) for point in document["percents"]],
        "traffic": list(_traffic(document)),
        "moves": [dict(move) for move in document["moves"]],
        "requests": _requests(document),
        "stages": [_stage(entry) for entry in document["verdicts"]],
        "checks": list(_checks(document)),
        "metrics": list(_metrics(document)),
        "profile": document.get("profile"),
        "checklist": document.get("checklist"),
        "migrations": _migrations(document),
        "approvals": _approvals(document),
        "compensation": document["compensation"],
        "runs": document["runs"],
        "timeline": document["timeline"],
        "missing": document["missing"],
        "left_off": document["left_off"],
        "audit": dict(audit),
        "logs": [dict(log) for log in others],
        "unread": [dict(one) for one in unread],
        "returned": list(_returned([*([audit] if audit else []), *others])),
    }


def _returned(logs: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """When balancers have returned the traffic by themselves, in the order of time."""
    found = [{"log": log["origin"], **one} for log in logs for one in log["own"]["returned"]]
    yield from sorted(found, key=lambda one: (moment(one["time"]), one["log"], one["seq"]))


_TAKEN = (
    "app",
    "deployment",
    "ledger",
    "verb",
    "rollout",
    "from",
    "to",
    "slot",
    "stable_slot",
    "result",
    "verdict",
    "reason",
    "began",
    "finished",
    "elapsed_ms",
    "digest",
)


def _artifact(plan: Mapping[str, Any]) -> Mapping[str, Any]:
    return (plan.get("revision") or {}).get("artifact") or {}


def _options(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What was skipped or forced, and why."""
    given = plan.get("options") or {}
    return {
        "skip": list(given.get("skip") or []),
        "force": bool(given.get("force")),
        "reason": str(given.get("reason") or ""),
    }


def _requests(document: Document) -> dict[str, Any]:
    """What the traffic meter has sent while the traffic moved; ``None`` when it has not measured."""
    moves = document["moves"]
    total = {name: sum(move[name] for move in moves) if moves else None for name in ("sent", "lost")}
    return {"moves": len(moves), **total}


def _traffic(document: Document) -> Iterator[dict[str, Any]]:
    """What was counted of the users' requests in each slot, one line for each time that a balancer was asked."""
    slots = {"canary": document["slot"], "stable": document["stable_slot"]}
    for entry, host, metric in _each_metric(document):
        for sample in metric.get("measurements") or []:
            value = sample.get("value")
            if not isinstance(value, Mapping) or not sample.get("time"):
                continue
            for side, slot in slots.items():
                counted = value.get(side)
                if isinstance(counted, Mapping) and "requests" in counted:
                    latency = counted.get("latency_ms")
                    yield {
                        "time": sample["time"],
                        "stage": entry["stage"],
                        "balancer": host,
                        "metric": metric["name"],
                        "slot": slot,
                        "requests": counted["requests"],
                        "errors": counted.get("errors"),
                        "error_percent": _text(counted.get("error_rate")),
                        "latency_ms": {
                            name: _text(latency[name])
                            for name in QUANTILES
                            if isinstance(latency, Mapping) and latency.get(name) is not None
                        },
                    }


def _stage(entry: Mapping[str, Any]) -> dict[str, Any]:
    """One judgement: when, how long since the one before, and of whom."""
    return {
        **{name: entry[name] for name in ("time", "token", "stage", "verdict", "took_ms", "times")},
        "message": entry.get("message", ""),
        "hosts": sorted(entry["hosts"]),
        "lost": sorted(host for host, found in entry["hosts"].items() if found.get("lost")),
    }


def _checks(document: Document) -> Iterator[dict[str, Any]]:
    """Every check that was kept one by one."""
    for entry in document["verdicts"]:
        for host, found in sorted(entry["hosts"].items()):
            for check in found.get("checks", []):
                latency = check.get("latency_ms")
                yield {
                    "stage": entry["stage"],
                    "from": host,
                    **{name: check.get(name) for name in ("name", "type", "verdict", "reason", "attempts_made")},
                    "p95_ms": latency.get("p95") if isinstance(latency, Mapping) else None,
                }


def _metrics(document: Document) -> Iterator[dict[str, Any]]:
    for entry, host, metric in _each_metric(document):
        yield {
            "stage": entry["stage"],
            "time": entry["time"],
            "from": host,
            **{name: metric.get(name) for name in ("name", "type", "verdict", "reason", "dry_run")},
            "condition": metric.get("failure_condition") or metric.get("success_condition") or "",
            "measurements": len(metric.get("measurements") or []),
        }


def _each_metric(document: Document) -> Iterator[tuple[Mapping[str, Any], str, Mapping[str, Any]]]:
    for entry in document["verdicts"]:
        for host, found in sorted(entry["hosts"].items()):
            for metric in found.get("metrics", []):
                yield entry, host, metric


def _migrations(document: Document) -> dict[str, Any]:
    """The files that were due, and how the stage was judged that applies them; ``""`` when it was not reached."""
    planned = document["plan"].get("migrations") or {}
    judged = [entry["verdict"] for entry in document["verdicts"] if entry["stage"].partition(",")[0] == "migrate"]
    return {
        "files": [dict(file) for file in planned.get("files") or []],
        "findings": planned.get("findings"),
        "expected_ms": planned.get("expected_ms"),
        "verdict": judged[-1] if judged else "",
    }


def _approvals(document: Document) -> dict[str, Any]:
    """Where an approval was asked for, and who has given one."""
    return {
        "asked": [park["stage"] for park in document["plan"].get("parks", []) if park.get("approval")],
        "given": [
            {
                "time": line["time"],
                "stage": line.get("stage", ""),
                "by": line.get("holder", ""),
                "reason": line.get("reason", ""),
            }
            for line in document["timeline"]
            if line["action"] == "approve"
        ],
    }


def _text(value: Any) -> str | None:
    """A number as text; what is none is nothing."""
    try:
        return None if value is None else f"{float(value):.6f}".rstrip("0").rstrip(".")
    except (TypeError, ValueError):
        return None


def span_ms(first: str, last: str) -> int:
    """Milliseconds between two times."""
    return moment(last) - moment(first)
