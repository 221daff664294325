#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report what this balancer recorded and what it does. Touches nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: lb_info
short_description: Report what a balancer recorded and what it does
version_added: 0.1.0
description:
  - Returns the recorded state of an application on this balancer, what the running balancer does, whether both agree,
    and what is still connected to each instance.
  - A balancer that does not run is reported, it does not fail the task. A host that is no balancer of the application
    fails it.
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
seealso:
  - module: slipway.release.lb_switch
"""

EXAMPLES = r"""
- name: Read the balancer
  slipway.release.lb_info:
    app: shop
  register: balancer

- name: Refuse a balancer that does not do what it recorded
  ansible.builtin.assert:
    that: balancer.consistent
"""

RETURN = r"""
recorded:
  description: The recorded state, nothing before the first.
  returned: success
  type: dict
  sample:
    schema: 1
    app: shop
    generation: 7
    token: 12
    stable: green
    percents: {blue: 0, green: 100}
    servers: {}
    down: []
    lease: null
    override: false
live:
  description: What the running balancer does, nothing when it could not be read.
  returned: success
  type: dict
  sample:
    generation: 7
    stable: green
    percents: {blue: 0, green: 100}
    usable: {blue: [blue-app1], green: [green-app1]}
    open: true
    override: false
consistent:
  description: Whether the running balancer does what is recorded.
  returned: success
  type: bool
  sample: true
error:
  description: Why the running balancer could not be read; empty when it could.
  returned: success
  type: str
  sample: ""
instances:
  description: For each instance, whether it may take traffic, and connections from this balancer.
  returned: success
  type: dict
  sample: {green-app1: {usable: true, connections: 3}}
match:
  description: What marks a request as a tester's or as one of a user segment, as this balancer was set up.
  returned: success
  type: list
  elements: dict
  sample: [{header: X-User-Segment, values: [beta, staff]}]
open:
  description: Whether this balancer serves.
  returned: success
  type: bool
  sample: true
generation:
  description: Generation of RV(recorded), V(0) before the first.
  returned: success
  type: int
  sample: 7
token:
  description: The highest fencing token that this host has seen.
  returned: success
  type: int
  sample: 12
watch:
  description:
    - RV(watch.kept) is whether the service runs that keeps watches, RV(watch.can_ask) which drivers of sources this
      host has.
    - RV(watch.armed) is the watch that holds now, with what was judged so far, nothing when there is none.
    - RV(watch.outcome) is what came of the last watch of the deployment that RV(recorded) belongs to. Its C(result)
      is V(returned), V(followed) (another balancer has returned the traffic), V(returning) (it fails, but the traffic
      cannot return, for the reason C(refused)), V(overtaken) or V(ended).
  returned: success
  type: dict
  contains:
    kept:
      description: Whether it runs.
      type: bool
      returned: success
      sample: true
    unkept:
      description: Why it does not run; empty where it does.
      type: str
      returned: success
      sample: slipway-watch@shop.service is masked
    can_ask:
      description: Names of drivers.
      type: list
      elements: str
      returned: success
      sample: [psycopg2]
    armed:
      description: The watch.
      type: dict
      returned: success
      sample: {deployment: 20261121T073000Z-4be1c2, token: 12, slot: green, seconds: 86400, left_seconds: 80123}
    outcome:
      description: What came of it.
      type: dict
      returned: success
      sample: {result: returned, verdict: fail, metric: errors, reason: "errors: failed once"}
ledger:
  description: UUID of the ledger that the host obeys; empty before the first.
  returned: always
  type: str
  sample: 0c2c9d5e-53b0-4b6b-bb1e-8a1f0a2d7f55
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._balancer.config import BalancerConfig
from ansible_collections.slipway.release.plugins.module_utils._balancer.factory import balancer
from ansible_collections.slipway.release.plugins.module_utils._balancer.info import info
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError


def main() -> None:
    module = AnsibleModule(argument_spec={"app": {"type": "str", "required": True}}, supports_check_mode=True)
    try:
        result = info(balancer(BalancerConfig.load(module.params["app"])))
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
