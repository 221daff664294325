#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keep the ledger of an application on the ledger host.

Touches /var/lib/slipway/ledger/<app>[@<region>], and <metrics_directory>/slipway_<app>[@<region>][_ledger].prom.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger
short_description: Take, renew and end the lease of a deployment, and record its stages
version_added: 0.1.0
description:
  - Keeps, on the ledger host, who may act for an application, with which fencing token and until when, together with
    the plan, the stages and the outcome of each deployment.
  - There is one deployment at a time of an application, or of each of its regions. A token is higher than every
    earlier one, also after a crash.
  - Whether a lease has run out is judged by the boot clock of the ledger host alone.
  - Refuses a directory on a network file system.
  - Each deployment that ends leaves a document with all its evidence, RV(document), beside its events. Those of the
    last fifty deployments are kept.
  - The action of the same name sends along, with V(commit), V(park), V(finish) and V(release), what
    M(slipway.release.stage_verdict) has judged since the last record, and keeps a copy of the document on the
    controller.
extends_documentation_fragment: slipway.release.audit
options:
  app:
    description: Name of the application.
    type: str
    required: true
  region:
    description: Region of the application that has a ledger of its own; empty for an application without regions.
    type: str
    default: ""
  command:
    description:
      - V(begin) takes the lease for O(plan). A deployment that was left unfinished with this very plan is resumed.
      - V(hold) takes the lease for O(purpose), which is no deployment, so that none begins meanwhile. Refused while a
        deployment is parked or unfinished. V(release) ends it, and nothing is resumed.
      - V(renew) gives the lease its full length again.
      - V(commit) records that O(stage) is done, and renews the lease.
      - V(park) records that O(stage) is done and that the deployment waits there, for the time and the approval that
        its plan asks for, and ends the lease. V(begin) with the same plan goes on then, and is refused before.
      - V(approve) records that O(operator) approves what is parked at O(stage); no lease is needed.
      - V(finish) records O(result) and ends the lease.
      - V(release) ends the lease without an outcome; the same plan resumes the deployment.
      - V(judge) writes into the audit log what was decided of O(purpose) before anything of it was begun, as O(change)
        says it. Nothing in the ledger changes, and no lease is needed.
      - V(root_cause) records in O(reason) why a deployment that has ended was undone, returned or rolled back, and who
        says so; no lease is needed.
      - V(checklist) records in O(evidence) what M(slipway.release.checklist) has found after a deployment that has
        ended; no lease is needed, and what is recorded later counts instead.
    type: str
    required: true
    choices: [begin, hold, renew, commit, park, approve, finish, release, root_cause, checklist, judge]
  plan:
    description: Plan made by M(slipway.release.deployment_plan). Required by V(begin).
    type: dict
  holder:
    description: Who deploys, for people. Required by V(begin) and V(hold), for which the action of the same name fills
      it in.
    type: str
  purpose:
    description: What V(hold) takes the lease for, or what V(judge) was asked for, in a word. Required by them.
    type: str
  lease_seconds:
    description: Length of the lease from each sign of life, in seconds.
    type: int
    default: 300
  abandon:
    description: Unfinished deployment that the planner found to have left nothing behind; V(begin) closes it.
    type: str
    default: ""
  abandon_as:
    description: How O(abandon) is closed; V(active) when the planner found all traffic settled on its revision,
      V(returned) when the watch has returned it since.
    type: str
    choices: [abandoned, active, returned]
    default: abandoned
  returned:
    description: The last deployment, which was active until the watch has returned its traffic; V(begin) records that.
    type: str
    default: ""
  token_above:
    description: Highest token that any host, or the database, has seen; the new one is higher.
    type: int
    default: 0
  token_seen:
    description: Token of this ledger when the plan was made. V(begin) refuses a plan that is older than the last
      deployment; not judged when omitted.
    type: int
  resume:
    description: Unfinished deployment that the planner found to have this very plan; V(begin) refuses when it has ended
      meanwhile.
    type: str
    default: ""
  take_over:
    description: Why V(begin) ends a live lease of O(resume), and takes it up. Its former holder can change nothing from
      then on. It is parked no longer then.
    type: str
    default: ""
  way_back:
    description: Why V(begin) takes up O(resume) only to go back, which is recorded as its stage C(undo). It is parked
      no longer then.
    type: str
    default: ""
  deployment:
    description: Deployment to act for. Required by V(renew), V(commit), V(park), V(approve) and V(finish).
    type: str
  token:
    description: Token of O(deployment). Required by V(renew), V(commit), V(park) and V(finish); V(0) in V(release) is
      an operator who ends whatever lease there is.
    type: int
    default: 0
  stage:
    description: Stage that is done, or at which the deployment is parked. Required by V(commit), V(park) and
      V(approve).
    type: str
  digest:
    description: Digest of the plan that is approved; another one is refused. Required by V(approve).
    type: str
  operator:
    description: Who approves, as C(user@host). Required by V(approve), and refused for the user who has begun the
      deployment or has run it to where it is parked. For V(root_cause) and V(checklist) the action fills it in.
    type: str
  self_approval:
    description: Whether V(approve) takes those users too.
    type: bool
    default: false
  evidence:
    description: What the decision rested on; strings and whole numbers.
    type: dict
    default: {}
  inputs:
    description: What the operator asked for, without secrets; strings and whole numbers. V(begin) records it.
    type: dict
    default: {}
  change:
    description: What the change gate has said, for the audit log; nothing where there is no policy. Required by
      V(judge).
    type: dict
    default: {}
  evidence_directory:
    description:
      - Directory on the controller in which V(finish) and V(checklist) keep the document, as
        C(<app>/<deployment>.json).
      - C(~/.slipway/evidence) when empty. A document that cannot be written there is a warning.
    type: str
    default: ""
  metrics_directory:
    description:
      - Directory on the ledger host in which every command writes what the ledger knows, and V(finish) the metrics of
        the deployment, as text files for Prometheus; none when empty. The action of the same name takes it from
        C(slipway_metrics_directory).
      - V(begin) refuses one that is not there.
    type: str
    default: ""
  result:
    description: How the deployment ended. Required by V(finish). V(active) needs a lease that has not run out.
    type: str
    choices: [active, failed, aborted]
  reason:
    description: Why; recorded. Required by V(release) and V(approve).
    type: str
    default: ""
