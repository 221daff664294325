# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs flag_restore with the store of the host that it runs on. Touches nothing here.

The store is evaluated here and not by the task, since one item that cannot be templated ends a whole loop in older
versions of Ansible.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._flags.restore import LATE
from ansible_collections.slipway.release.plugins.plugin_utils.audited import AuditedModule

STORE = "slipway_flags_store"


class ActionModule(AuditedModule):
    """Runs on the host that it acts on."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, unless no time is left for it, or its store cannot be told."""
        variables, arguments = task_vars or {}, dict(self._task.args)
        if str(arguments.get("seconds", "")) == "0":
            return {"failed": True, "changed": False, "msg": LATE}
        try:
            arguments["store"] = arguments.get("store") or _store_of(self.acting_host(variables), variables)
        except SlipwayError as exc:
            return {"failed": True, "changed": False, **exc.as_result()}
        self._task.args = arguments
        return super().run(tmp, task_vars)


def _store_of(host: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """Where flags are kept on a host.

    :raises InputError: that cannot be told.
    """
    hostvars = variables.get("hostvars") or {}
    if host not in hostvars:
        raise InputError("it is not in the inventory", where=host, remedy="put it back")
    try:
        found = json.loads(json.dumps(hostvars[host][STORE], default=str))
    except (AnsibleError, LookupError, TypeError, ValueError) as exc:
        what = f"it cannot be evaluated: {getattr(exc, 'message', exc)}"
        raise InputError(what, where=STORE, remedy="define it, and what it refers to") from exc
    if not isinstance(found, dict) or "{{" in json.dumps(found):
        raise InputError("it cannot be evaluated", where=STORE, remedy="define it, and what it refers to")
    return found
