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
  - The same evidence makes the same files.
  - The files are written by the action of the same name.
options:
  app:
    description: Name of the application.
    type: str
    required: true
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
  directory:
    description: Directory of the streams, on the host.
    type: path
    default: /var/lib/slipway/audit
  origin:
    description: What checkpoints call the log. The action fills in C(<inventory_hostname>/<stream>).
    type: str
    default: ""
  checkpoints:
    description: Signed checkpoints, beside those that are kept on the controller.
    type: list
    elements: str
    default: []
  public_keys:
    description: Keys whose checkpoints count, as C(name+id+base64). Those that are kept on the controller when empty.
    type: list
    elements: str
    default: []
  checkpoint_directory:
    description: Directory of checkpoints, on the controller; C(~/.slipway/audit) when empty.
    type: str
    default: ""
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
  returned: success
  type: str
  sample: /home/ann/.slipway/reports/deployment-shop-20261121T073000Z-4be1c2.html
figures_file:
  description: The JSON file on the controller.
  returned: success
  type: str
  sample: /home/ann/.slipway/reports/deployment-shop-20261121T073000Z-4be1c2.json
deployment:
  description: Identifier of the deployment.
  returned: success
  type: str
  sample: 20261121T073000Z-4be1c2
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._report.evidence import document_of
from ansible_collections.slipway.release.plugins.module_utils._report.logs import LOG, Source, audit_of

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "region": {"type": "str", "default": ""},
    "deployment": {"type": "str", "default": ""},
    "evidence": {"type": "str", "default": ""},
    "dest": {"type": "str", "default": ""},
    "stream": {"type": "str", "default": ""},
    **LOG,
}


def run(params: dict[str, Any]) -> dict[str, Any]:
    """What the action draws the report from: the evidence, and what the audit log has of it."""
    document = document_of(params["app"], params["region"], params["deployment"])
    stream = params["stream"]
    audit = audit_of(Source.read(stream, params), document["deployment"]) if stream else {}
    return {"changed": False, "deployment": document["deployment"], "document": document, "audit": audit}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    except OSError as exc:
        failure = SystemFailure(
            f"the evidence cannot be read: {exc.strerror or exc}",
            where=str(exc.filename or module.params["app"]),
            remedy="run it with become",
        )
        module.fail_json(**failure.as_result())
    module.exit_json(**result)


if __name__ == "__main__":
    main()
