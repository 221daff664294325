# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of a compliance report: what was deployed in a period, how it went, who approved. Touches nothing.

Everything is computed from facts of verified logs. Times in the figures are texts in UTC, durations milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .._common.errors import InputError
from .._ledger.history import NOTE_HOURS
from . import dora
from .deployments import (
    ABANDONED,
    ACTIVE,
    APPROVE,
    BEGIN,
    DEPLOY,
    JUDGED,
    KILL,
    NOTE,
    REFUSED,
    ROLLBACK,
    UNSUCCESSFUL,
    Deployment,
    deployments_of,
)
from .period import Period
from .reading import Part
from .words import HOUR, iso

SCHEMA = 1
AT_THE_GATE = "change gate"
OVERRIDDEN = " (overridden)"
IN_TIME, LATE, DUE, OVERDUE = "in time", "late", "due", "overdue"
Found = tuple[str, Mapping[str, Any]]


def figures(
    parts: Sequence[Part], period: Period, *, environment: str, as_of: int, note_hours: int = NOTE_HOURS
) -> dict[str, Any]:
    """Everything that the report says.

    :param parts: what each log contributes.
    :param environment: only deployments of this one count; all when empty.
    :param as_of: the moment at which a note that is not there is overdue.
    :param note_hours: how long there is to give one.
    :raises InputError: a log is given twice.
    """
    _refuse_twice(parts)
    facts = _in_order(parts)
    known = deployments_of(facts)
    chosen = [one for one in known if environment in ("", one.environment)]
    touched = [one for one in chosen if period.has(one.ended) or (one.ended is None and period.has(one.began))]
    ids = {one.id for one in chosen}
    about = [found for found in facts if _counts(found[1], ids, environment)]
    return {
        "schema": SCHEMA,
        "report": "compliance",
        "period": {"name": period.name, "start": iso(period.start), "end": iso(period.end), "days": period.days},
        "environment": environment,
        "as_of": iso(as_of),
        "note_hours": note_hours,
        "logs": [_log(part, period) for part in parts],
        "verdict": "unproven" if any(part["log"]["verdict"] != "intact" for part in parts) else "intact",
        "unproven_deployments": sorted(one.id for one in touched if _is_unproven(one, parts)),
        "without_environment": sum(not one.environment and period.has(one.ended) for one in known)
        if environment
        else 0,
        "deployments": _counts_of(touched),
        "dora": dora.dora(chosen, period),
        "list": [_line(one) for one in touched],
        "incidents": list(_incidents(chosen, about, period, as_of, note_hours)),
        "approvals": [
            *(_approval(found, known) for found in _of(about, APPROVE, period)),
            *_of_the_gate(about, period),
        ],
        "overrides": list(_overrides(about, period)),
        "refusals": [_refusal(found) for found in _of(about, REFUSED, period)],
        "kill_switches": [_act(found) for found in _of(about, KILL, period)],
        "interrupted": [
            {**act, "at": iso(act["at"]), "log": part["log"]["origin"]} for part in parts for act in part["interrupted"]
        ],
    }


def _refuse_twice(parts: Sequence[Part]) -> None:
    origins = [part["log"]["origin"] for part in parts]
    for origin in origins:
        if origins.count(origin) > 1:
            remedy = "give each log once, with an origin of its own"
            raise InputError("the log is given twice, and would be counted twice", where=origin, remedy=remedy)


def _in_order(parts: Sequence[Part]) -> list[Found]:
    """All facts in the order of time; of one log in its own order."""
    found: list[tuple[int, int, int, Found]] = []
    for place, part in enumerate(sorted(parts, key=lambda it: str(it["log"]["origin"]))):
        latest = 0
        for number, fact in enumerate(part["facts"]):
            latest = max(latest, fact["at"])
            found.append((latest, place, number, (part["log"]["origin"], fact)))
    return [one for _at, _place, _number, one in sorted(found, key=lambda it: it[:3])]


def _counts(fact: Mapping[str, Any], ids: set[str], environment: str) -> bool:
    """Whether a fact is of the environment, by its deployment or by itself."""
    return not environment or fact.get("deployment") in ids or fact.get("environment") == environment


