# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes through a checklist on the controller, where the release and the reports are, and keeps what it has found.

Writes <evidence_directory>/<app>/checklist-<time>.json there; connects to no host of the inventory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.release.plugins.module_utils._checklist.deployed import after, deployments
from ansible_collections.slipway.release.plugins.module_utils._checklist.files import texts
from ansible_collections.slipway.release.plugins.module_utils._checklist.model import FAIL, PASS, Deployed, Scene
from ansible_collections.slipway.release.plugins.module_utils._checklist.run import BLOCK, gone_through, told
from ansible_collections.slipway.release.plugins.module_utils._checklist.spec import (
    AFTER,
    BEFORE,
    ITEMS,
    OF_AFTER,
    OPTIONS,
    PHASES,
)
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import load
from ansible_collections.slipway.release.plugins.module_utils._evidence.keep import keep
from ansible_collections.slipway.release.plugins.plugin_utils import refused

ARGUMENTS = {
    "app": {"type": "str", "required": True},
    "checklist": {"type": "dict", "required": True, "options": OPTIONS},
    "phase": {"type": "str", "default": BEFORE, "choices": list(PHASES)},
    "version": {"type": "str", "default": ""},
    "document": {"type": "str", "default": ""},
    "live": {"type": "dict", "default": {}},
    "regions": {"type": "dict", "default": {}},
    "audits": {"type": "dict", "default": {}},
    "logs": {"type": "dict", "default": {}},
    "stores": {"type": "dict", "default": {}},
    "database": {"type": "dict", "default": {}},
    "artifact": {"type": "str", "default": ""},
    "artifact_sha256": {"type": "str", "default": ""},
    "config": {"type": "dict", "default": {}},
    "flags": {"type": "list", "elements": "dict", "default": []},
    "flags_schema": {"type": "list", "elements": "dict", "default": []},
    "change": {"type": "dict", "default": {}},
    "compliance": {"type": "list", "elements": "str", "default": []},
    "evidence_directory": {"type": "str", "default": ""},
    "fail": {"type": "bool", "default": True},
    "tell": {"type": "bool", "default": False},
}
BACKUP_AGE = OPTIONS["backup"]["options"]["max_age"]["default"]
DEFAULTS_AFTER = {name: option["default"] for name, option in OF_AFTER.items()}
SAID = {BEFORE: "the checklist", AFTER: "the checklist after the deployment"}


class ActionModule(ActionBase):
    """Runs once; nothing of it depends on a host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Return the checklist."""
        super().run(tmp, task_vars)
        check: Any = self.validate_argument_spec
        _validated, arguments = check(argument_spec=ARGUMENTS)
        options = json.loads(json.dumps(arguments, default=str))
        phase = options["phase"]
        try:
            deployed = after(options) if phase == AFTER else Deployed()
            checklist = gone_through(_scene(options, deployed), _required(options), phase)
        except SlipwayError as exc:
            return {"failed": True, "changed": False, **exc.as_result()}
        findings = told(checklist)
        fails = options["fail"] and checklist["verdict"] in (BLOCK, FAIL)
        message = "; ".join(findings) or "nothing was found"
        warned = checklist["verdict"] != PASS and not fails
        warnings = [f"{SAID[phase]}: {finding}" for finding in findings] if warned else []
        file, lacking = ("", "") if self._task.check_mode else _kept(options, checklist)
        word = {BLOCK: " blocks", FAIL: " fails"}.get(checklist["verdict"], "")
        result = {
            "changed": False,
            "failed": fails,
            "msg": f"{SAID[phase]}{word}: {message}",
            "warnings": [*warnings, *([lacking] if lacking else [])],
            "document_file": file,
            "deployments": deployments(deployed),
            **checklist,
        }
        if not fails or self._task.check_mode or not options["tell"]:
            return result
        return refused.told(result, "deploy", "", self._templar, task_vars or {})


def _required(options: Mapping[str, Any]) -> list[str]:
    """Items that must be looked at; what else a profile asks for is no item of this list."""
    if options["phase"] == AFTER:
        return list(options["checklist"]["after"].get("required", ())) if options["live"] else []
    profile = load(options["compliance"])
    return [name for name in ITEMS if name in (*options["checklist"]["required"], *(profile.gates if profile else ()))]


def _scene(options: Mapping[str, Any], deployed: Deployed) -> Scene:
    checklist = options["checklist"]
    return Scene(
        options={
            **checklist,
            "backup": {"max_age": BACKUP_AGE, **checklist["backup"]},
            "after": {**DEFAULTS_AFTER, **checklist["after"]},
        },
        files=texts(_release(options), checklist["environment"]) if options["phase"] == BEFORE else [],
        sha256=options["artifact_sha256"],
        now=datetime.now(timezone.utc),
        variables={
            "slipway_app": options["app"],
            "slipway_version": options["version"],
            "slipway_config": options["config"],
            "slipway_flags": options["flags"],
            "slipway_flags_schema": options["flags_schema"],
            "slipway_change": options["change"],
        },
        deployed=deployed,
    )


def _release(options: Mapping[str, Any]) -> str:
    """Where the release is on the controller; empty where it is not there."""
    named: str = options["checklist"]["release"]
    artifact: str = options["artifact"]
    return named or (artifact if artifact and "://" not in artifact and not artifact.startswith("git+") else "")


def _kept(options: Mapping[str, Any], checklist: Mapping[str, Any]) -> tuple[str, str]:
    """Where the checklist is kept, and why it is not."""
    name = f"checklist-{datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%S%fZ')}"
    try:
        path: Path = keep(options["evidence_directory"], {**checklist, "app": options["app"], "deployment": name})
    except (OSError, RuntimeError) as exc:
        return "", f"the checklist is not kept: {exc}"
    return str(path), ""
