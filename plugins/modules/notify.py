#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which does the work on the controller."""

from __future__ import annotations

DOCUMENTATION = r"""
module: notify
short_description: Tell people and services how a deployment or an incident goes
version_added: 0.1.0
description:
  - Sends one message to every channel that wants to know of the event, to all at once and with retries, within
    O(seconds).
  - Never fails because of a channel. One that is described wrongly, refuses or does not answer is a warning and in
    RV(deliveries); the others are told all the same.
  - V(undone), V(failed) and V(incident) open an incident where incidents are kept, V(update) acknowledges it,
    V(succeeded) and V(resolution) resolve it. All deployments of an application in an environment have the same key, so
    that one that succeeds resolves what one before it has opened.
  - Addresses, keys and passwords are in no result and in no message.
  - Runs on the controller, connects to no host of the inventory, follows no redirect and uses no proxy.
options:
  event:
    description: What has happened. V(undone) is a deployment that has failed and was undone, V(failed) one after which
      something is left to do by hand, V(aborted) one that an operator has ended.
    type: str
    required: true
    choices: [started, succeeded, parked, aborted, undone, failed, incident, update, resolution]
  channels:
    description: Who is told, as C(slipway_notifications) has it.
    type: list
    elements: raw
    required: true
  app:
    description: Name of the application; that of O(plan) when empty.
    type: str
    default: ""
  plan:
    description: Plan of the deployment, from which versions, verb and region are taken.
    type: dict
    default: {}
  deployment:
    description: Identifier of the deployment.
    type: str
    default: ""
  environment:
    description: Name of the environment.
    type: str
    default: ""
  reason:
    description: Why, or what is known.
    type: str
    default: ""
  severity:
    description: How bad it is; when omitted P2, and P1 for V(failed). V(started), V(succeeded), V(parked), V(aborted)
      and V(resolution) have none.
    type: str
    choices: [P0, P1, P2, P3]
  incident:
    description: Name of an incident that was opened by hand; that of deployments when empty.
    type: str
    default: ""
  templates:
    description: Directory on the controller with templates that are used in the place of those of the collection.
    type: str
    default: ""
  document:
    description: File on the controller with the evidence of the deployment, which channels of OpenTelemetry draw from.
    type: str
    default: ""
  seconds:
    description: How long all of it may take, at most 60.
    type: int
    default: 10
attributes:
  check_mode:
    description: Can run in check mode, tells nobody then, and returns what would be told.
    support: full
  diff_mode:
    description: Returns details on what has changed.
    support: none
    details: It changes nothing of a host.
author:
  - The slipway.release developers (@slipway)
"""

EXAMPLES = r"""
- name: Tell a chat and whoever is on call of an incident
  slipway.release.notify:
    event: incident
    severity: P1
    app: shop
    environment: production
    incident: checkout
    reason: One payment in ten fails.
    channels:
      - channel: slack
        url: "{{ chat_webhook }}"
      - channel: pagerduty
        routing_key: "{{ pagerduty_key }}"
        severity: P1
  run_once: true
"""

RETURN = r"""
event:
  description: What was told.
  type: str
  returned: success
  sample: incident
key:
  description: Under which the incident is kept.
  type: str
  returned: success
  sample: slipway/production/shop/checkout
title:
  description: First line of the message.
  type: str
  returned: success
  sample: P1 INCIDENT shop in production
text:
  description: The rest of the message.
  type: str
  returned: success
  sample: One payment in ten fails.
deliveries:
  description: Each channel that wanted to know, whether the message was C(sent), after how many C(attempts), and if
    not, why (C(detail)). Empty in check mode.
  type: list
  elements: dict
  returned: success
  sample:
    - name: slack
      channel: slack
      sent: true
      attempts: 1
      detail: ""
"""
