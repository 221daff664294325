# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evidence of deployments for reports, as ledgers write it. Touches nothing."""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._report.words import iso, moment

DEPLOYMENT = "20261121T100000Z-4be1c2"
BEGAN = moment("2026-11-21T10:00:00Z")
HOSTILE = "<script>alert('x')</script>\"'&\u202e"
STEPS = (10, 25, 50, 100)
AUDIT: dict[str, Any] = {
    "origin": "db1/deployments",
    "verdict": "unproven",
    "records": 1204,
    "proven": 1190,
    "head": {"segment": 2, "seq": 1204, "hash": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    "own": {"records": 31, "first": 1170, "last": 1200, "returned": []},
}


def at(seconds: float) -> str:
    """A time of the deployment."""
    return iso(BEGAN + round(seconds * 1000))


def counted(requests: int, errors: int, p95: float) -> dict[str, Any]:
    """The traffic of one slot, as a balancer's log says it; fractions as text, as evidence has them."""
    latency = {"mean": p95 / 2, "p50": p95 / 2.5, "p90": p95 / 1.2, "p95": p95, "p99": p95 * 1.6, "max": p95 * 3}
    return {
        "requests": requests,
        "errors": errors,
        "error_rate": repr(100 * errors / requests),
        "latency_ms": {name: repr(value) for name, value in latency.items()},
    }


def sample(seconds: float, step: int) -> dict[str, Any]:
    """One time that the log was read."""
    canary = counted(60 * step, step // 20, 41.5 + step / 10)
    stable = counted(6000 - 50 * step, 3, 44.25)
    return {
        "at_ms": round(seconds * 1000),
        "time": at(seconds).replace("Z", ".000+00:00"),
        "verdict": "success",
        "value": {"canary": canary, "stable": stable},
        "detail": "canary.error_rate = 0.1",
    }


def metric(start: float, step: int, verdict: str = "pass") -> dict[str, Any]:
    """A metric that was measured five times."""
    return {
        "name": "error rate more than 5 points above stable",
        "type": "nginx_log",
        "failure_condition": "canary.error_rate > stable.error_rate + 5",
        "success_condition": None,
        "verdict": verdict,
        "reason": "5 of 5 measurements succeeded",
        "dry_run": False,
        "measurements": [sample(start + 60 * number, step) for number in range(1, 6)],
    }


def check(name: str, verdict: str = "pass") -> dict[str, Any]:
    """A readiness check."""
    return {
        "name": name,
        "type": "http",
        "verdict": verdict,
        "reason": "2 consecutive good answers" if verdict == "pass" else "status 503",
        "attempts_made": 2,
        "attempts": [],
        "latency_ms": {"min": 3, "p50": 4, "p95": 6, "max": 6},
    }


def gate(*checks: dict[str, Any], metrics: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """What a gate returned on one host."""
    return {"kind": "gate", "verdict": "pass", "checks": list(checks), "metrics": list(metrics)}


def moved(before: int, after: int, seconds: float, lost: int = 0) -> dict[str, Any]:
    """A move of the traffic at one balancer."""
    return {
        "kind": "move",
        "changed": True,
        "before": {"blue": 100 - before, "green": before},
        "percents": {"blue": 100 - after, "green": after},
        "time": at(seconds),
        "loss": {"sent": 103, "lost": lost},
    }


def judged(seq: int, stage: str, seconds: float, took: float, hosts: dict[str, Any], verdict: str = "pass") -> Any:
    """A judgement."""
    more = {"message": f"{stage}: {verdict}"} if verdict != "pass" else {}
    return {
        "token": 7,
        "time": at(seconds).replace("Z", ".000Z"),
        "seq": seq,
        "stage": stage,
        "verdict": verdict,
        "took_ms": round(took * 1000),
        "times": 1,
        "hosts": hosts,
        **more,
    }


def _verdicts() -> list[dict[str, Any]]:
    found = [
        judged(1, "place", 12, 12, {host: {"kind": "place"} for host in ("app1", "app2", "app3")}),
        judged(2, "migrate", 15, 3, {"db1": {"kind": "other"}}),
        judged(3, "readiness", 22, 7, {host: gate(check(f"web on {host}")) for host in ("app1", "app2", "app3")}),
        judged(4, "smoke", 25, 3, {"lb1": gate(check("smoke check /"), check("smoke check /cart"))}),
    ]
    now, before = 30.0, 0
    for step in STEPS:
        hosts = {lb: moved(before, step, now) for lb in ("lb1", "lb2")}
        found.append(judged(len(found) + 1, f"canary at {step} %", now + 1, 4, hosts))
        watched = {lb: gate(check(f"web from {lb}"), metrics=(metric(now, step),)) for lb in ("lb1", "lb2")}
        found.append(judged(len(found) + 1, f"analysis of canary at {step} %", now + 302, 300, watched))
        now, before = now + 305, step
    found.append(judged(len(found) + 1, "settle", now, 2, {"lb1": {"kind": "other"}, "lb2": {"kind": "other"}}))
    return found


def _percents() -> list[dict[str, Any]]:
    found, now = [], 30.0
    for lb in ("lb1", "lb2"):
        found.append({"time": at(0), "balancer": lb, "stage": "before", "percents": {"blue": 100, "green": 0}})
    for step in STEPS:
        for lb in ("lb1", "lb2"):
            percents = {"blue": 100 - step, "green": step}
            found.append({"time": at(now), "balancer": lb, "stage": f"canary at {step} %", "percents": percents})
        now += 305
    return found


def _moves() -> list[dict[str, Any]]:
    latency = {"p50": 700, "p95": 1300, "p99": 2100, "max": 8000}
    return [
        {
            "time": at(30 + 305 * place),
            "stage": f"canary at {step} %",
            "balancer": lb,
            "verdict": "pass",
            "reason": "",
            "sent": 103,
            "ok": 103,
            "lost": 0,
            "lost_by": {},
            "before": {"sent": 50, "lost": 0},
            "latency_us": latency,
        }
        for place, step in enumerate(STEPS)
        for lb in ("lb1", "lb2")
    ]


def document(**changes: Any) -> dict[str, Any]:
    """A good canary of twenty minutes, with two balancers, a migration and an approval."""
    ended = 30 + 305 * len(STEPS) + 1
    line = {"token": 7, "holder": "ann@pc", "kind": "outcome"}
    plan = {
        "schema": 3,
        "revision": {"artifact": {"sha256": "ab" * 32, "commit": "f3c1" * 10, "built": 1_795_000_000}},
        "options": {"skip": [], "force": False, "reason": ""},
        "migrations": {
            "files": [
                {
                    "schema": "shop",
                    "version": 42,
                    "name": "add_coupon",
                    "phase": "expand",
                    "checksum": "5f0c1e6f9b1d2a37" * 4,
                }
            ],
            "findings": 0,
            "expected_ms": 1200,
        },
        "parks": [{"stage": "before_traffic", "approval": True, "seconds": 0}],
    }
    made = {
        "schema": 1,
        "app": "shop",
        "deployment": DEPLOYMENT,
        "ledger": "6a2f0c1e-54c7-4b11-8f0e-1f2e3d4c5b6a",
        "verb": "deploy",
        "rollout": "canary",
        "from": {"version": "1.4.1", "revision": "0123456789abcdef"},
        "to": {"version": "1.4.2", "revision": "fedcba9876543210"},
        "slot": "green",
        "stable_slot": "blue",
        "result": "active",
        "verdict": "pass",
        "reason": "",
        "began": at(0),
        "finished": at(ended),
        "elapsed_ms": ended * 1000,
        "inputs": {},
        "digest": "84b43330f1f636fb8f069d8a0d338e6eba7011386a726ce4a31a4a18d792f9e8",
        "plan": plan,
        "timeline": [
            {**line, "time": at(0), "kind": "intent", "action": "begin"},
            {**line, "time": at(12), "action": "commit", "stage": "place"},
            {**line, "time": at(26), "action": "park", "stage": "before_traffic"},
            {
                **line,
                "time": at(28),
                "action": "approve",
                "stage": "before_traffic",
                "holder": "bob@pc",
                "reason": "the slots look good",
            },
            {**line, "time": at(ended), "action": "finish", "result": "active"},
        ],
        "runs": [
            {"token": 7, "holder": "ann@pc", "took_up": "begin", "began": at(0), "last": at(ended), "ended": True}
        ],
        "verdicts": _verdicts(),
        "percents": _percents(),
        "moves": _moves(),
        "compensation": {"needed": False, "declared": [], "known": False, "done": [], "by_hand": []},
        "profile": {
            "latency_us": {"p50": 4100, "p95": 9800, "p99": 15200},
            "before": {"version": "1.4.1", "latency_us": {"p50": 4000, "p95": 9900, "p99": 15000}},
            "ratios": {"requests/s": "1.00", "p50": "1.02", "p95": "0.98", "p99": "1.01"},
            "verdict": "pass",
            "reason": "p95 is 0.98 times that of 1.4.1",
        },
        "missing": [],
        "left_off": 0,
    }
    return {**made, **changes}


def failed() -> dict[str, Any]:
    """One that failed in its second step, was undone, and has things left to do; a controller died on the way."""
    made = document()
    ten, undo = {"blue": 90, "green": 10}, {"blue": 100, "green": 0}
    back = [{"time": at(400), "balancer": lb, "stage": "undo", "percents": undo} for lb in ("lb1", "lb2")]
    unseen = {"time": None, "balancer": "lb2", "stage": "not recorded", "percents": {"blue": 75, "green": 25}}
    return {
        **made,
        "result": "failed",
        "verdict": "fail",
        "reason": "stage analysis of canary at 10 %: fail: the canary answers 7 % of its requests with errors",
        "verdicts": [
            *made["verdicts"][:5],
            judged(6, "analysis of canary at 10 %", 390, 355, {"lb1": gate(metrics=(metric(30, 90, "fail"),))}, "fail"),
            judged(7, "undo", 400, 8, {"lb1": {"kind": "other"}, "lb2": {"kind": "other"}}),
        ],
        "percents": [
            *made["percents"][:2],
            {"time": at(30), "balancer": "lb1", "stage": "canary at 10 %", "percents": ten},
            {"time": at(30), "balancer": "lb2", "stage": "canary at 10 %", "percents": ten},
            unseen,
            *back,
        ],
        "moves": made["moves"][:2],
        "compensation": {
            "needed": True,
            "declared": [],
            "known": True,
            "done": ["The traffic is on slot blue.", "Slot green is stopped and marked failed on app1, app2, app3."],
            "by_hand": ["Hooks failed: tell at on_undo."],
        },
        "profile": None,
        "missing": [
            {
                "token": 6,
                "holder": "ann@pc",
                "after": at(60),
                "until": at(95),
                "what": "what this controller has judged after its last record",
            }
        ],
        "left_off": 3,
        "plan": {**made["plan"], "options": {"skip": ["smoke"], "force": True, "reason": "CHG-1042, agreed by phone"}},
    }


def hostile(made: dict[str, Any]) -> dict[str, Any]:
    """The same with markup wherever there was a text, but in times and words of slots and verdicts."""
    kept = {"time", "began", "finished", "after", "until", "last", "slot", "stable_slot", "verdict", "result", "kind"}
    kept |= {"action", "report", "schema", "error_rate", "ratios", "deployment", "app"}

    def changed(value: Any, name: str = "") -> Any:
        if name in kept or name == "latency_ms":
            return value
        if isinstance(value, dict):
            return {key: changed(item, key) for key, item in value.items()}
        if isinstance(value, list):
            return [changed(item, name) for item in value]
        return f"{HOSTILE}{value}" if isinstance(value, str) else value

    found: dict[str, Any] = changed(json.loads(json.dumps(made)))
    return found
