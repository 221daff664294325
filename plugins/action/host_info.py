# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a host's state with the information modules; a module that fails is data. Touches nothing."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible.utils.display import Display
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import load
from ansible_collections.slipway.release.plugins.module_utils._compliance.notes import note_hours
from ansible_collections.slipway.release.plugins.plugin_utils.redaction import profiles_of

MODULES = {
    "release": "slipway.release.release_info",
    "balancer": "slipway.release.lb_info",
    "ledger": "slipway.release.ledger_info",
}
ADDED = ("changed", "failed", "invocation", "msg", "exception", "warnings", "deprecations", "ansible_facts")


class ActionModule(ActionBase):
    """Runs on every host in parallel."""

    TRANSFERS_FILES = False
    _supports_check_mode = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Read each part that is asked for."""
        super().run(tmp, task_vars)
        check: Any = self.validate_argument_spec
        _validated, options = check(
            argument_spec={
                "app": {"type": "str", "required": True},
                "reads": {"type": "list", "elements": "str", "choices": list(MODULES), "required": True},
                "ports": {"type": "list", "elements": "int", "default": []},
                "regions": {"type": "list", "elements": "str", "default": []},
            }
        )
        of_regions = options["regions"] if "ledger" in options["reads"] else []
        parts = [part for part in options["reads"] if part != "ledger" or not of_regions]
        results = {part: self._execute(part, options, task_vars) for part in parts}
        ledgers = {region: self._execute("ledger", options, task_vars, region) for region in of_regions}
        facts: dict[str, Any] = {}
        for result in (*results.values(), *ledgers.values()):
            facts.update(result.get("ansible_facts", {}))
        return {
            "changed": False,
            "ansible_facts": facts,
            **{part: _part(result) for part, result in results.items()},
            **({"ledgers": {region: _part(result) for region, result in ledgers.items()}} if ledgers else {}),
        }

    def _execute(
        self, part: str, options: dict[str, Any], task_vars: dict[str, Any] | None, region: str = ""
    ) -> dict[str, Any]:
        arguments = {"app": options["app"], **({"region": region} if region else {})}
        if part == "release":
            arguments["ports"] = options["ports"] or self._declared_ports(task_vars or {})
        if part == "ledger":
            arguments["root_cause_hours"] = self._note_hours(task_vars or {})
        result: dict[str, Any] = self._execute_module(
            module_name=MODULES[part], module_args=arguments, task_vars=task_vars
        )
        return result

    def _note_hours(self, task_vars: dict[str, Any]) -> int:
        """How long there is to tell a root cause; profiles that cannot be told keep nobody from looking."""
        try:
            return note_hours(load(profiles_of(self._templar, task_vars)))
        except SlipwayError as exc:
            Display().warning(f"root causes are due as without a compliance profile: {exc.message()}")
            return note_hours(None)

    def _declared_ports(self, task_vars: dict[str, Any]) -> list[int]:
        """Ports in slipway_components, also as text, which older templates make of numbers.

        What cannot be read there is refused when the inputs are judged.
        """
        components = self._templar.template(task_vars.get("slipway_components", []))
        ports = [item.get("ports") for item in components if isinstance(item, dict)]
        found = {port for slots in ports if isinstance(slots, dict) for port in slots.values()}
        return sorted(int(port) for port in found if str(port).isdecimal())


def _part(result: dict[str, Any]) -> dict[str, Any]:
    """What the module returned, without what Ansible adds to every result."""
    if result.get("failed"):
        return {"error": result.get("msg", "the module failed without a message")}
    return {key: value for key, value in result.items() if key not in ADDED and not key.startswith("_ansible")}
