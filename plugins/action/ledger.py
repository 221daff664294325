# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps the ledger through its module, sends along what was judged since the last record, and keeps the document.

Writes <evidence_directory>/<app>/<deployment>.json on the controller.
"""

from __future__ import annotations

import json
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._evidence import collect
from ansible_collections.slipway.release.plugins.module_utils._evidence.keep import keep
from ansible_collections.slipway.release.plugins.module_utils._plan.operator import operator
from ansible_collections.slipway.release.plugins.plugin_utils.audited import Audits, without_secrets
from ansible_collections.slipway.release.plugins.plugin_utils.ending import Ending

MODULE = "slipway.release.ledger"
HOLD = "hold"
SIGNED_BY_OPERATOR = ("root_cause", "checklist")
WITHOUT_EVIDENCE = ("begin", HOLD, "renew", "approve", *SIGNED_BY_OPERATOR)


class ActionModule(Audits):
    """Runs once, delegated to the ledger host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module."""
        super().run(tmp, task_vars)
        try:
            return self._run(task_vars or {})
        except SlipwayError as exc:
            return {"failed": True, "changed": False, **exc.as_result()}

    def _run(self, variables: dict[str, Any]) -> dict[str, Any]:
        arguments = self.completed(dict(self._task.args), variables)
        if arguments.get("command") == HOLD:
            arguments["holder"] = operator(variables)
        if arguments.get("command") in SIGNED_BY_OPERATOR:
            arguments["operator"] = operator(variables)
        metrics = variables.get("slipway_metrics_directory") or ""
        arguments.setdefault("metrics_directory", self._templar.template(metrics))
        state = None if arguments.get("command") in WITHOUT_EVIDENCE else collect.collected(variables)
        if state is not None:
            arguments["evidence"] = _with_judged(arguments.get("evidence") or {}, state)
        ending = Ending(self, variables, arguments)
        result: dict[str, Any] = self._execute_module(
            module_name=MODULE, module_args=ending.arguments, task_vars=variables
        )
        without_secrets(result)
        if result.get("failed") or result.get("unreachable"):
            return result
        if state is not None and not self._task.check_mode:
            sent = collect.as_facts(variables, collect.sent(state))
            result["ansible_facts"] = {**result.get("ansible_facts", {}), **sent}
        result = ending.signed(result)
        return self._kept(result, str(arguments.get("evidence_directory") or ""))

    def _kept(self, result: dict[str, Any], directory: str) -> dict[str, Any]:
        """The result with the place of the document in its stead; a copy that cannot be made is a warning."""
        document = result.pop("document", None)
        if not document or self._task.check_mode:
            return result
        try:
            path = str(keep(directory, document))
        except (OSError, RuntimeError) as exc:
            warning = f"the evidence of {document['deployment']} is kept on the ledger host alone: {exc}"
            return {**result, "document_file": "", "warnings": [*result.get("warnings", []), warning]}
        return {**result, "document_file": path}


def _with_judged(evidence: dict[str, Any], state: dict[str, Any]) -> dict[str, Any]:
    """The evidence of the task with what was judged, in plain types."""
    judged = {"judged": state["entries"], **({"left_off": state["left_off"]} if state["left_off"] else {})}
    made: dict[str, Any] = json.loads(json.dumps({**evidence, **judged}, default=str))
    return made
