#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Place a revision in a slot of an application host and start it.

Touches /opt/slipway/<app>, /var/lib/slipway/application/<app> and the units slipway-<app>-* of the application.
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_place
short_description: Place a revision in a slot of an application host
version_added: 0.1.0
description:
  - With O(state=present), fetches and verifies the artifact, unpacks it, writes the configuration, swaps the slot link,
    installs and starts the systemd units and removes old revisions, all in one call.
  - A revision is visible as a whole or not at all. While a slot changes, none of its units runs, nor would be started
    by a boot. A run that was killed at any point is completed by the next one.
  - A revision that is placed and runs stays untouched; a unit of it that has died is started again.
  - Workers, singletons and scheduled components are placed by O(state=present) but not started. They are handed over
    with O(state=handover), or with O(state=stopped) on all hosts and then O(state=started) on all hosts.
  - Every change is made under a lock of this host, and refused when the host has seen a higher O(token).
  - Needs root, because it writes unit files; components run as the account of the revision, with the hardening that
    the documentation of the collection lists.
requirements:
  - systemd 247 or newer on the application host
extends_documentation_fragment: slipway.release.audit
author:
  - The slipway.release developers (@slipway)
attributes:
  action:
    description: Transfers an artifact from the controller, and only when the host does not have it.
    support: full
  check_mode:
    description: Reports what would be done, after the same refusals; fetches nothing. A missing account is not refused,
      because an earlier task would have made it.
    support: full
  diff_mode:
    description: Shows the slot before and after, and the unit files that change. Secrets are not part of it.
    support: full
  idempotent:
    description: The same revision twice changes nothing, neither files nor processes.
    support: full
options:
  app:
    description: Name of the application.
    type: str
    required: true
  token:
    description:
      - Fencing token of the deployment. A token lower than one that this host has seen is refused.
      - V(0) acts with the token that this host knows.
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
  slot:
    description: The slot to act on.
    type: str
    required: true
    choices: [blue, green]
  state:
    description:
      - V(present) places O(revision) in the slot and starts its http components, unless O(start=false).
      - V(started) starts O(components) of the slot, by default those of kind http, and lets a boot start them too.
      - Each component starts once those that it comes after (C(after)) are ready on this host, and stops before them.
        Ready is an http component whose ready path answers, and any other one whose unit has stayed active for three
        seconds. A singleton that is not to run on this host is not waited for.
      - V(stopped) stops O(components) of the slot, by default all, and lets no boot start them. A run of a scheduled
        component that is under way has C(stop_timeout) seconds to finish before it is told to end.
      - V(handover) stops O(components), by default all that are not of kind http, in the other slot, sees that they
        have stopped, and starts them in this one. Those with C(overlap) are started first.
      - V(proven) records that the revision in the slot has finished a deployment, so that it is kept for a rollback.
    type: str
    default: present
    choices: [present, started, stopped, handover, proven]
  revision:
    description: Revision document, as the plan holds it. Required for O(state=present).
    type: dict
  revision_id:
    description:
      - With the other states, act only on this revision. When the slot holds another one, V(stopped) does nothing and
        the others fail.
    type: str
    default: ""
  artifact:
    description:
      - The artifact that the revision was made from. An HTTP(S) URL is fetched by the host; a path, a directory or a
        git reference is on the controller and is transferred.
      - Not needed when the host has the revision, or another one made from the same artifact.
    type: str
  artifact_query:
    description: The query of the URL in O(artifact), without the question mark, where a signature may stand. It is
      taken off O(artifact) by itself and shown nowhere.
    type: str
  headers:
    description: HTTP headers for fetching the artifact, for example C(Authorization).
    type: dict
    default: {}
  secrets:
    description:
      - Secret values by name. A component finds each in the file of that name in the directory
        C($CREDENTIALS_DIRECTORY).
      - Must be those that the revision was planned with.
    type: dict
    default: {}
  secrets_key:
    description: Key of the HMACs that stand for the secrets in the revision document.
    type: str
  active_slot:
    description: The slot that takes the traffic. It is neither overwritten nor stopped. Empty when none does.
    type: str
    default: ""
    choices: ["", blue, green]
  force:
    description: Overwrite or stop even the active slot, and let two revisions of a component run at once.
    type: bool
    default: false
  components:
    description:
      - Components that O(state=started), O(state=stopped) and O(state=handover) act on.
      - Names that the revision in the slot does not have are passed over and reported.
    type: list
    elements: str
    default: []
  start:
    description: With O(state=present), start the http components. Otherwise they wait for O(state=started).
    type: bool
    default: true
  keep_warm:
    description:
      - With O(state=present), O(state=started) and O(state=handover), keep the instances of the other slot running for
        a time once the balancers have settled on this one, and stop them then. The slot keeps its revision.
      - The timer C(slipway-warm@<app>.timer) looks every half minute. It stops nothing unless the slot holds the same
        revision, the host and all balancers have seen no higher token, and the agent of every balancer answers that it
        leads no requests there, holds no lease and watches nothing.
      - The time is that of the boot clock, and begins anew with a boot of this host.
      - Whatever uses a slot ends its keep-warm time first. The other slot runs on for ever where this is not given.
    type: dict
    suboptions:
      seconds:
        description: How long the slot stays warm, in seconds.
        type: int
        required: true
      balancers:
        description: C(address:port) of the agents of all balancers, which this host must reach.
        type: list
        elements: str
        required: true
  failed:
    description: With O(state=stopped), mark the slot as failed.
    type: bool
    default: false
  keep:
    description:
      - How many of the newest revisions stay on the host.
      - A revision that a slot links to, the last proven one, and the last proven one outside the slots always stay.
    type: int
    default: 5
  protect:
    description: Identifiers of revisions that stay in any case.
    type: list
    elements: str
    default: []
  fetch_timeout:
    description: Seconds without a byte after which fetching is given up.
    type: int
    default: 30
  fetch_deadline:
    description: Seconds that fetching may take in all.
    type: int
    default: 300
  max_bytes:
    description: Bytes that the artifact may have.
    type: int
    default: 4294967296
  max_unpacked_bytes:
    description: Bytes that the unpacked files may have together.
    type: int
    default: 8589934592
  max_files:
    description: Entries that the artifact may have.
    type: int
    default: 200000
