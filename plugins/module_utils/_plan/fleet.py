# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the hosts answered, as typed views; a host that answered with an error ends the planning.

A host that cannot be reached ends it too, but for an application host in a rollback: that one is lost, and left out.
An abort only gives back, so it goes on without every host that cannot be reached or read, but the ledger's and one
balancer.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .._balancer.watch import RETURNED
from .._common.errors import InputError, StateError
from .._inputs.validate import Inputs
from .._ledger.history import last_active, taken_out
from .._release.warm import COLD

OTHER = {"blue": "green", "green": "blue"}
HANDED_OVER = ("worker", "singleton", "scheduled")


@dataclass(frozen=True)
class Slot:
    """One slot of one application host.

    :param running: whether its http components all run.
    :param enabled: whether a boot would start all of them.
    :param consumers: workers, singletons and schedules that run here.
    :param working: scheduled components that work now, with the seconds that a handover lets them go on.
    :param timed: whether the slot is kept warm for a time, or was.
    :param cold: whether that time is over, so that it was stopped, or is being stopped.
    """

    revision: str
    version: str
    status: str
    running: bool
    ports: frozenset[int]
    consumers: frozenset[str]
    working: Mapping[str, int] = field(default_factory=dict)
    enabled: bool = True
    timed: bool = False
    cold: bool = False

    def holds(self, revision: str) -> bool:
        """Whether this revision is placed and runs here."""
        return self.revision == revision and self.status == "placed" and self.running

    def rests(self, revision: str) -> bool:
        """Whether this revision is placed here, and was stopped on purpose."""
        stopped = not self.running and not self.enabled
        return self.revision == revision and self.status == "placed" and (self.cold or stopped)

    def idle(self, revision: str) -> bool:
        """Whether placing ``revision`` here would end nothing that runs."""
        return not self.running and (self.status == "empty" or self.revision == revision)


@dataclass(frozen=True)
class Application:
    """One application host."""

    name: str
    token: int
    pinned: str
    slots: dict[str, Slot]
    kept: frozenset[str]
    documents: dict[str, dict[str, Any]]
    ports: dict[int, str]
    free_bytes: int | None
    memory_available: int | None
    can_keep_warm: bool = True

    def slot_of_port(self, port: int) -> str | None:
        """The slot whose running instance has ``port``."""
        return next((name for name, slot in self.slots.items() if slot.running and port in slot.ports), None)


@dataclass(frozen=True)
class BalancerView:
    """One balancer host.

    :param out: instances that are drained or in quarantine.
    :param watch: what it watches, and what came of the last watch.
    :param match: what it takes for requests of testers and user segments.
    :param override: whether it leads these to the slot that is not stable.
    """

    name: str
    token: int
    pinned: str
    stable: str
    percents: dict[str, int]
    leased: bool
    consistent: bool
    open: bool
    instances: frozenset[str]
    out: frozenset[str]
    match: list[dict[str, Any]]
    override: bool = False
    watch: Mapping[str, Any] = field(default_factory=dict)

    def reaches(self, slot: str) -> bool:
        """Whether anybody reaches this slot through it."""
        return self.percents[slot] > 0 or (self.override and slot != self.stable)

    def has_returned(self, deployment: str) -> bool:
        """Whether the watch of this balancer has returned the traffic of a deployment."""
        outcome = self.watch.get("outcome") or {}
        return outcome.get("deployment") == deployment and outcome.get("result") in RETURNED


@dataclass(frozen=True)
class LedgerView:
    """The ledger host."""

    name: str
    uuid: str
    token: int
    lease: dict[str, Any] | None
    unfinished: dict[str, Any] | None
    proven: list[dict[str, Any]]
    active: dict[str, Any] | None
    left_out: list[str]
    deployments: list[dict[str, Any]] = field(default_factory=list)

    @property
    def latest(self) -> list[dict[str, Any]]:
        """Deployment, slot and revision of what may have had all the traffic: the unfinished and the active one."""
        unfinished, active = self.unfinished, last_active(self.deployments)
        return [
            *([_named(unfinished["deployment"], unfinished["plan"])] if unfinished else []),
            *([_named(active["id"], active)] if active else []),
        ]

    def returned_from(self) -> dict[str, str]:
        """Revision to the slot that the watch has returned its traffic from, unless it became active again."""
        found: dict[str, str] = {}
        for entry in self.deployments:
            revision = entry["to"]["revision"]
            if entry["result"] == "returned":
                found[revision] = entry["slot"]
            elif entry["result"] == "active":
                found.pop(revision, None)
        return found

    def document(self, revision: str) -> dict[str, Any] | None:
        """The revision document, if this revision has ever been active."""
        found: dict[str, Any] | None = next(
            (item["document"] for item in self.proven if item["revision"] == revision), None
        )
        return found


