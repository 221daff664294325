#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the figures of a deployment's report from its evidence, and from the audit log. Writes nothing on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: deployment_report
short_description: Make a report of a deployment from its evidence, with charts, as one HTML file and as JSON
version_added: 0.1.0
description:
  - Runs on the ledger host, which has the evidence, and writes two files on the controller. The page has the slot
    percents over time, error rate and latency of both slots, what moves of the traffic have lost, gates, migrations,
    approvals, what was undone, and where the audit log stands.
  - The page needs nothing but itself. It has no script and asks no other computer for anything, reads on a narrow
    screen, in the dark and on paper, and has the figures of each chart in a table.
  - What a balancer has returned by itself, since a lease ran out or a watch failed, is in the audit log of the balancer
    alone. Read the other hosts with O(deployments) and hand over what was returned as O(logs). The playbook
    C(deployment_report.yml) does that.
  - The same evidence makes the same files.
  - The files are written by the action of the same name.
extends_documentation_fragment:
  - slipway.release.audit_log
  - slipway.release.audit_log.heads
options:
  app:
    description: Name of the application. Required, but with O(deployments).
    type: str
    default: ""
  region:
    description: Region of the application that has a ledger of its own; empty for an application without regions.
    type: str
    default: ""
  deployment:
    description: Identifier of the deployment; the one that has ended last when empty.
    type: str
    default: ""
  evidence:
    description:
      - File with the evidence on the controller, such as a copy in C(~/.slipway/evidence), for a deployment that the
        ledger host has forgotten. Nothing is read on the host then, the audit log neither.
    type: str
    default: ""
  dest:
    description: Directory on the controller that gets the files; C(~/.slipway/reports) when empty.
    type: str
    default: ""
  stream:
    description:
      - Stream of the audit log whose records of this deployment are proven for the report. None when empty. One that is
        broken makes no report.
    type: str
    default: ""
  write:
    description: Whether the files are written. With V(false) RV(logs) is returned instead.
    type: bool
    default: true
  deployments:
    description: Deployments of which RV(logs) of this host is returned; nothing else is read, and no files are written.
    type: list
    elements: str
    default: []
  logs:
    description:
      - What this module has returned on other hosts with O(deployments), by their names. The report says so of one that
        has failed or was not reached.
    type: dict
    default: {}
attributes:
  check_mode:
    description: Says whether the files would change, and writes none.
    support: full
  diff_mode:
    description: Shows how the figures differ from those of the file that is there.
    support: full
  idempotent:
    description: The same evidence makes the same files.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.compliance_report
  - module: slipway.release.ledger
"""

EXAMPLES = r"""
- name: A report of the last deployment
  slipway.release.deployment_report:
    app: shop
    stream: deployments
    dest: reports
  become: true

- name: A report of an old one, from the copy on the controller
  slipway.release.deployment_report:
    app: shop
    evidence: ~/.slipway/evidence/shop/20261121T073000Z-4be1c2.json
  delegate_to: localhost
"""

RETURN = r"""
page:
  description: The HTML file on the controller.
  returned: when the files are written
  type: str
  sample: /home/ann/.slipway/reports/deployment-shop-20261121T073000Z-4be1c2.html
figures_file:
  description: The JSON file on the controller.
  returned: when the files are written
  type: str
  sample: /home/ann/.slipway/reports/deployment-shop-20261121T073000Z-4be1c2.json
deployment:
  description: Identifier of the deployment.
  returned: without O(deployments)
  type: str
  sample: 20261121T073000Z-4be1c2
logs:
  description: What each audit log of this host says of the deployments, for O(logs) and O(ledgers).
  returned: when no files are written
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._audit.sources import HEADS, LOG, sources, unreadable
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._report.evidence import document_of
from ansible_collections.slipway.release.plugins.module_utils._report.logs import audit_of

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "default": ""},
    "region": {"type": "str", "default": ""},
    "deployment": {"type": "str", "default": ""},
    "evidence": {"type": "str", "default": ""},
    "dest": {"type": "str", "default": ""},
    "stream": {"type": "str", "default": ""},
    "write": {"type": "bool", "default": True},
    "deployments": {"type": "list", "elements": "str", "default": []},
    "logs": {"type": "dict", "default": {}},
    **LOG,
    **HEADS,
}


def run(params: dict[str, Any]) -> dict[str, Any]:
    """What the action draws the report from: the evidence, and what the audit logs of this host have of it."""
    if params["deployments"]:
        return {"changed": False, "logs": logs_of(params, params["deployments"])}
    if not params["app"]:
        raise InputError("the application has no name", where="app", remedy="give it")
    document = document_of(params["app"], params["region"], params["deployment"])
    name = document["deployment"]
    found = {"changed": False, "deployment": name, "logs": logs_of(params, [name]) if params["stream"] else []}
    return {**found, "document": document} if params["write"] else found


def logs_of(params: dict[str, Any], deployments: list[str]) -> list[dict[str, Any]]:
    """What each audit log of this host says of them."""
    return [audit_of(source, deployments) for source in sources(params["stream"], params)]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    except OSError as exc:
        module.fail_json(**unreadable(exc, module.params).as_result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