attributes:
  check_mode:
    description: Can run in check mode and judge the command without writing.
    support: full
  diff_mode:
    description: Returns the lease and the outcome before and after.
    support: full
  idempotent:
    description: Running it again gives the same result.
    support: partial
    details: V(approve), V(finish) and V(release) are; the other commands record each call.
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.ledger_info
  - module: slipway.release.deployment_plan
"""

EXAMPLES = r"""
- name: Record that the switch is done, and stay in charge
  slipway.release.ledger:
    app: shop
    command: commit
    deployment: "{{ planned.deployment }}"
    token: "{{ planned.token }}"
    stage: switch
    evidence:
      generation: 7
  become: true
  delegate_to: "{{ slipway_ledger_host }}"
  run_once: true

- name: Record the outcome and end the lease
  slipway.release.ledger:
    app: shop
    command: finish
    deployment: "{{ planned.deployment }}"
    token: "{{ planned.token }}"
    result: active
  become: true
  delegate_to: "{{ slipway_ledger_host }}"
  run_once: true

- name: End the run and leave the deployment parked
  slipway.release.ledger:
    app: shop
    command: park
    deployment: "{{ planned.deployment }}"
    token: "{{ planned.token }}"
    stage: canary at 10 %
  become: true
  delegate_to: "{{ slipway_ledger_host }}"
  run_once: true

- name: End the lease of a controller that is known to be gone
  slipway.release.ledger:
    app: shop
    command: release
    reason: the controller was switched off
  become: true
  delegate_to: "{{ slipway_ledger_host }}"
  run_once: true
"""

RETURN = r"""
deployment:
  description: The deployment that was acted for; empty when there was no lease to release.
  type: str
  returned: success
  sample: 20261121T073000Z-4be1c2
token:
  description: Its fencing token.
  type: int
  returned: success
  sample: 12
uuid:
  description: Identity of this ledger; empty where the command did not need it.
  type: str
  returned: success
  sample: 0c2c9d5e-53b0-4b6b-bb1e-8a1f0a2d7f55
resumed:
  description: Whether V(begin) took up an unfinished deployment.
  type: bool
  returned: success
  sample: false
committed:
  description: Stages that the deployment has behind it.
  type: list
  elements: str
  returned: success
  sample: [place, gate]
