# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judges on the controller whether a change may be made now, or at a given time.

Writes nothing but its verdict into the audit log of the host that the task is delegated to.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._change.controller import (
    judged,
    whatever_is_wrong,
    with_variables,
)
from ansible_collections.slipway.release.plugins.module_utils._change.deployment import for_the_audit_log
from ansible_collections.slipway.release.plugins.module_utils._change.gate import (
    BLOCK,
    FLAGS,
    MIGRATE,
    OPERATIONS,
    WARN,
    exempt,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.plugin_utils.verdicts import Judges

ARGUMENTS = {
    "app": {"type": "str", "required": True},
    "operation": {"type": "str", "default": "deploy", "choices": list(OPERATIONS)},
    "policy": {"type": "dict"},
    "environment": {"type": "str"},
    "region": {"type": "str"},
    "artifact_sha256": {"type": "str", "default": ""},
    "commit": {"type": "str", "default": ""},
    "migrations": {"type": "str", "default": ""},
    "ledger_host": {"type": "str"},
    "change": {"type": "dict"},
    "evidence": {"type": "str"},
    "compliance": {"type": "list", "elements": "str"},
    "gates": {"type": "dict"},
    "at": {"type": "str", "default": ""},
    "begun": {"type": "bool", "default": False},
    "fail": {"type": "bool", "default": True},
    "audit": {"type": "dict"},
}

WITHOUT_A_BEGINNING = (MIGRATE, FLAGS)


class ActionModule(Judges):
    """Runs once; nothing of it depends on a host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the verdict; what always passes does so whatever is wrong with the options or the variables."""
        super().run(tmp, task_vars)
        operation = str(self._task.args.get("operation", ""))
        try:
            found = whatever_is_wrong(exempt(operation), lambda: self._judged(task_vars or {}))
        except SlipwayError as exc:
            return {"failed": True, "changed": False, **exc.as_result()}
        fails = found.pop("fail", False) and found["verdict"] == BLOCK
        told = found.pop("told", {})
        unrecorded = self.verdict_recorded(told, task_vars or {}) if self._is_told(found, fails) else []
        warns = found["verdict"] == WARN or found.pop("unjudged", False)
        warnings = [*([found["msg"]] if warns else []), *unrecorded]
        return {"changed": False, "failed": fails, "warnings": warnings, **found}

    def _judged(self, task_vars: dict[str, Any]) -> dict[str, Any]:
        check: Any = self.validate_argument_spec
        _validated, arguments = check(argument_spec=ARGUMENTS)
        options = with_variables(arguments, task_vars, self._templar.template)
        plain = json.loads(json.dumps(options, default=str))
        found = judged(plain, task_vars)
        condensed = for_the_audit_log(found)
        told = {
            "audit": plain.get("audit"),
            "app": plain["app"],
            "region": plain.get("region") or "",
            "purpose": plain["operation"],
            "change": condensed,
        }
        return {**found, "condensed": condensed, "fail": plain["fail"], "told": told}

    def _is_told(self, found: dict[str, Any], fails: bool) -> bool:
        """Whether the audit log is told: of a refusal, and of what passes where no deployment begins that says so."""
        passes = self._task.args.get("operation") in WITHOUT_A_BEGINNING and found["allowed"] and not found["preview"]
        return not self._task.check_mode and (fails or passes)
