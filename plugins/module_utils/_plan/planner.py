# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner: from what an operator wants and what the hosts are, one plan that check mode shows and a run executes.

Touches nothing. A plan holds no time, token or deployment id, so equal situations give equal digests.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from .._common.address import shown
from .._common.backwards import UNDO
from .._common.canonical import digest
from .._inputs.validate import Inputs
from .._release.revision import revision_id
from . import consumers, flags, hooks, left_out, parking, refuse, rollback, schema, warm, watch
from .factory import rollout
from .fleet import OTHER, Fleet, read_fleet
from .rollout import Batch, Course, Step

SCHEMA = 1
ASTRAY = "not every worker, singleton and schedule runs where it should; run the same once more, which hands them over"


@dataclass(frozen=True)
class Planned:
    """A plan, and how the ledger is to take it.

    :param resume: unfinished deployment that has this plan.
    :param abandon: unfinished deployment that left nothing under way, to be closed before this plan begins.
    :param abandon_as: how that one is closed: ``active`` when all traffic had already settled on its revision.
    :param returned: deployment that the ledger calls active, and whose traffic the watch has returned.
    :param token_above: highest token that any host, or the database, has seen.
    :param token_seen: token of the ledger that this was planned on.
    :param carried: percent that every balancer gives to the plan's slot already.
    :param held: a balancer gives the plan's slot traffic that no lease returns, as when it was parked.
    :param settled: ``resume`` has settled and lacks only its end; nothing leads back to the slot that it left any more.
    :param parked: what ``resume`` still waits for, as the ledger has it; empty when it may go on.
    :param way_back: why ``resume`` can only go back.
    :param undone: an earlier attempt of ``resume`` has begun its way back.
    :param warnings: what an operator should know of this moment.
    """

    plan: dict[str, Any]
    digest: str
    resume: str = ""
    abandon: str = ""
    abandon_as: str = "abandoned"
    returned: str = ""
    token_above: int = 0
    token_seen: int = 0
    carried: int = 0
    held: bool = False
    settled: bool = False
    parked: dict[str, Any] = field(default_factory=dict)
    way_back: str = ""
    undone: bool = False
    warnings: list[str] = field(default_factory=list)

    @property
    def goes_back(self) -> bool:
        """Whether this run does nothing but end what was begun before, where it came from."""
        return bool(self.way_back) or self.undone


def plan(
    inputs: Inputs,
    revision: dict[str, Any] | None,
    live: Mapping[str, Any],
    *,
    artifact_bytes: int = 0,
    changed_regions: Sequence[Mapping[str, Any]] = (),
    database: Mapping[str, Any] | None = None,
) -> Planned:
    """Decide what will be done.

    :param revision: document of the revision to deploy; ``None`` for a rollback, which takes a recorded one.
    :param live: host name to what ``host_info`` returned there, or ``{"unreachable": true}``.
    :param artifact_bytes: size of the artifact, 0 when unknown.
    :param changed_regions: regions that the run has changed before this one, with the revisions they had and got.
    :param database: its ``schemas``, as ``pg_migrate_info`` has them, what is ``due`` and the ``findings`` of the lint,
        as ``pg_migrate`` has them, or the ``error`` of these; ``None`` where the variables name no database.
    :raises SlipwayError: the fleet must not be touched as it is; names what, where and the remedy.
    """
    fleet = read_fleet(inputs, live)
    refuse.live_lease(fleet)
    refuse.other_ledger(fleet, inputs)
    request = _request(inputs, revision)
    unfinished = fleet.ledger.unfinished
    if unfinished and _repeats(unfinished, request, fleet):
        resumed = taken_up(fleet, unfinished, database)
        return replace(resumed, **_end(fleet, unfinished), **parking.found(fleet, unfinished))
    unread = schema.unread(inputs, database)
    database = None if unread else database
    refuse.parked(fleet)
    refuse.unsettled_unfinished(fleet)
    refuse.unsettled_balancers(fleet)
    refuse.closed_balancers(fleet)
    refuse.unregistered_hosts(fleet, inputs)
    made = _new_plan(inputs, revision, fleet, request, artifact_bytes, changed_regions, database)
    abandon = unfinished["deployment"] if unfinished else ""
    abandon_as = "abandoned"
    if unfinished and fleet.has_returned(abandon):
        abandon_as = "returned"
    elif unfinished and fleet.settled_on(unfinished["plan"]):
        abandon_as = "active"
    return Planned(
        made,
        digest(made),
        abandon=abandon,
        abandon_as=abandon_as,
        returned=fleet.returned["deployment"] if fleet.returned and not fleet.has_returned(abandon) else "",
        token_above=max(fleet.highest_token, schema.highest_token(database)),
        token_seen=fleet.ledger.token,
        warnings=[*unread, *consumers.working(fleet, OTHER[made["slot"]]), *warm.unable(inputs, fleet)]
        if made["changes"]
        else [*unread, *schema.left_pending(inputs, database)],
    )


