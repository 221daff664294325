# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the report of a deployment from what its module has read on the ledger host.

Writes <dest>/deployment-<app>[@<region>]-<deployment>.{html,json} on the controller.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.release.plugins.module_utils._audit.sign import Kept
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._report.deployment import figures
from ansible_collections.slipway.release.plugins.module_utils._report.deployment_page import rendered
from ansible_collections.slipway.release.plugins.module_utils._report.evidence import read_copy
from ansible_collections.slipway.release.plugins.module_utils._report.keep import keep

MODULE = "slipway.release.deployment_report"


class ActionModule(ActionBase):
    """Runs on the ledger host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read, draw and write."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            result = self._read(arguments, task_vars or {})
            if result.get("failed") or result.get("unreachable"):
                return result
            document = result.pop("document")
            made = figures(document, result.pop("audit"))
            region = f"@{document['region']}" if document.get("region") else ""
            name = f"deployment-{document['app']}{region}-{document['deployment']}"
            dest = str(arguments.get("dest") or "")
            kept = keep(dest, name, made, rendered(made), check_mode=self._task.check_mode)
        except SlipwayError as exc:
            return {"failed": True, **exc.as_result()}
        except (OSError, RuntimeError) as exc:
            return {"failed": True, "msg": f"The report cannot be written: {exc}. Remedy: correct 'dest'."}
        return {**result, **kept.as_result(), "deployment": document["deployment"]}

    def _read(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The evidence, from the controller where it is given there."""
        if arguments.get("evidence"):
            return {"document": read_copy(Path(str(arguments["evidence"])).expanduser()), "audit": {}}
        stream = str(arguments.get("stream") or "")
        if stream:
            host = task_vars.get("inventory_hostname", "localhost")
            arguments["origin"] = arguments.get("origin") or f"{host}/{stream}"
            kept = Kept(str(arguments.get("checkpoint_directory") or ""), str(arguments["origin"]))
            arguments["checkpoints"] = [*(arguments.get("checkpoints") or []), *kept.newest()]
            arguments["public_keys"] = arguments.get("public_keys") or kept.key_texts()
        result: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        return result
