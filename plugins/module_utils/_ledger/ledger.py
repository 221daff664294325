# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ledger of an application: one deployment at a time, each with a token above every earlier one.

Touches the files of `Storage`. Each command is made durable by one last file, so that a kill at any point leaves the
ledger as it was before the command or as it is after it:

* ``begin`` by lease.json: it names the deployment, the token and the lease together;
* ``hold`` by lease.json too: it names no deployment that could be resumed;
* ``park`` and ``approve`` by lease.json too: the stage, what it waits for, who approved, and the lease that is gone;
* ``finish`` by state.json: a deployment with a result there is over, whatever lease.json still says.

The document of a deployment is written before that; one that cannot be written keeps no deployment from ending.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .._common.canonical import canonical, digest
from .._common.errors import InputError, LeaseError, StaleTokenError, StateError
from .._evidence import document as evidence_document
from .._evidence import profile, summary
from . import history, parking
from .lease import Clock, Lease
from .mounts import refuse_network
from .storage import Storage
from .whose import Whose

ROOT = Path("/var/lib/slipway/ledger")
FLAGS = "flags_before"
CHECKLIST = "checklist"


@dataclass(frozen=True)
class Answer:
    """What a command did.

    :param committed: stages that a resumed deployment has behind it.
    :param parked: where it is parked, and what it waits for; empty when it is not.
    :param purpose: what the lease is, or was, held for that is no deployment.
    :param document: evidence of a deployment that has ended.
    :param profile_before: performance profile of the revision that is active as a deployment begins.
    :param flags_before: feature flags as they were before this deployment set them, each with its host.
    :param flags_left: the same of the deployment whose revision is active.
    """

    changed: bool
    deployment: str = ""
    token: int = 0
    uuid: str = ""
    resumed: bool = False
    committed: list[str] = field(default_factory=list)
    parked: dict[str, Any] = field(default_factory=dict)
    purpose: str = ""
    document: dict[str, Any] = field(default_factory=dict)
    profile_before: dict[str, Any] | None = None
    flags_before: list[dict[str, Any]] = field(default_factory=list)
    flags_left: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass
class _Records:
    """Both state files, read together under the lock."""

    token: int
    open: dict[str, Any] | None
    lease: Lease | None
    state: dict[str, Any]