def _repeats(unfinished: Mapping[str, Any], request: str, fleet: Fleet) -> bool:
    """Whether the unfinished deployment is taken up: what the watch returned only if parked, to go back."""
    is_over = fleet.has_returned(unfinished["deployment"]) and not unfinished.get("parked")
    has_lost_its_slot = not schema.placed(unfinished["committed"]) and fleet.taken_from(unfinished["plan"])
    return unfinished["plan"].get("request") == request and not is_over and not has_lost_its_slot


def _end(fleet: Fleet, unfinished: Mapping[str, Any]) -> dict[str, Any]:
    """What a run makes of an unfinished deployment that lacks only its end, as values of ``Planned``."""
    recorded = unfinished["plan"]
    goes_on = unfinished.get("parked") or UNDO in unfinished["committed"]
    if goes_on or not fleet.has_left(recorded):
        return {}
    astray = consumers.astray(recorded["revision"], fleet, recorded["slot"])
    return {"settled": True, "warnings": [ASTRAY] if astray else []}


def taken_up(fleet: Fleet, unfinished: Mapping[str, Any], database: Mapping[str, Any] | None = None) -> Planned:
    """The recorded plan of an unfinished deployment, which goes on from where it has come to.

    :param database: what was read of it, which another region's deployment may have migrated meanwhile.
    """
    recorded = unfinished["plan"]
    return Planned(
        recorded,
        digest(recorded),
        resume=unfinished["deployment"],
        token_above=max(fleet.highest_token, schema.highest_token(database)),
        token_seen=fleet.ledger.token,
        carried=fleet.carried(recorded["slot"]),
        held=fleet.held(recorded),
        undone=UNDO in unfinished["committed"],
    )


