# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was decided of a change is in the audit log of the ledger host, also where nothing was begun then.

Touches nothing here: the module of the ledger writes, on the host that the task is delegated to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.plugin_utils.audited import Audits
from ansible_collections.slipway.release.plugins.plugin_utils.ending import Ending

LEDGER = "slipway.release.ledger"
JUDGE = "judge"
LACKING = "the audit log does not have this verdict: "


class Judges(Audits):
    """An action that decides whether a change may be made."""

    def verdict_recorded(self, arguments: Mapping[str, Any], variables: Mapping[str, Any]) -> list[str]:
        """Tell the audit log; what keeps that from being done is a warning, and changes no verdict.

        :param arguments: of the ledger, with ``audit``; without that nothing is told.
        """
        try:
            return self._recorded({**arguments, "command": JUDGE}, dict(variables))
        except SlipwayError as exc:
            why = exc.message()
        except (AnsibleError, OSError, LookupError, TypeError, ValueError) as exc:
            why = str(getattr(exc, "message", "")) or type(exc).__name__
        return [LACKING + why]

    def _recorded(self, arguments: dict[str, Any], variables: dict[str, Any]) -> list[str]:
        whole = self.completed(arguments, variables)
        if "audit" not in whole:
            return []
        ending = Ending(self, variables, whole)
        result = self._execute_module(module_name=LEDGER, module_args=ending.arguments, task_vars=variables)
        if result.get("failed") or result.get("unreachable"):
            return [LACKING + str(result.get("msg", ""))]
        return list(ending.signed(result).get("warnings", []))
