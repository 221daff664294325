# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a document that people and metrics want first. Touches nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

SMOKE = "smoke check"


def summary(document: Mapping[str, Any]) -> dict[str, Any]:
    """Figures of a deployment; ``lost``, ``sent`` and ``response_ms`` are ``None`` where nothing was measured."""
    measured = document["moves"]
    smoke = [check for check in _checks(document) if _is_smoke(check)]
    health = [check for check in _checks(document) if not _is_smoke(check)]
    return {
        "deployment": document["deployment"],
        "version": document["to"]["version"],
        "result": document["result"],
        "verdict": document["verdict"],
        "elapsed_ms": document["elapsed_ms"],
        "lost": sum(move["lost"] for move in measured) if measured else None,
        "sent": sum(move["sent"] for move in measured) if measured else None,
        "percents": _course(document),
        "stages": _stages(document),
        "smoke_tests": {"ran": len(smoke), "failed": _failed(smoke), "elapsed_ms": sum(map(_elapsed_ms, smoke))},
        "health_checks": {"passed": len(health) - _failed(health), "failed": _failed(health)},
        "response_ms": _response_ms(health),
        "backup": document.get("backup"),
        "profile": document["profile"],
        "by_hand": document["compensation"]["by_hand"],
        "left_out": [*document["plan"].get("lost", []), *document["plan"].get("unstarted", [])],
        "missing": len(document["missing"]),
    }


def line(made: Mapping[str, Any]) -> str:
    """A summary as one line for a terminal."""
    parts = [f"{made['result']} in {made['elapsed_ms'] / 1000:.0f} s", f"verdict {made['verdict']}"]
    if made["sent"] is not None:
        parts.append(f"{made['lost']} of {made['sent']} measured requests lost")
    if made["percents"]:
        parts.append(f"percents {' > '.join(str(percent) for percent in made['percents'])}")
    if made["by_hand"]:
        parts.append(f"left to do by hand: {' '.join(made['by_hand'])}")
    return f"last deployment {made['deployment']} of {made['version']}: {', '.join(parts)}"


def _course(document: Mapping[str, Any]) -> list[int]:
    """The share of the new slot over time, on the balancer that moved first."""
    points = document["percents"]
    first = points[0]["balancer"] if points else ""
    return [point["percents"][document["slot"]] for point in points if point["balancer"] == first]


def _stages(document: Mapping[str, Any]) -> dict[str, int]:
    """Stage to its milliseconds, as the controllers saw them."""
    found: dict[str, int] = {}
    for entry in document["verdicts"]:
        found[entry["stage"]] = found.get(entry["stage"], 0) + entry["took_ms"]
    return found


def _checks(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for entry in document["verdicts"]:
        for found in entry["hosts"].values():
            yield from found.get("checks", [])


def _failed(checks: list[Mapping[str, Any]]) -> int:
    return sum(check["verdict"] != "pass" for check in checks)


def _elapsed_ms(check: Mapping[str, Any]) -> int:
    """From the start of the first attempt that was kept to the end of the last."""
    attempts = check["attempts"]
    return attempts[-1]["at_ms"] + attempts[-1]["latency_ms"] - attempts[0]["at_ms"] if attempts else 0


def _response_ms(checks: list[Mapping[str, Any]]) -> int | None:
    """The longest p95 of checks over HTTP that have passed; ``None`` where there was none."""
    passed = [check for check in checks if check["verdict"] == "pass" and check.get("type") == "http"]
    return max((check["latency_ms"]["p95"] for check in passed if check.get("latency_ms")), default=None)


def _is_smoke(check: Mapping[str, Any]) -> bool:
    return str(check["name"]).startswith(SMOKE)
