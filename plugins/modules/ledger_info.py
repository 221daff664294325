#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report the ledger of an application. Touches nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: ledger_info
short_description: Report the lease, the unfinished deployment and the history of an application
version_added: 0.1.0
description:
  - Reads the ledger on the ledger host. An application without a ledger has an empty one.
options:
  app:
    description: Name of the application.
    type: str
    required: true
  region:
    description: Region of the application that has a ledger of its own; empty for an application without regions.
    type: str
    default: ""
  root_cause_hours:
    description: Hours within which the root cause of what was undone is due.
    type: int
    default: 24
attributes:
  check_mode:
    description: Changes nothing in any mode.
    support: full
  diff_mode:
    description: Changes nothing, so there is no difference.
    support: none
  idempotent:
    description: Changes nothing.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.ledger
"""

EXAMPLES = r"""
- name: Read the ledger
  slipway.release.ledger_info:
    app: shop
  become: true
  delegate_to: "{{ slipway_ledger_host }}"
  run_once: true
  register: ledger
"""

RETURN = r"""
uuid:
  description: Identity of this ledger; empty before the first deployment.
  type: str
  returned: success
  sample: 0c2c9d5e-53b0-4b6b-bb1e-8a1f0a2d7f55
token:
  description: The highest token issued.
  type: int
  returned: success
  sample: 12
lease:
  description: Who holds the lease, whether it is live, how many seconds are left, and in C(purpose) what it is held for
    where that is no deployment; nothing when it was ended.
  type: dict
  returned: success
  sample:
    token: 12
    deployment: 20261121T073000Z-4be1c2
    holder: ci@runner
    live: true
    remaining_seconds: 287
    purpose: ""
unfinished:
  description: The deployment without an outcome, with its plan and the stages behind it, who began it, who has approved
    which of its stages, and in C(parked) where it is parked and what it waits for; nothing when there is none.
  type: dict
  returned: success
  sample:
    deployment: 20261121T073000Z-4be1c2
    digest: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    began: "2026-11-21T07:30:00Z"
    holder: ann@pc
    committed: [before_traffic]
    approvals:
      - {stage: before_traffic, operator: bob@pc, reason: the slots look good, given: "2026-11-21T08:00:00Z"}
    parked: null
    plan: {schema: 2}
state:
  description: >-
    RV(state.active) is what took the traffic when the last deployment ended, RV(state.proven) the revisions that have
    been active, the latest last, with their documents, RV(state.deployments) the outcomes, the latest last.
  type: dict
  returned: success
  contains:
    active:
      description: Slot, revision and version.
      type: dict
      returned: success
      sample: {slot: green, revision: 0123456789abcdef, version: 1.4.2}
    proven:
      description: Revisions that have been active; C(good) is false after a rollback away from one.
      type: list
      elements: dict
      returned: success
      sample: []
    deployments:
      description: One entry a deployment that has ended.
      type: list
      elements: dict
      returned: success
      sample: []
last:
  description: Figures of the deployment that has ended last, from its document; nothing when it left none.
  type: dict
  returned: success
  sample: {deployment: 20261121T073000Z-4be1c2, result: active, elapsed_ms: 42120, lost: 0, sent: 206}
notes_due:
  description: Deployments that were undone, returned or rolled back and of which nobody has told the root cause, with
    the time until which that is due.
  type: list
  elements: dict
  returned: success
  sample:
    - {deployment: 20261121T073000Z-4be1c2, due: "2026-11-22T07:31:00+00:00", overdue: false}
flags_set:
  description: Names of the feature flags that the deployment under way, or else the active one, has begun to set;
    nothing when it has set none.
  type: dict
  returned: success
  sample: {deployment: 20261121T073000Z-4be1c2, names: [new_checkout]}
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._ledger.history import NOTE_HOURS
from ansible_collections.slipway.release.plugins.module_utils._ledger.ledger import Ledger

ARGUMENTS = {
    "app": {"type": "str", "required": True},
    "region": {"type": "str", "default": ""},
    "root_cause_hours": {"type": "int", "default": NOTE_HOURS},
}


def main() -> None:
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = Ledger(module.params["app"], module.params["region"]).info(module.params["root_cause_hours"])
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
