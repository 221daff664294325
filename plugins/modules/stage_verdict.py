#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: stage_verdict
short_description: Judge a stage of a deployment from what all its hosts returned
version_added: 0.1.0
description:
  - Reads the variable that a task registered on each host and says whether the stage passed on all of them.
  - A host that was lost, on which the task did not run, or whose result lacks a required value, never passes.
  - Runs on the controller and connects nowhere, so a lost host cannot take part in losing its own verdict.
options:
  stage:
    description: Name of the stage, used in the message.
    type: str
    required: true
  hosts:
    description: Every host that had to take part. An empty list is insufficient, and fails.
    type: list
    elements: str
    required: true
  result:
    description: Name of the variable that the stage's task registered on each host.
    type: str
  results:
    description:
      - For a task that was delegated, host to what it returned; for one with a loop over the hosts, what it registered.
      - One of this and O(result) is required.
    type: dict
  require:
    description: Values that each host's result must have.
    type: dict
    required: true
  skipped_passes:
    description: Whether a host on which the task was skipped passes.
    type: bool
    default: false
  abstain:
    description:
      - Values of a result that has nothing to say. Such a host neither passes nor fails the stage, the others decide;
        when none of them passes, the verdict is V(insufficient).
      - A balancer that the virtual address does not lead to sees no traffic, for instance.
    type: dict
attributes:
  check_mode:
    description: Can run in check mode and judge without changing anything.
    support: full
  diff_mode:
    description: Returns details on what has changed.
    support: none
    details: It changes nothing.
  idempotent:
    description: Running it again gives the same result.
    support: full
author:
  - The slipway.release developers (@slipway)
"""

EXAMPLES = r"""
- name: Ask every host
  slipway.release.health_gate:
    checks:
      - {name: ready, type: http, url: "http://127.0.0.1:8081/health/ready"}
    fail: false
  register: ready
  ignore_unreachable: true

- name: Go on only when all of them are ready
  slipway.release.stage_verdict:
    stage: readiness
    hosts: "{{ ansible_play_hosts_all }}"
    result: ready
    require:
      verdict: pass
"""

RETURN = r"""
verdict:
  description: V(pass), V(fail), or V(insufficient) when there was no host to judge.
  type: str
  returned: always
  sample: fail
passed:
  description: Hosts that returned every required value.
  type: list
  elements: str
  returned: always
  sample: [app1, app2]
lost:
  description: Hosts that could not be reached, with the connection's message.
  type: dict
  returned: always
  sample: {app3: "Connection timed out"}
failures:
  description: Hosts that answered otherwise, with the reason.
  type: dict
  returned: always
  sample: {}
msg:
  description: One sentence that names every host which did not pass, and why.
  type: str
  returned: always
  sample: "stage readiness: fail: app3 lost (Connection timed out)"
"""