def _log(part: Part, period: Period) -> dict[str, Any]:
    log = part["log"]
    first, last = log["first_at"], log["last_at"]
    return {
        **{name: log[name] for name in ("origin", "verdict", "records", "in_period", "proven", "head")},
        "first": None if first is None else iso(first),
        "last": None if last is None else iso(last),
        "begins_late": first is None or first > period.start,
    }


def _is_unproven(one: Deployment, parts: Sequence[Part]) -> bool:
    proven = {part["log"]["origin"]: part["log"]["proven"] for part in parts}
    return any(seq > proven[origin] for origin, seq in one.places)


def _counts_of(touched: Sequence[Deployment]) -> dict[str, Any]:
    """How many there were of what; the share of those that ended one way or the other."""
    forward = [one for one in touched if one.verb != ROLLBACK]
    successful = sum(one.successful for one in forward)
    unsuccessful = sum(one.result in UNSUCCESSFUL or bool(one.undone_by) for one in forward)
    return {
        "all": len(forward),
        "successful": successful,
        "unsuccessful": unsuccessful,
        "abandoned": sum(one.result == ABANDONED for one in forward),
        "not_ended": sum(not one.result for one in forward),
        "success_percent": dora.decimal(100 * successful, successful + unsuccessful),
        "rollbacks": sum(one.verb == ROLLBACK and one.result == ACTIVE for one in touched),
        "rollbacks_failed": sum(one.verb == ROLLBACK and one.result in UNSUCCESSFUL for one in touched),
        "changes_requested": sum(bool(one.change_request) for one in forward),
        "environments": sorted({one.environment for one in touched if one.environment}),
        "applications": sorted({one.target for one in touched if one.target}),
    }


def _line(one: Deployment) -> dict[str, Any]:
    return {
        "deployment": one.id,
        **{name: getattr(one, name) for name in ("target", "environment", "verb", "version", "commit", "strategy")},
        **{name: getattr(one, name) for name in ("change_request", "by", "result", "reason", "undone_by", "runs")},
        "began": None if one.began is None else iso(one.began),
        "ended": None if one.ended is None else iso(one.ended),
        "lead_ms": dora.lead_ms(one) if one.verb == DEPLOY and one.was_active else None,
        "moved_traffic": True if one.moved is not None else False if dora.known(one) else None,
    }


def _incidents(
    chosen: Sequence[Deployment], about: Sequence[Found], period: Period, as_of: int, note_hours: int
) -> Iterator[dict[str, Any]]:
    """Deployments that failed, or from which somebody went back, in the period; each with its note."""
    notes: dict[str, int] = {}
    for _origin, fact in about:
        if fact["means"] == NOTE and fact.get("outcome") == "success" and fact.get("deployment"):
            notes.setdefault(str(fact["deployment"]), fact["at"])
    for one in chosen:
        at = _went_wrong(one)
        if not period.has(at) or at is None:
            continue
        due = at + note_hours * HOUR
        noted = notes.get(one.id, notes.get(one.undone_by))
        needs = dora.failed(one)
        yield {
            "deployment": one.id,
            **{name: getattr(one, name) for name in ("target", "version", "undone_by", "reason")},
            "what": _what(one),
            "at": iso(at),
            "change_failure": needs if needs or dora.known(one) else None,
            "restore_ms": dora.restore_ms(one) if needs else None,
            "exposed_ms": dora.exposed_ms(one) if needs else None,
            "note": {
                "due": iso(due),
                "given": None if noted is None else iso(noted),
                "state": _state(due, noted, as_of),
            }
            if needs
            else None,
        }


def _went_wrong(one: Deployment) -> int | None:
    """When it was over."""
    if one.undone_by:
        return one.restored
    if one.returned is not None:
        return one.returned
    return one.ended if one.verb == DEPLOY and one.result in UNSUCCESSFUL else None


