#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which works on the controller and calls the ledger host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_plan
short_description: Validate the operator's variables, plan a deployment, and take its lease
version_added: 0.1.0
description:
  - Judges every variable that begins with C(slipway_), and refuses a run with one message before anything is touched.
  - Finds the artifact and its SHA-256, and makes the plan from the variables and O(live).
  - In check mode the plan is the result, also as a difference. Otherwise it begins the deployment by running
    M(slipway.release.ledger) where the task is delegated to, which has to be the ledger host. A plan without changes
    begins nothing.
  - The plan of a check and that of the run after it have the same digest.
options:
  verb:
    description:
      - V(deploy) makes C(slipway_version) active, V(rollback) returns to C(slipway_rollback_to).
      - V(abort) takes up the deployment that is under way or was left unfinished, with its recorded plan, and takes its
        lease even while it is live.
      - V(approve) records that the operator approves the deployment that is parked, at the stage and with the plan that
        it has.
      - V(return) is V(rollback) from what a run has deployed in O(region) to what was active there before, as
        O(returns) says. Where another revision is active by now, as when the watch has returned the traffic, it changes
        nothing.
      - V(validate) judges the variables and stops there; it needs no delegation and connects nowhere.
    type: str
    required: true
    choices: [deploy, rollback, return, abort, approve, validate]
  purpose:
    description: What O(verb=validate) validates for. Left out, a version and an artifact may be missing.
    type: str
    choices: [deploy, rollback, abort, approve, release_lease, migrate, flags, root_cause]
  live:
    description: Host name to the result of M(slipway.release.host_info) there. Required unless O(verb=validate).
    type: dict
  set_up:
    description:
      - Whether the play has set hosts up before. In check mode it has not, and the plan is made as if every balancer
        of the inventory knew every application host, and a new one did what its peers do.
    type: bool
    default: false
  region:
    description: The one of C(slipway_regions) that is planned for, with its hosts and its ledger alone.
    type: str
    default: ""
  changed_regions:
    description:
      - Regions that the run has changed before O(region), each as C(region) with the revision and version that it had,
        C(from), and got, C(to).
      - The plan has them, so that a run which resumes it knows what a failure is to return.
    type: list
    elements: dict
    default: []
  returns:
    description: What O(verb=return) goes back from, C(deployed), and to, C(before), each with C(revision) and
      C(version). Required with O(verb=return).
    type: dict
  database:
    description:
      - What was read of the database that C(slipway_migrations) names, that is the C(schemas) of
        M(slipway.release.pg_migrate_info), what is C(due) and the C(findings), as the C(plan) and C(findings) of
        M(slipway.release.pg_migrate) in check mode, or the C(error) of these.
      - The release must fit it then, as it will be when what is due is applied. Left out, the ranges of the release and
        of the active one must overlap.
    type: dict
  audit:
    description: The option O(slipway.release.ledger#module:audit) of M(slipway.release.ledger), which it runs.
    type: dict
  tell:
    description: Whether the channels of C(slipway_notifications) are told where a deployment or a rollback is refused.
      Who cannot be told is a warning, and nobody is told in check mode.
    type: bool
    default: true
attributes:
  check_mode:
    description: Can run in check mode and return the plan without beginning it.
    support: full
  diff_mode:
    description: Returns the plan as a difference to what is active.
    support: full
  idempotent:
    description: Running it again gives the same result.
    support: partial
    details: Gives the same plan; each begun deployment is recorded.
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.host_info
  - module: slipway.release.ledger
"""

EXAMPLES = r"""
- name: Read the live state of every host
  slipway.release.host_info:
    app: "{{ slipway_app }}"
    reads: "{{ (['release'] if inventory_hostname in groups['application'] else [])
      + (['balancer'] if inventory_hostname in groups['balancers'] else [])
      + (['ledger'] if inventory_hostname == slipway_ledger_host else []) }}"
  become: true
  register: live

