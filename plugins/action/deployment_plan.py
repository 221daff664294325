# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates, plans and begins a deployment from the controller.

Writes archives of directories and git references to the controller's cache, and the ledger through its module.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import yaml
from ansible.errors import AnsibleError
from ansible_collections.slipway.release.plugins.module_utils._change import deployment as change_control
from ansible_collections.slipway.release.plugins.module_utils._checklist.found import refusal
from ansible_collections.slipway.release.plugins.module_utils._checklist.run import BLOCK
from ansible_collections.slipway.release.plugins.module_utils._common.backwards import UNDO, WITHOUT_A_RELEASE
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._evidence import collect
from ansible_collections.slipway.release.plugins.module_utils._evidence.inputs import shown as shown_inputs
from ansible_collections.slipway.release.plugins.module_utils._evidence.plan import with_addresses_shown
from ansible_collections.slipway.release.plugins.module_utils._inputs.reading import PREFIX
from ansible_collections.slipway.release.plugins.module_utils._inputs.validate import NOT_BACKWARDS, Inputs, validate
from ansible_collections.slipway.release.plugins.module_utils._plan.abort import abort
from ansible_collections.slipway.release.plugins.module_utils._plan.approval import approval
from ansible_collections.slipway.release.plugins.module_utils._plan.foretold import joined, set_up
from ansible_collections.slipway.release.plugins.module_utils._plan.hooks import SKIP
from ansible_collections.slipway.release.plugins.module_utils._plan.operator import operator
from ansible_collections.slipway.release.plugins.module_utils._plan.planner import Planned, plan
from ansible_collections.slipway.release.plugins.module_utils._plan.regions import order
from ansible_collections.slipway.release.plugins.module_utils._plan.returning import inputs_of, replaced_by
from ansible_collections.slipway.release.plugins.module_utils._plan.schema import STAGE
from ansible_collections.slipway.release.plugins.module_utils._release.artifact import ResolvedArtifact, resolve
from ansible_collections.slipway.release.plugins.module_utils._release.fetch import shown
from ansible_collections.slipway.release.plugins.module_utils._release.revision import build
from ansible_collections.slipway.release.plugins.module_utils._verdict.stage import judge
from ansible_collections.slipway.release.plugins.plugin_utils import refused
from ansible_collections.slipway.release.plugins.plugin_utils.audited import GOES_BACK, PLAN
from ansible_collections.slipway.release.plugins.plugin_utils.permitting import PERMITTED, refuse_scattered
from ansible_collections.slipway.release.plugins.plugin_utils.verdicts import Judges

ARGUMENTS = {
    "verb": {
        "type": "str",
        "required": True,
        "choices": ["deploy", "rollback", "return", "abort", "approve", "validate"],
    },
    "purpose": {
        "type": "str",
        "choices": ["deploy", "rollback", "abort", "approve", "release_lease", "migrate", "flags", "root_cause"],
    },
    "live": {"type": "dict"},
    "set_up": {"type": "bool", "default": False},
    "region": {"type": "str", "default": ""},
    "changed_regions": {"type": "list", "elements": "dict", "default": []},
    "returns": {"type": "dict"},
    "database": {"type": "dict"},
    "audit": {"type": "dict"},
    "tell": {"type": "bool", "default": True},
}
FOR_DEPLOY = ("slipway_version", "slipway_artifact", "slipway_artifact_sha256")


