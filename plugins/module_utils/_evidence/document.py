# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The document of a deployment: everything that a report is drawn from, made of its plan and its events in the ledger.

Touches nothing. Durations are whole milliseconds. The times of records are those of the ledger host's wall clock, of
judgements the controller's, of moves and measurements the host's that made them; nothing is decided by any of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from .._common.canonical import canonical
from .plan import plan_shown

SCHEMA = 1
MOST_BYTES = 1_000_000
PASS, FAIL, INSUFFICIENT = "pass", "fail", "insufficient"
VERDICTS = {"active": PASS, "abandoned": INSUFFICIENT}
TAKES_UP = ("begin", "resume")
# After these records a controller has nothing left to send.
ENDS = ("finish", "release", "park")
# What others record, for whom nothing is missing.
BESIDE = ("approve", "returned", "checklist")
Event = Mapping[str, Any]


def build(deployment: str, plan: Mapping[str, Any], events: Sequence[Event], *, ledger: str) -> dict[str, Any]:
    """The document, at most a megabyte.

    :param deployment: its identifier.
    :param plan: what it carries out, as recorded.
    :param events: its events in the ledger, in order.
    :param ledger: identity of the ledger.
    """
    judged = list(_judged(events))
    ended = next((event for event in reversed(events) if event.get("result")), {})
    last = next((event for event in reversed(events) if event["action"] == "finish"), events[-1] if events else {})
    made = {
        "schema": SCHEMA,
        "app": plan["app"],
        **({"region": plan["region"]} if plan.get("region") else {}),
        "deployment": deployment,
        "ledger": ledger,
        "verb": plan["verb"],
        "rollout": plan.get("rollout", ""),
        "from": plan["from"],
        "to": plan["to"],
        "slot": plan["slot"],
        "stable_slot": plan["stable_slot"],
        "result": ended.get("result", ""),
        "verdict": VERDICTS.get(ended.get("result", ""), FAIL),
        "reason": ended.get("reason", ""),
        "began": events[0]["time"] if events else "",
        "finished": last.get("time", ""),
        "elapsed_ms": _elapsed_ms(events[0], last) if events else 0,
        "inputs": _evidence_of(events, "inputs"),
        "digest": _evidence_of(events, "digest") or "",
        "plan": plan_shown(plan),
        "timeline": [_line(event) for event in events],
        "runs": list(_runs(events)),
        "verdicts": judged,
        "percents": list(_percents(plan, judged, events[0]["time"] if events else "")),
        "moves": list(_moves(judged)),
        "compensation": _compensation(plan, events, ended),
        "profile": _evidence_of(events, "profile"),
        "checklist": _evidence_of(events, "checklist"),
        "backup": _evidence_of(events, "backup"),
        "missing": list(_missing(events)),
        "left_off": sum(event.get("evidence", {}).get("left_off", 0) for event in events),
    }
    return _bounded(made)


