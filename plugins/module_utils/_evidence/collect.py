# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the controller has judged and not sent to the ledger yet; it goes along with the next record that is made there.

Touches nothing: functions from one state to the next. The state is kept as facts of every host that judges, one for
each judgement, so that a result says only what is new. It holds the token of its deployment, so that what another run
has left behind is never taken for this one's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._verdict.stage import StageVerdict
from . import condense
from .plain import cut

FACT = "__slipway_evidence"
ENTRY = "__slipway_evidence_"
MOST_ENTRIES = 300


def opened(token: int, now_ms: int) -> dict[str, Any]:
    """The state of a run that has judged nothing yet."""
    return {"token": token, "seq": 0, "at_ms": now_ms, "left_off": 0, "entries": []}


def collected(variables: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state among a host's variables, with the judgement that has failed last, whose facts Ansible does not keep.

    ``None`` outside a deployment.
    """
    head = (variables.get("ansible_facts") or {}).get(FACT)
    if not head:
        return None
    own = [found["entry"] for found in _stored(variables).values() if found["token"] == head["token"]]
    state = {**head, "entries": sorted(own, key=lambda known: int(known["seq"]))}
    failed = (variables.get("ansible_failed_result") or {}).get("evidence")
    if failed and failed["token"] == state["token"] and failed["entry"]["seq"] > state["seq"]:
        return added(state, failed["entry"])
    return state


def as_facts(variables: Mapping[str, Any], state: Mapping[str, Any]) -> dict[str, Any]:
    """What the facts among a host's variables lack of a state; what is not in it any more is emptied."""
    stored = _stored(variables)
    wanted = {f"{ENTRY}{known['seq']}": {"token": state["token"], "entry": known} for known in state["entries"]}
    return {
        FACT: {name: value for name, value in state.items() if name != "entries"},
        **{name: found for name, found in wanted.items() if name not in stored},
        **{name: {} for name in stored if name not in wanted},
    }


def entry(state: Mapping[str, Any], outcome: StageVerdict, results: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
    """One judgement as it is kept: what it rested on, when, and how long it took since the one before."""
    made = {
        "seq": state["seq"] + 1,
        "stage": outcome.stage,
        "verdict": outcome.verdict,
        "at_ms": now_ms,
        "took_ms": max(0, now_ms - state["at_ms"]),
        "times": 1,
        "hosts": condense.hosts({host: results.get(host) for host in _concerned(outcome)}),
    }
    if outcome.verdict != condense.PASS:
        made["message"] = cut(outcome.message())
    return made


def added(state: Mapping[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The state with one more judgement; the same one again, as while a step is watched, replaces its last."""
    entries = list(state["entries"])
    for index in reversed(range(len(entries))):
        old = entries[index]
        if old["stage"] != new["stage"]:
            continue
        if _repeats(old, new):
            del entries[index]
            new = {**new, "times": old["times"] + new["times"], "took_ms": old["took_ms"] + new["took_ms"]}
        break
    left_off = state.get("left_off", 0) + max(0, len(entries) + 1 - MOST_ENTRIES)
    kept = [*entries, new][-MOST_ENTRIES:]
    return {**state, "seq": new["seq"], "at_ms": new["at_ms"], "left_off": left_off, "entries": kept}


def sent(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state once the ledger has everything."""
    return {**state, "left_off": 0, "entries": []}


def _repeats(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether the new one says all that the old one does: nothing moved, and both passed."""
    judged = [*old["hosts"].values(), *new["hosts"].values()]
    return all(map(_still, judged)) and old["verdict"] == new["verdict"] == condense.PASS


def _still(host: Mapping[str, Any]) -> bool:
    """Whether this host has only looked, or renewed what it had."""
    if host["kind"] == "move":
        return bool(host.get("percents") == host.get("before") and not host.get("loss"))
    return host["kind"] in ("gate", "other")


def _concerned(outcome: StageVerdict) -> list[str]:
    return [*outcome.passed, *outcome.lost, *outcome.failed, *outcome.abstained]


def _stored(variables: Mapping[str, Any]) -> dict[str, Any]:
    facts = variables.get("ansible_facts") or {}
    return {name: found for name, found in facts.items() if name.startswith(ENTRY) and found}
