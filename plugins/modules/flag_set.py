#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Set one feature flag, and read back what evaluators get. Touches what the store keeps."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flag_set
short_description: Set a feature flag and see that evaluators get it
version_added: 0.1.0
description:
  - Sets one boolean flag in a file or a service, and reads it back as those who evaluate it get it, for as long as
    O(verify) seconds. A flag that is as it must be already is read back too.
  - Nothing else in the store changes. Files are edited in place under a lock and replaced as a whole, with their mode
    and owner, other flags, comments and unknown keys. Two edits at once are both kept.
  - A growing O(percentage) keeps the users who have the feature, a smaller one takes it from some and gives it to none.
  - V(kill_switch) turns it off for everybody, without exception. It is not refused for who had the flag before, and
    stays until the flag is set with O(revive). Stores of on and off do not remember that a flag was killed, and neither
    does a JSON file in which the flag is only C(true) or C(false); there it can be turned on again without O(revive).
  - A file that is not sound is never edited, not by V(kill_switch) either; neither is a flag that has no boolean value,
    nor a value of a ConfigMap that others share by an anchor.
  - What somebody else has written in a form that is not understood, such as targeting by hand, is never replaced
    silently. It is refused, but for a kill switch.
extends_documentation_fragment:
  - slipway.release.flag_store
  - slipway.release.flag_store.evaluator
  - slipway.release.audit
options:
  name:
    description: Name of the flag. In variables it stands in upper case, with C(_) for every other sign.
    type: str
    required: true
  strategy:
    description:
      - V(off) is nobody but O(tenants) for whom it is on, V(canary) some O(segments), V(gradual) a share of the users,
        V(full) everybody but O(tenants) for whom it is off, V(kill_switch) nobody.
    type: str
    required: true
    choices: ["off", canary, gradual, full, kill_switch]
  percentage:
    description:
      - Share of the users, or of those in O(segments), V(0) to V(100). V(gradual) must have it, for V(canary) it is
        V(100) when omitted.
    type: int
  segments:
    description:
      - Segments whose users can have it, for V(canary) and V(gradual); everybody when empty, or V(all). Evaluators find
        the segment of a user in the field C(segment) of the context.
    type: list
    elements: str
    default: []
  tenants:
    description:
      - Tenants for whom it is V(true) or V(false) whatever the rest says, but for V(kill_switch). Evaluators find the
        tenant of a user in the field C(tenant) of the context.
    type: dict
    default: {}
  sticky:
    description:
      - Field of the context that the share is drawn by. It cannot change while a share has the feature, since others
        would get it.
    type: str
    default: targetingKey
  revive:
    description: Whether a flag that was killed may be something else again.
    type: bool
    default: false
  token:
    description:
      - Fencing token of the deployment that asks for it. It is refused once this host has set a flag for a deployment
        with a higher token of the same O(app) and O(ledger). A kill switch needs none, and is refused by none.
      - The highest token is kept in C(/var/lib/slipway/flags), and by another account than root in C(.slipway/flags) of
        its home. Where it has none that it may write, the flag is set with a warning.
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
  verify:
    description: Seconds within which evaluators must get it, up to 300.
    type: int
    default: 30
attributes:
  check_mode:
    description: Says what would change, and changes nothing.
    support: full
  diff_mode:
    description: Shows the flag before and after.
    support: full
  idempotent:
    description: A flag that is as it must be is not written.
    support: full
author:
  - The slipway.release developers (@slipway)
seealso:
  - module: slipway.release.flag_info
"""

EXAMPLES = r"""
- name: Give the new checkout to a tenth of the users
  slipway.release.flag_set:
    name: new_checkout
    strategy: gradual
    percentage: 10
    store:
      kind: flagd
      path: /etc/flagd/flags.json
    evaluator:
      url: http://127.0.0.1:8016

- name: Give it to the staff, and to one tenant
  slipway.release.flag_set:
    name: new_checkout
    strategy: canary
    segments: [staff]
    tenants: {acme: true}
    store: &unleash
      kind: unleash
      url: https://unleash.example
      environment: production
      token: "{{ unleash_admin_token }}"
      client_token: "{{ unleash_client_token }}"

- name: Turn it off for everybody, now
  slipway.release.flag_set:
    name: new_checkout
    strategy: kill_switch
    store: *unleash

- name: Turn it on in the environment of a service
  slipway.release.flag_set:
    name: new_checkout
    strategy: full
    store:
      kind: env
      path: /etc/shop/flags.env
      prefix: SHOP