def _new_plan(
    inputs: Inputs,
    revision: dict[str, Any] | None,
    fleet: Fleet,
    request: str,
    artifact_bytes: int,
    changed_regions: Sequence[Mapping[str, Any]],
    database: Mapping[str, Any] | None,
) -> dict[str, Any]:
    active = active_in(fleet, fleet.balancers[0].stable)
    if revision is None:
        revision = rollback.target(fleet, inputs.rollback_to, active["revision"] if active else "")["document"]
    identifier = revision_id(revision)
    document = fleet.document(active["revision"]) if active else None
    chosen = rollout(inputs.rollout)
    course = _with_everything(chosen.course(fleet, identifier), fleet, revision)
    batches = chosen.batches(course, inputs) if course.changes else []
    override = course.changes and chosen.override(course, inputs)
    if override:
        refuse.other_match(fleet, inputs)
    if course.changes:
        if database is None:
            refuse.schema_misfit(revision, document)
        else:
            schema.refuse_misfit(revision, inputs, database)
        refuse.ports(fleet, inputs.app, revision["components"], course.slot)
        refuse.full_disk(fleet, course.place, artifact_bytes)
        if not batches:
            refuse.lack_of_memory(fleet, revision["components"], course.place, course.slot)
    handover = consumers.handed_over(revision)
    retired = [name for name in consumers.handed_over(document) if name not in handover]
    steps = chosen.steps(course, inputs) if course.changes else []
    watched = watch.planned(inputs, fleet, course, active, batches)
    migrating = schema.planned(inputs, database, has_been_asked=bool(changed_regions)) if course.changes else {}
    migrates = bool(migrating and migrating["migrations"]["files"])
    parks = parking.planned(inputs, course, chosen, steps, batches, migrates=migrates) if course.changes else {}
    if watch.relied_on(watched, parks):
        refuse.unable_to_watch(fleet, inputs)
    kept = warm.planned(inputs, fleet, course, batches)
    if kept:
        refuse.unable_to_keep_warm(fleet)
    to = {"revision": identifier, "version": revision["version"]}
    following = _following(inputs.verb, fleet, to, active, course)
    recorded_steps = flags.steps(inputs, _recorded_after("gate", steps), course.slot)
    recorded_batches = flags.batches(inputs, _recorded_after("place", batches))
    return {
        "schema": SCHEMA,
        "app": inputs.app,
        **_regional(inputs, changed_regions),
        "verb": inputs.verb,
        "request": request,
        "rollout": inputs.rollout,
        "balancer": inputs.balancer,
        "revision": revision,
        "revision_id": identifier,
        "slot": course.slot,
        "stable_slot": course.stable_slot,
        "from": active,
        "to": to,
        "hosts": warm.hosts(inputs, fleet, course, identifier, batches),
        "lost": fleet.lost,
        "servers": left_out.servers(fleet, course, batches),
        "stops_on_failure": _stops_on_failure(course),
        "balancers": inputs.balancer_hosts,
        "percents": {"before": course.percents_before, "after": course.percents_after},
        "steps": recorded_steps,
        **({"override": True} if override else {}),
        "batches": recorded_batches,
        "leaving": _leaving(fleet, course, revision) if batches else {},
        "loss_budget": _loss_budget(inputs, revision),
        **_profile(inputs, revision),
        "stages": [*schema.stages(migrating), *chosen.stages(course, inputs, handover)],
        **hooks.planned(inputs, course.place),
        **flags.planned(inputs, recorded_batches or recorded_steps),
        **watched,
        **kept,
        **parks,
        **migrating,
        "handover": handover,
        "retired": retired,
        "starts": consumers.starts(revision, fleet, course.slot),
        "unstarted": consumers.unstarted(revision, fleet, course.slot),
        "restarts": consumers.starts(document, fleet, course.stable_slot),
        **consumers.turns({course.stable_slot: document, course.slot: revision}, fleet),
        "protect": _protect(fleet, to, active, following),
        "rollback_target": following,
        "options": {
            "adopt_ledger": inputs.adopt_ledger,
            "force": inputs.force,
            "skip": inputs.skip,
            "reason": inputs.reason,
        },
        "lease_seconds": inputs.lease_seconds,
        "unknown": _unknown(revision, document, fleet, database),
        "changes": course.changes,
    }


