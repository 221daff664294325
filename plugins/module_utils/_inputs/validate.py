# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn what an operator wrote into `Inputs`, or into one error that names every problem.

Reads the controller's file system only to see whether an artifact exists; changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .._common.backwards import WITHOUT_A_RELEASE
from .._common.errors import InputError
from .audit import VARIABLES as AUDIT_VARIABLES
from .change import VARIABLES as CHANGE_VARIABLES
from .checklist import VARIABLES as CHECKLIST_VARIABLES
from .flags import VARIABLES as FLAG_VARIABLES
from .notifications import VARIABLES as NOTIFICATION_VARIABLES
from .reading import Reading
from .reports import VARIABLES as REPORT_VARIABLES
from .rules.base import Context
from .rules.migrations import APPLYING, WHERE, unread
from .rules.release import artifact_path
from .rules.table import RULES
from .spec import CANARY_STEP, LOSS_BUDGET, PROFILE, SPEC, WATCH

PARK_DEFAULTS = {name: CANARY_STEP[name]["default"] for name in ("approval", "park")}
LOSS_BUDGET_DEFAULTS = {name: declared["default"] for name, declared in LOSS_BUDGET.items()}
WATCH_DEFAULTS = {name: declared["default"] for name, declared in WATCH.items()}
PROFILE_DEFAULTS = {name: declared["default"] for name, declared in PROFILE.items()}
# What keeps nobody from going back, whatever values it has, or none that can be told.
NOT_BACKWARDS = frozenset(
    (
        *AUDIT_VARIABLES,
        *CHANGE_VARIABLES,
        *CHECKLIST_VARIABLES,
        *FLAG_VARIABLES,
        *NOTIFICATION_VARIABLES,
        *REPORT_VARIABLES,
    )
)
NOTHING: Mapping[str, str] = MappingProxyType({})


class InputProblems(InputError):
    """Several problems in one error: the first is the message, the others are listed beside it."""

    def __init__(self, problems: list[InputError]) -> None:
        first = problems[0]
        super().__init__(first.what, where=first.where, remedy=first.remedy)
        self.others = problems[1:]

    def message(self) -> str:
        """The first problem, and how many more there are."""
        text = super().message()
        return f"{text} ({len(self.others)} more in error.others)" if self.others else text

    def as_result(self) -> dict[str, Any]:
        """Keyword arguments for ``fail_json``, with ``error.others``."""
        result = super().as_result()
        result["error"]["others"] = [other.message() for other in self.others]
        return result


@dataclass(frozen=True)
class Inputs:
    """Everything an operator asked for, typed, complete and accepted.

    :param migrations: nothing also where a verb that applies none does without them.
    :param migrations_unread: why it does.
    """

    verb: str
    app: str
    version: str
    artifact: str
    artifact_sha256: str
    components: list[dict[str, Any]]
    config: dict[str, str]
    shared_directories: list[str]
    schema_range: dict[str, int] | None
    user: str
    rollout: str
    canary_steps: list[dict[str, Any]]
    approvals: list[str]
    deployment: str
    self_approval: bool
    canary_match: list[dict[str, Any]]
    analysis: list[dict[str, Any]]
    pre_analysis: list[dict[str, Any]]
    batches: list[str]
    batch_pause: int
    bake: int
    watch: dict[str, Any]
    regions: list[str]
    region: str
    asked_region: str
    region_bake: int
    regions_on_failure: str
    loss_budget: dict[str, Any]
    profile: dict[str, Any]
    balancer: str
    balancer_port: int
    preview_port: int
    agent_port: int
    status_port: int
    server_names: list[str]
    sticky: dict[str, str]
    ledger_host: str
    lease_seconds: int
    drain_deadline: int
    keep_revisions: int
    keep_warm: int
    ready_deadline: int
    ready_interval: int
    ready_successes: int
    rollback_to: str
    force: bool
    adopt_ledger: bool
    skip: list[str]
    reason: str
    environment: str
    audit: dict[str, Any]
    root_cause: str
    change_policy: dict[str, Any]
    change: dict[str, Any]
    change_evidence: str
    change_gates: dict[str, Any]
    change_at: str
    change_to_sign: str
    inventory_region: str
    compliance: list[str]
    checklist: dict[str, Any]
    checklist_phase: str
    smoke_checks: list[dict[str, Any]]
    hooks: list[dict[str, Any]]
    migrations: dict[str, Any] | None
    migrations_unread: str
    migrate_action: str
    migrate_phase: str
    migrate_to: str
    migrate_from: str
    migrate_checksums: bool
    migrations_file: str
    contract_after: int
    contract_checks: list[dict[str, Any]]
    dual_writes: list[dict[str, Any]]
    flags_store: dict[str, Any]
    flags_evaluator: dict[str, Any]
    flags: list[dict[str, Any]]
    flags_schema: list[dict[str, Any]]
    flags_environment: str
    flags_hosts: list[str]
    flags_rollout: list[dict[str, Any]]
    flags_user: str
    flags_verify: int
    flags_revive: bool
    flag: str
    notifications: list[dict[str, Any]]
    notification_templates: str
    incident: str
    incident_event: str
    severity: str
    virtual_address: str
    evidence_directory: str
    metrics_directory: str
    report_period: str
    reports_directory: str
    status_file: str
    address: str
    application_hosts: list[str]
    balancer_hosts: list[str]
    warnings: list[str] = field(default_factory=list)


