#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prove an audit log and read what a report of a period needs of it. Writes nothing on the host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: compliance_report
short_description: Make a compliance report of a period, with DORA figures, from verified audit logs alone
version_added: 0.1.0
description:
  - Proves the audit log of the host, as M(slipway.release.audit_verify) does, and reads from it which deployments there
    were, how they ended, who approved, what was overridden, and which root-cause notes are due. A broken log makes no
    report. What no checkpoint covers is reported, and the report says so at its top.
  - Writes two files on the controller, an HTML page for people and the same figures as JSON. The page needs nothing but
    itself, reads on a narrow screen, in the dark and on paper, and has the figures of each chart in a table.
  - A deployment leaves records on the ledger host, and its moves of the traffic on the balancers. Read every host with
    O(write=false) and hand the results over as O(parts), so that the change failure rate is known. The playbook
    C(compliance_report.yml) does that.
  - The same logs make the same files.
  - The files are written by the action of the same name.
extends_documentation_fragment:
  - slipway.release.audit_log
  - slipway.release.audit_log.heads
options:
  stream:
    description: Name of the stream.
    type: str
    default: deployments
  period:
    description:
      - A quarter (C(2026-Q4)), a month (C(2026-11)), a year (C(2026)), or days (C(2026-10-01/2026-11-15), both
        included), in UTC. The last whole quarter when empty.
    type: str
    default: ""
  environment:
    description: Only deployments of this environment count; all when empty.
    type: str
    default: ""
  at:
    description:
      - The time at which a root-cause note that is not there is overdue, in ISO form with an offset. When empty,
        O(root_cause_hours) after the end of a period that is over, and now of one that is not.
    type: str
    default: ""
  root_cause_hours:
    description: Hours within which a root-cause note is due. For V(0) the action takes what the profiles in
      C(slipway_compliance) say, and 24 where they say nothing.
    type: int
    default: 0
  write:
    description: Whether the files are written. With V(false) RV(parts) is returned instead.
    type: bool
    default: true
  parts:
    description:
      - RV(parts) of all hosts, of which the report is made; nothing is read on the host then. All must be of the same
        period.
    type: list
    elements: dict
    default: []
  dest:
    description: Directory on the controller that gets the files; C(~/.slipway/reports) when empty.
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
    description: The same logs make the same files, of a period that is over.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.audit_verify
  - module: slipway.release.deployment_report
"""

EXAMPLES = r"""
- name: The last quarter, from the log of one host
  slipway.release.compliance_report:
    environment: production
    dest: reports
  become: true

- name: Read the logs of all hosts
  slipway.release.compliance_report:
    period: 2026-Q4
    write: false
  become: true
  register: read

- name: One report of all of them
  slipway.release.compliance_report:
    period: 2026-Q4
    parts: "{{ ansible_play_hosts | map('extract', hostvars, ['read', 'parts']) | flatten }}"
    dest: reports
  run_once: true
"""

RETURN = r"""
page:
  description: The HTML file on the controller.
  returned: when the files are written
  type: str
  sample: /home/ann/.slipway/reports/compliance-2026-Q4.html
figures_file:
  description: The JSON file on the controller.
  returned: when the files are written
  type: str
  sample: /home/ann/.slipway/reports/compliance-2026-Q4.json
verdict:
  description: C(intact), or C(unproven) when a part of a log is covered by no checkpoint.
  returned: when the files are written
  type: str
  sample: intact
parts:
  description: What each log of this host contributes.
  returned: when O(write) is false
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._audit.sources import HEADS, LOG, sources, unreadable
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._report.period import Period, now_ms
from ansible_collections.slipway.release.plugins.module_utils._report.reading import read

ARGUMENTS: dict[str, Any] = {
    "stream": {"type": "str", "default": "deployments"},
    "period": {"type": "str", "default": ""},
    "environment": {"type": "str", "default": ""},
    "at": {"type": "str", "default": ""},
    "root_cause_hours": {"type": "int", "default": 0},
    "write": {"type": "bool", "default": True},
    "parts": {"type": "list", "elements": "dict", "default": []},
    "dest": {"type": "str", "default": ""},
    **LOG,
    **HEADS,
}


def run(params: dict[str, Any]) -> dict[str, Any]:
    """Prove and read the logs of this host."""
    period = Period.read(params["period"], now_ms())
    return {"changed": False, "parts": [read(source, period) for source in sources(params["stream"], params)]}


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