@dataclass(frozen=True)
class Fleet:
    """All hosts that take part, and the names of the application hosts that are lost."""

    applications: list[Application]
    balancers: list[BalancerView]
    ledger: LedgerView
    lost: list[str]

    @property
    def returned(self) -> dict[str, Any] | None:
        """The deployment that had all the traffic until the watch has returned it, with its slot and the reason."""
        if not self.settled():
            return None
        for latest in self.ledger.latest:
            outcomes = [item.watch["outcome"] for item in self.balancers if item.has_returned(latest["deployment"])]
            if outcomes and self.balancers[0].stable != latest["slot"]:
                first = min(outcomes, key=lambda outcome: str(outcome["peer"]))
                return {**latest, "reason": str(first["reason"])}
        return None

    def has_returned(self, deployment: str) -> bool:
        """Whether the watch has returned the traffic of a deployment."""
        return self.returned is not None and self.returned["deployment"] == deployment

    @property
    def highest_token(self) -> int:
        """The highest token that any host but the ledger has seen."""
        tokens = [host.token for host in self.applications] + [host.token for host in self.balancers]
        return max(tokens)

    def obeying_another_ledger(self) -> dict[str, str]:
        """Hosts that have pinned the UUID of another ledger, with that UUID."""
        hosts: list[Application | BalancerView] = [*self.applications, *self.balancers]
        return {host.name: host.pinned for host in hosts if host.pinned not in ("", self.ledger.uuid)}

    @property
    def left_out(self) -> set[str]:
        """Instances that a deployment took out, and that some balancer still keeps out."""
        unfinished = self.ledger.unfinished
        by_deployments = {*self.ledger.left_out, *(taken_out(unfinished["plan"]) if unfinished else ())}
        return {name for balancer in self.balancers for name in balancer.out & by_deployments}

    def carried(self, slot: str) -> int:
        """The percent that every balancer gives to ``slot``."""
        return min(balancer.percents[slot] for balancer in self.balancers)

    def held(self, plan: Mapping[str, Any]) -> bool:
        """Whether a balancer gives the slot of ``plan`` traffic that no lease of its deployment would return."""
        return plan["slot"] != plan["stable_slot"] and any(
            balancer.reaches(plan["slot"]) and not balancer.leased and balancer.stable == plan["stable_slot"]
            for balancer in self.balancers
        )

    def settled(self) -> bool:
        """Whether all balancers send everything to the same slot, with nothing under way."""
        first = self.balancers[0]
        return all(
            balancer.consistent
            and not balancer.leased
            and not balancer.override
            and balancer.stable == first.stable
            and balancer.percents == {balancer.stable: 100, OTHER[balancer.stable]: 0}
            for balancer in self.balancers
        )

    def settled_on(self, plan: Mapping[str, Any]) -> bool:
        """Whether the deployment of ``plan`` has moved all traffic to its slot, where its revision serves."""
        return plan["slot"] != plan["stable_slot"] and self.serves(plan)

    def serves(self, plan: Mapping[str, Any]) -> bool:
        """Whether all traffic is settled on the slot of ``plan``, and its revision runs there on every host."""
        slot = plan["slot"]
        return (
            self.settled()
            and self.balancers[0].stable == slot
            and all(host.slots[slot].holds(plan["revision_id"]) for host in self.applications)
        )

    def has_left(self, plan: Mapping[str, Any]) -> bool:
        """Whether all traffic has settled on the slot of ``plan``, and the slot that it left has gone cold on a host.

        Where batches leave it, they stop it; what has died is no reason to do without the gates.
        """
        left = [host.slots[plan["stable_slot"]] for host in self.applications]
        rests = any(slot.cold or (not slot.running and not slot.enabled) for slot in left)
        return bool(plan.get("from")) and not plan.get("batches") and rests and self.settled_on(plan)

    def taken_from(self, plan: Mapping[str, Any]) -> bool:
        """Whether all traffic has settled on the slot that ``plan`` would fill, and nothing of the plan is there yet.

        As when the watch of the deployment before has returned it there.
        """
        slot = plan["slot"]
        return (
            slot != plan["stable_slot"]
            and self.settled()
            and self.balancers[0].stable == slot
            and not any(host.slots[slot].revision == plan["revision_id"] for host in self.applications)
        )

    def document(self, revision: str) -> dict[str, Any] | None:
        """The document of a revision, from the ledger, or from a host where the ledger has none."""
        kept = (host.documents[revision] for host in self.applications if revision in host.documents)
        return self.ledger.document(revision) or next(kept, None)

    def kept_everywhere(self, revision: str) -> bool:
        """Whether every application host still has this revision, and none has marked it failed."""
        return not self.lacking(revision) and not self.failed_on(revision)

    def lacking(self, revision: str) -> list[str]:
        """Application hosts that do not have this revision."""
        return [host.name for host in self.applications if revision not in host.kept]

    def failed_on(self, revision: str) -> list[str]:
        """Application hosts with a slot in which this revision has failed."""
        return [
            host.name
            for host in self.applications
            if any(slot.revision == revision and slot.status == "failed" for slot in host.slots.values())
        ]


