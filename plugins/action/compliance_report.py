# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes a compliance report of what its module has read of the audit logs of one host or of several.

Writes <dest>/compliance-<period>[-<environment>].{html,json} on the controller.
"""

from __future__ import annotations

import re
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import load
from ansible_collections.slipway.release.plugins.module_utils._compliance.notes import note_hours
from ansible_collections.slipway.release.plugins.module_utils._report.compliance import figures
from ansible_collections.slipway.release.plugins.module_utils._report.compliance_page import rendered
from ansible_collections.slipway.release.plugins.module_utils._report.keep import keep
from ansible_collections.slipway.release.plugins.module_utils._report.period import Period, now_ms
from ansible_collections.slipway.release.plugins.module_utils._report.reading import is_part
from ansible_collections.slipway.release.plugins.module_utils._report.words import HOUR, moment
from ansible_collections.slipway.release.plugins.plugin_utils.checkpoints import with_kept
from ansible_collections.slipway.release.plugins.plugin_utils.redaction import profiles_of

MODULE = "slipway.release.compliance_report"
_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class ActionModule(ActionBase):
    """Runs on a host that has a log, or on any one to put together what was read on others."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_diff = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read, draw and write."""
        super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        try:
            period = Period.read(str(arguments.get("period") or ""), now_ms())
            arguments["period"] = period.name
            arguments["root_cause_hours"] = self._note_hours(arguments, task_vars or {})
            parts = arguments.get("parts") or []
            if not parts:
                result = self._read(arguments, task_vars or {})
                if result.get("failed") or result.get("unreachable") or "parts" not in result:
                    return result
                if not _is_true(arguments.get("write", True)):
                    return result
                parts = result["parts"]
            return self._written(arguments, parts, period)
        except SlipwayError as exc:
            return {"failed": True, **exc.as_result()}
        except (OSError, RuntimeError) as exc:
            return {"failed": True, "msg": f"The report cannot be written: {exc}. Remedy: correct 'dest'."}

    def _written(self, arguments: dict[str, Any], parts: Any, period: Period) -> dict[str, Any]:
        if not isinstance(parts, list) or not all(map(is_part, parts)):
            remedy = "give 'parts' of all hosts, as one list, from a run with write: false"
            raise InputError("it is not what was read of logs", where="parts", remedy=remedy)
        environment, hours = str(arguments.get("environment") or ""), int(arguments["root_cause_hours"])
        as_of = _as_of(str(arguments.get("at") or ""), period, hours)
        made = figures(parts, period, environment=environment, as_of=as_of, note_hours=hours)
        name = _NAME.sub("_", "-".join(filter(None, ("compliance", period.name, environment))))
        dest = str(arguments.get("dest") or "")
        kept = keep(dest, name, made, rendered(made), check_mode=self._task.check_mode)
        warnings = ["a part of the audit log is unproven, as the report says"] if made["verdict"] != "intact" else []
        return {**kept.as_result(), "verdict": made["verdict"], "warnings": warnings}

    def _note_hours(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> int:
        """What the task says, or the compliance profiles of the run."""
        given = arguments.get("root_cause_hours")
        try:
            return int(given or note_hours(load(profiles_of(self._templar, task_vars))))
        except (TypeError, ValueError) as exc:
            remedy = "write a number of hours"
            raise InputError("it is no whole number", where="root_cause_hours", remedy=remedy) from exc

    def _read(self, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """The parts of this host, proven by what this controller has signed."""
        given = with_kept(arguments, str(arguments.get("stream") or "deployments"), task_vars)
        result: dict[str, Any] = self._execute_module(module_name=MODULE, module_args=given, task_vars=task_vars)
        return result


def _as_of(given: str, period: Period, hours: int) -> int:
    """When a note is overdue; of a period that is over it does not depend on now."""
    if given:
        try:
            return moment(given)
        except ValueError as exc:
            remedy = "write it as 2026-11-21T10:00:00Z"
            raise InputError(f"{given!r} is no time", where="at", remedy=remedy) from exc
    now = now_ms()
    last = period.end + hours * HOUR
    return last if now >= last else now // 1000 * 1000


def _is_true(value: Any) -> bool:
    return str(value).lower() not in ("false", "no", "0", "off", "n", "f")
