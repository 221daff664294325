# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""History of an application: what is active, which revisions have proven themselves, how each deployment ended.

Touches nothing: functions from one content of state.json to the next.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

RESULTS = ("active", "failed", "aborted", "abandoned", "returned")
KEPT_PROVEN = 20
KEPT_DEPLOYMENTS = 50
NOTE_HOURS = 24


def empty() -> dict[str, Any]:
    """The history before the first deployment."""
    return {"token": 0, "active": None, "proven": [], "left_out": [], "deployments": [], "runs": None, "succeeded": ""}


def runs(state: dict[str, Any]) -> dict[str, int]:
    """How many deployments have ended with each result, also those that are forgotten by now.

    A ledger that has not counted yet counts those that it remembers. One whose traffic was returned counts as both.
    """
    counted = state["runs"]
    if counted is None:
        counted = Counter(entry["result"] for entry in state["deployments"])
    return {result: int(counted.get(result, 0)) for result in RESULTS}


def result_of(state: dict[str, Any], deployment: str) -> str | None:
    """How ``deployment`` ended; ``None`` when it has not."""
    results = {entry["id"]: str(entry["result"]) for entry in state["deployments"]}
    return results.get(deployment)


def last_active(deployments: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The deployment whose revision is active, of those that have ended; what has failed since has left it so."""
    return next((entry for entry in reversed(deployments) if entry["result"] == "active"), None)


def closed(state: dict[str, Any], plan: dict[str, Any], entry: dict[str, Any]) -> dict[str, Any]:
    """The history after a deployment has ended.

    :param plan: what it carried out.
    :param entry: its line in the history, with ``id``, ``result`` and ``token``.
    """
    summary = {key: plan[key] for key in ("verb", "slot", "from", "to")}
    return {
        **state,
        "token": max(state["token"], entry["token"]),
        "active": _active(state, plan, entry["result"]),
        "proven": _proven(state, plan, entry)[-KEPT_PROVEN:],
        "left_out": _left_out(state, plan, entry["result"]),
        "deployments": [*state["deployments"], {**summary, **entry}][-KEPT_DEPLOYMENTS:],
        "runs": _counted(state, entry["result"]),
        "succeeded": entry.get("finished", "") if entry["result"] == "active" else succeeded(state),
    }


def succeeded(state: dict[str, Any]) -> str:
    """When a deployment has last become active; empty where none has."""
    last = last_active(state["deployments"]) or {}
    return str(state["succeeded"] or last.get("finished", ""))


def _counted(state: dict[str, Any], result: str) -> dict[str, int]:
    found = runs(state)
    return {**found, result: found[result] + 1}


def given_back(state: dict[str, Any], plan: dict[str, Any], deployment: str, reason: str) -> dict[str, Any]:
    """The history after the watch has returned the traffic of the last deployment, which had become active."""
    entries = [
        {**entry, "result": "returned", "reason": reason} if entry["id"] == deployment else entry
        for entry in state["deployments"]
    ]
    proven = [{**item, "good": item["good"] and item["deployment"] != deployment} for item in state["proven"]]
    return {
        **state,
        "active": _active(state, plan, "returned"),
        "proven": proven,
        "deployments": entries,
        "runs": _counted(state, "returned"),
    }


def needs_note(entry: dict[str, Any]) -> bool:
    """Whether somebody must say why: the deployment was undone or returned, or is a rollback."""
    undone = entry["result"] in ("failed", "aborted") and "undo" in entry.get("committed", [])
    return undone or entry["result"] == "returned" or (entry["verb"] == "rollback" and entry["result"] == "active")


def noted(state: dict[str, Any], deployment: str, note: dict[str, str]) -> dict[str, Any]:
    """The history with the root cause of what a deployment has ended with; a later note replaces an earlier one.

    :param note: ``text``, ``operator`` and ``given``.
    """
    entries = [{**entry, "root_cause": note} if entry["id"] == deployment else entry for entry in state["deployments"]]
    return {**state, "deployments": entries}


def notes_due(state: dict[str, Any], now: datetime, hours: int = NOTE_HOURS) -> Iterator[dict[str, Any]]:
    """Deployments whose root cause nobody has told, each with the time until which that is due.

    :param hours: how long there is for that.
    """
    for entry in state["deployments"]:
        if needs_note(entry) and "root_cause" not in entry and entry.get("finished"):
            due = datetime.fromisoformat(entry["finished"].replace("Z", "+00:00")) + timedelta(hours=hours)
            yield {"deployment": entry["id"], "due": due.isoformat(timespec="seconds"), "overdue": now > due}


def taken_out(plan: dict[str, Any]) -> set[str]:
    """Instances that the deployment of this plan drains or puts in quarantine at some time."""
    return {name for name, wanted in _asked(plan, "failed") if wanted != "ready"}


def _asked(plan: dict[str, Any], result: str) -> list[tuple[str, str]]:
    """Every instance that the plan names to the balancers, with the state asked for, when it ends with ``result``."""
    parts = [part for when, part in plan.get("servers", {}).items() if when != "undo" or result != "active"]
    for batch in plan.get("batches", []):
        parts += [batch["out"]["servers"] if batch["out"] else {}, batch["into"]["servers"]]
    return [asked for part in parts for asked in part.items()]


def _active(state: dict[str, Any], plan: dict[str, Any], result: str) -> dict[str, Any] | None:
    if result == "active":
        return {"slot": plan["slot"], **plan["to"]}
    if plan["from"]:
        return {"slot": plan["stable_slot"], **plan["from"]}
    active: dict[str, Any] | None = state["active"]
    return active


def _left_out(state: dict[str, Any], plan: dict[str, Any], result: str) -> list[str]:
    """Instances that deployments have taken out and not returned; those of hosts that are gone for good are forgotten.

    One that failed may have returned them all: only the balancers know which they still keep out.
    """
    hosts = {*plan["hosts"], *plan.get("lost", [])}
    asked = _asked(plan, result)
    admitted = {name for name, wanted in asked if wanted == "ready" and result == "active"}
    taken = {name for name, wanted in asked if wanted != "ready"}
    known = {name for name in state["left_out"] if name.partition("-")[2] in hosts}
    return sorted((known | taken) - admitted)


def _proven(state: dict[str, Any], plan: dict[str, Any], entry: dict[str, Any]) -> list[dict[str, Any]]:
    proven: list[dict[str, Any]] = state["proven"]
    if entry["result"] != "active":
        return proven
    left = plan["from"]["revision"] if plan["verb"] == "rollback" and plan["from"] else None
    kept = [
        {**item, "good": item["good"] and item["revision"] != left}
        for item in proven
        if item["revision"] != plan["to"]["revision"]
    ]
    return [*kept, {**plan["to"], "deployment": entry["id"], "good": True, "document": plan["revision"]}]
