#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Move traffic on this balancer. Touches /var/lib/slipway/balancer/<app>/, /run/slipway/balancer/<app>/open and the
running balancer."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lb_switch
short_description: Move traffic between slots and servers of a balancer, without a reload
version_added: 0.1.0
description:
  - Sets slot percents, takes single servers out and back, arms and disarms the return of traffic, and waits until
    what was left is drained.
  - What is not named stays as it is. Nothing is changed unless the result differs from what the running balancer does,
    and the running balancer is read back afterwards.
  - The state is recorded durably, so that a reload, a restart or a boot keeps it. A run that was killed is completed by
    the next one.
  - Acts only under the lock of this host, and only when no newer deployment has acted on it.
extends_documentation_fragment: slipway.release.audit
author:
  - The slipway.release developers (@slipway)
attributes:
  check_mode:
    description: Reads the running balancer and asks instances whether they are ready; changes nothing.
    support: full
  diff_mode:
    description: Shows the state before and after.
    support: full
  idempotent:
    description: Changes nothing when the running balancer does already what is asked. Arming a lease always changes.
    support: full
options:
  app:
    description: Name of the application.
    type: str
    required: true
  token:
    description:
      - Fencing token of the deployment. A token below the highest one that this host has seen is refused.
      - V(0) acts with the token that the host knows; a lease cannot be armed then.
    type: int
    default: 0
  ledger:
    description:
      - UUID of the ledger that issued O(token). The host pins the first one it is given, and refuses any other.
      - Empty where no ledger is asked about.
    type: str
    default: ""
  adopt_ledger:
    description: Pin O(ledger) whatever ledger the host has obeyed before.
    type: bool
    default: false
  percents:
    description: Slot percent of V(blue) and V(green), from 0 to 100; they sum to 100.
    type: dict
  servers:
    description:
      - Instances, named C(<slot>-<host>), and what becomes of them.
      - V(drain) and V(quarantine) take an instance out for a while or until somebody looked at it; V(ready) returns it.
    type: dict
    default: {}
  stable:
    description: The slot to fall back to. The preview address serves the other one.
    type: str
    choices: [blue, green]
  lease_seconds:
    description: Arm, or arm again, the return of traffic in that many seconds. V(0) leaves it as it is.
    type: int
    default: 0
  return_to:
    description: Slot percents that the traffic returns to. All of it to the stable slot when omitted.
    type: dict
  override:
    description:
      - Lead requests that the balancer's configuration matches, those of testers and user segments, to the slot that is
        not O(stable), whatever the percents; or no longer.
      - Where that slot has no usable instance they go where everyone goes.
      - It ends with the lease, which is needed to open it, and with O(settle=true). Left as it is when omitted.
    type: bool
  settle:
    description: Disarm the return of traffic. The stable slot must have all of it then, unless O(force=true).
    type: bool
    default: false
  hold:
    description:
      - Disarm the return of traffic although the percents stay divided, because O(watch) is armed in its place.
      - Refused without O(watch), unless the percents are those of O(return_to).
      - Refused where the service that keeps O(watch) does not run, or does not begin to judge within ten seconds. The
        return of traffic is armed then as it was.
    type: bool
    default: false
  watch:
    description:
      - Go on judging what has the traffic now, with O(settle=true) or O(hold=true), and return the traffic when it
        fails. The service C(slipway-watch@APP) of this host does that, which the role C(agent) sets up.
      - It holds as long as percents and token are what they are now, no return of traffic is armed and no later
        deployment has begun. Whatever changes that ends it.
      - It is recorded before anything else is changed, in a file that only root reads.
    type: dict
    suboptions:
      deployment:
        description: Identifier of the deployment.
        type: str
        required: true
      slot:
        description: The slot that is judged.
        type: str
        choices: [blue, green]
        required: true
      return_to:
        description: Slot percents that the traffic returns to, all of it to one slot.
        type: dict
        required: true
      seconds:
        description: How long the watch lasts, at most seven days. A boot does not make it longer.
        type: int
        required: true
      metrics:
        description:
          - What is measured, a list in JSON as O(slipway.release.health_gate#module:metrics) takes it. Text, so that
            none of it is shown.
          - A metric goes on for as long as the watch lasts, and is judged by as many of its latest measurements as it
            has in C(count). A statistical judge ends with its C(count).
        type: str
      checks:
        description:
          - What is asked in rounds, a list in JSON as O(slipway.release.health_gate#module:checks) takes it; one
            attempt a round.
          - While this balancer is closed or does not run, a check that fails says nothing.
        type: str
      interval:
        description: Seconds from one round of O(watch.checks) to the next.
        type: int
        default: 10
      failures:
        description: How many rounds in a row a check must fail to return the traffic.
        type: int
        default: 3
      on_error:
        description: What is done when a metric's source cannot be asked more often in a row than it may.
        type: str
        choices: [keep, return]
        default: keep
      at_end:
        description: Whether the traffic stays where it is when the time is over, or returns.
        type: str
        choices: [keep, return]
        default: keep
      hooks:
        description: What this host runs after it has returned the traffic, a list in JSON of C(name), C(command) or
          C(url), C(headers), C(user) and C(timeout).
        type: str
      facts:
        description: What O(watch.hooks) are told, with the reason in C(reason).
        type: dict
        default: {}
  drain:
    description: Slots and instances to wait for, until no request and no long-lived connection is left in them.
    type: list
    elements: str
    default: []
  drain_deadline:
    description: Seconds to wait for O(drain).
    type: int
    default: 30
  drain_policy:
    description: Whether connections left at O(drain_deadline) fail the task, or are cut by whoever stops the slot.
    type: str
    choices: [fail, cut]
    default: fail
  loss_budget:
    description:
      - Measure what the change of O(percents) loses, with requests through this balancer's own public port that are
        never repeated. Requests count that the change has met, those under way when it began among them. When more of
        them are lost than allowed, everything is put back as it was at once and the task fails.
      - What was lost before the change began was not lost by it, and neither is a bad answer that names, in the header
        C(X-Slipway-Slot), a slot that gained nothing. Where requests were lost before the change already, or none was
        answered, what is lost afterwards proves nothing.
      - A meter that could not keep its schedule proves nothing either. RV(loss) says so, the task warns, and the
        traffic stays moved. It stays as well with O(force=true).
      - Every request is a user of its own where users are told apart by a cookie or a header. Where they are told apart
        by their address the meter is a single user, who may be served by either slot. It then sees what the move does
        to connections, but possibly no answer of the slot that gains traffic, unless that gets all of it.
      - Nothing is measured unless the percents change.
    type: dict
    suboptions:
      path:
        description: What is asked for. Any answer but 2xx counts as lost.
        type: str
        required: true
      rate:
        description: Requests a second, half of them on kept connections, from 1 to 1000.
        type: int
        default: 50
      before:
        description: Seconds to measure before the change, from 0 to 60.
        type: int
        default: 1
      after:
        description: Seconds to measure after the change, from 0 to 60.
        type: int
        default: 2
      max_lost:
        description: Number of requests that the change may lose.
        type: int
        default: 0
  force:
    description:
      - Send traffic to instances without asking whether they are ready, take the last ready one out, and settle at any
        percents.
      - A change that exceeds its O(loss_budget) stays.
    type: bool
    default: false
  initial:
    description: Begin with no recorded state, with all traffic to O(stable), by default V(blue).
    type: bool
    default: false
  open:
    description: Serve, or answer 503 and let the virtual address go. Left as it is when omitted.
    type: bool
seealso:
  - module: slipway.release.lb_info
notes:
  - An instance counts as ready when it answers its readiness path with 2xx to this balancer, now.
  - Every instance of a slot that gains traffic must be ready. For the stable slot one is enough, the others are taken
    out, so that the traffic can always return to it.
  - The last ready instance of a slot with traffic is not taken out.
"""

EXAMPLES = r"""
- name: Send everything to green, to return to blue unless settled within five minutes
  slipway.release.lb_switch:
    app: shop
    token: 12
    percents: {blue: 0, green: 100}
    lease_seconds: 300
    drain: [blue]

- name: Give a canary its share, and take it back should a single request be lost by that
  slipway.release.lb_switch:
    app: shop
    token: 12
    percents: {blue: 90, green: 10}
    lease_seconds: 300
    return_to: {blue: 100, green: 0}
    loss_budget: {path: /health/ready, rate: 100}

- name: Keep it so
  slipway.release.lb_switch:
    app: shop
    token: 12
    stable: green
    settle: true

- name: Keep it so, and watch it for a day
  slipway.release.lb_switch:
    app: shop
    token: 12
    stable: green
    settle: true
    watch:
      deployment: 20261121T073000Z-4be1c2
      slot: green
      return_to: {blue: 100, green: 0}
      seconds: 86400
      checks: '[{"name": "public", "type": "http", "url": "http://127.0.0.1/health/ready"}]'
- name: Let testers and user segments alone reach it
  slipway.release.lb_switch:
    app: shop
    token: 12
    percents: {blue: 100, green: 0}
    override: true
    lease_seconds: 300

- name: Take one server out and wait for its requests
  slipway.release.lb_switch:
    app: shop
    servers: {green-app1: drain}
    drain: [green-app1]
    drain_policy: cut
"""

RETURN = r"""
before:
  description: The state that was recorded before; nothing on a new balancer.
  returned: success
  type: dict
after:
  description: The state that was asked for.
  returned: success
  type: dict
  sample:
    schema: 1
    app: shop
    generation: 7
    token: 12
    stable: blue
    percents: {blue: 0, green: 100}
    servers: {}
    down: []
    lease: {token: 12, deadline_ms: 123456789, boot_id: 5d0cb1c7-21, return_to: {blue: 100, green: 0}}
    override: false
live:
  description: What the running balancer does, read from it.
  returned: success
  type: dict
  sample:
    generation: 7
    stable: blue
    percents: {blue: 0, green: 100}
    usable: {blue: [blue-app1], green: [green-app1]}
    open: true
    override: false
verified:
  description: Whether the running balancer was read back and does what RV(after) says.
  returned: success
  type: bool
  sample: true
generation:
  description: Generation of RV(after).
  returned: success
  type: int
  sample: 7
time:
  description: Wall time of this host, in UTC, when the balancer did that; empty when nothing was changed.
  returned: success
  type: str
  sample: "2026-11-21T10:01:00.000+00:00"
steps:
  description: What was done and how long it took.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the step.
      type: str
      sample: apply
    elapsed_us:
      description: Microseconds.
      type: int
      sample: 9120
drained:
  description: For each name in O(drain), whether it drained, connections left, and microseconds.
  returned: success
  type: dict
  sample: {blue: {drained: true, connections: 0, elapsed_us: 180250}}
unwatched:
  description:
    - Why nobody keeps the O(watch) that was armed with O(settle=true); empty where the service runs, or none was armed.
    - The watch stays recorded, and is kept once that service runs.
  returned: success
  type: str
  sample: slipway-watch@shop.service is masked
loss:
  description:
    - What the O(loss_budget) was spent on, with the RV(slipway.release.traffic_meter#module:verdict),
      RV(slipway.release.traffic_meter#module:reason) and RV(slipway.release.traffic_meter#module:summary) of a traffic
      meter.
    - C(summary.around) has the counts of requests that had ended C(before) the change began, and of the others,
      C(since).
    - Empty when nothing was measured.
  returned: always
  type: dict
  sample: {verdict: pass, reason: 0 of 153 requests lost, summary: {}}
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

import json
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.left import leave
from ansible_collections.slipway.release.plugins.module_utils._audit.operation import (
    AUDIT,
    UNCHANGED,
    Operation,
    auditor_of,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import DIRECTORY, SLOTS, BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.drain import (
    Drain,
    refuse_undrained,
    wait_drained,
)
from ansible_collections.slipway.release.plugins.module_utils._balancer.factory import balancer
from ansible_collections.slipway.release.plugins.module_utils._balancer.hold import held
from ansible_collections.slipway.release.plugins.module_utils._balancer.loss_budget import LossBudget, moved_within
from ansible_collections.slipway.release.plugins.module_utils._balancer.state import State
from ansible_collections.slipway.release.plugins.module_utils._balancer.switch import Change, Outcome, switch
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch import GIVE_BACK, KEEP, WatchRequest
from ansible_collections.slipway.release.plugins.module_utils._balancer.watch_service import REMEDY, out_of_service
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence
from ansible_collections.slipway.release.plugins.module_utils._meter.verdict import PASS
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

ARGUMENTS: dict[str, dict[str, Any]] = {
    "app": {"type": "str", "required": True},
    "token": {"type": "int", "default": 0, "no_log": False},
    "ledger": {"type": "str", "default": ""},
    "adopt_ledger": {"type": "bool", "default": False},
    "percents": {"type": "dict"},
    "servers": {"type": "dict", "default": {}},
    "stable": {"type": "str", "choices": ["blue", "green"]},
    "lease_seconds": {"type": "int", "default": 0},
    "return_to": {"type": "dict"},
    "override": {"type": "bool"},
    "settle": {"type": "bool", "default": False},
    "hold": {"type": "bool", "default": False},
    "watch": {
        "type": "dict",
        "options": {
            "deployment": {"type": "str", "required": True},
            "slot": {"type": "str", "choices": list(SLOTS), "required": True},
            "return_to": {"type": "dict", "required": True},
            "seconds": {"type": "int", "required": True},
            "metrics": {"type": "str", "no_log": True},
            "checks": {"type": "str", "no_log": True},
            "interval": {"type": "int", "default": WatchRequest.interval},
            "failures": {"type": "int", "default": WatchRequest.failures},
            "on_error": {"type": "str", "choices": [KEEP, GIVE_BACK], "default": KEEP},
            "at_end": {"type": "str", "choices": [KEEP, GIVE_BACK], "default": KEEP},
            "hooks": {"type": "str", "no_log": True},
            "facts": {"type": "dict", "default": {}},
        },
    },
    "drain": {"type": "list", "elements": "str", "default": []},
    "drain_deadline": {"type": "int", "default": 30},
    "drain_policy": {"type": "str", "choices": ["fail", "cut"], "default": "fail"},
    "loss_budget": {
        "type": "dict",
        "options": {
            "path": {"type": "str", "required": True},
            "rate": {"type": "int", "default": LossBudget.rate},
            "before": {"type": "int", "default": LossBudget.before},
            "after": {"type": "int", "default": LossBudget.after},
            "max_lost": {"type": "int", "default": LossBudget.max_lost},
        },
    },
    "force": {"type": "bool", "default": False},
    "initial": {"type": "bool", "default": False},
    "open": {"type": "bool"},
    "audit": AUDIT,
}
CHANGE = (
    *("percents", "servers", "stable", "lease_seconds", "return_to", "override", "settle", "hold"),
    *("force", "initial", "open"),
)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    result: dict[str, Any] = {}
    try:
        audit = auditor_of(module, acts=acts(module.params))
        leave_for_agent(module)
        with audit.operation("traffic", "switch", target=module.params["app"], details=asked(module.params)) as act:
            try:
                run(module.params, module.check_mode, result)
            finally:
                tell(act, result)
                result.update(audit.as_result())
        result.update(audit.as_result())
    except SlipwayError as exc:
        module.fail_json(**{**result, **exc.as_result()})
    loss = result.get("loss")
    if loss and loss["verdict"] != PASS:
        module.warn(f"the traffic stays moved, the verdict on what that lost is {loss['verdict']}: {loss['reason']}")
    if result.get("unwatched"):
        module.warn(f"nobody keeps the watch on this balancer: {result['unwatched']}; {REMEDY}")
    module.exit_json(**result)


def run(params: dict[str, Any], check_mode: bool, result: dict[str, Any]) -> None:
    """Switch, then wait; ``result`` holds what was done even when waiting fails."""
    if check_mode and params["initial"] and not (DIRECTORY / f"{params['app']}.json").exists():
        result.update(foreseen(params))
        return
    host = balancer(BalancerConfig.load(params["app"]))
    drain = Drain(tuple(params["drain"]), params["drain_deadline"], params["drain_policy"])
    options = {option: params[option] for option in CHANGE}
    for option in ("percents", "return_to"):
        options[option] = integers(option, params[option])
    change = Change(**options, watch=watch_request(params["watch"]), drain=drain.names)

    def move(wanted: Change, *, check: bool = check_mode) -> Outcome:
        fence = Fence(host.directory, params["token"], ledger=params["ledger"], adopt=params["adopt_ledger"])
        return switch(host, fence, wanted, check=check)

    budget = LossBudget(**params["loss_budget"]) if params["loss_budget"] else None
    if budget and not check_mode and moves_traffic(move(change, check=True)):
        outcome, loss = moved_within(budget, host.config, move, change)
    elif change.hold and change.watch:
        outcome, loss = held(host, change, move, check=check_mode), {}
    else:
        outcome, loss = move(change), {}
    unwatched = out_of_service(host.config.app, host.run_directory) if change.watch else ""
    result.update(outcome.to_dict(), drained={}, loss=loss, unwatched=unwatched, diff=difference(outcome))
    if not check_mode:
        result["drained"] = wait_drained(host, drain)
        refuse_undrained(drain, result["drained"], where=f"application {params['app']}")


def leave_for_agent(module: AnsibleModule) -> None:
    """What arms a return of the traffic leaves what the agent needs to write it to the audit log, or says why not."""
    params = module.params
    arms = params["lease_seconds"] > 0 or params["watch"] is not None
    if module.check_mode or not arms:
        return
    try:
        leave(balancer(BalancerConfig.load(params["app"])).directory, params["audit"])
    except (SlipwayError, OSError) as exc:
        module.warn(f"an agent that returns the traffic by itself cannot write it to the audit log: {exc}")


def acts(params: dict[str, Any]) -> bool:
    """Whether it is asked for more than a sign of life, which moves nothing and comes every few seconds."""
    return bool(params["servers"] or params["drain"]) or any(
        params[option] not in (None, False)
        for option in CHANGE
        if option not in ("servers", "lease_seconds", "return_to")
    )


def asked(params: dict[str, Any]) -> dict[str, Any]:
    """What the audit log says of what is asked for."""
    options = ("percents", "servers", "stable", "override", "settle", "hold", "force", "initial", "open", "drain")
    return {option: params[option] for option in options if params[option] not in (None, False, {}, [])}


def tell(act: Operation, result: dict[str, Any]) -> None:
    """What the audit log says of what was done."""
    if "after" not in result:
        return
    before, after = result["before"] or {}, result["after"]
    act.result = "changed" if result["changed"] else UNCHANGED
    act.details = {"from": before.get("percents"), "to": after["percents"], "generation": result["generation"]}


def watch_request(given: dict[str, Any] | None) -> WatchRequest | None:
    """What is to be watched, once it is known that this host can judge all of it.

    What judges is imported only here: most calls of this module have no watch.
    """
    if given is None:
        return None
    from ansible_collections.slipway.release.plugins.module_utils._watch.parse import parse, refuse_missing_driver

    lists = {name: listed(f"watch.{name}", given[name]) for name in ("metrics", "checks", "hooks")}
    request = WatchRequest(**{**given, **lists, "return_to": integers("watch.return_to", given["return_to"]) or {}})
    parse(request)
    refuse_missing_driver(request)
    return request


def listed(option: str, text: str | None) -> list[dict[str, Any]]:
    """A list of dictionaries that is given as JSON."""
    try:
        found = json.loads(text or "[]")
    except ValueError:
        found = None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise InputError("it is no list of dictionaries in JSON", where=option, remedy="give it through to_json")
    return found


def moves_traffic(outcome: Outcome) -> bool:
    """Whether users are served by other slots afterwards."""
    return outcome.before is not None and outcome.before.percents != outcome.after.percents


def foreseen(params: dict[str, Any]) -> dict[str, Any]:
    """What a balancer begins with that check mode has not set up."""
    after = State.initial(params["app"], params["stable"] or SLOTS[0])
    outcome = Outcome(True, None, after, None, False, [])
    return {**outcome.to_dict(), "drained": {}, "unwatched": "", "diff": difference(outcome)}


def integers(option: str, values: dict[str, Any] | None) -> dict[str, int] | None:
    """The percents of an option; templates and the command line give them as text."""
    if values is None:
        return None
    try:
        return {slot: int(str(value)) for slot, value in values.items()}
    except ValueError as exc:
        raise InputError(
            f"{option} must be integers, found {values!r}", where=option, remedy=f"correct {option}"
        ) from exc


def difference(outcome: Outcome) -> dict[str, Any]:
    """The states before and after."""
    before = outcome.before.to_dict() if outcome.before else {}
    return {"before": before, "after": outcome.after.to_dict() if outcome.changed else before}


if __name__ == "__main__":
    main()