parked:
  description: Where the deployment is parked, what it waits for, and whether it is approved; empty when it is not
    parked.
  type: dict
  returned: success
  sample:
    stage: canary at 10 %
    holder: ann@pc
    since: "2026-11-21T07:30:00Z"
    until: "2026-11-21T08:30:00Z"
    seconds: 3600
    remaining_seconds: 3600
    approval: true
    approved: false
    waits_for: until 2026-11-21T08:30:00Z (3600 s from now) and until it is approved (approve.yml)
purpose:
  description: What the lease is held for with V(hold), or was when V(release) ended it; empty for that of a deployment.
  type: str
  returned: success
  sample: contract
profile_before:
  description: Performance profile of the active revision, as V(begin) finds it; nothing when it has none.
  type: dict
  returned: success
  sample: {version: 1.4.1, answered_milli: 49980, latency_us: {p50: 1210, p95: 2480, p99: 4100}}
flags_before:
  description: Feature flags as they were before the deployment set them, each with its host, as V(begin) finds them
    recorded.
  type: list
  elements: dict
  returned: success
  sample:
    - {host: app1, name: new_checkout, strategy: "off", percentage: 0, segments: [], tenants: {}, sticky: targetingKey}
flags_left:
  description: The same of the deployment whose revision is active as V(begin) finds it.
  type: list
  elements: dict
  returned: success
  sample: []
document:
  description:
    - Evidence of a deployment that V(finish) has ended. The action leaves it out of its result.
    - Durations are whole milliseconds, other fractions decimal text.
  type: dict
  returned: success
  contains:
    schema:
      description: Version of this form.
      type: int
      sample: 1
    result:
      description: How the deployment ended.
      type: str
      sample: active
    verdict:
      description: V(pass) when the revision is active, V(fail) otherwise; V(insufficient) when nobody saw its end.
      type: str
      sample: pass
    elapsed_ms:
      description: Milliseconds from its beginning to its end.
      type: int
      sample: 42120
    inputs:
      description: What was asked for; of what may be secret, the names.
      type: dict
      sample: {version: 1.4.2}
    plan:
      description: The plan that was carried out, without the values of environments.
      type: dict
      sample: {schema: 1}
    timeline:
      description: Every record of the ledger, with its time.
      type: list
      elements: dict
      sample: [{time: "2026-11-21T07:30:00Z", token: 12, action: begin}]
    runs:
      description: Each controller that acted, and whether the ledger knows its end.
      type: list
      elements: dict
      sample: [{token: 12, holder: ci@runner, took_up: begin, ended: true}]
    verdicts:
      description:
        - Every judgement of a stage, in order, with its C(verdict), how many milliseconds it C(took_ms), how many
          C(times) in a row it was the same, and what each of the C(hosts) returned, with samples.
      type: list
      elements: dict
      sample: [{seq: 1, stage: place, verdict: pass, took_ms: 8200, times: 1, hosts: {}}]
    percents:
      description: The percents of each balancer as they changed.
      type: list
      elements: dict
      sample: [{time: "2026-11-21T07:30:21.412+00:00", balancer: lb1, stage: switch, percents: {blue: 0, green: 100}}]
    moves:
      description: What each move has lost, as the traffic meter saw it at each balancer.
      type: list
      elements: dict
      sample: [{stage: switch, balancer: lb1, verdict: pass, sent: 103, ok: 103, lost: 0}]
    compensation:
      description: How each stage is undone, what of it was C(done), and what is left to do C(by_hand).
      type: dict
      sample: {needed: false, declared: [], known: false, done: [], by_hand: []}
    profile:
      description: Performance profile of the revision, with ratios to the one before; nothing when none was wanted.
      type: dict
      sample: {answered_milli: 49980, latency_us: {p50: 1210, p95: 2480, p99: 4100}, ratios: {p95: "1.02"}}
    missing:
      description: What controllers that are gone have not sent.
      type: list
      elements: dict
      sample: []
    left_off:
      description: How many judgements were shortened or left off because there were too many.
      type: int
      sample: 0