seealso:
  - module: slipway.release.release_info
"""

EXAMPLES = r"""
- name: Place the planned revision in the spare slot
  slipway.release.release_place:
    app: shop
    token: "{{ deployment.token }}"
    slot: "{{ deployment.plan.slot }}"
    active_slot: "{{ deployment.plan.stable_slot }}"
    revision: "{{ deployment.plan.revision }}"
    artifact: https://artifacts.example/shop-1.4.2.tar.gz
    protect: "{{ deployment.plan.protect }}"
  become: true

- name: Stop the mailer in the slot that gives up
  slipway.release.release_place:
    app: shop
    token: "{{ deployment.token }}"
    slot: blue
    state: stopped
    components: [mailer]
  become: true

- name: Stop a failed slot, if it holds the revision that failed, and mark it
  slipway.release.release_place:
    app: shop
    token: "{{ deployment.token }}"
    slot: green
    state: stopped
    revision_id: "{{ deployment.plan.revision_id }}"
    failed: true
  become: true
"""

RETURN = r"""
revision:
  description: Identifier of the revision that the slot holds after the task; nothing for an empty slot.
  returned: success
  type: str
  sample: 5f0c1e6f9b1d2a37
slot:
  description: The slot that was acted on.
  returned: success
  type: str
  sample: green
before:
  description: What the slot held before.
  returned: success
  type: dict
  sample: {revision: 0d9c5a7be1f04c66, version: 1.4.1, status: placed}
after:
  description: What the slot holds after.
  returned: success
  type: dict
  sample: {revision: 5f0c1e6f9b1d2a37, version: 1.4.2, status: placed}
pruned:
  description: Identifiers of the revisions that were removed.
  returned: success
  type: list
  elements: str
  sample: []
steps:
  description: The steps that were taken, with their durations in microseconds.
  returned: success
  type: list
  elements: dict
  sample: [{name: unpack, elapsed_us: 84211}, {name: stop, elapsed_us: 40102}]
instances:
  description: Unit, state, process and port of each component of the revision in the slot.
  returned: success
  type: dict
  sample:
    web:
      unit: slipway-shop-web@green.service
      kind: http
      state: active
      running: true
      pid: 4711
      port: 8082
      enabled: true
      restarts: 0
would_fetch:
  description: Whether the host would fetch or be sent the artifact.
  returned: in check mode, for O(state=present)
  type: bool
  sample: true
passed_over:
  description: Named components that the revision in the slot does not have.
  returned: for the states that act on components
  type: list
  elements: str
  sample: []
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.operation import AUDIT, UNCHANGED, auditor_of
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._release import running
from ansible_collections.slipway.release.plugins.module_utils._release.fetch import Limits, refuse_credentials
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host, Outcome
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout
from ansible_collections.slipway.release.plugins.module_utils._release.present import Placing, present
from ansible_collections.slipway.release.plugins.module_utils._release.revision import read, require_app
from ansible_collections.slipway.release.plugins.module_utils._release.store import Source
from ansible_collections.slipway.release.plugins.module_utils._release.unpack import Ceiling
from ansible_collections.slipway.release.plugins.module_utils._release.warm import Request