class ActionModule(Judges):
    """Runs once, delegated to the ledger host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the plan, begun unless in check mode, or one message."""
        super().run(tmp, task_vars)
        check: Any = self.validate_argument_spec
        _validated, options = check(argument_spec=ARGUMENTS, required_if=[("verb", "return", ["returns"])])
        plain, variables = _plain(options), task_vars or {}
        try:
            result = self._run(plain, variables)
        except SlipwayError as exc:
            result = {"failed": True, "changed": False, **exc.as_result()}
        if not result.get("failed") or self._task.check_mode or not plain["tell"]:
            return result
        verb = plain["purpose"] if plain["verb"] == "validate" else plain["verb"]
        return refused.told(result, verb or "", plain["region"], self._templar, variables)

    def _run(self, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        if options["verb"] == "validate":
            return self._validated(options.get("purpose") or options["verb"], task_vars)
        inputs = self._inputs(options["verb"], task_vars, options["region"])
        self._require_delegation(inputs)
        if options["verb"] == "approve":
            return self._approve(inputs, options, task_vars)
        if options["region"]:
            options["live"] = _with_ledger_of(options["region"], options["live"] or {})
        if options["region"] and inputs.verb == "abort" and not _under_way(inputs, options["live"]):
            summary = f"{inputs.app}: nothing to abort in {inputs.region}"
            return {"changed": False, "plan": {"changes": False}, "summary": summary}
        if options["verb"] == "return":
            other = replaced_by(inputs, options["live"], options["returns"])
            if other:
                return _left_alone(inputs, options["returns"], other)
            inputs = inputs_of(inputs, options["returns"])
        found = self._artifact(inputs)
        planned, unknown = self._planned(inputs, found, options)
        change = change_control.verdict(
            inputs,
            planned,
            options["live"] or {},
            task_vars,
            self._templar.template,
            preview=bool(self._task.check_mode),
        )
        change_control.write_to_sign(inputs, change)
        blocked = refusal(task_vars) if inputs.verb == "deploy" else ""
        if blocked and _is_new(planned, options["changed_regions"]):
            by_checklist = {"by": "checklist", "msg": blocked, "verdict": BLOCK, "reasons": [blocked]}
            return self._refused(inputs, planned, by_checklist, task_vars, options["audit"])
        result = {
            "changed": planned.plan["changes"] and not planned.parked,
            "plan": {
                **planned.plan,
                **_without_hooks(inputs, planned),
                "lease_seconds": inputs.lease_seconds,
                "unknown": planned.plan["unknown"] + unknown,
            },
            "digest": planned.digest,
            "summary": "; ".join(filter(None, (_summary(inputs, planned), change.get("msg")))),
            "change": change,
            "deployment": "",
            "token": 0,
            "uuid": "",
            "resumed": bool(planned.resume),
            "carried": planned.carried,
            "held": planned.held,
            "settled": planned.settled,
            "migrates": False,
            "parked": planned.parked,
            "way_back": planned.way_back,
            "committed": [],
            "profile_before": None,
            "flags_before": [],
            "flags_left": [],
            "abandoned": planned.abandon,
            "artifact": shown(found.location) if found else "",
            "warnings": [
                *inputs.warnings,
                *planned.warnings,
                *_active_already(inputs, planned),
                *([f"{blocked} Nothing new begins here, so that it stops nothing."] if blocked else []),
            ],
        }
        if self._task.diff:
            result["diff"] = _difference(inputs, planned)
        if self._task.check_mode or not result["changed"]:
            return result
        if not change.get("allowed", True):
            refused = self._refused(inputs, planned, change, task_vars, options["audit"])
            return {**refused, "change": change}
        begun = self._begin(inputs, planned, change, task_vars, options["audit"])
        warnings = result["warnings"] + begun.pop("warnings", [])
        migrates = not begun.get("failed") and _migrates(planned, begun["committed"])
        return {**result, **begun, "warnings": warnings, "migrates": migrates}

    def _refused(
        self,
        inputs: Inputs,
        planned: Planned,
        change: dict[str, Any],
        task_vars: dict[str, Any],
        audit: dict[str, Any] | None,
    ) -> dict[str, Any]:
        """The result of a run that must not begin, which the audit log is told of unless in check mode."""
        refusal = {"failed": True, "changed": False, "msg": change["msg"]}
        if self._task.check_mode:
            return refusal
        told = {
            "audit": audit,
            "app": inputs.app,
            "region": inputs.region,
            "purpose": inputs.verb,
            "plan": planned.plan,
            "change": change_control.for_the_audit_log(change),
        }
        warnings = self.verdict_recorded(told, {**task_vars, PLAN: {"plan": planned.plan}})
        return {**refusal, **({"warnings": warnings} if warnings else {})}

    def _planned(
        self, inputs: Inputs, found: ResolvedArtifact | None, options: dict[str, Any]
    ) -> tuple[Planned, list[str]]:
        """The plan, and what check mode cannot know."""
        live = options["live"] or {}
        unknown: list[str] = []
        if inputs.verb == "abort":
            return abort(inputs, live), unknown
        if self._task.check_mode:
            live, unknown = set_up(inputs, live)
            if options["set_up"] and not unknown:
                live, unknown = joined(inputs, live)
        planned = plan(
            inputs,
            _revision(inputs, found) if found else None,
            live,
            artifact_bytes=found.path.stat().st_size if found and found.path else 0,
            changed_regions=options["changed_regions"],
            database=options["database"],
        )
        return planned, unknown

    def _validated(self, purpose: str, task_vars: dict[str, Any]) -> dict[str, Any]:
        """The inputs of the fleet, or of each region as its own hosts have them, are accepted."""
        found = [
            self._inputs(purpose, task_vars, region, _variables_of(region, task_vars))
            for region in self._regions(task_vars) or [""]
        ]
        _refuse_limit(found, task_vars)
        if purpose in PERMITTED:
            refuse_scattered(task_vars["hostvars"], found)
        return {
            "changed": False,
            "ledger_hosts": sorted({inputs.ledger_host for inputs in found}),
            "ledgers": [{"region": inputs.region, "host": inputs.ledger_host} for inputs in found],
            "migrates": any(inputs.migrations for inputs in found),
            "order": order(found) if found[0].region else {},
            "warnings": sorted({warning for inputs in found for warning in inputs.warnings}),
        }

    def _regions(self, task_vars: dict[str, Any]) -> list[str]:
        """Regions that can be looked at; what is wrong with the list is refused with the other variables."""
        regions = self._templar.template(task_vars.get("slipway_regions", []))
        groups = task_vars["groups"]
        known = isinstance(regions, list) and all(isinstance(region, str) and region in groups for region in regions)
        return list(regions) if known else []

    def _inputs(
        self, verb: str, task_vars: dict[str, Any], region: str, written: Mapping[str, Any] | None = None
    ) -> Inputs:
        variables, undefined = {}, {}
        written = task_vars if written is None else written
        for name in written:
            if not name.startswith(PREFIX) or name in _not_for(verb):
                continue
            try:
                variables[name] = _plain(self._templar.template(written[name]))
            except AnsibleError as exc:
                undefined[name] = str(exc.message)
        if verb == "return":
            verb, variables = "rollback", {**variables, "slipway_rollback_to": "previous"}
        inputs = validate(
            variables,
            _plain(task_vars["groups"]),
            verb=verb,
            region=region,
            undefined=undefined,
            check_mode=bool(self._task.check_mode),
        )
        _refuse_unaddressed(inputs, task_vars["hostvars"])
        return inputs

    def _require_delegation(self, inputs: Inputs) -> None:
        if self._task.delegate_to != inputs.ledger_host:
            raise InputError(
                f"the task runs on {self._task.delegate_to or 'the hosts of the play'}, not on {inputs.ledger_host}",
                where="deployment_plan",
                remedy='add run_once: true and delegate_to: "{{ slipway_ledger_host }}" to the task',
            )

    def _artifact(self, inputs: Inputs) -> ResolvedArtifact | None:
        return resolve(inputs.artifact, inputs.artifact_sha256 or None) if inputs.verb == "deploy" else None

    def _begin(
        self,
        inputs: Inputs,
        planned: Planned,
        change: dict[str, Any],
        task_vars: dict[str, Any],
        audit: dict[str, Any] | None,
    ) -> dict[str, Any]:
        answer = self._ledger(
            {
                "audit": audit,
                "app": inputs.app,
                **({"region": inputs.region} if inputs.region else {}),
                "command": "begin",
                "plan": planned.plan,
                "holder": operator(task_vars),
                "lease_seconds": inputs.lease_seconds,
                "abandon": planned.abandon,
                "abandon_as": planned.abandon_as,
                "returned": planned.returned,
                "token_above": planned.token_above,
                "token_seen": planned.token_seen,
                "resume": planned.resume,
                "take_over": inputs.reason if inputs.verb == "abort" else "",
                "way_back": planned.way_back,
                "inputs": shown_inputs(inputs),
                "change": change_control.for_the_audit_log(change),
                "metrics_directory": inputs.metrics_directory if inputs.verb == "deploy" and not planned.resume else "",
            },
            {"plan": planned.plan},
            {**task_vars, **({GOES_BACK: True} if planned.goes_back else {})},
        )
        if answer.get("failed"):
            return {"failed": True, "changed": False, "msg": answer.get("msg"), "error": answer.get("error")}
        begun = {
            key: answer.get(key)
            for key in (
                "deployment",
                "token",
                "uuid",
                "resumed",
                "committed",
                "profile_before",
                "flags_before",
                "flags_left",
            )
        }
        token: Any = answer["token"]
        now_ms = int(time.time() * 1000)
        state = collect.opened(token, now_ms)
        if change:
            results = {inputs.ledger_host: change}
            outcome = judge(change_control.CONTROL, list(results), results, {"allowed": True})
            state = collect.added(state, collect.entry(state, outcome, results, now_ms))
        facts = {**answer.get("ansible_facts", {}), **collect.as_facts(task_vars, state)}
        return {**begun, "ansible_facts": facts, "warnings": answer.get("warnings", [])}

    def _ledger(self, arguments: dict[str, Any], planned: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run the module of the ledger, with what is planned as that which the audit log is told."""
        result = self._execute_module(
            module_name="slipway.release.ledger",
            module_args=self.completed(arguments, {**task_vars, PLAN: planned}),
            task_vars=task_vars,
        )
        return self.noted(result, task_vars)

    def _approve(self, inputs: Inputs, options: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Record the approval of what is parked; the ledger judges it once more."""
        found = approval(inputs, options["live"] or {})
        answer = self._ledger(
            {
                "audit": options["audit"],
                "app": inputs.app,
                "command": "approve",
                "deployment": found.deployment,
                "stage": found.stage,
                "digest": found.digest,
                "operator": operator(task_vars),
                "reason": inputs.reason,
                "self_approval": inputs.self_approval,
            },
            {"plan": {"to": {"version": found.version}}, "deployment": found.deployment},
            task_vars,
        )
        if answer.get("failed"):
            return {"failed": True, "changed": False, "msg": answer.get("msg"), "error": answer.get("error")}
        done = "is approved" if answer["changed"] else "was approved before"
        waits = answer["parked"]["waits_for"]
        follows = f"it stays parked {waits}" if waits else "run the same deployment again to go on"
        what = f"deployment {found.deployment} of {found.version}"
        return {
            "changed": answer["changed"],
            "deployment": found.deployment,
            "parked": answer["parked"],
            "summary": f"{inputs.app}: {what} {done} at {found.stage}; {follows}",
        }


def _not_for(verb: str) -> Collection[str]:
    """Variables that a verb does not even evaluate, so that nothing about them stops it."""
    if verb == "deploy":
        return ()
    return {*FOR_DEPLOY, *NOT_BACKWARDS} if verb in (*WITHOUT_A_RELEASE, "return") else FOR_DEPLOY


def _variables_of(region: str, task_vars: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables of a region, which are those of its first application host."""
    members = task_vars["groups"].get(region, [])
    host = next((host for host in task_vars["groups"].get("application", []) if host in members), None)
    found: Mapping[str, Any] = task_vars["hostvars"][host] if host else task_vars
    return found


def _with_ledger_of(region: str, live: Mapping[str, Any]) -> dict[str, Any]:
    """The live state as that of a fleet which has this ledger alone."""
    return {
        host: {**facts, "ledger": facts["ledgers"][region]} if region in (facts.get("ledgers") or {}) else facts
        for host, facts in live.items()
    }


def _left_alone(inputs: Inputs, returns: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """The result where a region has another revision by now than the one that this run has deployed."""
    deployed = returns["deployed"]["version"]
    return {
        "changed": False,
        "plan": {"changes": False, "region": inputs.region, "rollout": inputs.rollout, "to": dict(other)},
        "summary": f"{inputs.app} in {inputs.region}: {other['version']} is active instead of {deployed}; "
        "nothing is returned",
    }


def _under_way(inputs: Inputs, live: Mapping[str, Any]) -> bool:
    """Whether there is something to abort, or no telling; the planner refuses a ledger that cannot be read."""
    ledger = live.get(inputs.ledger_host, {}).get("ledger") or {"error": "unknown"}
    return bool(ledger.get("error") or ledger["unfinished"])


def _refuse_limit(found: Iterable[Inputs], task_vars: Mapping[str, Any]) -> None:
    limit = task_vars.get("ansible_limit")
    needed = {
        host for inputs in found for host in (*inputs.application_hosts, *inputs.balancer_hosts, inputs.ledger_host)
    }
    missing = sorted(needed.difference(task_vars.get("ansible_play_hosts_all", [])))
    if limit and missing:
        raise InputError(
            f"{limit} leaves out {', '.join(missing)}",
            where="--limit",
            remedy="run without --limit; what shall not take part is taken out of the inventory, then run site.yml",
        )


def _refuse_unaddressed(inputs: Inputs, hostvars: Mapping[str, Mapping[str, Any]]) -> None:
    hosts = [*inputs.application_hosts, *inputs.balancer_hosts]
    lacking = [host for host in hosts if not hostvars[host].get("slipway_address")]
    if lacking:
        raise InputError(
            f"{', '.join(lacking)} have none",
            where="slipway_address",
            remedy="give each host the address under which the others reach it",
        )


def _revision(inputs: Inputs, found: ResolvedArtifact) -> dict[str, Any]:
    return build(
        app=inputs.app,
        version=inputs.version,
        artifact_sha256=found.sha256,
        commit=found.commit,
        built=found.built,
        components=inputs.components,
        config=inputs.config,
        shared_directories=inputs.shared_directories,
        schema_range=inputs.schema_range,
        user=inputs.user,
    )


def _is_new(planned: Planned, changed_regions: Collection[Any]) -> bool:
    """Whether a release begins, instead of one that is continued, or undone, where an earlier run has left it."""
    return bool(planned.plan["changes"]) and not planned.resume and not changed_regions


def _migrates(planned: Planned, committed: Collection[str]) -> bool:
    """Whether the database is migrated, or an external runner called, before any slot is filled."""
    over = planned.settled or planned.way_back or {STAGE, UNDO}.intersection(committed)
    return bool(planned.plan.get("migrations")) and not over


def _active_already(inputs: Inputs, planned: Planned) -> list[str]:
    """A rollback to a version by name may mean the one that is active; that is no way back."""
    made = planned.plan
    if made["verb"] != "rollback" or not made["from"] or made["to"]["revision"] != made["from"]["revision"]:
        return []
    target = made["rollback_target"]
    other = f"; the way back from it is {target['version']}" if target else ""
    return [f"slipway_rollback_to: {inputs.rollback_to} is active already, nothing is rolled back{other}"]


def _without_hooks(inputs: Inputs, planned: Planned) -> dict[str, Any]:
    """What an operator skips is left out of a recorded plan too, such as one that is aborted because of a hook."""
    return {"hooks": []} if SKIP in inputs.skip and planned.plan.get("hooks") else {}


def _summary(inputs: Inputs, planned: Planned) -> str:
    made = planned.plan
    where = f"{made['app']} in {made['region']}" if made.get("region") else made["app"]
    if inputs.verb == "abort":
        return (
            f"{where}: abort deployment {planned.resume} of {made['to']['version']}, "
            f"all traffic returns to slot {made['stable_slot']}"
        )
    deployment = f"{where}: deployment {planned.resume} of {made['to']['version']}"
    if planned.parked:
        return f"{deployment} is parked at {planned.parked['stage']} {planned.parked['waits_for']}; nothing was changed"
    if planned.way_back:
        return f"{deployment} goes back: {planned.way_back}"
    if planned.settled:
        return f"{deployment} has settled; only its end is to be recorded"
    active = f"{made['from']['version']} in {made['stable_slot']}" if made["from"] else "nothing"
    cold = sorted({host["found"] for host in made.get("hosts", {}).values() if host.get("found")})
    target = f"{made['to']['version']} (revision {made['to']['revision']}) in {made['slot']}"
    target += f" ({cold[0]})" if cold else ""
    what = f"{made['verb']} {target} over {active}" if made["changes"] else f"nothing to do, {target} is active"
    return f"{where}: {what}{_migrations_first(made)}; plan digest {planned.digest}"


def _migrations_first(made: Mapping[str, Any]) -> str:
    files = (made.get("migrations") or {}).get("files", [])
    return f", after {len(files)} migration{'s' if files[1:] else ''} of the database" if files else ""


def _difference(inputs: Inputs, planned: Planned) -> dict[str, str]:
    made = planned.plan
    before = {"slot": made["stable_slot"], "to": made["from"], "percents": made["percents"]["before"]}
    if inputs.verb == "abort":
        return {
            "before_header": f"deployment {planned.resume} of {made['app']}",
            "after_header": f"what it returns to, in {made['app']}",
            "before": yaml.safe_dump(
                {"slot": made["slot"], "to": made["to"], "percents": made["percents"]["after"]},
                default_flow_style=False,
            ),
            "after": yaml.safe_dump(before, default_flow_style=False),
        }
    return {
        "before_header": f"active revision of {made['app']}",
        "after_header": f"plan to {made['verb']} {made['app']}, digest {planned.digest}",
        "before": yaml.safe_dump(before, default_flow_style=False),
        "after": yaml.safe_dump(with_addresses_shown(made), default_flow_style=False),
    }


def _plain(value: Any) -> Any:
    """The value without Ansible's own types, which are lazy or carry tags."""
    return json.loads(json.dumps(value, default=str))