document_file:
  description: Where the action keeps the document on the controller; empty when it could not.
  type: str
  returned: when V(finish) has ended a deployment
  sample: /home/ci/.slipway/evidence/shop/20261121T073000Z-4be1c2.json
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._audit.operation import (
    AUDIT,
    LAST_OF_A_RUN,
    UNCHANGED,
    Auditor,
    auditor_of,
    discontinued,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._evidence import prometheus
from ansible_collections.slipway.release.plugins.module_utils._evidence.plain import plain
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import CHECKLIST, Answer, Ledger

COMMANDS = [
    "begin",
    "hold",
    "renew",
    "commit",
    "park",
    "approve",
    "finish",
    "release",
    "root_cause",
    CHECKLIST,
    "judge",
]
ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "region": {"type": "str", "default": ""},
    "command": {"type": "str", "required": True, "choices": COMMANDS},
    "plan": {"type": "dict"},
    "holder": {"type": "str"},
    "purpose": {"type": "str"},
    "lease_seconds": {"type": "int", "default": 300},
    "abandon": {"type": "str", "default": ""},
    "abandon_as": {"type": "str", "choices": ["abandoned", "active", "returned"], "default": "abandoned"},
    "returned": {"type": "str", "default": ""},
    "token_above": {"type": "int", "default": 0, "no_log": False},
    "token_seen": {"type": "int", "no_log": False},
    "resume": {"type": "str", "default": ""},
    "take_over": {"type": "str", "default": ""},
    "way_back": {"type": "str", "default": ""},
    "deployment": {"type": "str"},
    "token": {"type": "int", "default": 0, "no_log": False},
    "stage": {"type": "str"},
    "digest": {"type": "str"},
    "operator": {"type": "str"},
    "self_approval": {"type": "bool", "default": False},
    "evidence": {"type": "dict", "default": {}},
    "inputs": {"type": "dict", "default": {}},
    "change": {"type": "dict", "default": {}},
    "evidence_directory": {"type": "str", "default": ""},
    "metrics_directory": {"type": "str", "default": ""},
    "result": {"type": "str", "choices": ["active", "failed", "aborted"]},
    "reason": {"type": "str", "default": ""},
    "audit": AUDIT,
}
SIGN_OF_LIFE = "renew"
JUDGE = "judge"
BLOCK = "block"
# What is refused, as it would be called had it been done.
REFUSED = {
    "deploy": ("deployment", "begin"),
    "failover": ("deployment", "begin"),
    "migrate": ("database", "migrate"),
    "flags": ("flag", "set"),
}
KINDS = {"approve": "approval", "hold": "lease", "release": "lease"}

REQUIRED_IF = [
    ("command", "begin", ["plan", "holder"]),
    ("command", "hold", ["holder", "purpose"]),
    ("command", "renew", ["deployment", "token"]),
    ("command", "commit", ["deployment", "token", "stage"]),
    ("command", "park", ["deployment", "token", "stage"]),
    ("command", "approve", ["deployment", "stage", "digest", "operator", "reason"]),
    ("command", "finish", ["deployment", "token", "result"]),
    ("command", "release", ["reason"]),
    ("command", "root_cause", ["deployment", "reason"]),
    ("command", CHECKLIST, ["deployment"]),
    ("command", "judge", ["purpose", "change"]),
]


def run(ledger: Ledger, options: dict[str, Any]) -> Answer:
    """Carry out the command."""
    command, deployment, token = options["command"], options["deployment"], options["token"]
    if command == "begin":
        prometheus.require_directory(options["metrics_directory"])
        return ledger.begin(
            options["plan"],
            options["holder"],
            options["lease_seconds"],
            abandon=options["abandon"],
            abandon_as=options["abandon_as"],
            returned=options["returned"],
            token_above=options["token_above"],
            token_seen=options["token_seen"],
            resume=options["resume"],
            take_over=options["take_over"],
            way_back=options["way_back"],
            inputs=options["inputs"],
        )
    if command == "hold":
        return ledger.hold(
            options["purpose"],
            options["holder"],
            options["lease_seconds"],
            options["reason"],
            token_above=options["token_above"],
        )
    if command == "renew":
        return ledger.renew(deployment, token)
    if command == "commit":
        return ledger.commit(deployment, token, options["stage"], options["evidence"])
    if command == "park":
        return ledger.park(deployment, token, options["stage"], options["evidence"])
    if command == "approve":
        return ledger.approve(
            deployment,
            options["stage"],
            options["digest"],
            options["operator"],
            options["reason"],
            self_approval=options["self_approval"],
        )
    if command == "root_cause":
        return ledger.root_cause(deployment, options["reason"], options["operator"] or "")
    if command == CHECKLIST:
        return ledger.checklist(deployment, plain(options["evidence"]), options["operator"] or "")
    if command == "finish":
        return ledger.finish(deployment, token, options["result"], options["reason"], options["evidence"])
    return ledger.release(options["reason"], token, options["evidence"])