"""

RETURN = r"""
flag:
  description: The flag as it is now, or would be.
  type: dict
  returned: success
  sample: &flag
    name: new_checkout
    strategy: gradual
    percentage: 10
    segments: []
    tenants: {}
    sticky: targetingKey
before:
  description:
    - The flag as it was; null where there was none, or none that is understood. A flag in a JSON file that is only
      C(true) or C(false) is never V(kill_switch) here, since it does not remember that it was killed.
  type: dict
  returned: success
  sample: *flag
users:
  description:
    - V(keep) when all who had the feature have it on, V(lose) when some may not, or when what the flag was is not
      understood.
  type: str
  returned: success
  sample: keep
store:
  description: Where it is kept.
  type: str
  returned: success
  sample: /etc/flagd/flags.json
takes_effect:
  description: V(at_once), or V(on_restart) where applications read the store when they start.
  type: str
  returned: success
  sample: at_once
verified:
  description: Who gave back what was set, and how many milliseconds after the start; null in check mode.
  type: dict
  returned: success
  sample: {by: "http://127.0.0.1:8016", elapsed_ms: 212}
audit:
  description: Where the audit log ends.
  returned: when O(audit) is given and something was written to it
  type: dict
  sample: {stream: deployments, segment: 1, seq: 1204, hash: 9f86d0…}
"""

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._audit.operation import AUDIT, UNCHANGED, auditor_of
from ansible_collections.slipway.release.plugins.module_utils._common.errors import (
    InputError,
    SlipwayError,
    SystemFailure,
)
from ansible_collections.slipway.release.plugins.module_utils._common.fence import Fence
from ansible_collections.slipway.release.plugins.module_utils._flags.arguments import EVALUATOR, ROLLOUT, STORE, plain
from ansible_collections.slipway.release.plugins.module_utils._flags.factory import evaluator, store
from ansible_collections.slipway.release.plugins.module_utils._flags.fence import fence_of
from ansible_collections.slipway.release.plugins.module_utils._flags.model import KILL_SWITCH, wanted
from ansible_collections.slipway.release.plugins.module_utils._flags.set import LONGEST_VERIFY, Request, set_flag
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

ARGUMENTS = {
    **plain(ROLLOUT),
    "revive": {"type": "bool", "default": False},
    "verify": {"type": "int", "default": 30},
    "token": {"type": "int", "default": 0, "no_log": False},
    "app": {"type": "str", "default": ""},
    "ledger": {"type": "str", "default": ""},
    "store": {"type": "dict", "required": True, "options": plain(STORE)},
    "evaluator": {"type": "dict", "options": plain(EVALUATOR)},
    "audit": AUDIT,
}


def run(module: AnsibleModule) -> dict[str, Any]:
    """Set the flag; the result of the module, with the warnings still in it."""
    given = module.params
    if not 0 <= given["verify"] <= LONGEST_VERIFY:
        raise InputError(f"{given['verify']} is too much", where="verify", remedy=f"use 0 to {LONGEST_VERIFY} seconds")
    flag = wanted(
        given["name"],
        given["strategy"],
        percentage=given["percentage"],
        segments=given["segments"],
        tenants=given["tenants"],
        sticky=given["sticky"],
    )
    request = Request(flag, revive=given["revive"], verify=given["verify"])
    audit = auditor_of(module)
    asked = {"strategy": given["strategy"], "percentage": given["percentage"], "store": given["store"]["kind"]}
    name = "kill" if given["strategy"] == KILL_SWITCH else "set"
    with audit.operation("flag", name, target=given["name"], details=asked) as act:
        result = set_flag(
            store(given["store"]),
            request,
            evaluator(given["evaluator"]),
            fence=fence(module),
            check_mode=module.check_mode,
        )
        act.result = "changed" if result["changed"] else UNCHANGED
    return {**result, **audit.as_result()}


def fence(module: AnsibleModule) -> Fence | None:
    """The fence of the deployment that asks; that there is no place for one keeps no flag as it is."""
    given = module.params
    try:
        return fence_of(given["app"], given["ledger"], given["token"], make=not module.check_mode)
    except SystemFailure as exc:
        module.warn(exc.message())
        return None


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    for warning in result.pop("warnings"):
        module.warn(warning)
    if module._diff:
        result["diff"] = {"before": result["before"] or {}, "after": result["flag"]}
    module.exit_json(**result)


if __name__ == "__main__":
    main()
