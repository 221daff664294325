#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs the information modules on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: host_info
short_description: Read whatever state a host keeps of an application
version_added: 0.1.0
description:
  - Runs M(slipway.release.release_info), M(slipway.release.lb_info) and M(slipway.release.ledger_info) on the host, as
    O(reads) asks, in one task.
  - A module that fails is reported in its part of the result, and the task goes on. A host that cannot be reached is
    unreachable as usual.
options:
  app:
    description: Name of the application.
    type: str
    required: true
  reads:
    description: Which parts to read.
    type: list
    elements: str
    choices: [release, balancer, ledger]
    required: true
  ports:
    description: Ports whose occupants RV(release) reports; those of C(slipway_components) when left out.
    type: list
    elements: int
    default: []
  regions:
    description: Regions whose ledgers RV(ledgers) reports, instead of RV(ledger) for an application without regions.
    type: list
    elements: str
    default: []
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
  - module: slipway.release.deployment_plan
"""

EXAMPLES = r"""
- name: Read the live state of every host
  slipway.release.host_info:
    app: shop
    reads: "{{ ['release'] if inventory_hostname in groups['application'] else ['balancer'] }}"
  become: true
  register: live
"""

RETURN = r"""
release:
  description: What M(slipway.release.release_info) returned, or an C(error).
  type: dict
  returned: when asked for
  sample: {error: "no such directory"}
balancer:
  description: What M(slipway.release.lb_info) returned, or an C(error).
  type: dict
  returned: when asked for
  sample: {error: "no such directory"}
ledger:
  description: What M(slipway.release.ledger_info) returned, or an C(error).
  type: dict
  returned: when asked for, without O(regions)
  sample: {error: "no such directory"}
ledgers:
  description: Region to what M(slipway.release.ledger_info) returned for it, or an C(error).
  type: dict
  returned: when asked for, with O(regions)
  sample: {eu: {error: "no such directory"}}
"""