class Ledger:
    """One application's ledger on this host.

    :param app: name of the application.
    :param region: region of the application that has this ledger; empty for an application without regions.
    :param root: directory of all ledgers.
    :param check_mode: judge every command, write nothing.
    """

    def __init__(
        self, app: str, region: str = "", *, root: Path = ROOT, time: Clock | None = None, check_mode: bool = False
    ) -> None:
        self.app = app
        self.storage = Storage(root / (f"{app}@{region}" if region else app), check_mode=check_mode)
        self.time = time or Clock()

    def begin(
        self,
        plan: dict[str, Any],
        holder: str,
        seconds: int,
        *,
        abandon: str = "",
        abandon_as: str = "abandoned",
        returned: str = "",
        token_above: int = 0,
        token_seen: int | None = None,
        resume: str = "",
        take_over: str = "",
        way_back: str = "",
        inputs: dict[str, Any] | None = None,
    ) -> Answer:
        """Take the lease for ``plan``: a new deployment, or the unfinished one with this very plan.

        :param holder: who, for people.
        :param seconds: length of the lease from each sign of life.
        :param abandon: unfinished deployment that the planner has found to have left nothing behind.
        :param abandon_as: ``active`` when the planner has found all traffic settled on its revision, ``returned`` when
            the watch has returned it since.
        :param returned: last deployment, which was active until the watch has returned its traffic; ``plan`` has the
            reason in ``returned``.
        :param token_above: highest token that any host has seen.
        :param token_seen: this ledger's token when the plan was made; ``None`` when nobody knows.
        :param resume: unfinished deployment that the planner has found to have this plan; no other one begins then.
        :param take_over: why the lease of ``resume`` ends now, though it is live, or why it is parked no longer.
        :param way_back: why ``resume`` can only go back; recorded as its stage ``undo``, and it is parked no longer.
        :param inputs: what the operator asked for, for the document of the deployment.
        :raises LeaseError: another deployment is alive.
        :raises StateError: another deployment was left unfinished or has begun since the plan was made, this one is
            parked, or the directory is on a network file system.
        """
        _require_json(plan, "plan")
        _require_json(inputs or {}, "inputs")
        refuse_network(self.storage.directory)
        with self.storage.locked():
            records = self._records()
            resumes = records.open is not None and records.open["digest"] == digest(plan)
            if not (resumes and take_over):
                self._refuse_live_lease(records)
            self._refuse_outdated(records, token_seen, resume)
            token = max(records.token, token_above) + 1
            uuid = self.storage.ensure_uuid()
            if resumes:
                if not (take_over or way_back):
                    parking.refuse_waiting(records.open, self.time, str(self.storage.directory))
                return self._resume(records, token, holder, seconds, uuid, take_over, way_back, inputs or {})
            self._close_abandoned(records, abandon, abandon_as)
            if returned:
                self._close_returned(records, returned, plan["returned"]["reason"])
            return self._start(plan, records, token, holder, seconds, uuid, inputs or {})

    def hold(self, purpose: str, holder: str, seconds: int, reason: str = "", *, token_above: int = 0) -> Answer:
        """Take the lease for something that is no deployment, so that none begins meanwhile; ``release`` ends it.

        Nothing is resumed afterwards: what is held for goes on from what it finds.

        :param purpose: what for, a word.
        :param holder: who, for people.
        :param seconds: length of the lease from each sign of life.
        :param reason: why, recorded.
        :param token_above: highest token that whatever is acted on has seen.
        :raises LeaseError: a deployment is alive.
        :raises StateError: one is parked or was left unfinished, or the directory is on a network file system.
        """
        refuse_network(self.storage.directory)
        with self.storage.locked():
            records = self._records()
            self._refuse_live_lease(records)
            self._refuse_unfinished(records, purpose)
            token, uuid = max(records.token, token_above) + 1, self.storage.ensure_uuid()
            lease = Lease.granted(token, self._identifier(), holder, seconds, self.time)
            with self.storage.new_deployment(lease.deployment, {"schema": 1, "app": self.app, "purpose": purpose}):
                self._event(lease, "intent", "hold", reason=reason, evidence={"purpose": purpose})
                self._write_lease(token, None, lease)
            return Answer(True, lease.deployment, token, uuid, purpose=purpose)

    def renew(self, deployment: str, token: int) -> Answer:
        """Give the lease its full length again.

        :raises StaleTokenError: a newer deployment has begun.
        :raises LeaseError: the lease has run out or was released.
        """
        with self.storage.locked():
            records = self._records()
            lease = self._live_lease(records, deployment, token)
            self._write_lease(token, records.open, lease.renewed(self.time))
            return Answer(True, deployment, token)

    def commit(self, deployment: str, token: int, stage: str, evidence: dict[str, Any]) -> Answer:
        """Record that a stage is done, with what was measured; a sign of life as well.

        :raises StaleTokenError: a newer deployment has begun.
        :raises LeaseError: the lease has run out or was released.
        """
        _require_json(evidence, "evidence")
        with self.storage.locked():
            records = self._records()
            lease = self._live_lease(records, deployment, token)
            opened = self._opened(records)
            if stage not in opened["committed"]:
                opened = {**opened, "committed": [*opened["committed"], stage]}
            self._event(lease, "outcome", "commit", stage=stage, evidence=evidence)
            self._write_lease(token, opened, lease.renewed(self.time))
            return Answer(True, deployment, token, committed=list(opened["committed"]))

    def park(self, deployment: str, token: int, stage: str, evidence: dict[str, Any] | None = None) -> Answer:
        """Record that the plan's stage is done and that the deployment waits there, and release the lease.

        :raises InputError: the plan does not park at this stage.
        :raises StaleTokenError: a newer deployment has begun.
        :raises LeaseError: the lease has run out or was released.
        """
        _require_json(evidence or {}, "evidence")
        with self.storage.locked():
            records = self._records()
            lease = self._live_lease(records, deployment, token)
            opened = self._opened(records)
            asked = parking.park_of(self.storage.plan(deployment), deployment, stage)
            opened, parked = parking.with_park(opened, asked, stage, lease.holder, self.time)
            waits = {name: asked[name] for name in ("seconds", "approval")}
            self._event(
                lease, "outcome", "park", stage=stage, evidence={**(evidence or {}), **waits, "until": parked.until}
            )
            self._write_lease(token, opened, None)
            return Answer(True, deployment, token, committed=opened["committed"], parked=parked.shown(self.time))

    def approve(
        self, deployment: str, stage: str, plan_digest: str, operator: str, reason: str, *, self_approval: bool = False
    ) -> Answer:
        """Record an operator's approval of what is parked; it holds for this deployment, stage and plan alone.

        :param operator: who approves, as ``user@host``.
        :param self_approval: also from the user who has run it to there, or has begun it.
        :raises StateError: this is not what is parked, or it waits for no approval.
        :raises LeaseError: the user is the one who is to be approved.
        """
        with self.storage.locked():
            records = self._records()
            opened = records.open or {}
            where = str(self.storage.directory)
            parked = parking.to_approve(opened, deployment, stage, plan_digest, where)
            if not self_approval:
                parking.refuse_own(opened, parked, operator, where)
            if parking.has_approved(opened, stage, operator):
                return Answer(False, deployment, records.token, parked=parked.shown(self.time))
            opened, parked = parking.with_approval(opened, parked, operator, reason, self.time)
            approving = Lease(records.token, deployment, operator, 0, 0, "")
            self._event(approving, "outcome", "approve", stage=stage, reason=reason, evidence={"digest": plan_digest})
            self._write_lease(records.token, opened, None)
            return Answer(True, deployment, records.token, parked=parked.shown(self.time))

    def root_cause(self, deployment: str, text: str, operator: str) -> Answer:
        """Record why a deployment was undone, returned or rolled back; needs no lease.

        :raises StateError: the history has no such deployment, or it needs no note.
        """
        with self.storage.locked():
            records = self._records()
            entry = next((item for item in records.state["deployments"] if item["id"] == deployment), None)
            if entry is None or not history.needs_note(entry):
                what = "was neither undone nor returned, and is no rollback" if entry else "is not in the history"
                remedy = "name one that status.yml says a root cause is due for"
                raise StateError(f"deployment {deployment} {what}", where="slipway_deployment", remedy=remedy)
            known = entry.get("root_cause") or {}
            if (known.get("text"), known.get("operator")) == (text, operator):
                return Answer(False, deployment, records.token)
            note = {"text": text, "operator": operator, "given": _iso(self.time.now())}
            records.state = history.noted(records.state, deployment, note)
            self.storage.write("state.json", {"app": self.app, **records.state})
            return Answer(True, deployment, records.token)

    def checklist(self, deployment: str, found: dict[str, Any], operator: str) -> Answer:
        """Record what the checklist after a deployment has found; needs no lease, and a later one counts instead.

        :raises StateError: the history has no such deployment.
        """
        _require_json(found, "evidence")
        with self.storage.locked():
            records = self._records()
            if history.result_of(records.state, deployment) is None:
                raise StateError(
                    f"deployment {deployment} is not in the history",
                    where=str(self.storage.directory),
                    remedy="go through the checklist when it has ended",
                )
            looking = Lease(records.token, deployment, operator, 0, 0, "")
            self._event(looking, "outcome", CHECKLIST, evidence={CHECKLIST: found})
            made, warnings = self._documented(deployment, self.storage.plan(deployment))
            return Answer(True, deployment, records.token, document=made, warnings=warnings)

    def finish(
        self, deployment: str, token: int, result: str, reason: str = "", evidence: dict[str, Any] | None = None
    ) -> Answer:
        """Write how the deployment ended, and release the lease.

        :param result: ``active``, ``failed`` or ``aborted``. ``active`` needs a live lease: without one the balancers
            may have returned the traffic.
        :raises StaleTokenError: a newer deployment has begun.
        :raises LeaseError: the lease has run out, and the result is ``active``.
        :raises StateError: the deployment has already ended otherwise.
        """
        _require_json(evidence or {}, "evidence")
        with self.storage.locked():
            records = self._records()
            known = history.result_of(records.state, deployment)
            if known is not None:
                return self._finished_before(records, deployment, token, known, result)
            lease = self._lease_of(records, deployment, token)
            self._opened(records)
            if result == "active":
                self._require_live(lease)
            self._event(lease, "outcome", "finish", result=result, reason=reason, evidence=evidence or {})
            made, warnings = self._close(records, result, reason, token)
            self._write_lease(token, None, None)
            return Answer(True, deployment, token, document=made, warnings=warnings)

    def release(self, reason: str, token: int = 0, evidence: dict[str, Any] | None = None) -> Answer:
        """End the lease now; the deployment stays unfinished, and the same plan resumes it.

        :param reason: why, recorded.
        :param token: whose lease; 0 for an operator who ends whatever lease there is.
        :param evidence: what its holder has measured since its last record.
        :raises StaleTokenError: a newer deployment has begun, whether it still holds a lease or not.
        """
        _require_json(evidence or {}, "evidence")
        with self.storage.locked():
            records = self._records()
            if token and token != records.token:
                raise self._stale(token, records)
            if records.lease is None:
                return Answer(False, token=records.token)
            told = (evidence or {}) if token else {"unsent": True}
            self._event(records.lease, "outcome", "release", reason=reason, evidence=told)
            self._write_lease(records.token, records.open, None)
            whose = self._whose(records.lease.deployment)
            return Answer(True, whose.deployment, records.token, purpose=whose.purpose)

    def info(self, note_hours: int = history.NOTE_HOURS) -> dict[str, Any]:
        """Everything the planner and the status report read.

        :param note_hours: how long there is to tell the root cause of what was undone.
        """
        records = self._records()
        lease = records.lease
        return {
            "uuid": self.storage.uuid() or "",
            "token": records.token,
            "lease": None
            if lease is None
            else {
                "token": lease.token,
                "deployment": lease.deployment,
                "holder": lease.holder,
                "live": lease.live(self.time),
                "remaining_seconds": -(-lease.remaining_ms(self.time) // 1000),
                "purpose": self._whose(lease.deployment).purpose,
            },
            "unfinished": self._unfinished(records),
            "state": {key: records.state[key] for key in ("active", "proven", "left_out", "deployments")},
            "last": self._last(records.state),
            "notes_due": list(history.notes_due(records.state, self.time.now(), note_hours)),
            "flags_set": self._flags_set(records),
        }

    def figures(self) -> dict[str, Any]:
        """What metrics tell of the ledger, whether a deployment has ended or not; times as those of the wall clock.

        An older or restored ledger that has not counted yet counts what it remembers.
        """
        records = self._records()
        opened, lease, now = records.open or {}, records.lease, self.time.now()
        return {
            "under_way": bool(opened),
            "parked": parking.parked_of(records.open) is not None,
            "began": _seconds(opened.get("began", "")),
            "lease_expires": int(now.timestamp()) + lease.remaining_ms(self.time) // 1000 if lease else None,
            "runs": history.runs(records.state),
            "succeeded": _seconds(history.succeeded(records.state)),
        }

    def summary(self) -> dict[str, Any]:
        """Lease and outcomes, for a difference; no times."""
        records = self._records()
        lease = records.lease
        return {
            "token": records.token,
            "lease": lease and {"deployment": lease.deployment, "holder": lease.holder, "token": lease.token},
            "unfinished": records.open
            and {
                key: records.open[key]
                for key in ("deployment", "committed", "parked", "approvals")
                if key in records.open
            },
            "deployments": {entry["id"]: entry["result"] for entry in records.state["deployments"]},
        }

    def _records(self) -> _Records:
        recorded = self.storage.read("lease.json")
        state = {**history.empty(), **self.storage.read("state.json")}
        opened = recorded.get("open")
        lease = Lease.from_record(recorded.get("lease"))
        if opened and history.result_of(state, opened["deployment"]) is not None:
            opened, lease = None, None
        return _Records(max(recorded.get("token", 0), state["token"]), opened, lease, state)

    def _unfinished(self, records: _Records) -> dict[str, Any] | None:
        opened, parked = records.open, parking.parked_of(records.open)
        if opened is None:
            return None
        plan = self.storage.plan(opened["deployment"])
        return {**opened, "plan": plan, "parked": parked and parked.shown(self.time)}

    def _resume(
        self,
        records: _Records,
        token: int,
        holder: str,
        seconds: int,
        uuid: str,
        take_over: str,
        way_back: str,
        inputs: dict[str, Any],
    ) -> Answer:
        opened = {key: value for key, value in (records.open or {}).items() if key != "parked"}
        if way_back and "undo" not in opened["committed"]:
            opened = {**opened, "committed": [*opened["committed"], "undo"]}
        lease = Lease.granted(token, opened["deployment"], holder, seconds, self.time)
        why = take_over or way_back
        evidence = {"committed": opened["committed"], **({"inputs": inputs} if inputs else {})}
        self._event(lease, "intent", "resume", reason=why, evidence=evidence)
        self._write_lease(token, opened, lease)
        return Answer(
            True,
            lease.deployment,
            token,
            uuid,
            resumed=True,
            committed=list(opened["committed"]),
            profile_before=self._profile_before(records),
            flags_before=self._flags(lease.deployment),
            flags_left=self._flags_left(records),
        )

    def _start(
        self,
        plan: dict[str, Any],
        records: _Records,
        token: int,
        holder: str,
        seconds: int,
        uuid: str,
        inputs: dict[str, Any],
    ) -> Answer:
        lease = Lease.granted(token, self._identifier(), holder, seconds, self.time)
        opened = {
            "deployment": lease.deployment,
            "digest": digest(plan),
            "began": _iso(self.time.now()),
            "holder": holder,
            "committed": [],
        }
        evidence = {"digest": opened["digest"], **({"inputs": inputs} if inputs else {})}
        with self.storage.new_deployment(lease.deployment, plan):
            self._event(lease, "intent", "begin", reason=plan["options"]["reason"], evidence=evidence)
            self._write_lease(token, opened, lease)
        return Answer(
            True,
            lease.deployment,
            token,
            uuid,
            profile_before=self._profile_before(records),
            flags_left=self._flags_left(records),
        )

    def _identifier(self) -> str:
        return f"{self.time.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"

    def _close_abandoned(self, records: _Records, abandon: str, result: str) -> None:
        if records.open is None:
            return
        deployment = records.open["deployment"]
        parked = parking.parked_of(records.open)
        if parked and result != "returned":
            raise StateError(
                f"deployment {deployment} is parked at {parked.stage}, and this is another plan",
                where=str(self.storage.directory),
                remedy="run the same deployment again to go on with it, or end it with abort.yml",
            )
        if deployment != abandon:
            raise StateError(
                f"deployment {deployment} was left unfinished, and this is another plan",
                where=str(self.storage.directory),
                remedy="run the same deployment again to resume it, or plan again to have it judged",
            )
        reason = (
            "the watch has returned the traffic"
            if result == "returned"
            else "a new deployment found the traffic settled"
        )
        last = records.lease or Lease(records.token, deployment, "", 0, 0, "")
        self._event(last, "outcome", "finish", result=result, reason=reason, evidence={"unsent": True})
        self._close(records, result, reason, last.token)

    def _close_returned(self, records: _Records, deployment: str, reason: str) -> None:
        if history.result_of(records.state, deployment) != "active":
            return
        last = Lease(records.token, deployment, "", 0, 0, "")
        self._event(last, "outcome", "returned", result="returned", reason=reason, evidence={})
        records.state = history.given_back(records.state, self.storage.plan(deployment), deployment, reason)
        self._documented(deployment, self.storage.plan(deployment))
        self.storage.write("state.json", {"app": self.app, **records.state})

    def _close(self, records: _Records, result: str, reason: str, token: int) -> tuple[dict[str, Any], list[str]]:
        """Write the document, then the history, then let go of deployments that it has forgotten."""
        opened = records.open or {}
        entry = {
            "id": opened["deployment"],
            "result": result,
            "reason": reason,
            "digest": opened["digest"],
            "token": token,
            "holder": records.lease.holder if records.lease else "",
            "began": opened["began"],
            "finished": _iso(self.time.now()),
            "committed": opened["committed"],
            **({"approvals": opened["approvals"]} if opened.get("approvals") else {}),
        }
        plan = self.storage.plan(entry["id"])
        made, warnings = self._documented(entry["id"], plan)
        records.state = history.closed(records.state, plan, entry)
        self.storage.write("state.json", {"app": self.app, **records.state})
        self.storage.prune({item["id"] for item in records.state["deployments"]})
        return made, warnings

    def _documented(self, deployment: str, plan: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
        """The document of a deployment, written; a disk that has no room for it is no reason not to end."""
        made = evidence_document.build(
            deployment, plan, self.storage.events(deployment), ledger=self.storage.uuid() or ""
        )
        try:
            self.storage.write_document(deployment, made)
        except OSError as exc:
            return made, [f"the evidence of {deployment} is not kept on the ledger host: {exc.strerror or exc}"]
        return made, []

    def _last(self, state: dict[str, Any]) -> dict[str, Any] | None:
        """Figures of the deployment that has ended last; nothing when its document is not there."""
        ended = state["deployments"][-1:]
        made = self.storage.document(ended[0]["id"]) if ended else None
        return made and summary.summary(made)

    def _profile_before(self, records: _Records) -> dict[str, Any] | None:
        """The profile that the active revision had when it was measured last."""
        active = (records.state["active"] or {}).get("revision")
        measured = (
            profile.kept(self.storage.document(entry["id"]) or {})
            for entry in reversed(records.state["deployments"])
            if entry["result"] == "active" and entry["to"]["revision"] == active
        )
        return next((found for found in measured if found), None)

    def _flags(self, deployment: str) -> list[dict[str, Any]]:
        """Feature flags as they were before a deployment set them; none where it set none."""
        found = (event.get("evidence", {}).get(FLAGS) for event in self.storage.events(deployment))
        return next((list(flags) for flags in found if flags), [])

    def _flags_set(self, records: _Records) -> dict[str, Any] | None:
        """Names of the feature flags that the deployment under way, or else the active one, has begun to set."""
        deployment = records.open or history.last_active(records.state["deployments"])
        if deployment is None:
            return None
        identifier: str = deployment.get("deployment") or deployment["id"]
        names = sorted({flag["name"] for flag in self._flags(identifier)})
        return {"deployment": identifier, "names": names} if names else None

    def _flags_left(self, records: _Records) -> list[dict[str, Any]]:
        active = history.last_active(records.state["deployments"])
        return self._flags(active["id"]) if active else []

    def _finished_before(self, records: _Records, deployment: str, token: int, known: str, result: str) -> Answer:
        if known != result:
            raise StateError(
                f"deployment {deployment} has already ended as {known}",
                where=str(self.storage.directory),
                remedy="nothing was changed; look at it with status.yml",
            )
        leftover = self.storage.read("lease.json").get("open")
        if leftover and leftover["deployment"] == deployment:
            self._write_lease(records.token, None, None)
        return Answer(False, deployment, token, document=self.storage.document(deployment) or {})

    def _refuse_outdated(self, records: _Records, token_seen: int | None, resume: str) -> None:
        if resume and (records.open is None or records.open["deployment"] != resume):
            raise StateError(
                f"deployment {resume} has ended meanwhile",
                where=str(self.storage.directory),
                remedy="nothing was changed; look at it with status.yml",
            )
        if token_seen is not None and records.token != token_seen:
            raise StateError(
                f"a deployment has begun since the plan was made: the token was {token_seen}, it is {records.token}",
                where=str(self.storage.directory),
                remedy="nothing was changed; run it again, it plans anew",
            )

    def _refuse_live_lease(self, records: _Records) -> None:
        lease = records.lease
        if lease is None or not lease.live(self.time):
            return
        whose = self._whose(lease.deployment)
        raise LeaseError(
            f"{whose} of {lease.holder} holds the lease for {-(-lease.remaining_ms(self.time) // 1000)} more seconds",
            where=str(self.storage.directory),
            remedy=whose.ended_by,
        )

    def _whose(self, deployment: str) -> Whose:
        return Whose(deployment, self.storage.plan(deployment).get("purpose", ""))

    def _refuse_unfinished(self, records: _Records, purpose: str) -> None:
        if records.open is None:
            return
        parked = parking.parked_of(records.open)
        raise StateError(
            f"deployment {records.open['deployment']} "
            + (f"is parked at {parked.stage}" if parked else "was left unfinished")
            + f", and {purpose} must not come between",
            where=str(self.storage.directory),
            remedy="run the same deployment again to go on with it, or end it with abort.yml",
        )

    def _lease_of(self, records: _Records, deployment: str, token: int) -> Lease:
        if token != records.token:
            raise self._stale(token, records)
        if records.lease is None or records.lease.deployment != deployment:
            whose = self._whose(deployment)
            raise LeaseError(
                f"{whose} holds no lease",
                where=str(self.storage.directory),
                remedy=f"it was released; {whose.goes_on_by}",
            )
        return records.lease

    def _live_lease(self, records: _Records, deployment: str, token: int) -> Lease:
        lease = self._lease_of(records, deployment, token)
        self._require_live(lease)
        return lease

    def _require_live(self, lease: Lease) -> None:
        if not lease.live(self.time):
            whose = self._whose(lease.deployment)
            raise LeaseError(
                f"the lease of {whose} has run out",
                where=str(self.storage.directory),
                remedy=f"{whose.goes_on_by}, with a longer slipway_lease_seconds if need be",
            )

    def _opened(self, records: _Records) -> dict[str, Any]:
        """What the lease is for, unless it is held for something that is no deployment."""
        if records.open is None:
            raise StateError(
                "its lease is held for something that is no deployment",
                where=str(self.storage.directory),
                remedy="only renew and release are for it",
            )
        return records.open

    def _stale(self, token: int, records: _Records) -> StaleTokenError:
        return StaleTokenError(
            f"token {token} is stale, the ledger has issued {records.token}",
            where=str(self.storage.directory),
            remedy="nothing was changed; a newer deployment is in charge, look at it with status.yml",
        )

    def _event(self, lease: Lease, kind: str, action: str, **details: Any) -> None:
        self.storage.append_event(
            lease.deployment,
            {
                "time": _iso(self.time.now()),
                "boottime_ms": self.time.boottime_ms(),
                "boot_id": self.time.boot_id(),
                "app": self.app,
                "deployment": lease.deployment,
                "token": lease.token,
                "holder": lease.holder,
                "kind": kind,
                "action": action,
                **details,
            },
        )

    def _write_lease(self, token: int, opened: dict[str, Any] | None, lease: Lease | None) -> None:
        record = lease.record() if lease else None
        self.storage.write("lease.json", {"app": self.app, "token": token, "open": opened, "lease": record})


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _seconds(moment: str) -> int | None:
    """A time of ``_iso`` as seconds since the epoch; ``None`` where there is none."""
    if not moment:
        return None
    return int(datetime.strptime(moment, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc).timestamp())


def _require_json(value: dict[str, Any], option: str) -> None:
    try:
        canonical(value)
    except ValueError as exc:
        raise InputError(str(exc), where=option, remedy="use strings and whole numbers, with ASCII names") from exc
