# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one place that knows which events of the audit log mean what: from records to facts, from facts to deployments.

Touches nothing. What is read, of outcomes alone; everything else is counted and left:

==============  ====================  ===============================================================================
type            operation             what it means
==============  ====================  ===============================================================================
``deployment``  ``begin``             a deployment begins; result ``resumed`` is another run of the same. ``details``
                                      may have ``verb``, ``built`` (commit time in seconds since the epoch), ``skip``,
                                      ``force``, ``reason``; ``abandon`` with ``abandon_as`` says how another one
                                      ended, ``returned`` which one the watch has returned since;
                                      ``change`` is what the change gate has said: ``verdict``, ``reasons``,
                                      ``approved_by``, ``override`` and what it was good for, ``overridden``
``change``      ``judge``             the change gate lets something pass that is no deployment, with ``details.change``
any             any                   with the outcome ``refused``, and ``details.change.verdict`` ``block``: the change
                                      gate, or what ``details.change.by`` says, has refused it
``deployment``  ``commit``, ``park``  the stage ``details.stage`` is done; ``undo`` is the way back
``deployment``  ``finish``            how it ended: ``result`` is ``active``, ``failed`` or ``aborted``
``deployment``  ``root_cause``        a root-cause note of the deployment; so is any event of the type ``root_cause``
any             any                   ``details.heads`` says where other logs ended: ``host``, ``directory``,
                                      ``stream``, ``seq`` and ``hash``
``approval``    ``approve``           an approval of what is parked; the outcome ``refused`` is one that did not count
``traffic``     ``switch``            ``details.from`` and ``details.to`` are percents by slot, ``details.servers`` has
                                      the state of single instances; where they change, traffic has moved
``traffic``     ``return``            a balancer has returned the traffic by itself, ``details.reason`` says why
``flag``        ``kill``              a kill switch
==============  ====================  ===============================================================================

The fields of an event that count everywhere are ``time``, ``target`` (application, with ``@region``), ``deployment``,
``token``, ``environment``, ``version``, ``commit``, ``strategy``, ``change_request`` and ``initiator``. Where no event
says which verb it was, what makes a version active again that was active before another one is taken for a rollback.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .._audit.event import INTENT, LOG
from .._audit.record import Record
from .words import moment

BEGIN, STAGE, FINISH, APPROVE, TRAFFIC, RETURN, KILL, NOTE, JUDGED, REFUSED = (
    "begin",
    "stage",
    "finish",
    "approve",
    "traffic",
    "return",
    "kill",
    "note",
    "judged",
    "refused",
)
MEANINGS = {
    ("deployment", "begin"): BEGIN,
    ("change", "judge"): JUDGED,
    ("deployment", "commit"): STAGE,
    ("deployment", "park"): STAGE,
    ("deployment", "finish"): FINISH,
    ("deployment", "root_cause"): NOTE,
    ("approval", "approve"): APPROVE,
    ("traffic", "switch"): TRAFFIC,
    ("traffic", "return"): RETURN,
    ("flag", "kill"): KILL,
}
OF_A_TYPE = {"root_cause": NOTE}
FIELDS = ("target", "deployment", "environment", "version", "commit", "strategy", "change_request", "outcome", "result")
DETAILS = (
    "abandon",
    "abandon_as",
    "built",
    "force",
    "reason",
    "returned",
    "skip",
    "stage",
    "take_over",
    "verb",
)
CHANGE = ("verdict", "exempt", "reasons", "approved_by", "override", "overridden", "by")
DEPLOY, ROLLBACK = "deploy", "rollback"
ACTIVE, RETURNED, ABANDONED = "active", "returned", "abandoned"
UNSUCCESSFUL = ("failed", "aborted", RETURNED)
UNDO = "undo"
READY = "ready"
HEAD = {"host": str, "directory": str, "stream": str, "seq": int, "hash": str}
Fact = Mapping[str, Any]


