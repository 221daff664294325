#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report what an application host holds and runs of an application. Touches nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_info
short_description: Report what an application host holds and runs
version_added: 0.1.0
description:
  - Returns the slots, the kept revisions, who uses the ports, and the room on the host.
  - A host on which nothing was ever placed has two empty slots; that is no error.
  - Needs root to name processes of other accounts.
author:
  - The slipway.release developers (@slipway)
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
options:
  app:
    description: Name of the application.
    type: str
    required: true
  ports:
    description: Ports to report on, besides those of the revisions in the slots.
    type: list
    elements: int
    default: []
seealso:
  - module: slipway.release.release_place
"""

EXAMPLES = r"""
- name: Read the application host
  slipway.release.release_info:
    app: shop
    ports: [8081, 8082]
  become: true
  register: release

- name: Refuse to go on when somebody changed a unit
  ansible.builtin.assert:
    that: release.slots.blue.drift == []
"""

RETURN = r"""
token:
  description: The highest fencing token that this host has seen.
  returned: success
  type: int
  sample: 12
ledger:
  description: UUID of the ledger that the host obeys; empty before the first.
  returned: always
  type: str
  sample: 0c2c9d5e-53b0-4b6b-bb1e-8a1f0a2d7f55
slots:
  description:
    - The slots. C(status) is V(empty), V(placing) (a run was interrupted), V(placed) or V(failed).
    - C(running) is true when all http components run. C(drift) says what was changed by others since it was placed.
    - C(warm) is what M(slipway.release.release_place) was asked to keep warm, and nothing where the slot has no
      keep-warm time. Its C(status) is V(waiting) until all balancers have settled on the other slot, V(warm) while
      C(seconds) run, with their end C(until) in seconds since the epoch, and V(cold) once the slot was stopped.
      C(complaint) says what keeps it from being stopped.
    - A scheduled component also has C(working), whether it does its work now, C(last), when its last run in this slot
      began and ended and its result in the words of systemd, and C(next), when the next one begins. Times are seconds
      since the epoch; systemd forgets runs with a boot, and with the handover of the schedule unless they failed.
  returned: success
  type: dict
  sample:
    blue:
      revision: 5f0c1e6f9b1d2a37
      version: 1.4.2
      status: placed
      running: true
      drift: []
      warm: {status: warm, seconds: 172800, until: 1794110400, complaint: ""}
      instances:
        web:
          unit: slipway-shop-web@blue.service
          kind: http
          state: active
          running: true
          pid: 4711
          port: 8081
          enabled: true
          restarts: 0
        nightly:
          unit: slipway-shop-nightly@blue.timer
          kind: scheduled
          state: active
          running: true
          pid: 0
          port: null
          enabled: true
          restarts: 0
          working: false
          stop_timeout: 30
          last: {began: 1793934000, ended: 1793934041, result: success}
          next: 1794020400
    green: {revision: null, version: null, status: empty, running: false, drift: [], warm: null, instances: {}}
revisions:
  description: The kept revisions with their documents, the newest first.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 5f0c1e6f9b1d2a37
      version: 1.4.2
      sha256: 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae
      schema_range: {min: 1, max: 2}
      proven: true
      document: {}
ports:
  description: For each port V(free), the unit of slipway, or the process that listens there.
  returned: success
  type: dict
  sample: {"8081": slipway-shop-web@blue.service, "8082": "nginx (pid 812)"}
free_bytes:
  description: Bytes that are free where releases are placed.
  returned: success
  type: int
  sample: 10737418240
memory_available:
  description: Bytes of memory that new processes can have.
  returned: success
  type: int
  sample: 2147483648
can_keep_warm:
  description: Whether what ends a keep-warm time is installed.
  returned: success
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._release.host import Host
from ansible_collections.slipway.release.plugins.module_utils._release.info import info
from ansible_collections.slipway.release.plugins.module_utils._release.layout import Layout
from ansible_collections.slipway.release.plugins.module_utils._release.revision import require_app

ARGUMENTS = {
    "app": {"type": "str", "required": True},
    "ports": {"type": "list", "elements": "int", "default": []},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        found = info(Host(Layout(require_app(module.params["app"]))), module.params["ports"])
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