def _regional(inputs: Inputs, changed_regions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Where the plan is for, and what a failure there may return; nothing in an application without regions."""
    return {"region": inputs.region, "changed_regions": list(changed_regions)} if inputs.region else {}


def _with_everything(course: Course, fleet: Fleet, revision: dict[str, Any]) -> Course:
    """The course; where its slot is active already, also for what serves no requests and for hosts that come back."""
    astray = consumers.astray(revision, fleet, course.slot) or left_out.changes(fleet, course)
    return replace(course, changes=course.changes or astray or fleet.returned is not None)


def _recorded_after(first: str, parts: Sequence[Step | Batch]) -> list[dict[str, Any]]:
    """The steps or batches, each with the stage that is recorded as done before it begins."""
    return [{**asdict(part), "after": name} for part, name in zip(parts, [first, *(part.name for part in parts)])]


def _loss_budget(inputs: Inputs, revision: dict[str, Any]) -> dict[str, Any] | None:
    """What a move may lose; nothing when it is not measured. A rollback goes back to what has proven itself."""
    if inputs.verb == "rollback":
        return None
    path = inputs.loss_budget["path"] or _first_ready(revision)
    return {**inputs.loss_budget, "path": shown(path)} if inputs.loss_budget["rate"] and path else None


def _profile(inputs: Inputs, revision: dict[str, Any]) -> dict[str, Any]:
    """How the revision is measured once it has all the traffic; nothing in the plan when it is not."""
    if inputs.verb == "rollback" or not inputs.profile["seconds"]:
        return {}
    path = inputs.profile["path"] or _first_ready(revision)
    return {"profile": {**inputs.profile, "path": shown(path)}} if path else {}


def _first_ready(revision: dict[str, Any]) -> str:
    ready = [item["health"]["ready"] for item in revision["components"] if item["kind"] == "http"]
    return ready[0] if ready else ""


def _leaving(fleet: Fleet, course: Course, revision: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Host to the http components that its batch stops and an undo starts again, as their own revision has them."""
    held = {host.name: host.slots[course.stable_slot].revision for host in fleet.applications}
    return {
        host: [
            {key: item[key] for key in ("name", "kind", "ports", "health")}
            for item in (fleet.document(identifier) or revision)["components"]
            if item["kind"] == "http"
        ]
        if identifier
        else []
        for host, identifier in held.items()
    }


def _stops_on_failure(course: Course) -> list[str]:
    """Hosts whose slot is stopped and marked when this fails: only what this deployment itself has started."""
    return [host for host, placed in course.place.items() if placed]


def _request(inputs: Inputs, revision: dict[str, Any] | None) -> str:
    """Digest of what was asked for: equal when a run repeats an earlier one."""
    return digest(
        {
            "app": inputs.app,
            "verb": inputs.verb,
            "wanted": revision_id(revision) if revision else inputs.rollback_to,
            "rollout": inputs.rollout,
            **_course_asked(inputs),
            "balancer": inputs.balancer,
            "application": inputs.application_hosts,
            "balancers": inputs.balancer_hosts,
            "force": inputs.force,
            "skip": inputs.skip,
            **hooks.asked(inputs),
            **flags.asked(inputs),
            **parking.asked(inputs),
            **schema.asked(inputs),
        }
    )


def _course_asked(inputs: Inputs) -> dict[str, Any]:
    """What was asked of the rollout's course; nothing for the plain one, which earlier versions did not name either."""
    asked: dict[str, Any] = {
        "canary": {
            "canary_steps": parking.steps_asked(inputs),
            **({"canary_match": inputs.canary_match} if inputs.canary_match else {}),
        },
        "rolling": {"batches": inputs.batches, "batch_pause": inputs.batch_pause},
    }
    return {**asked.get(inputs.rollout, {}), **({"bake": inputs.bake} if inputs.bake else {})}


def active_in(fleet: Fleet, slot: str) -> dict[str, Any] | None:
    """The revision in the slot that takes the traffic; where hosts differ, the one most of them hold."""
    held = Counter(
        (host.slots[slot].revision, host.slots[slot].version)
        for host in fleet.applications
        if host.slots[slot].status == "placed"
    )
    if not held:
        return None
    revision, version = min(held, key=lambda item: (-held[item], item))
    return {"revision": revision, "version": version}


def _following(
    verb: str, fleet: Fleet, to: dict[str, Any], active: dict[str, Any] | None, course: Course
) -> dict[str, Any] | None:
    """The rollback target after this deployment."""
    without = {to["revision"]}
    if verb == "rollback" and active:
        without.add(active["revision"])
    elif active and course.slot != course.stable_slot:
        proven = {item["revision"] for item in fleet.ledger.proven if item["good"]}
        if active["revision"] in proven - without and fleet.kept_everywhere(active["revision"]):
            return {**active, "slot": course.stable_slot}
    found = rollback.latest_good(fleet, without)
    return found and {"revision": found["revision"], "version": found["version"], "slot": None}


def _protect(
    fleet: Fleet, to: dict[str, Any], active: dict[str, Any] | None, following: dict[str, Any] | None
) -> list[str]:
    latest = rollback.latest_good(fleet, {to["revision"]})
    return sorted({item["revision"] for item in (to, active, following, latest) if item})


def _unknown(
    revision: dict[str, Any], active: dict[str, Any] | None, fleet: Fleet, database: Mapping[str, Any] | None
) -> list[str]:
    unlimited = [
        item["name"]
        for item in revision["components"]
        if item["kind"] == "http" and refuse.memory_bytes(item["memory_max"]) is None
    ]
    unknown = [f"memory that {name} needs (it has no memory_max)" for name in unlimited]
    unknown += [f"what {host} runs (it cannot be reached)" for host in fleet.lost]
    ranged = revision.get("schema_range")
    if database is None and ranged and ranged != (active or {}).get("schema_range"):
        unknown.append("schema version of the database")
    return unknown