def fact_of(found: Record) -> dict[str, Any] | None:
    """What a record means for a report; ``None`` for one that means nothing for it."""
    event = found.event
    kind, operation = str(event.get("type")), str(event.get("operation"))
    given = event.get("details")
    details = given if isinstance(given, Mapping) else {}
    change = details.get("change")
    change = change if isinstance(change, Mapping) else {}
    refused = event.get("outcome") == "refused" and change.get("verdict") == "block"
    means = REFUSED if refused else MEANINGS.get((kind, operation)) or OF_A_TYPE.get(kind)
    if means is None or event.get("stage") == INTENT:
        return None
    said = {name: change[name] for name in CHANGE if change.get(name)}
    return {
        "means": means,
        "seq": found.seq,
        "at": moment(str(event["time"])),
        "by": initiator(event),
        "token": event.get("token", 0),
        **{name: str(event[name]) for name in FIELDS if event.get(name) is not None},
        **{name: details[name] for name in DETAILS if details.get(name) not in (None, "", [], False)},
        **({"change": said} if said else {}),
        **({"what": f"{kind} {operation}"} if refused else {}),
        **({"moved": True} if means == TRAFFIC and _percents_moved(details) else {}),
        **({"servers": dict(details["servers"])} if isinstance(details.get("servers"), Mapping) else {}),
    }


def heads_of(found: Record) -> Iterator[dict[str, Any]]:
    """Where other logs ended, as this record says, each with ``host``, ``directory``, ``stream``, ``seq``, ``hash``."""
    details = found.event.get("details")
    heads = details.get("heads") if isinstance(details, Mapping) else None
    for head in heads if isinstance(heads, list) else ():
        if isinstance(head, Mapping) and all(isinstance(head.get(name), kind) for name, kind in HEAD.items()):
            yield {name: head[name] for name in HEAD}


