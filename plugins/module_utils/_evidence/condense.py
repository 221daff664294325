# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What one host returned for a stage, as short as a report needs it: figures and samples, no output, no secrets.

Touches nothing. There are three degrees of detail, so that a stage over many hosts stays within its share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._common.address import shown
from .._common.canonical import canonical
from .plain import cut, plain

PASS = "pass"
MOST_BYTES = 24_000
CHECK = ("name", "type", "verdict", "reason", "attempts_made", "latency_ms")
METRIC = (
    "name",
    "type",
    "success_condition",
    "failure_condition",
    "dry_run",
    "verdict",
    "reason",
    "successes",
    "failures",
    "inconclusive",
    "no_data",
    "errors",
)


@dataclass(frozen=True)
class Detail:
    """How much is kept.

    :param samples: how many attempts of a check and measurements of a metric, the last ones.
    :param passes: whether checks that passed are kept one by one, and not only counted.
    """

    samples: int
    passes: bool = True


DETAILS = (Detail(20), Detail(4), Detail(0), Detail(0, passes=False))


def hosts(results: Mapping[str, Mapping[str, Any] | None], most_bytes: int = MOST_BYTES) -> dict[str, Any]:
    """Host to what is kept of its result, all together within ``most_bytes``."""
    made: dict[str, Any] = {}
    for detail in DETAILS:
        made = {host: plain(condensed(result or {}, detail)) for host, result in results.items()}
        if len(canonical(made)) <= most_bytes:
            return made
    return _as_many_as_fit(made, most_bytes)


def condensed(result: Mapping[str, Any], detail: Detail) -> dict[str, Any]:
    """What is kept of one result."""
    kind, made = _kept(result, detail)
    if result.get("unreachable"):
        made["lost"] = True
    if result.get("skipped"):
        made["skipped"] = True
    error = result.get("error")
    if isinstance(error, Mapping):
        made["error"] = {name: error.get(name) for name in ("kind", "what", "where", "remedy")}
    elif kind == "other" and result.get("msg") and (result.get("failed") or result.get("unreachable")):
        made["error"] = {"what": cut(str(result["msg"]))}
    return {"kind": kind, **made}


def _kept(result: Mapping[str, Any], detail: Detail) -> tuple[str, dict[str, Any]]:
    if "checks" in result and "metrics" in result:
        return "gate", _gate(result, detail)
    if "generation" in result and "after" in result:
        return "move", _move(result)
    if result.get("loss"):
        return "move", {"changed": False, "loss": _loss(result["loss"])}
    if "slot" in result and "revision" in result:
        return "place", _place(result)
    if "to_sign" in result and "findings" in result:
        return "change", _change(result)
    if "output" in result and "verdict" in result:
        return "hook", {name: result.get(name) for name in ("verdict", "status", "elapsed_ms")}
    return "other", {}


def _change(result: Mapping[str, Any]) -> dict[str, Any]:
    """A verdict of the change gate: who has approved and overridden what, and what stood against it."""
    told = ("verdict", "exempt", "reasons", "enforcement", "deployer", "at", "digest", "override")
    return {
        **{name: result.get(name) for name in told},
        "approvals": result.get("approvals", []),
        "compliance": (result.get("compliance") or {}).get("name", ""),
    }


def _gate(result: Mapping[str, Any], detail: Detail) -> dict[str, Any]:
    checks = [check for check in result["checks"] if detail.passes or check.get("verdict") != PASS]
    made = {
        "verdict": result.get("verdict"),
        "elapsed_ms": result.get("elapsed_ms"),
        "passed": sum(check.get("verdict") == PASS for check in result["checks"]),
        "failed": sum(check.get("verdict") != PASS for check in result["checks"]),
        "checks": [_check(check, detail) for check in checks],
        "metrics": [_metric(metric, detail) for metric in result["metrics"]],
    }
    return {**made, **({"left_out": result["left_out"]} if result.get("left_out") else {})}


def _check(check: Mapping[str, Any], detail: Detail) -> dict[str, Any]:
    attempts = _last(check.get("attempts", []), detail.samples)
    return {
        **{name: check.get(name) for name in CHECK},
        "name": _without_query(str(check.get("name"))),
        "target": _without_query(str(check.get("target", ""))),
        "attempts": [{name: attempt.get(name) for name in ("at_ms", "ok", "latency_ms")} for attempt in attempts],
    }


def _metric(metric: Mapping[str, Any], detail: Detail) -> dict[str, Any]:
    samples = _last(metric.get("measurements", []), detail.samples)
    shown = ("at_ms", "time", "verdict", "value", "detail")
    return {
        **{name: metric.get(name) for name in METRIC},
        "target": _without_query(str(metric.get("target", ""))),
        "measurements": [{name: sample.get(name) for name in shown} for sample in samples],
    }


def _move(result: Mapping[str, Any]) -> dict[str, Any]:
    live = result.get("live") or {}
    made = {
        "changed": bool(result.get("changed")),
        "before": (result.get("before") or {}).get("percents"),
        "percents": live.get("percents") or result["after"]["percents"],
        "servers": result["after"].get("servers", {}),
        "generation": result["generation"],
        "time": result.get("time", ""),
    }
    return {
        **made,
        **({"drained": result["drained"]} if result.get("drained") else {}),
        **({"loss": _loss(result["loss"])} if result.get("loss") else {}),
    }


def _loss(loss: Mapping[str, Any]) -> dict[str, Any]:
    """The meter's figures; what was lost counts since the move began."""
    summary = loss.get("summary") or {}
    total, around = summary.get("total") or {}, summary.get("around") or {}
    since = around.get("since") or {}
    return {
        "verdict": loss.get("verdict"),
        "reason": loss.get("reason"),
        "sent": since.get("sent", 0),
        "ok": since.get("ok", 0),
        "lost": since.get("lost", 0),
        "lost_by": {kind: count for kind, count in (since.get("lost_by") or {}).items() if count},
        "before": {name: (around.get("before") or {}).get(name, 0) for name in ("sent", "lost")},
        "latency_us": total.get("latency_us") or {},
    }


def _place(result: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "changed": bool(result.get("changed")),
        "slot": result["slot"],
        "revision": result["revision"],
        "steps": [{name: step.get(name) for name in ("name", "elapsed_us")} for step in result.get("steps", [])],
    }


def _last(samples: Sequence[Any], most: int) -> list[Any]:
    return list(samples)[-most:] if most else []


def _without_query(target: str) -> str:
    """What is asked, with each address in it as people may read it."""
    return " ".join(shown(word) if "/" in word else word for word in target.split())


def _as_many_as_fit(made: Mapping[str, Any], most_bytes: int) -> dict[str, Any]:
    """Hosts that did not pass first, until the rest does not fit any more."""
    kept: dict[str, Any] = {}
    used = 0
    for host in sorted(made, key=lambda name: (made[name].get("verdict") == PASS, name)):
        used += len(canonical({host: made[host]}))
        if used <= most_bytes:
            kept[host] = made[host]
    return kept
