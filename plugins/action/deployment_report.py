# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the report of a deployment from what its module has read on the ledger host.

Writes <dest>/deployment-<app>[@<region>]-<deployment>.{html,json} on the controller.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._report.deployment import figures
from ansible_collections.slipway.release.plugins.module_utils._report.deployment_page import rendered
from ansible_collections.slipway.release.plugins.module_utils._report.evidence import read_copy
from ansible_collections.slipway.release.plugins.module_utils._report.keep import keep
from ansible_collections.slipway.release.plugins.module_utils._report.logs import is_log, of_deployment
from ansible_collections.slipway.release.plugins.plugin_utils.checkpoints import with_kept

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
            if result.get("failed") or result.get("unreachable") or "document" not in result:
                return result
            document = result.pop("document")
            made = figures(document, *_logs(document["deployment"], result.pop("logs"), arguments.get("logs") or {}))
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
            return {"document": read_copy(Path(str(arguments["evidence"])).expanduser()), "logs": []}
        stream = str(arguments.get("stream") or "")
        given = {name: value for name, value in arguments.items() if name != "logs"}
        given = with_kept(given, stream, task_vars) if stream else given
        result: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=given, task_vars=task_vars)
        return result


def _logs(deployment: str, own: Any, others: Any) -> tuple[dict[str, Any], list[dict[str, Any]], list[dict[str, str]]]:
    """What the ledger host's log says of the deployment, what the other logs say, and which were not read.

    :raises InputError: what is given of other hosts is nothing that this module returns.
    """
    found = [of_deployment(log, deployment) for log in own]
    unread: list[dict[str, str]] = []
    for host, result in sorted(others.items() if isinstance(others, Mapping) else ()):
        logs = result.get("logs") if isinstance(result, Mapping) else None
        if isinstance(logs, list) and all(map(is_log, logs)):
            found += [of_deployment(log, deployment) for log in logs]
        elif isinstance(result, Mapping):
            unread.append({"host": str(host), "message": str(result.get("msg") or "it was not reached")})
        else:
            raise InputError("it is not what was read", where=f"logs: {host}", remedy="give what the task registered")
    return (found[0] if own else {}), found[1:] if own else found, unread