def latest(heads: Iterable[tuple[int, dict[str, Any]]], proven_up_to: int) -> list[dict[str, Any]]:
    """Where other logs ended last, as far as a record says so that is proven itself."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for seq, head in heads:
        which = tuple(head[name] for name in ("host", "directory", "stream"))
        if seq <= proven_up_to and (which not in found or head["seq"] > found[which]["seq"]):
            found[which] = head
    return [found[which] for which in sorted(found)]


def is_of_log(event: Mapping[str, Any]) -> bool:
    """Whether the log speaks of itself."""
    return event.get("type") == LOG


def initiator(event: Mapping[str, Any]) -> str:
    """Who has done it."""
    given = event.get("initiator", "")
    return str(given.get("user", "") if isinstance(given, Mapping) else given)


def _percents_moved(details: Mapping[str, Any]) -> bool:
    before, after = details.get("from"), details.get("to")
    return bool(after) and before != after


@dataclass
class Deployment:
    """One attempt to make a revision active, or to go back to one. Times are milliseconds since the epoch.

    :ivar result: ``active``, ``failed``, ``aborted``, ``abandoned``, ``returned``; empty while it has not ended.
    :ivar built: when the commit was made; ``None`` when nobody knows.
    :ivar moved: when traffic moved first; ``None`` when it did not, or nobody knows.
    :ivar moves_known: whether a log that is there would have a move.
    :ivar undone_by: the rollback that led away from it.
    :ivar places: origin and number of the records that it rests on.
    """

    id: str
    target: str = ""
    environment: str = ""
    verb: str = ""
    version: str = ""
    commit: str = ""
    strategy: str = ""
    change_request: str = ""
    by: str = ""
    began: int | None = None
    ended: int | None = None
    result: str = ""
    reason: str = ""
    built: int | None = None
    moved: int | None = None
    moves_known: bool = False
    way_back: int | None = None
    runs: int = 0
    returned: int | None = None
    undone_by: str = ""
    restored: int | None = None
    places: list[tuple[str, int]] = field(default_factory=list)

    @property
    def was_active(self) -> bool:
        """Whether it became active, also when it did not stay so."""
        return self.result in (ACTIVE, RETURNED)

    @property
    def successful(self) -> bool:
        """Whether it is active, and nobody had to go back from it."""
        return self.result == ACTIVE and not self.undone_by


def deployments_of(facts: Iterable[tuple[str, Fact]]) -> list[Deployment]:
    """The deployments in the order of their beginnings.

    :param facts: each with the origin of its log, in the order of time.
    """
    known: dict[str, Deployment] = {}
    told = list(facts)
    served: dict[str, list[dict[str, str]]] = {}
    for origin, fact in told:
        name = fact.get("deployment")
        if not name or fact["means"] not in (BEGIN, STAGE, FINISH, TRAFFIC, RETURN):
            continue
        if fact.get("outcome") != "success" and fact["means"] != TRAFFIC:
            continue
        one = known.setdefault(name, Deployment(name))
        one.places.append((origin, fact["seq"]))
        _take(one, fact)
        if fact["means"] == TRAFFIC and fact.get("servers"):
            served.setdefault(name, []).append(fact["servers"])
            if one.moved is None and _turned_back(served[name]):
                one.moved = fact["at"]
        if fact["means"] == BEGIN:
            _ended_by_another(known, fact)
    sees_moves = any(fact["means"] == TRAFFIC for _origin, fact in told)
    found = sorted(known.values(), key=lambda one: (one.began if one.began is not None else one.ended or 0, one.id))
    for one in found:
        one.moves_known = sees_moves
    _name_verbs(found)
    _undo(found)
    return found


def _take(one: Deployment, fact: Fact) -> None:
    for name in ("target", "environment", "version", "commit", "strategy", "change_request"):
        if fact.get(name) and not (name == "target" and fact["means"] in (TRAFFIC, RETURN)):
            setattr(one, name, fact[name])
    at = fact["at"]
    if fact["means"] == BEGIN:
        one.began = at if one.began is None else one.began
        one.runs += 1
        one.by = fact["by"] or one.by
        one.verb = str(fact.get("verb", one.verb))
        one.built = _seconds(fact.get("built"), one.built)
    elif fact["means"] == FINISH:
        one.ended, one.result, one.reason = at, str(fact.get("result", "")), str(fact.get("reason", ""))
        if one.result == ACTIVE:
            one.returned = None
        one.by = one.by or fact["by"]
    elif fact["means"] == STAGE:
        if str(fact.get("stage", "")).partition(",")[0] == UNDO and one.way_back is None:
            one.way_back = at
    elif fact["means"] == RETURN:
        _returned(one, at)
    elif fact.get("moved") and one.moved is None:
        one.moved = at


def _returned(one: Deployment, at: int) -> None:
    """The first record of it counts: each balancer has one, and the ledger that of the next run."""
    one.returned = at if one.returned is None else one.returned
    if one.result == ACTIVE:
        one.result = RETURNED


def _turned_back(acts: Sequence[Mapping[str, str]]) -> bool:
    """Whether instances were taken out after some had been put in, which is when a batch had traffic and goes back."""
    put_in = False
    for act in acts:
        if put_in and any(state != READY for state in act.values()):
            return True
        put_in = put_in or any(state == READY for state in act.values())
    return False


def _ended_by_another(known: Mapping[str, Deployment], fact: Fact) -> None:
    """What the beginning of a deployment says of the one before it."""
    before = known.get(str(fact.get("abandon", "")))
    if before and not before.result:
        before.ended, before.result = fact["at"], str(fact.get("abandon_as", ABANDONED))
        if before.result == RETURNED:
            _returned(before, fact["at"])
    back = known.get(str(fact.get("returned", "")))
    if back:
        _returned(back, fact["at"])


def _name_verbs(found: Sequence[Deployment]) -> None:
    """Give those a verb whose events have none."""
    were_active: dict[tuple[str, str], list[str]] = {}
    for one in sorted(found, key=lambda it: (it.ended or 0, it.id)):
        before = were_active.setdefault((one.target, one.environment), [])
        if not one.verb:
            goes_back = bool(one.version) and one.version in before[:-1] and one.version != before[-1]
            one.verb = ROLLBACK if goes_back else DEPLOY
        if one.was_active and one.version:
            before.append(one.version)


def _undo(found: Sequence[Deployment]) -> None:
    """Mark what was active when a rollback of the same application and environment led away from it."""
    active: dict[tuple[str, str], Deployment] = {}
    for one in sorted((it for it in found if it.result == ACTIVE), key=lambda it: (it.ended or 0, it.id)):
        place = (one.target, one.environment)
        before = active.get(place)
        if one.verb == ROLLBACK and before is not None and before.verb != ROLLBACK and not before.undone_by:
            before.undone_by, before.restored = one.id, one.ended
            before.way_back = one.began
        active[place] = one


def _seconds(value: Any, otherwise: int | None) -> int | None:
    """Seconds since the epoch as milliseconds."""
    return value * 1000 if isinstance(value, int) and not isinstance(value, bool) and value > 0 else otherwise