ARGUMENTS = {
    "app": {"type": "str", "required": True},
    "token": {"type": "int", "default": 0, "no_log": False},
    "ledger": {"type": "str", "default": ""},
    "adopt_ledger": {"type": "bool", "default": False},
    "slot": {"type": "str", "required": True, "choices": ["blue", "green"]},
    "state": {
        "type": "str",
        "default": "present",
        "choices": ["present", "started", "stopped", "handover", "proven"],
    },
    "revision": {"type": "dict"},
    "revision_id": {"type": "str", "default": ""},
    "artifact": {"type": "str"},
    "artifact_query": {"type": "str", "no_log": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "secrets_key": {"type": "str", "no_log": True},
    "active_slot": {"type": "str", "default": "", "choices": ["", "blue", "green"]},
    "force": {"type": "bool", "default": False},
    "components": {"type": "list", "elements": "str", "default": []},
    "start": {"type": "bool", "default": True},
    "keep_warm": {
        "type": "dict",
        "options": {
            "seconds": {"type": "int", "required": True},
            "balancers": {"type": "list", "elements": "str", "required": True},
        },
    },
    "failed": {"type": "bool", "default": False},
    "keep": {"type": "int", "default": 5},
    "protect": {"type": "list", "elements": "str", "default": []},
    "fetch_timeout": {"type": "int", "default": 30},
    "fetch_deadline": {"type": "int", "default": 300},
    "max_bytes": {"type": "int", "default": 4 << 30},
    "max_unpacked_bytes": {"type": "int", "default": 8 << 30},
    "max_files": {"type": "int", "default": 200_000},
    "audit": AUDIT,
}


def placing(params: dict[str, Any]) -> Placing:
    """What ``state=present`` is asked for.

    :raises InputError: an option contradicts another one.
    """
    document = read(params["revision"])
    if document["app"] != params["app"]:
        raise InputError(
            f"the revision belongs to application {document['app']}",
            where="revision",
            remedy=f"pass a revision of {params['app']}",
        )
    if params["keep"] < 1:
        raise InputError(
            f"keep is {params['keep']}", where="slipway_keep_revisions", remedy="keep at least one revision"
        )
    if params["artifact"]:
        refuse_credentials(params["artifact"])
    source = Source(
        artifact="?".join(part for part in (params["artifact"], params["artifact_query"]) if part) or None,
        headers={name: str(value) for name, value in params["headers"].items()},
        secrets={name: str(value) for name, value in params["secrets"].items()},
        secrets_key=params["secrets_key"],
        limits=Limits(params["fetch_timeout"], params["fetch_deadline"], params["max_bytes"]),
        ceiling=Ceiling(params["max_unpacked_bytes"], params["max_files"]),
    )
    return Placing(
        slot=params["slot"],
        document=document,
        source=source,
        active_slot=params["active_slot"],
        keep=params["keep"],
        protect=params["protect"],
        force=params["force"],
        start=params["start"],
        keep_warm=keep_warm(params),
    )


def keep_warm(params: dict[str, Any]) -> Request | None:
    """How long the other slot stays warm.

    :raises InputError: it could never end.
    """
    asked = params["keep_warm"]
    if not asked:
        return None
    if asked["seconds"] < 1 or not asked["balancers"]:
        raise InputError(
            "it has no time, or no balancer to ask",
            where="keep_warm",
            remedy="give at least 1 second, and the agents of all balancers",
        )
    return Request(asked["seconds"], tuple(sorted(asked["balancers"])))


def act(host: Host, params: dict[str, Any]) -> Outcome:
    """Do what the state asks for."""
    if params["state"] == "present":
        return present(host, placing(params))
    selection = running.Selection(
        slot=params["slot"],
        components=params["components"],
        only_revision=params["revision_id"],
        active_slot=params["active_slot"],
        force=params["force"],
        keep_warm=keep_warm(params),
    )
    if params["state"] == "stopped":
        return running.stopped(host, selection, failed=params["failed"])
    return {"started": running.started, "handover": running.handover, "proven": running.proven}[params["state"]](
        host, selection
    )


def asked(params: dict[str, Any]) -> dict[str, Any]:
    """What the audit log says of what is asked for."""
    document = params["revision"] or {}
    options = ("slot", "revision_id", "components", "failed", "force")
    given = {option: params[option] for option in options if params[option]}
    return {**given, **({"version": str(document.get("version", ""))} if document else {})}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "present", ("revision",))],
    )
    try:
        layout = Layout(require_app(module.params["app"]))
        fence = Fence(
            layout.state,
            module.params["token"],
            ledger=module.params["ledger"],
            adopt=module.params["adopt_ledger"],
        )
        audit = auditor_of(module)
        with audit.operation(
            "place", module.params["state"], target=module.params["app"], details=asked(module.params)
        ) as told:
            outcome = act(Host(layout, check=module.check_mode, fence=fence), module.params)
            told.result = "changed" if outcome.changed else UNCHANGED
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    result = {**outcome.as_result(), **audit.as_result()}
    if module._diff:
        result["diff"] = outcome.diff
    module.exit_json(**result)


if __name__ == "__main__":
    main()