def _what(one: Deployment) -> str:
    if one.undone_by:
        return "rolled back"
    if one.returned is not None:
        return "traffic returned by the balancers"
    moved = {True: "undone after traffic had moved", False: "failed before traffic moved"}
    return moved[one.moved is not None] if dora.known(one) else "failed; whether traffic had moved is not known"


def _state(due: int, noted: int | None, as_of: int) -> str:
    if noted is not None:
        return IN_TIME if noted <= due else LATE
    return OVERDUE if due <= as_of else DUE


def _of(about: Sequence[Found], means: str, period: Period) -> Iterator[Found]:
    for origin, fact in about:
        if fact["means"] == means and period.has(fact["at"]):
            yield origin, fact


def _act(found: Found) -> dict[str, Any]:
    origin, fact = found
    named = ("by", "target", "deployment", "outcome", "reason", "change_request")
    return {"at": iso(fact["at"]), "log": origin, "seq": fact["seq"], **{name: fact.get(name, "") for name in named}}


def _approval(found: Found, known: Sequence[Deployment]) -> dict[str, Any]:
    """An approval, and whether it came from who ran what is approved."""
    made = {**_act(found), "stage": str(found[1].get("stage", ""))}
    ran = next((one.by for one in known if one.id == made["deployment"]), "")
    return {**made, "ran_by": ran, "own": bool(ran) and ran == made["by"]}


def _judged(about: Sequence[Found], period: Period) -> Iterator[Found]:
    """What the change gate has let begin, each with what it has said."""
    for means in (BEGIN, JUDGED):
        for found in _of(about, means, period):
            if found[1].get("outcome") == "success" and isinstance(found[1].get("change"), Mapping):
                yield found


def _of_the_gate(about: Sequence[Found], period: Period) -> Iterator[dict[str, Any]]:
    """Approvals that the change gate has accepted; a deployment that is taken up again has its own but once."""
    seen: set[tuple[str, str]] = set()
    for found in _judged(about, period):
        act = _act(found)
        for person in _texts(found[1]["change"].get("approved_by")):
            if (act["deployment"], person) in seen:
                continue
            if act["deployment"]:
                seen.add((act["deployment"], person))
            yield {**act, "by": person, "reason": "", "stage": AT_THE_GATE, "ran_by": found[1]["by"], "own": False}


def _refusal(found: Found) -> dict[str, Any]:
    """What the change gate, or the checklist, has refused before it was begun."""
    fact = found[1]
    change = fact["change"]
    said = {"refused_by": str(change.get("by", AT_THE_GATE)), "reasons": _texts(change.get("reasons"))}
    return {**_act(found), "what": fact["what"], "version": fact.get("version", ""), **said}


def _of_an_override(override: Any) -> str:
    """Who has overridden it, and why."""
    if not isinstance(override, Mapping):
        return ""
    who = str(override.get("person") or override.get("signer") or "")
    return ", ".join(filter(None, (who, *(str(override.get(name) or "") for name in ("justification", "ticket")))))


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, (list, tuple)) else []


def _overrides(about: Sequence[Found], period: Period) -> Iterator[dict[str, Any]]:
    """What was let through: by the change gate, by force, by leaving something out, by taking over."""
    for found in _of(about, BEGIN, period):
        for kind, name in (
            ("forced", "force"),
            ("left out", "skip"),
            ("taken over", "take_over"),
        ):
            if found[1].get(name) and found[1].get("outcome") == "success":
                yield {**_act(found), "kind": kind, "what": _words(found[1][name])}
    for found in _judged(about, period):
        change, act = found[1]["change"], _act(found)
        overridden = _texts(change.get("overridden"))
        if overridden:
            why = _of_an_override(change.get("override")) or act["reason"]
            yield {**act, "kind": AT_THE_GATE, "what": _words(overridden), "reason": why}
        waved = [reason for reason in _texts(change.get("reasons")) if not reason.endswith(OVERRIDDEN)]
        if waved and not change.get("exempt"):
            yield {**act, "kind": "waved through", "what": _words(waved)}


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_words(item)}" for name, item in sorted(value.items()))
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_words, value))
    return "yes" if value is True else str(value)