- name: Plan, and take the lease
  slipway.release.deployment_plan:
    verb: deploy
    live: "{{ dict(ansible_play_hosts_all | zip(ansible_play_hosts_all | map('extract', hostvars, 'live'))) }}"
  become: true
  delegate_to: "{{ slipway_ledger_host }}"
  run_once: true
  register: planned
"""

RETURN = r"""
plan:
  description: What will be done.
  type: dict
  returned: success, unless O(verb=validate)
  sample: {schema: 1, app: shop, verb: deploy, slot: green, stable_slot: blue, changes: true}
digest:
  description: SHA-256 of the canonical JSON of the plan.
  type: str
  returned: success, unless O(verb=validate)
  sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
summary:
  description: The plan in one line, with its digest.
  type: str
  returned: success, unless O(verb=validate)
  sample: >-
    shop: deploy 1.4.2 (revision 5f0c1e6f9b1d2a37) in green over 1.4.1 in blue; plan digest
    9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
deployment:
  description: The deployment that has begun; empty in check mode, and when nothing is to be done.
  type: str
  returned: success, unless O(verb=validate)
  sample: 20261121T073000Z-4be1c2
token:
  description: Fencing token of the deployment; V(0) when none has begun.
  type: int
  returned: success, unless O(verb=validate)
  sample: 12
uuid:
  description: Identity of the ledger; empty when no deployment has begun.
  type: str
  returned: success, unless O(verb=validate)
  sample: 0c2c9d5e-53b0-4b6b-bb1e-8a1f0a2d7f55
resumed:
  description: Whether an unfinished deployment is taken up, with its recorded plan.
  type: bool
  returned: success, unless O(verb=validate)
  sample: false
committed:
  description: Stages that a resumed deployment has behind it.
  type: list
  elements: str
  returned: success, unless O(verb=validate)
  sample: []
carried:
  description: Slot percent that every balancer gives to the slot of a resumed deployment already.
  type: int
  returned: success, unless O(verb=validate)
  sample: 0
held:
  description: Whether a balancer gives the slot of a resumed deployment traffic that no lease returns, as when it was
    parked.
  type: bool
  returned: success, unless O(verb=validate) or O(verb=approve)
  sample: false
settled:
  description: Whether a resumed deployment has settled before it was left, and the slot that it left does not run any
    more. Then nothing but its end is left to be recorded, and nothing is gated, moved or undone.
  type: bool
  returned: success, unless O(verb=validate) or O(verb=approve)
  sample: false
parked:
  description: Where the deployment is parked, what it still waits for, and whether it is approved. Then nothing has
    begun, and nothing was changed. Empty when it is not parked, or is due.
  type: dict
  returned: success, unless O(verb=validate)
  sample: {}
way_back:
  description: Why a parked deployment can only go back, such as a balancer that has returned its traffic; empty
    otherwise.
  type: str
  returned: success, unless O(verb=validate) or O(verb=approve)
  sample: ""
abandoned:
  description: Unfinished deployment that was closed because it had left nothing behind.
  type: str
  returned: success, unless O(verb=validate)
  sample: ""
order:
  description: The regions in the order in which they take their turns, each with its hosts; empty without regions.
  type: dict
  returned: success, with O(verb=validate)
  sample: {verb: deploy, on_failure: leave, regions: [{name: eu, ledger_host: db1}]}
ledger_hosts:
  description: The hosts that keep the ledger, or those of the regions.
  type: list
  elements: str
  returned: success, with O(verb=validate)
  sample: [db1]
migrates:
  description: Whether the database is to be migrated before the slots are filled; with O(verb=validate), whether the
    variables name one that is to be read, which a way back without the files does not.
  type: bool
  returned: success
  sample: true
ledgers:
  description: The ledger of each region, in the order of the regions.
  type: list
  elements: dict
  returned: success, with O(verb=validate)
  sample: [{region: eu, host: db1}]
artifact:
  description: Path on the controller or URL for option C(artifact) of C(release_place); empty in a rollback.
  type: str
  returned: success, unless O(verb=validate)
  sample: /home/ci/shop-1.4.2.tar.gz
"""
