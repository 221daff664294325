# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the actions of audited modules share: they complete the option ``audit`` from what the controller knows.

Touches nothing. The play says that its tasks are audited, with ``audit`` for the action group; who acts, for which
deployment and by which rules is the same for all its tasks, and is found here, so that no play has to say it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as Normal
from ansible.utils.display import Display
from ansible_collections.slipway.release.plugins.module_utils._audit.levels import FULL, LEVELS
from ansible_collections.slipway.release.plugins.module_utils._audit.redact import Redactor
from ansible_collections.slipway.release.plugins.module_utils._common.backwards import BACKWARDS
from ansible_collections.slipway.release.plugins.module_utils._common.errors import InputError, SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._inputs.audit import OPTIONS
from ansible_collections.slipway.release.plugins.plugin_utils import heads
from ansible_collections.slipway.release.plugins.plugin_utils.checkpoints import initiator
from ansible_collections.slipway.release.plugins.plugin_utils.redaction import hidden

SETTINGS = "slipway_audit"
PLAN = "__deployment_plan"
OF_A_MODULE = ("directory", "mask", "hash", "hash_key", "patterns", "values", "level")
GOES_BACK = "__rollout_goes_back"


class Audits(ActionBase):
    """An action whose module has the option ``audit``."""

    def completed(self, arguments: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with the whole option, or without it where nothing is audited.

        :raises SlipwayError: what is to be known of the audit log cannot be told, and the act needs its intent.
        """
        given = arguments.get("audit")
        rest = {name: value for name, value in arguments.items() if name != "audit"}
        if not given:
            return rest
        back = goes_back(variables)
        try:
            back = back or not boolean(given.get("required", True))
            option = self._option(given, variables, required=not back)
        except (AnsibleError, ValueError, TypeError, AttributeError) as exc:
            message = str(getattr(exc, "message", exc))
            if back:
                Display().warning(f"the audit log does not have this act, which goes on: {SETTINGS}: {message}")
                return rest
            raise InputError(
                f"the audit log's settings cannot be told: {message}", where=SETTINGS, remedy="correct the variable"
            ) from exc
        return {**rest, **({"audit": option} if option else {})}

    def noted(self, result: dict[str, Any], variables: Mapping[str, Any]) -> dict[str, Any]:
        """The result, once it is kept for the last record of the run where the log of the host ends."""
        if not self._task.check_mode:
            try:
                heads.note(self.acting_host(variables), result.get("audit"))
            except OSError as exc:
                Display().warning(f"where an audit log ends cannot be kept, so the ledger's log does not say it: {exc}")
        return result

    def acting_host(self, variables: Mapping[str, Any]) -> str:
        """The inventory's name of the host that the module runs on."""
        return str(self._task.delegate_to or variables.get("inventory_hostname", "localhost"))

    def _option(self, given: Mapping[str, Any], variables: Mapping[str, Any], *, required: bool) -> dict[str, Any]:
        settings = settings_of(self._templar, variables)
        if not boolean(settings.get("enabled", True)):
            return {}
        asked = {**_known(settings), **given}
        return {
            **asked,
            **hidden(asked, "hash_key", self._templar, variables, back=not required),
            "required": required,
            "context": {**self._context(variables), **(given.get("context") or {})},
        }

    def _context(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        """What all events of this run say; what is not known is left out."""
        planned = variables.get(PLAN) or {}
        plan = planned.get("plan") or {}

        def variable(name: str) -> Any:
            """It, unless it cannot be told, which is no reason to write nothing."""
            try:
                return self._templar.template(variables.get(f"slipway_{name}", ""))
            except AnsibleError:
                return ""

        change = variable("change")
        made = {
            "initiator": initiator(variables),
            "environment": variable("environment"),
            "version": (plan.get("to") or {}).get("version") or variable("version"),
            "commit": ((plan.get("revision") or {}).get("artifact") or {}).get("commit"),
            "strategy": plan.get("rollout") or variable("rollout"),
            "change_request": change.get("id") if isinstance(change, Mapping) else "",
            "deployment": planned.get("deployment"),
            "token": planned.get("token"),
            "compliance_profiles": variable("compliance"),
        }
        plain: dict[str, Any] = json.loads(json.dumps({name: it for name, it in made.items() if it}, default=str))
        return plain

    def _update_module_args(
        self,
        module_name: str,
        module_args: dict[str, Any],
        task_vars: dict[str, Any],
        ignore_unknown_opts: bool = False,
    ) -> None:
        """Ansible writes a module's arguments into the system log of the host, with what the audit log masks."""
        super()._update_module_args(module_name, module_args, task_vars, ignore_unknown_opts=ignore_unknown_opts)
        if module_args.get("audit"):
            module_args["_ansible_no_log"] = True


class AuditedModule(Audits, Normal):
    """The action of an audited module that needs nothing else."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module, in the background where the task asks for that."""
        variables = task_vars or {}
        try:
            self._task.args = self.completed(dict(self._task.args), variables)
        except SlipwayError as exc:
            return {"failed": True, "changed": False, **exc.as_result()}
        run: Any = super().run
        result: dict[str, Any] = run(tmp, task_vars)
        return self.noted(without_secrets(result), variables)


def _known(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that the module takes.

    :raises ValueError: it would refuse them.
    """
    unknown = ", ".join(sorted(str(name) for name in settings if name not in OPTIONS))
    if unknown:
        Display().warning(f"{SETTINGS} has no {unknown}, which is ignored. Remedy: correct the name, or remove it.")
    found = {name: settings[name] for name in OF_A_MODULE if settings.get(name)}
    if not str(found.get("directory", "/")).startswith(("/", "~")):
        raise ValueError("directory is no absolute path")
    for name in ("mask", "hash", "patterns", "values"):
        given = found.get(name, [])
        if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
            raise ValueError(f"{name} is no list of strings")
    if not isinstance(found.get("hash_key", ""), str):
        raise ValueError("hash_key is no string")
    if found.get("level", FULL) not in LEVELS:
        raise ValueError(f"level is none of {', '.join(LEVELS)}")
    try:
        Redactor(patterns=found.get("patterns", ()))
    except InputError as exc:
        raise ValueError(f"patterns: {exc.what}") from exc
    return found


def settings_of(templar: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    """What the operator says of the audit log."""
    found = templar.template(variables.get(SETTINGS, {})) or {}
    plain: dict[str, Any] = json.loads(json.dumps(dict(found), default=str))
    return plain


def goes_back(variables: Mapping[str, Any]) -> bool:
    """Whether this returns to where it was, which nothing may keep anybody from, not even a full disk."""
    plan = (variables.get(PLAN) or {}).get("plan") or {}
    return bool(
        variables.get("deployment_verb") in BACKWARDS
        or plan.get("verb") in BACKWARDS
        or variables.get("region_way") == "back"
        or variables.get(GOES_BACK)
    )


def without_secrets(result: dict[str, Any]) -> dict[str, Any]:
    """The result without the option among its arguments, where the operator's secrets stand."""
    arguments = (result.get("invocation") or {}).get("module_args")
    if isinstance(arguments, dict):
        arguments.pop("audit", None)
    return result