def read_fleet(inputs: Inputs, live: Mapping[str, Any]) -> Fleet:
    """Read what ``host_info`` returned on each host.

    :raises InputError: the play does not have all hosts.
    :raises StateError: a host could not be reached or read, or a balancer was never set up.
    """
    _refuse_limited([*inputs.application_hosts, *inputs.balancer_hosts, inputs.ledger_host], live)
    lost = _lost(inputs, live)
    needed = {
        "release": [host for host in inputs.application_hosts if host not in lost],
        "balancer": _giving_back(inputs, live) or inputs.balancer_hosts,
        "ledger": [inputs.ledger_host],
    }
    _refuse_unreachable(needed, live)
    facts = {part: {host: _part(live[host], part, host) for host in hosts} for part, hosts in needed.items()}
    return _with_returned_marked(
        Fleet(
            [_application(host, fact) for host, fact in facts["release"].items()],
            [_balancer(host, fact) for host, fact in facts["balancer"].items()],
            _ledger(inputs.ledger_host, facts["ledger"][inputs.ledger_host]),
            lost,
        )
    )


def _with_returned_marked(fleet: Fleet) -> Fleet:
    """The fleet in which a revision that the watch has returned the traffic from counts as failed in its slot."""
    failed = fleet.ledger.returned_from()
    if fleet.returned:
        failed[fleet.returned["revision"]] = fleet.returned["slot"]
    applications = [
        replace(
            host,
            slots={
                name: replace(slot, status="failed") if failed.get(slot.revision) == name else slot
                for name, slot in host.slots.items()
            },
        )
        for host in fleet.applications
    ]
    return replace(fleet, applications=applications)


