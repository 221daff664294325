#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Count the errors that an application has logged on a host. Touches nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: log_info
short_description: Count the errors that an application has logged
version_added: 0.1.0
description:
  - Counts the lines in the journal of the host that the units of an application have logged since a time and that are
    errors, by their priority or by a pattern.
  - Returns how many there are and of which unit, and no line, since a line may hold a secret.
  - At most 50,000 lines are read, the last ones; RV(cut) says whether there may be more.
options:
  app:
    description: Name of the application.
    type: str
    required: true
  slot:
    description: Slot whose units are looked at; both when empty.
    type: str
    choices: ["", blue, green]
    default: ""
  since:
    description: Since when, as a time in ISO 8601.
    type: str
    required: true
  pattern:
    description: Regular expression of Python. A line that it matches is an error, as is one of the priority C(err) or
      above. When empty only the priority counts.
    type: str
    default: '\b(?:ERROR|CRITICAL|FATAL)\b|^Traceback '
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
  - module: slipway.release.checklist
"""

EXAMPLES = r"""
- name: Count what has gone wrong since the deployment
  slipway.release.log_info:
    app: shop
    slot: green
    since: "2026-11-21T07:30:00Z"
    pattern: '\b(?:ERROR|CRITICAL|FATAL)\b'
  become: true
  register: logged
"""

RETURN = r"""
count:
  description: How many lines are errors.
  type: int
  returned: success
  sample: 3
units:
  description: How many of which unit.
  type: dict
  returned: success
  sample: {"slipway-shop-web@green.service": 3}
cut:
  description: Whether more was logged than was read.
  type: bool
  returned: success
  sample: false
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._checklist.journal import counted
from ansible_collections.slipway.release.plugins.module_utils._checklist.spec import LOG_PATTERN
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError

ARGUMENTS: dict[str, Any] = {
    "app": {"type": "str", "required": True},
    "slot": {"type": "str", "choices": ["", "blue", "green"], "default": ""},
    "since": {"type": "str", "required": True},
    "pattern": {"type": "str", "default": LOG_PATTERN},
}


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    params = module.params
    try:
        found = counted(params["app"], params["slot"], params["since"], params["pattern"])
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    module.exit_json(changed=False, **found)


if __name__ == "__main__":
    main()
