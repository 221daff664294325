# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies an audit log through its module, with the checkpoints and keys of this controller. Reads them only."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.plugin_utils.checkpoints import with_kept

MODULE = "slipway.release.audit_verify"


class ActionModule(ActionBase):
    """Runs on the host that has the log."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Add what the controller knows, and run the module."""
        super().run(tmp, task_vars)
        variables = task_vars or {}
        arguments = dict(self._task.args)
        try:
            arguments = with_kept(arguments, str(arguments.get("stream") or ""), variables)
        except SlipwayError as exc:
            return {"failed": True, **exc.as_result()}
        except OSError as exc:
            return {"failed": True, "msg": f"{exc.filename}: the checkpoints cannot be read: {exc.strerror}."}
        result: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=variables)
        return result