def _judged(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """Every judgement once, though a controller that got no answer sends it again."""
    seen = set()
    for event in events:
        for entry in event.get("evidence", {}).get("judged", []):
            if (event["token"], entry["seq"]) in seen:
                continue
            seen.add((event["token"], entry["seq"]))
            rest = {name: value for name, value in entry.items() if name != "at_ms"}
            yield {"token": event["token"], "time": _iso(entry["at_ms"]), **rest}


def _line(event: Event) -> dict[str, Any]:
    names = ("time", "token", "holder", "kind", "action", "stage", "result", "reason")
    return {name: event[name] for name in names if event.get(name) not in (None, "")}


def _runs(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """Each controller that acted, and whether it came to an end that the ledger knows of."""
    for token, own in _by_token(events).items():
        first, last = own[0], own[-1]
        yield {
            "token": token,
            "holder": first["holder"],
            "took_up": first["action"] if first["action"] in TAKES_UP else "",
            "reason": first.get("reason", ""),
            "began": first["time"],
            "last": last["time"],
            "ended": not _unsent(own),
        }


def _missing(events: Sequence[Event]) -> Iterator[dict[str, Any]]:
    """What controllers that are gone have judged after their last record, and nobody knows."""
    runs = list(_by_token(events).items())
    for number, (token, own) in enumerate(runs):
        if not _unsent(own):
            continue
        known = _told(own)[-1]
        following = runs[number + 1][1][0] if number + 1 < len(runs) else events[-1]
        yield {
            "token": token,
            "holder": known["holder"],
            "after": known["time"],
            "until": following["time"],
            "what": "what this controller has judged after its last record",
        }


def _unsent(own: Sequence[Event]) -> bool:
    return _told(own)[-1]["action"] not in ENDS


def _told(own: Sequence[Event]) -> list[Event]:
    """What the controller itself has recorded; the first of a run always is."""
    return [own[0], *(event for event in own[1:] if not event.get("evidence", {}).get("unsent"))]


def _by_token(events: Sequence[Event]) -> dict[int, list[Event]]:
    found: dict[int, list[Event]] = {}
    for event in events:
        if event["action"] not in BESIDE:
            found.setdefault(event["token"], []).append(event)
    return found


def _percents(plan: Mapping[str, Any], judged: Sequence[Mapping[str, Any]], began: str) -> Iterator[dict[str, Any]]:
    """The percents of each balancer as they changed, from what they were as the deployment began.

    What nobody has recorded, such as a return of the traffic by a lease that ran out, has no time.
    """
    carried: dict[str, Any] = {}
    for entry, host, found in _found(judged, "move"):
        percents, before = found.get("percents"), found.get("before")
        if not percents or not before:
            continue
        if host not in carried:
            carried[host] = plan.get("percents", {}).get("before") or before
            yield {"time": began, "balancer": host, "stage": "before", "percents": carried[host]}
        if before != carried[host]:
            yield {"time": None, "balancer": host, "stage": "not recorded", "percents": before}
        if percents != before:
            time = found.get("time") or entry["time"]
            yield {"time": time, "balancer": host, "stage": entry["stage"], "percents": percents}
        carried[host] = percents


def _moves(judged: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """What each move has lost, as the traffic meter saw it at each balancer."""
    for entry, host, found in _found(judged, "move"):
        if found.get("loss"):
            yield {
                "time": found.get("time") or entry["time"],
                "stage": entry["stage"],
                "balancer": host,
                **found["loss"],
            }


def _found(
    judged: Sequence[Mapping[str, Any]], kind: str
) -> Iterator[tuple[Mapping[str, Any], str, Mapping[str, Any]]]:
    for entry in judged:
        for host, found in entry["hosts"].items():
            if found["kind"] == kind:
                yield entry, host, found


def _compensation(plan: Mapping[str, Any], events: Sequence[Event], ended: Event) -> dict[str, Any]:
    """What was declared for each stage, and what was done and is left; nothing is known of what nobody has sent."""
    told = _evidence_of(events, "compensation")
    return {
        "needed": ended.get("result") in ("failed", "aborted"),
        "declared": [{"stage": stage["name"], "undo": stage.get("undo", [])} for stage in plan.get("stages", [])],
        "known": told is not None,
        "done": (told or {}).get("done", []),
        "by_hand": (told or {}).get("by_hand", []),
    }


def _evidence_of(events: Sequence[Event], name: str) -> Any:
    """What the last event that has it says."""
    told = (event.get("evidence", {}).get(name) for event in reversed(events))
    return next((found for found in told if found is not None), None)


def _elapsed_ms(first: Event, last: Event) -> int:
    if first["boot_id"] == last["boot_id"]:
        return int(last["boottime_ms"] - first["boottime_ms"])
    between = datetime.fromisoformat(_offset(last["time"])) - datetime.fromisoformat(_offset(first["time"]))
    return max(0, round(between.total_seconds() * 1000))


def _offset(time: str) -> str:
    """Python before 3.11 does not read the letter Z."""
    return time.replace("Z", "+00:00")


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _bounded(made: dict[str, Any]) -> dict[str, Any]:
    """The document within its bound: the oldest judgements that passed lose what they rested on, then the oldest go."""
    for chosen_by, shortened in ((_with_samples, _without_samples), (_all, None)):
        while len(canonical(made)) > MOST_BYTES:
            entries = made["verdicts"]
            found = chosen_by(entries)
            chosen = set(found[: -(-len(found) // 4)])
            if not chosen:
                break
            kept = [
                shortened(entry) if shortened and at in chosen else entry
                for at, entry in enumerate(entries)
                if shortened or at not in chosen
            ]
            made = {**made, "verdicts": kept, "left_off": made["left_off"] + len(chosen)}
    return made


def _with_samples(entries: Sequence[Mapping[str, Any]]) -> list[int]:
    return [at for at, entry in enumerate(entries) if entry["verdict"] == PASS and entry["hosts"] and not _moved(entry)]


def _moved(entry: Mapping[str, Any]) -> bool:
    return any(found["kind"] == "move" for found in entry["hosts"].values())


def _all(entries: Sequence[Mapping[str, Any]]) -> list[int]:
    return list(range(len(entries)))


def _without_samples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**entry, "hosts": {}}
