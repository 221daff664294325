#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Place the balancer agent. Touches the link to its code and the directory behind it, /etc/systemd/system,
/etc/tmpfiles.d and /usr/local/sbin."""

from __future__ import annotations

DOCUMENTATION = r"""
module: agent_place
short_description: Place the agent of a balancer host
version_added: 0.1.0
description:
  - Places the code of the agent, taken from this collection, with its systemd unit C(slipway-agent@.service), that
    of the watch which comes with it, C(slipway-watch@.service), its command C(slipway-agent) and its run directory.
  - An application host needs the same code, and C(slipway-warm@.timer) with its service, where
    M(slipway.release.release_place) keeps slots warm for a time; they are placed with it.
  - The code lies in a directory of its own; a link to it is swapped by rename, so there is never half an agent.
  - Does not start anything. An agent that runs notices new code and starts anew by itself.
  - The agent runs as root, because it writes the state of the balancer.
extends_documentation_fragment: slipway.release.audit
author:
  - The slipway.release developers (@slipway)
options:
  library:
    description: The link to the code, which is the agent's C(PYTHONPATH).
    type: path
    default: /usr/local/lib/slipway
  python:
    description: Interpreter, Python 3.9 or later, that runs the agent; the one that runs this module when not given.
    type: path
attributes:
  check_mode:
    support: full
    description: Tells what would change, and changes nothing.
  diff_mode:
    support: full
    description: Shows the name of the code and the text of the files.
  idempotent:
    support: full
    description: Code and files that are in place are left alone; damaged ones are replaced.
"""

EXAMPLES = r"""
- name: Place the agent
  slipway.release.agent_place:
  become: true
  register: placed

- name: Start it for one application
  ansible.builtin.systemd_service:
    name: slipway-agent@shop.service
    enabled: true
    state: started
    daemon_reload: true
  become: true
"""

RETURN = r"""
digest:
  description: Identifies the code.
  returned: success
  type: str
  sample: 3f1c0a9be4d27785
code_changed:
  description: Whether the code was replaced.
  returned: success
  type: bool
  sample: true
unit_changed:
  description: Whether a unit was replaced, so that systemd must read it again.
  returned: success
  type: bool
  sample: false
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

import sys
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.slipway.release.plugins.module_utils._agent.payload import sources
from ansible_collections.slipway.release.plugins.module_utils._agent.place import Placed, Places, place
from ansible_collections.slipway.release.plugins.module_utils._audit.operation import AUDIT, UNCHANGED, auditor_of
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError

ARGUMENTS: dict[str, dict[str, Any]] = {
    "library": {"type": "path", "default": "/usr/local/lib/slipway"},
    "python": {"type": "path"},
    "audit": AUDIT,
}


def difference(places: Places, placed: Placed) -> list[dict[str, str]]:
    """What Ansible shows as the difference."""
    found = [
        {"before_header": str(path), "after_header": str(path), "before": before, "after": places.files()[path][0]}
        for path, before in placed.files.items()
    ]
    if placed.code:
        name = str(places.library)
        after = f"{places.library.name}.{placed.digest}"
        found.insert(
            0, {"before_header": name, "after_header": name, "before": f"{placed.before}\n", "after": f"{after}\n"}
        )
    return found


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    places = Places(Path(module.params["library"]), module.params["python"] or sys.executable)
    try:
        audit = auditor_of(module)
        with audit.operation("setup", "agent_place", target=str(places.library)) as act:
            placed = place(places, sources(), check=module.check_mode)
            act.result = "changed" if placed.code or placed.files else UNCHANGED
            act.details = {"digest": placed.digest}
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    module.exit_json(
        changed=placed.code or bool(placed.files),
        digest=placed.digest,
        code_changed=placed.code,
        unit_changed=bool({places.unit, places.watch_unit} & set(placed.files)),
        diff=difference(places, placed),
        **audit.as_result(),
    )


if __name__ == "__main__":
    main()