def validate(
    variables: Mapping[str, Any],
    groups: Mapping[str, list[str]],
    *,
    verb: str = "deploy",
    region: str = "",
    base: Path | None = None,
    undefined: Mapping[str, str] = NOTHING,
    check_mode: bool = False,
) -> Inputs:
    """Judge the operator's variables before anything is touched.

    :param variables: templated variables; only names that begin with ``slipway_`` are looked at.
    :param groups: Ansible's ``groups``: host names by group, with ``all``.
    :param verb: ``deploy``, ``rollback``, ``abort``, ``approve``, ``release_lease``, ``migrate``, ``flags`` or
        ``validate``; only a deployment needs a version and an artifact.
    :param region: the one of ``slipway_regions`` whose hosts these inputs are for.
    :param base: directory that a relative artifact path starts at; the working directory by default.
    :param undefined: variables that Ansible could not evaluate, with its reason.
    :param check_mode: nothing is done with them; then an approval is asked of nobody.
    :raises InputProblems: naming each variable and its remedy.
    """
    base = base or Path.cwd()
    without = set() if verb in APPLYING else {WHERE}
    if verb in WITHOUT_A_RELEASE:
        without.update(NOT_BACKWARDS)
        variables = {name: value for name, value in variables.items() if name not in NOT_BACKWARDS}
    reading = Reading(SPEC, variables, {name: why for name, why in undefined.items() if name not in without})
    context = Context(verb, groups, variables, base, check_mode)
    problems = list(reading.problems)
    _bake_for_the_next_region(reading, verb, region)
    for rule in RULES:
        if not reading.unread.intersection(rule.reads):
            problems.extend(rule.judge(reading.values, context))
    problems.extend(reading.unevaluated)
    if problems:
        raise InputProblems(problems)
    return _inputs(reading.values, context, region, unread(reading.values[WHERE], verb, undefined.get(WHERE, "")))


def _bake_for_the_next_region(reading: Reading, verb: str, region: str) -> None:
    """The bake of a region that others follow is that of its rollout, which returns what fails in it by itself."""
    values = reading.values
    if reading.unread.intersection(("slipway_bake", "slipway_region_bake", "slipway_regions")):
        return
    if verb == "deploy" and region and region != values["slipway_regions"][-1]:
        values["slipway_bake"] += values["slipway_region_bake"]


def _inputs(values: dict[str, Any], context: Context, region: str, migrations_unread: str) -> Inputs:
    plain = {name[len("slipway_") :]: value for name, value in values.items()}
    artifact = plain["artifact"]
    if artifact and "://" not in artifact and not artifact.startswith("git+"):
        artifact = str(artifact_path(artifact, context.base))
    return Inputs(
        **{
            **plain,
            "verb": context.verb,
            "region": region,
            "asked_region": plain["region"],
            "artifact": artifact,
            "artifact_sha256": plain["artifact_sha256"].lower(),
            "components": [_component(component) for component in plain["components"]],
            "canary_match": [_match(match) for match in plain["canary_match"]],
            "schema_range": plain["schema_range"] or None,
            "migrations": None if migrations_unread else plain["migrations"] or None,
            "migrations_unread": migrations_unread,
            "canary_steps": [{**PARK_DEFAULTS, **step} for step in plain["canary_steps"]],
            "loss_budget": {**LOSS_BUDGET_DEFAULTS, **plain["loss_budget"]},
            "watch": {**WATCH_DEFAULTS, **plain["watch"]},
            "profile": {**PROFILE_DEFAULTS, **plain["profile"]},
            "user": plain["user"] or f"slipway-{plain['app']}",
            "skip": sorted(set(plain["skip"])),
            "flags_hosts": _flags_hosts(plain["flags_hosts"], context, region),
            "application_hosts": _hosts(context, "application", region),
            "balancer_hosts": _hosts(context, "balancers", region),
            "warnings": _warnings(plain, context),
        }
    )


def _hosts(context: Context, group: str, region: str) -> list[str]:
    hosts = set(context.groups[group])
    return sorted(hosts.intersection(context.groups[region]) if region else hosts)


def _flags_hosts(named: list[str], context: Context, region: str) -> list[str]:
    """The hosts on which flags are kept; of those in regions, the ones of this region."""
    hosts = dict.fromkeys(host for name in named for host in context.groups.get(name, [name]))
    members = {*context.groups["application"], *context.groups["balancers"]}
    return [host for host in hosts if not region or host not in members or host in context.groups[region]]


def _component(component: dict[str, Any]) -> dict[str, Any]:
    health = component["health"]
    if health:
        health = {key: health[key] or health["ready"] for key in ("live", "ready", "started")}
    return {**component, "ports": component["ports"] or {}, "health": health or {}}


def _match(match: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in match.items() if value}


def _warnings(plain: dict[str, Any], context: Context) -> list[str]:
    host = plain["ledger_host"]
    if host not in context.groups["balancers"]:
        return []
    return [f"slipway_ledger_host: {host} is a balancer too; a host of its own survives the loss of a balancer"]
