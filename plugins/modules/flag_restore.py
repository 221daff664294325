#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turn flags of one store back to what they were. Touches what the store keeps."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flag_restore
short_description: Turn feature flags back to what they were
version_added: 0.1.0
description:
  - Sets all flags of one store that a deployment has set to what they were before. Each is judged by itself, so that
    one that cannot be turned back does not keep the others from it.
  - A flag that was killed meanwhile stays killed, which is no failure.
  - Fails where any is left, once all others are done, and names it.
extends_documentation_fragment:
  - slipway.release.flag_store
  - slipway.release.flag_store.flags
  - slipway.release.audit
options:
  store:
    description:
      - Where the flags are kept. When omitted, C(slipway_flags_store) of the host that the task runs on, which is
        evaluated here, so that one that cannot be is a failure of this host alone.
    required: false
  flags:
    description: The flags as they were.
    type: list
    elements: dict
    required: true
  token:
    description:
      - Fencing token of the deployment that goes back. Nothing is done once this host has set a flag for a deployment
        with a higher token of the same O(app) and O(ledger), and no run with a lower one sets a flag here any more.
      - It is kept as by M(slipway.release.flag_set). Where that takes longer than a second, the flags go back with a
        warning.
    type: int
    default: 0
  app:
    description: Name of the application; required with O(token).
    type: str
    default: ""
  ledger:
    description: UUID of the ledger that has issued O(token).
    type: str
    default: ""
  seconds:
    description:
      - After so many seconds no other flag is begun, and no call of a service takes longer. With V(0) nothing is done,
        and no connection is made.
    type: int
    default: 10
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: The result says what was turned back.
    support: none
  idempotent:
    description: A flag that is as it was is not written.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.flag_info
  - module: slipway.release.flag_set
"""

EXAMPLES = r"""
- name: Turn the new checkout off again
  slipway.release.flag_restore:
    flags:
      - {name: new_checkout, strategy: "off"}
    store: {kind: flagd, path: /etc/flagd/flags.json}
"""

RETURN = r"""
restored:
  description: Names of the flags that are what they were.
  type: list
  elements: str
  returned: when the store could be told
  sample: [new_checkout]
killed:
  description: Names of the flags that were killed meanwhile, and stay so.
  type: list
  elements: str
  returned: when the store could be told
  sample: []
left:
  description: The C(name) of each flag that is not what it was, and C(why).
  type: list
  elements: dict
  returned: when the store could be told
  sample: []
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

from contextlib import nullcontext
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.operation import AUDIT, auditor_of
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    SlipwayError,
    StaleTokenError,
)
from ansible_collections.slipway.release.plugins.module_utils._flags.arguments import ROLLOUT, STORE, plain
from ansible_collections.slipway.release.plugins.module_utils._flags.factory import store
from ansible_collections.slipway.release.plugins.module_utils._flags.fence import fence_of
from ansible_collections.slipway.release.plugins.module_utils._flags.restore import restore
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

LOCK_PATIENCE = 1
ARGUMENTS = {
    "store": {"type": "dict", "options": plain(STORE)},
    "flags": {"type": "list", "elements": "dict", "required": True, "options": plain(ROLLOUT)},
    "token": {"type": "int", "default": 0, "no_log": False},
    "app": {"type": "str", "default": ""},
    "ledger": {"type": "str", "default": ""},
    "seconds": {"type": "int", "default": 10},
    "audit": AUDIT,
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Turn the flags back; the result of the module."""
    given, seconds = module.params, max(module.params["seconds"], 0)
    if not given["store"]:
        raise InputError("it is not set", where="store", remedy="say where the flags are kept")
    where, audit = given["store"], auditor_of(module)
    keep_earlier_runs_out(module)
    if where["url"]:
        where = {**where, "timeout": max(min(where["timeout"], seconds), 1)}
    made = restore(store(where), given["flags"], seconds, audit, check_mode=module.check_mode)
    return {**made, **audit.as_result()}


def keep_earlier_runs_out(module: AnsibleModule) -> None:
    """Record the token; that it cannot be is a warning, and keeps no flag on.

    :raises StaleTokenError: a newer deployment is in charge.
    """
    if module.check_mode:
        return
    try:
        fence = fence_of(module.params["app"], module.params["ledger"], module.params["token"], make=True)
        with fence.held(LOCK_PATIENCE) if fence else nullcontext():
            pass
    except (StaleTokenError, InputError):
        raise
    except (SlipwayError, OSError) as exc:
        module.warn(f"an earlier run may still set these flags: {exc}")


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    if result["left"]:
        module.fail_json(msg="; ".join(f"{one['name']}: {one['why']}" for one in result["left"]), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
