# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tasks of a deployment return on a host, as the modules document it."""

from __future__ import annotations

from typing import Any

SECRET = "canary-s3cr3t"


def gate(verdict: str = "pass", name: str = "web on app1", attempts: int = 2) -> dict[str, Any]:
    """A readiness gate with one check."""
    made = [{"at_ms": 1000 * at, "ok": verdict == "pass", "latency_ms": 4, "detail": ""} for at in range(attempts)]
    check = {
        "name": name,
        "type": "http",
        "target": f"GET http://192.0.2.21:8082/health/ready?token={SECRET}",
        "verdict": verdict,
        "reason": "2 consecutive good answers" if verdict == "pass" else "status 503",
        "attempts_made": attempts,
        "attempts": made,
        "latency_ms": {"min": 4, "p50": 4, "p95": 4, "max": 4},
    }
    return {"changed": False, "verdict": verdict, "elapsed_ms": 2104, "checks": [check], "metrics": [], "left_out": []}


def measured(*values: float) -> dict[str, Any]:
    """A watched step with one metric."""
    sample = {"time": "2026-11-21T10:01:00.000+00:00", "verdict": "success", "detail": "result = 1"}
    metric = {
        "name": "errors",
        "type": "prometheus",
        "target": "http://192.0.2.9: rate(errors[1m])",
        "verdict": "pass",
        "reason": "",
        "dry_run": False,
        "successes": len(values),
        "measurements": [{"at_ms": 1000 * at, "value": value, **sample} for at, value in enumerate(values)],
        "record": {"large": "x" * 5000},
        "position": {"offset": 7},
    }
    return {**gate(), "checks": [], "metrics": [metric], "on_course": True}


def move(before: int, after: int, *, lost: int = 0, sent: int = 100, time: str = "") -> dict[str, Any]:
    """A move of the traffic to green, measured unless it only renews."""
    loss = {
        "verdict": "fail" if lost else "pass",
        "reason": f"{lost} of {sent} requests lost",
        "summary": {
            "total": {"latency_us": {"p50": 700, "p95": 1300, "p99": 2100, "max": 8000}},
            "around": {
                "before": {"sent": 50, "ok": 50, "lost": 0, "lost_by": {}},
                "since": {"sent": sent, "ok": sent - lost, "lost": lost, "lost_by": {"reset": lost, "timeout": 0}},
            },
            "seconds": [{"second": 1}] * 500,
        },
    }
    return {
        "changed": True,
        "before": {"percents": {"blue": 100 - before, "green": before}},
        "after": {"percents": {"blue": 100 - after, "green": after}, "servers": {}},
        "live": {"percents": {"blue": 100 - after, "green": after}},
        "generation": 7,
        "time": time,
        "verified": True,
        "loss": loss if before != after else {},
        "drained": {},
    }


def placed() -> dict[str, Any]:
    """A revision that was placed."""
    steps = [{"name": "unpack", "elapsed_us": 84211}]
    return {"changed": True, "slot": "green", "revision": "5f0c1e6f9b1d2a37", "steps": steps, "instances": {"web": {}}}


def hook() -> dict[str, Any]:
    """A hook that has printed a secret."""
    return {"verdict": "pass", "status": 0, "output": [f"the token is {SECRET}"], "elapsed_ms": 31, "msg": SECRET}