def _named(deployment: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    return {"deployment": deployment, "slot": entry["slot"], "revision": entry["to"]["revision"]}


def _refuse_limited(needed: list[str], live: Mapping[str, Any]) -> None:
    missing = sorted({host for host in needed if host not in live})
    if missing:
        raise InputError(
            f"the play runs without {', '.join(missing)}",
            where="--limit",
            remedy="run without --limit: a deployment is planned for all hosts of the inventory",
        )


def _lost(inputs: Inputs, live: Mapping[str, Any]) -> list[str]:
    """Application hosts that a rollback goes on without; a rollback without any host is none."""
    if inputs.verb == "abort":
        return [host for host in inputs.application_hosts if not _readable(live[host], "release")]
    lost = [host for host in inputs.application_hosts if live[host].get("unreachable")]
    return lost if inputs.verb == "rollback" and len(lost) < len(inputs.application_hosts) else []


def _giving_back(inputs: Inputs, live: Mapping[str, Any]) -> list[str]:
    """Balancers that an abort asks to give back; the others do it when their lease ends."""
    if inputs.verb != "abort":
        return []
    readable = [host for host in inputs.balancer_hosts if _readable(live[host], "balancer")]
    return [host for host in readable if live[host]["balancer"].get("recorded")]


def _readable(facts: Mapping[str, Any], part: str) -> bool:
    found = facts.get(part)
    return not facts.get("unreachable") and found is not None and not found.get("error")


def _refuse_unreachable(needed: Mapping[str, list[str]], live: Mapping[str, Any]) -> None:
    roles = {"release": "application host", "balancer": "balancer", "ledger": "ledger host"}
    lost = [
        f"{host} ({roles[part]})" for part, hosts in needed.items() for host in hosts if live[host].get("unreachable")
    ]
    if lost:
        raise StateError(
            f"cannot be reached: {', '.join(lost)}",
            where="inventory",
            remedy="bring the hosts back, or take them out of the inventory and run site.yml",
        )


def _part(facts: Mapping[str, Any], part: str, host: str) -> dict[str, Any]:
    found = facts.get(part)
    if found is None:
        found = {"error": str(facts.get("msg", f"the host did not return its {part} state"))}
    if found.get("error"):
        raise StateError(
            f"its {part} state cannot be read: {found['error']}",
            where=host,
            remedy="repair the host, or run site.yml if it was never set up",
        )
    return dict(found)


def _application(host: str, facts: Mapping[str, Any]) -> Application:
    return Application(
        name=host,
        token=int(facts["token"]),
        pinned=str(facts.get("ledger") or ""),
        slots={name: _slot(facts["slots"].get(name) or {}) for name in OTHER},
        kept=frozenset(item["id"] for item in facts["revisions"]),
        documents={item["id"]: item["document"] for item in facts["revisions"] if item.get("document")},
        ports={int(port): str(owner) for port, owner in facts["ports"].items()},
        free_bytes=facts.get("free_bytes"),
        memory_available=facts.get("memory_available"),
        can_keep_warm=bool(facts.get("can_keep_warm", True)),
    )


def _slot(facts: Mapping[str, Any]) -> Slot:
    instances = facts.get("instances") or {}
    running = bool(facts.get("running"))
    enabled = all(item.get("enabled", True) for item in instances.values() if item.get("kind") == "http")
    kept = facts.get("warm") or {}
    return Slot(
        revision=str(facts.get("revision") or ""),
        version=str(facts.get("version") or ""),
        status=str(facts.get("status") or "empty"),
        running=running,
        ports=frozenset(int(item["port"]) for item in instances.values() if item.get("port")),
        consumers=frozenset(
            name for name, item in instances.items() if item.get("kind") in HANDED_OVER and item.get("running")
        ),
        working={name: int(item["stop_timeout"]) for name, item in instances.items() if item.get("working")},
        enabled=enabled,
        timed=bool(kept),
        cold=bool(kept) and not running and (kept["status"] == COLD or not enabled),
    )


def _balancer(host: str, facts: Mapping[str, Any]) -> BalancerView:
    recorded = facts.get("recorded")
    if not recorded:
        raise StateError(
            "the balancer has no recorded state", where=host, remedy="run site.yml, which sets the balancers up"
        )
    return BalancerView(
        name=host,
        token=int(facts["token"]),
        pinned=str(facts.get("ledger") or ""),
        stable=recorded["stable"],
        percents={slot: int(recorded["percents"].get(slot, 0)) for slot in OTHER},
        leased=recorded.get("lease") is not None,
        consistent=bool(facts["consistent"]),
        open=(facts.get("live") or {}).get("open", True),
        instances=frozenset(facts["instances"]),
        out=frozenset(recorded.get("servers", {})),
        watch=facts.get("watch") or {},
        match=list(facts.get("match", [])),
        override=bool(recorded.get("override", False)),
    )


def _ledger(host: str, facts: Mapping[str, Any]) -> LedgerView:
    state = facts["state"]
    return LedgerView(
        name=host,
        uuid=str(facts.get("uuid") or ""),
        token=int(facts["token"]),
        lease=facts["lease"],
        unfinished=facts["unfinished"],
        proven=list(state["proven"]),
        active=state["active"],
        left_out=list(state.get("left_out", [])),
        deployments=list(state.get("deployments", [])),
    )