def asked(options: dict[str, Any]) -> dict[str, Any]:
    """What the audit log says of what is asked for."""
    given = (
        "stage",
        "result",
        "reason",
        "purpose",
        "resume",
        "take_over",
        "way_back",
        "abandon",
        "abandon_as",
        "returned",
        "digest",
        "change",
    )
    found = {name: options[name] for name in given if options[name] and (name != "abandon_as" or options["abandon"])}
    heads = (options["audit"] or {}).get("heads")
    return {**planned(options["plan"] or {}), **found, **({"heads": heads} if heads else {})}


def planned(plan: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit log says of a plan: the rest of it is in the ledger."""
    allowed = plan.get("options", {})
    said = {
        "verb": plan.get("verb"),
        "built": plan.get("revision", {}).get("artifact", {}).get("built"),
        **{name: allowed.get(name) for name in ("skip", "force", "reason")},
    }
    return {name: value for name, value in said.items() if value}


def audited(ledger: Ledger, options: dict[str, Any], audit: Auditor) -> Answer:
    """Carry out the command between its intent and its outcome."""
    command, target = options["command"], target_of(options)
    with audit.operation(KINDS.get(command, "deployment"), command, target=target, details=asked(options)) as act:
        answer = run(ledger, options)
        act.fields = {"deployment": answer.deployment, "token": answer.token}
        act.result = told(options, answer)
    return answer


def target_of(options: Mapping[str, Any]) -> str:
    """What the audit log calls it."""
    return "@".join(part for part in (options["app"], options["region"]) if part)


def judged(options: dict[str, Any], audit: Auditor) -> Answer:
    """Tell the audit log what was decided of a change that has not begun.

    :raises InputError: nobody knows what it would have been called.
    """
    if options["purpose"] not in REFUSED:
        raise InputError(
            f"nothing is called {options['purpose']}", where="purpose", remedy=f"use one of {', '.join(REFUSED)}"
        )
    refused = options["change"].get("verdict") == BLOCK
    kind, name = REFUSED[options["purpose"]] if refused else ("change", JUDGE)
    outcome = "refused" if refused else "success"
    audit.judged(kind, name, outcome, target=target_of(options), details=asked(options))
    return Answer(changed=False)


def told(options: dict[str, Any], answer: Answer) -> str:
    """How the command went, in a word."""
    if options["command"] == "begin":
        return "resumed" if answer.resumed else "begun"
    if options["command"] == "finish":
        return str(options["result"])
    return "changed" if answer.changed else UNCHANGED


def where_it_ends(audit: Auditor, options: dict[str, Any]) -> dict[str, Any]:
    """Where the audit log ends, and whether it continues what was signed before, where that is about to be signed."""
    result = audit.as_result()
    if not result or options["command"] not in LAST_OF_A_RUN:
        return result
    try:
        why = discontinued(options["audit"])
    except (SlipwayError, OSError, ValueError) as exc:
        why = f"it could not be verified: {exc}"
    return {"audit": {**result["audit"], **({"discontinued": why} if why else {})}}


def export(ledger: Ledger, options: dict[str, Any], answer: Answer) -> list[str]:
    """Write the metrics of the ledger, and of a deployment that has ended; what keeps that from being done."""
    directory = options["metrics_directory"]
    if not directory:
        return []
    try:
        prometheus.write_ledger(directory, options["app"], options["region"], ledger.figures())
        if answer.document and options["command"] != CHECKLIST:
            prometheus.write(directory, answer.document)
    except OSError as exc:
        return [f"the metrics are not written to {directory}: {exc.strerror or exc}"]
    return []


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, required_if=REQUIRED_IF, supports_check_mode=True)
    ledger = Ledger(module.params["app"], module.params["region"], check_mode=module.check_mode)
    try:
        audit = auditor_of(module, acts=module.params["command"] != SIGN_OF_LIFE)
        if module.params["command"] == JUDGE:
            answer = judged(module.params, audit)
            module.exit_json(**asdict(answer), **where_it_ends(audit, module.params))
        before = ledger.summary()
        answer = audited(ledger, module.params, audit)
        diff = {"before": before, "after": ledger.summary()}
        ends = where_it_ends(audit, module.params)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    result = asdict(answer)
    warnings = result.pop("warnings")
    if not module.check_mode:
        warnings += export(ledger, module.params, answer)
    for warning in warnings:
        module.warn(warning)
    module.exit_json(**result, **ends, diff=diff)


if __name__ == "__main__":
    main()
