#!/usr/bin/python
# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report the feature flags of a store, and how they differ from what a release knows. Touches nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: flag_info
short_description: Report feature flags, and how they differ from what a release knows
version_added: 0.1.0
description:
  - Returns the flags of a store. With O(schema), which is what a release knows of flags, it says which of them are new,
    deprecated and unknown, and what must be set so that every flag is what was asked for or has its default.
  - A default is for a flag that the store does not have. What is there already is reported where it differs from its
    default, and is left as it is.
extends_documentation_fragment:
  - slipway.release.flag_store
  - slipway.release.flag_store.flags
options:
  names:
    description: Flags to report, besides those of O(schema) and O(flags). All of the store when these are empty too.
    type: list
    elements: str
    default: []
  schema:
    description: The flags that the release knows.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the flag, unique in the list.
        type: str
        required: true
      description:
        description: What it is for.
        type: str
        default: ""
      defaults:
        description: What it is at first in each environment; that of continuous integration is V(staging).
        type: dict
        default: {}
        suboptions:
          development:
            description: Whether it is on in development; as the application has it when omitted.
            type: bool
          staging:
            description: Whether it is on in staging; as the application has it when omitted.
            type: bool
          production:
            description: Whether it is on in production; as the application has it when omitted.
            type: bool
      deprecated:
        description: Whether a later release will not know it.
        type: bool
        default: false
      replaced_by:
        description: The flag to set in its place.
        type: str
        default: ""
  flags:
    description: Flags that are asked for, as M(slipway.release.flag_set) takes them.
    type: list
    elements: dict
    default: []
  environment:
    description: Whose defaults count.
    type: str
    choices: [development, staging, production]
    default: production
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
  - module: slipway.release.flag_set
"""

EXAMPLES = r"""
- name: See which flags of the new release the store does not have yet
  slipway.release.flag_info:
    store: {kind: toml, path: /etc/shop/flags.toml}
    environment: staging
    schema:
      - {name: lru_cache, defaults: {development: true, staging: true, production: true}}
      - {name: old_cache, deprecated: true, replaced_by: lru_cache}
  register: flags
"""

RETURN = r"""
flags:
  description: The flags by name; null for one that is in a form that is not understood.
  type: dict
  returned: success
  sample:
    lru_cache: {name: lru_cache, strategy: full, percentage: 100, segments: [], tenants: {}, sticky: targetingKey}
due:
  description: The flags to set, as M(slipway.release.flag_set) takes them.
  type: list
  elements: dict
  returned: success
  sample: [{name: zero_copy, strategy: "off", percentage: 0, segments: [], tenants: {}, sticky: targetingKey}]
gains:
  description: Those of RV(due) that may give the feature to somebody who does not have it, which
    M(slipway.release.change_gate) judges as C(flags).
  type: list
  elements: dict
  returned: success
  sample: []
report:
  description:
    - How the store and the schema differ. C(new) are in the schema and not in the store, C(deprecated) are in both,
      C(unknown) are in the store and not in the schema, C(differs) are not what their default says.
    - C(unknown) is empty for a store that cannot list its flags, which is one of kind V(rest), or one whose list cannot
      be read, which a warning says.
  type: dict
  returned: success
  sample:
    new: [zero_copy]
    deprecated: [{name: old_cache, replaced_by: lru_cache}]
    unknown: [profiling]
    differs: []
store:
  description: Where they are kept.
  type: str
  returned: success
  sample: /etc/shop/flags.toml
"""

from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError, SystemFailure
from ansible_collections.slipway.release.plugins.module_utils._flags.arguments import ROLLOUT, STORE, plain
from ansible_collections.slipway.release.plugins.module_utils._flags.base import Provider, Unmanaged
from ansible_collections.slipway.release.plugins.module_utils._flags.factory import store
from ansible_collections.slipway.release.plugins.module_utils._flags.model import Flag
from ansible_collections.slipway.release.plugins.module_utils._flags.schema import (
    ENTRY,
    ENVIRONMENTS,
    asked_for,
    due,
    read,
    refuse_unknown,
    report,
)
from ansible_collections.slipway.release.plugins.module_utils._flags.set import gains
from ansible_collections.slipway.release.plugins.module_utils._module import AnsibleModule

ARGUMENTS = {
    "names": {"type": "list", "elements": "str", "default": []},
    "schema": {"type": "list", "elements": "dict", "default": [], "options": plain(ENTRY)},
    "flags": {"type": "list", "elements": "dict", "default": [], "options": plain(ROLLOUT)},
    "environment": {"type": "str", "choices": list(ENVIRONMENTS), "default": "production"},
    "store": {"type": "dict", "required": True, "options": plain(STORE)},
}


def run(given: dict[str, Any]) -> dict[str, Any]:
    """The result of the module."""
    provider = store(given["store"])
    entries, asked = read(given["schema"], "schema"), asked_for(given["flags"], "flags")
    refuse_unknown(asked, entries, "flags")
    named = [*given["names"], *(entry["name"] for entry in entries), *(flag.name for flag in asked)]
    listed, warnings = _listed(provider, needed=not named)
    named = named or listed
    found: dict[str, Flag | None] = {}
    for name in dict.fromkeys(named):
        try:
            flag = provider.find(name)
        except Unmanaged:
            found[name] = None
        else:
            if flag is not None:
                found[name] = flag
    wanted = due(entries, given["environment"], asked, found)
    return {
        "flags": {name: flag.to_dict() if flag else None for name, flag in found.items()},
        "due": [flag.to_dict() for flag in wanted],
        "gains": [flag.to_dict() for flag in wanted if gains(found.get(flag.name), flag)],
        "report": report(entries, given["environment"], listed, found),
        "store": provider.place(),
        "warnings": warnings,
    }


def _listed(provider: Provider, *, needed: bool) -> tuple[list[str], list[str]]:
    """The names of all flags in the store; a warning in their place where they cannot be listed and need not be."""
    try:
        return provider.names(), []
    except SystemFailure as exc:
        if needed:
            raise
        return [], [f"{exc.where}: the flags cannot be listed ({exc.what}); which of them are unknown is not reported"]


def main() -> None:
    """Entry point."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    try:
        result = run(module.params)
    except SlipwayError as exc:
        module.fail_json(**exc.as_result())
    for warning in result.pop("warnings"):
        module.warn(warning)
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
