# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Audit logs of a quarter as the modules write them, of a ledger host and of a balancer. Writes where it is told to."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.event import event
from ansible_collections.slipway.release.plugins.module_utils._audit.log import Log
from ansible_collections.slipway.release.plugins.module_utils._audit.record import Head
from ansible_collections.slipway.release.plugins.module_utils._audit.sources import Source
from ansible_collections.slipway.release.plugins.module_utils._audit.store import Files
from ansible_collections.slipway.release.plugins.module_utils._report.period import Period
from ansible_collections.slipway.release.plugins.module_utils._report.reading import Part, read
from ansible_collections.slipway.release.plugins.module_utils._report.words import DAY, HOUR, MINUTE, iso, moment

STREAM = "deployments"
QUARTER = Period.read("2026-Q3", 0)
START = moment("2026-07-01T00:00:00Z")


class Host:
    """One host's log."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.files = Files(directory / name, STREAM)
        self.log = Log(self.files)
        self.events: list[dict[str, Any]] = []

    def writes(self, at: int, **fields: Any) -> None:
        """Remember an event; the log takes them in the order of time."""
        self.events.append({**event(fields), "time": iso(at).replace("Z", ".000+00:00")})

    def acts(self, at: int, took: int, kind: str, operation: str, **fields: Any) -> None:
        """An act with its intent and its outcome, as a module writes them."""
        intent = {name: value for name, value in fields.items() if name not in ("outcome", "result")}
        self.writes(at, type=kind, operation=operation, stage="intent", **intent)
        correlation = self.events[-1]["id"]
        given = {"outcome": "success", **fields}
        self.writes(at + took, type=kind, operation=operation, stage="outcome", correlation=correlation, **given)

    def written(self) -> Head:
        """Write what was remembered; where the log ends."""
        events, self.events = sorted(self.events, key=lambda one: str(one["time"])), []
        return self.log.append(events).head

    def source(self, head: Head | None = None) -> Source:
        """As the module reads it, proven up to a head."""
        return Source(self.files, f"{self.name}/{STREAM}", [], [], {head.seq: head.hash} if head else {})

    def part(self, head: Head | None = None, period: Period = QUARTER) -> Part:
        """What it contributes."""
        return read(self.source(head), period)


class Fleet:
    """A ledger host and a balancer."""

    def __init__(self, directory: Path) -> None:
        self.ledger, self.balancer = Host(directory, "db1"), Host(directory, "lb1")
        self.token = 0

    def deploys(
        self,
        at: int,
        version: str,
        *,
        result: str = "active",
        moves: bool = True,
        verb: str = "deploy",
        app: str = "shop",
        environment: str = "production",
        by: str = "ann@pc",
        built: int | None = None,
        **details: Any,
    ) -> str:
        """One deployment of twenty minutes; its identifier."""
        self.token += 1
        name = f"D{self.token:04d}"
        common = {"deployment": name, "token": self.token, "environment": environment, "version": version}
        common |= {"initiator": {"user": by}, "strategy": "canary", "change_request": f"CHG-{self.token}"}
        asked = {"verb": verb, **({"built": built // 1000} if built else {}), **details}
        self.ledger.acts(at, 1000, "deployment", "begin", target=app, details=asked, result="begun", **common)
        self.ledger.acts(at + MINUTE, 500, "deployment", "commit", target=app, details={"stage": "place"}, **common)
        if moves:
            to = {"from": {"blue": 100, "green": 0}, "to": {"blue": 90, "green": 10}}
            self.balancer.acts(at + 2 * MINUTE, 500, "traffic", "switch", target=app, details=to, **common)
        if result == "failed":
            stage = {"stage": "undo"}
            self.ledger.acts(at + 15 * MINUTE, 0, "deployment", "commit", target=app, details=stage, **common)
            if moves:
                back = {"from": {"blue": 90, "green": 10}, "to": {"blue": 100, "green": 0}}
                self.balancer.acts(at + 16 * MINUTE, 500, "traffic", "switch", target=app, details=back, **common)
        if result:
            said = {"result": result, "reason": "the canary was worse" if result == "failed" else ""}
            end = at + 20 * MINUTE
            self.ledger.acts(end, 0, "deployment", "finish", target=app, details=said, result=result, **common)
        return name

    def parts(self, *, proven: bool = True) -> list[Part]:
        """What both logs contribute; the balancer's is proven by what the ledger host's log says of it."""
        end = self.balancer.written()
        common = {"deployment": f"D{self.token:04d}", "target": "shop", "outcome": "success", "result": "changed"}
        heads = {"heads": [shown(self.balancer, end)]}
        self.ledger.writes(QUARTER.end + 2 * DAY, type="lease", operation="release", details=heads, **common)
        head = self.ledger.written()
        first = self.ledger.part(head if proven else None)
        known = next(iter(first["heads"]), None)
        return [first, self.balancer.part(Head(1, known["seq"], known["hash"]) if known else None)]


def said_by_the_gate(chance: random.Random) -> dict[str, Any]:
    """What the change gate has said of a deployment that has begun, or nothing."""
    override = {"person": "carl", "justification": "orders are lost", "ticket": "INC-4"}
    approved = {"approved_by": chance.sample(["eva", "otto", "dora"], chance.randrange(4))}
    said: dict[str, Any] = chance.choice(
        [
            {},
            {"verdict": "pass", **approved},
            {"verdict": "warn", "reasons": ["no approval by dba", "gate unit_tests: fail"], **approved},
            {
                "verdict": "pass",
                "reasons": ["freeze year end holds (overridden)"],
                "overridden": ["freeze year end holds"],
                "override": override,
            },
            {"verdict": "pass", "exempt": "a rollback always passes", "reasons": ["freeze year end holds"]},
        ]
    )
    return {"change": {name: value for name, value in said.items() if value}} if said else {}


def quarter(fleet: Fleet, seed: int, deployments: int = 120) -> None:
    """A random quarter, with what came before and after it."""
    chance, judge = random.Random(seed), random.Random(seed + 1000)
    at = START - 20 * DAY
    last: dict[tuple[str, str], str] = {}
    for number in range(deployments):
        at += chance.randrange(HOUR, 34 * HOUR)
        app, environment = chance.choice(["shop", "mail@west"]), chance.choice(["production"] * 4 + ["staging"])
        built = at - chance.randrange(HOUR, 9 * DAY) if chance.random() < 0.7 else None
        result = chance.choices(["active", "failed", "aborted", ""], [10, 3, 1, 1])[0]
        moves = result == "active" or chance.random() < 0.5
        by = chance.choice(["ann@pc", "eva@pc"])
        more: dict[str, Any] = {"skip": ["smoke"], "reason": "CHG"} if chance.random() < 0.1 else {}
        common: dict[str, Any] = {"app": app, "environment": environment}
        version = f"1.{number}"
        more |= said_by_the_gate(judge)
        name = fleet.deploys(at, version, result=result, moves=moves, by=by, built=built, **common, **more)
        if judge.random() < 0.2:
            what = judge.choice([("deployment", "begin"), ("database", "migrate"), ("flag", "set")])
            change = {"verdict": "block", "reasons": ["freeze year end holds", "no approval by dba"]}
            told = {"target": app, "environment": environment, "initiator": {"user": by}, "details": {"change": change}}
            fleet.ledger.writes(at + HOUR, type=what[0], operation=what[1], outcome="refused", **told)
        if judge.random() < 0.2:
            change = {"verdict": "pass", "approved_by": ["dora"]}
            told = {"target": app, "environment": environment, "initiator": {"user": by}, "details": {"change": change}}
            fleet.ledger.writes(at + HOUR, type="change", operation="judge", outcome="success", **told)
        if chance.random() < 0.3:
            fleet.ledger.acts(
                at + 90_000,
                0,
                "approval",
                "approve",
                target=app,
                deployment=name,
                initiator={"user": chance.choice(["ann@pc", "bob@pc"])},
                environment=environment,
                outcome=chance.choice(["success"] * 3 + ["refused"]),
                details={"stage": "before_traffic"},
            )
        before = last.get((app, environment))
        if result == "active" and before and chance.random() < 0.25:
            back = at + chance.randrange(HOUR, 12 * HOUR)
            fleet.deploys(back, before, verb="rollback", by="bob@pc", **common)
            if chance.random() < 0.6:
                late = back + chance.randrange(HOUR, 40 * HOUR)
                note = {"type": "deployment", "operation": "root_cause", "deployment": name, "environment": environment}
                fleet.ledger.writes(late, **note, outcome="success", target=app)
            at = back + HOUR
        elif result == "active":
            last[app, environment] = version
    fleet.ledger.acts(START + 5 * DAY, 0, "flag", "kill", target="new_checkout", initiator={"user": "bob@pc"})


def shown(host: Host, head: Head) -> dict[str, Any]:
    """Where a host's log ends, as a record of the ledger host says it."""
    which = {"host": host.name, "directory": str(host.files.directory), "stream": STREAM}
    return {**which, "seq": head.seq, "hash": head.hash}
