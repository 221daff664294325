# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What runs where, made from what ``host_info`` returned on each host. Touches nothing.

The report is data first (:func:`report`), and lines for a terminal made from that data alone (:func:`lines`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from .._balancer.watch import RETURNED
from .._evidence.summary import line as last_line
from .._ledger.history import last_active
from .._ledger.whose import Whose
from .._release.warm import COLD, WARM
from .schedules import problems as schedule_problems
from .schedules import rows as schedule_rows
from .schedules import schedules, shown_time

SCHEMA = 1
SHOWN_DEPLOYMENTS = 5
OTHER = {"blue": "green", "green": "blue"}
BESIDE = ("worker", "singleton", "scheduled")


def report(app: str, live: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The state of an application over the fleet.

    :param live: host to what ``host_info`` returned there, or to ``{"unreachable": true}``.
    """
    balancers = {host: _balancer(info) for host, info in live.items() if "balancer" in info}
    instances = [row for host, info in live.items() if "release" in info for row in _instances(host, info["release"])]
    ledger = next((_ledger(info["ledger"]) for info in live.values() if "ledger" in info), None)
    lost = sorted(host for host, info in live.items() if info.get("unreachable"))
    returned = _returned(ledger, balancers)
    made: dict[str, Any] = {
        "schema": SCHEMA,
        "app": app,
        "active": _active(ledger, returned),
        "returned": returned,
        "balancers": balancers,
        "instances": instances,
        "schedules": schedules(live),
        "ledger": ledger,
        "lost": lost,
    }
    made["problems"] = list(_problems(made, live))
    return made


def lines(made: Mapping[str, Any]) -> list[str]:
    """The report as lines of at most about 100 columns."""
    active = made["active"]
    text = [
        f"{made['app']}: "
        + (
            f"{active['version']} (revision {active['revision']}) is active in slot {active['slot']}"
            if active
            else "no revision is active"
        )
    ]
    text += _table(
        ("BALANCER", "SERVES", "BLUE %", "GREEN %", "STABLE", "GENERATION", "TAKES TRAFFIC"),
        [_balancer_row(host, balancer) for host, balancer in made["balancers"].items()],
    )
    text += _table(
        ("HOST", "SLOT", "VERSION", "REVISION", "STATUS", "RUNS"),
        [
            (
                row["host"],
                row["slot"],
                row["version"] or "-",
                row["revision"] or "-",
                row["status"],
                _runs(row),
            )
            for row in made["instances"]
        ],
    )
    text += _table(("SCHEDULE", "HOST", "LAST RUN", "RESULT", "NEXT RUN"), schedule_rows(made["schedules"]))
    ledger = made["ledger"]
    if ledger:
        text += _table(
            ("DEPLOYMENT", "VERB", "FROM", "TO", "RESULT"),
            [_deployment_row(entry) for entry in reversed(ledger["deployments"])],
        )
        text += _watches(made["balancers"])
        if ledger["last"]:
            text += ["", last_line(ledger["last"])]
        lease = ledger["lease"]
        if lease and lease.get("live"):
            whose = Whose(lease["deployment"], lease.get("purpose", ""))
            text += ["", f"{whose} holds the lease ({lease['holder']})"]
        text += _parked_lines(ledger["parked"])
        text += [
            f"the root cause of deployment {note['deployment']} is due until {note['due']} (root_cause.yml)"
            for note in ledger["notes_due"]
            if not note["overdue"]
        ]
    text += [""] if made["problems"] else []
    return [*text, *(f"PROBLEM: {problem}" for problem in made["problems"])]


def _parked_lines(parked: Mapping[str, Any] | None) -> list[str]:
    if parked is None:
        return []
    begin = f"deployment {parked['deployment']} of {parked['version']} is parked at {parked['stage']}"
    waits = parked["waits_for"] or "and may go on: run the same deployment again"
    approvals = [
        f"approved at {given['stage']} by {given['operator']} on {given['given']}: {given['reason']}"
        for given in parked["approvals"]
    ]
    return ["", f"{begin} since {parked['since']} ({parked['holder']}), {waits}", *approvals]


def _balancer(info: Mapping[str, Any]) -> dict[str, Any]:
    answer = info["balancer"]
    live = answer.get("live") or {}
    return {
        "open": live.get("open"),
        "percents": live.get("percents"),
        "stable": live.get("stable"),
        "override": live.get("override", False),
        "generation": live.get("generation"),
        "usable": live.get("usable") or {},
        "consistent": answer.get("consistent", False),
        "lease": (answer.get("recorded") or {}).get("lease"),
        "out": sorted((answer.get("recorded") or {}).get("servers", {})),
        "watch": answer.get("watch") or {},
        "error": answer.get("error"),
    }


def _returned(ledger: Mapping[str, Any] | None, balancers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any] | None:
    """The active deployment, when the watch has returned its traffic and no run has recorded that yet."""
    last = last_active((ledger or {}).get("deployments", []))
    if last is None:
        return None
    outcomes = {host: balancer["watch"].get("outcome") or {} for host, balancer in balancers.items()}
    hosts = {
        host: str(outcome["reason"])
        for host, outcome in outcomes.items()
        if outcome.get("deployment") == last["id"] and outcome.get("result") in RETURNED
    }
    return {"deployment": last["id"], "slot": last["slot"], "to": last["from"], "hosts": hosts} if hosts else None


def _active(ledger: Mapping[str, Any] | None, returned: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What has the traffic: the ledger hears of a return only from the next run."""
    if returned:
        return {"slot": OTHER[returned["slot"]], **returned["to"]}
    active: dict[str, Any] | None = ledger["active"] if ledger else None
    return active


def _instances(host: str, release: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "slots" not in release:
        return [_instance(host, slot, {"status": "unknown"}, {}) for slot in ("blue", "green")]
    versions = {revision["id"]: revision["version"] for revision in release.get("revisions", [])}
    return [_instance(host, slot, release["slots"][slot], versions) for slot in ("blue", "green")]


def _instance(host: str, slot: str, held: Mapping[str, Any], versions: Mapping[str, str]) -> dict[str, Any]:
    revision: str | None = held.get("revision") or None
    return {
        "host": host,
        "slot": slot,
        "revision": revision,
        "version": versions.get(revision) if revision else None,
        "status": held.get("status", "unknown"),
        "running": bool(held.get("running")),
        "warm": held.get("warm"),
        "beside": {
            name: {"kind": item["kind"], "running": bool(item.get("running"))}
            for name, item in (held.get("instances") or {}).items()
            if item.get("kind") in BESIDE
        },
    }


def _ledger(answer: Mapping[str, Any]) -> dict[str, Any]:
    state = answer.get("state") or {}
    return {
        "uuid": answer.get("uuid"),
        "active": state.get("active"),
        "lease": answer.get("lease"),
        "unfinished": (answer.get("unfinished") or {}).get("deployment"),
        "parked": _parked(answer.get("unfinished") or {}),
        "left_out": list(state.get("left_out", [])),
        "deployments": list(state.get("deployments", []))[-SHOWN_DEPLOYMENTS:],
        "last": answer.get("last"),
        "notes_due": list(answer.get("notes_due") or []),
        "flags_set": answer.get("flags_set"),
        "error": answer.get("error"),
    }


def _parked(unfinished: Mapping[str, Any]) -> dict[str, Any] | None:
    parked = unfinished.get("parked")
    return parked and {
        **parked,
        "deployment": unfinished["deployment"],
        "version": unfinished["plan"]["to"]["version"],
        "approvals": list(unfinished.get("approvals", [])),
    }


def _problems(made: Mapping[str, Any], live: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    for host in made["lost"]:
        yield f"{host} cannot be reached"
    for host, info in live.items():
        for part in ("release", "balancer", "ledger"):
            error = (info.get(part) or {}).get("error")
            if error:
                yield f"{part} on {host}: {error}"
    for host, balancer in made["balancers"].items():
        if balancer["open"] is False:
            yield f"balancer {host} is closed and serves nothing"
        if not balancer["consistent"] and not balancer["error"]:
            yield f"balancer {host} does not do what it recorded"
    settled = [(host, balancer["percents"]) for host, balancer in made["balancers"].items() if balancer["percents"]]
    if len({tuple(sorted(percents.items())) for _host, percents in settled}) > 1:
        yield "the balancers disagree: " + ", ".join(f"{host} has {percents}" for host, percents in settled)
    if made["ledger"] is None:
        yield "the ledger host did not answer: what was deployed last is not known"
    elif _left_unfinished(made["ledger"]):
        unfinished = made["ledger"]["unfinished"]
        yield f"deployment {unfinished} was left unfinished: run it again to resume it, or abort.yml to go back"
        yield from _flags_problem(made["ledger"], unfinished)
    yield from note_problems(made["ledger"])
    yield from schedule_problems(made["schedules"])
    yield from _watch_problems(made)
    yield from _warm_problems(made["instances"])
    yield from _parked_problems(made)
    kept_out = {name for balancer in made["balancers"].values() for name in balancer["out"]}
    left_out = sorted(kept_out.intersection(made["ledger"]["left_out"] if made["ledger"] else []))
    if left_out:
        yield f"taken out by a deployment, until another one places them: {', '.join(left_out)}"
    active = made["active"]
    if active:
        yield from _misplaced(made["instances"], active)


def note_problems(ledger: Mapping[str, Any] | None) -> Iterator[str]:
    """Root causes that nobody has told in time."""
    for note in (ledger or {}).get("notes_due", []):
        if note["overdue"]:
            yield f"the root cause of deployment {note['deployment']} was due until {note['due']} (root_cause.yml)"


def _watch_problems(made: Mapping[str, Any]) -> Iterator[str]:
    """What a watch has done, cannot do, or cannot see."""
    returned = made["returned"]
    if returned:
        reasons = "; ".join(f"{host}: {reason}" for host, reason in returned["hosts"].items())
        yield (
            f"the watch has returned the traffic of deployment {returned['deployment']} to slot "
            f"{OTHER[returned['slot']]} ({reasons}); the next run records that and hands workers back"
        )
        yield from _flags_problem(made["ledger"], returned["deployment"])
    for host, balancer in made["balancers"].items():
        outcome, armed = balancer["watch"].get("outcome") or {}, balancer["watch"].get("armed")
        if armed and outcome.get("refused"):
            yield f"the watch on {host} found {outcome['reason']}, but the traffic cannot return: {outcome['refused']}"
        if armed and not balancer["watch"]["kept"]:
            why = balancer["watch"].get("unkept") or f"slipway-watch@{made['app']}.service does not run"
            yield f"nobody keeps the watch on {host}: {why}; run site.yml"
        for one in (armed or {}).get("judged", []):
            if one["verdict"] == "insufficient" and "in a row" in one["reason"]:
                yield f"the watch on {host} cannot judge {one['name']}: {one['reason']}"


def _flags_problem(ledger: Mapping[str, Any] | None, deployment: str) -> Iterator[str]:
    """The feature flags of a deployment whose traffic the balancers may have returned by themselves."""
    flags = (ledger or {}).get("flags_set")
    if flags and flags["deployment"] == deployment:
        names = ", ".join(flags["names"])
        yield f"feature flags that deployment {deployment} has set stay until somebody acts (kill_switch.yml): {names}"


def _watches(balancers: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Watches that hold, and what they have judged so far."""
    rows: list[tuple[str, ...]] = [
        (
            host,
            str(armed["deployment"]),
            f"{armed['left_seconds']} s",
            ", ".join(f"{one['name']} {one['verdict']}" for one in armed["judged"]) or "-",
        )
        for host, armed in ((host, balancer["watch"].get("armed")) for host, balancer in balancers.items())
        if armed
    ]
    return _table(("WATCH ON", "DEPLOYMENT", "LEFT", "SO FAR"), rows)


def _parked_problems(made: Mapping[str, Any]) -> Iterator[str]:
    """What is parked, and has lost its traffic meanwhile."""
    parked = (made["ledger"] or {}).get("parked")
    if not parked:
        return
    outcomes = {host: balancer["watch"].get("outcome") or {} for host, balancer in made["balancers"].items()}
    reasons = [
        f"{host}: {outcome['reason']}"
        for host, outcome in outcomes.items()
        if outcome.get("deployment") == parked["deployment"] and outcome.get("result") in RETURNED
    ]
    if reasons:
        yield (
            f"the watch has returned the traffic of the parked deployment {parked['deployment']} "
            f"({'; '.join(reasons)}): run the same again, which goes back, or deploy another version"
        )
        yield from _flags_problem(made["ledger"], parked["deployment"])


def _left_unfinished(ledger: Mapping[str, Any]) -> bool:
    """Somebody must run it again or abort it: nobody has its lease, and it was not parked."""
    return bool(ledger["unfinished"] and not ledger["parked"] and not (ledger["lease"] or {}).get("live"))


def _misplaced(rows: list[dict[str, Any]], active: Mapping[str, Any]) -> Iterator[str]:
    """What does not run where the active revision is, and what runs beside it in the other slot."""
    serving = [row for row in rows if row["slot"] == active["slot"]]
    for row in serving:
        if row["revision"] != active["revision"] or not row["running"]:
            yield f"{row['host']} does not run the active revision in slot {row['slot']}"
        for name, item in row["beside"].items():
            if item["kind"] != "singleton" and not item["running"]:
                yield f"{row['host']} does not run {name} in slot {row['slot']}"
    yield from _singletons(serving, active["slot"])
    for row in rows:
        strays = [name for name, item in row["beside"].items() if item["running"]]
        if strays and row["slot"] != active["slot"]:
            yield f"{row['host']} runs {', '.join(strays)} in the spare slot {row['slot']}"


def _singletons(serving: list[dict[str, Any]], slot: str) -> Iterator[str]:
    known = {name for row in serving for name, item in row["beside"].items() if item["kind"] == "singleton"}
    for name in sorted(known):
        hosts = [row["host"] for row in serving if row["beside"].get(name, {}).get("running")]
        if not hosts:
            yield f"no host runs the singleton {name} in slot {slot}"
        if len(hosts) > 1:
            yield f"{', '.join(hosts)} all run the singleton {name}"


def _balancer_row(host: str, balancer: Mapping[str, Any]) -> tuple[str, ...]:
    percents = balancer["percents"] or {}
    overriding = "" if not balancer["override"] else {"blue": "green", "green": "blue"}[balancer["stable"]]
    taking = [
        name for slot, names in balancer["usable"].items() if percents.get(slot) or slot == overriding for name in names
    ]
    return (
        host,
        _word(balancer["open"]),
        str(percents.get("blue", "?")),
        str(percents.get("green", "?")),
        str(balancer["stable"] or "?"),
        str(balancer["generation"] if balancer["generation"] is not None else "?"),
        " ".join(taking) or "none",
    )


def _deployment_row(entry: Mapping[str, Any]) -> tuple[str, ...]:
    before = entry.get("from") or {}
    return (entry["id"], entry["verb"], before.get("version", "-"), entry["to"]["version"], entry["result"])


def _runs(row: Mapping[str, Any]) -> str:
    """Whether a slot runs, and for how long where it is kept warm for a time."""
    warm = row["warm"] or {}
    if warm.get("status") == COLD and not row["running"]:
        return "no, cold"
    if warm.get("status") == WARM and row["running"]:
        return f"yes, kept warm until {shown_time(warm['until'])}" if warm["until"] else "yes, kept warm"
    return _word(row["running"])


def _warm_problems(rows: list[dict[str, Any]]) -> Iterator[str]:
    """Slots that nobody stops when their time is over."""
    for row in rows:
        complaint = (row["warm"] or {}).get("complaint")
        if complaint:
            yield f"{row['host']} keeps slot {row['slot']} warm, also when its time is over: {complaint}"


def _word(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "?"}[value]


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(len(heads))]
    return ["", *("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in [heads, *rows])]
