# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes through the checklist on the controller, where the release and the reports are, and keeps what it has found.

Writes <evidence_directory>/<app>/checklist-<time>.json there. Connects to no host, unless it blocks: then the audit log
of the host that the task is delegated to is told.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.slipway.release.plugins.module_utils._change.gate import DEPLOY
from ansible_collections.slipway.release.plugins.module_utils._checklist.files import texts
from ansible_collections.slipway.release.plugins.module_utils._checklist.model import WARN, Scene
from ansible_collections.slipway.release.plugins.module_utils._checklist.run import BLOCK, gone_through, told
from ansible_collections.slipway.release.plugins.module_utils._checklist.spec import ITEMS, OPTIONS
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.module_utils._compliance.load import load
from ansible_collections.slipway.release.plugins.module_utils._evidence.keep import keep
from ansible_collections.slipway.release.plugins.plugin_utils.refusals import Refuses

ARGUMENTS = {
    "app": {"type": "str", "required": True},
    "checklist": {"type": "dict", "required": True, "options": OPTIONS},
    "artifact": {"type": "str", "default": ""},
    "artifact_sha256": {"type": "str", "default": ""},
    "config": {"type": "dict", "default": {}},
    "flags": {"type": "list", "elements": "dict", "default": []},
    "flags_schema": {"type": "list", "elements": "dict", "default": []},
    "change": {"type": "dict", "default": {}},
    "compliance": {"type": "list", "elements": "str", "default": []},
    "evidence_directory": {"type": "str", "default": ""},
    "fail": {"type": "bool", "default": True},
    "audit": {"type": "dict"},
}
MOST_TOLD = 20
BACKUP_AGE = OPTIONS["backup"]["options"]["max_age"]["default"]


class ActionModule(Refuses):
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
        try:
            checklist = gone_through(_scene(options), _required(options))
        except SlipwayError as exc:
            return {"failed": True, "changed": False, **exc.as_result()}
        findings = told(checklist)
        blocked = checklist["verdict"] == BLOCK
        message = "; ".join(findings) or "nothing was found"
        warnings = [f"checklist: {finding}" for finding in findings] if checklist["verdict"] == WARN else []
        fails = blocked and options["fail"]
        if fails and not self._task.check_mode:
            warnings += self.refusal_recorded(_told_of(options, checklist, findings), task_vars or {})
        file, lacking = ("", "") if self._task.check_mode else _kept(options, checklist)
        return {
            "changed": False,
            "failed": fails,
            "msg": f"the checklist blocks: {message}" if blocked else f"checklist: {message}",
            "warnings": [*warnings, *([lacking] if lacking else [])],
            "document_file": file,
            **checklist,
        }


def _told_of(options: Mapping[str, Any], checklist: Mapping[str, Any], findings: Sequence[str]) -> dict[str, Any]:
    """What the ledger is asked to tell the audit log."""
    more = len(findings) - MOST_TOLD
    reasons = [*findings[:MOST_TOLD], *([f"{more} more in the checklist that is kept"] if more > 0 else [])]
    found = {"by": "checklist", "verdict": checklist["verdict"], "reasons": reasons}
    return {"audit": options["audit"], "app": options["app"], "purpose": DEPLOY, "change": found}


def _required(options: Mapping[str, Any]) -> list[str]:
    """Items that must be looked at; what else a profile asks for is no item of this list."""
    profile = load(options["compliance"])
    return [name for name in ITEMS if name in (*options["checklist"]["required"], *(profile.gates if profile else ()))]


def _scene(options: Mapping[str, Any]) -> Scene:
    checklist = options["checklist"]
    artifact = options["artifact"]
    release = checklist["release"] or (artifact if artifact and "://" not in artifact else "")
    if artifact.startswith("git+"):
        release = checklist["release"]
    return Scene(
        options={**checklist, "backup": {"max_age": BACKUP_AGE, **checklist["backup"]}},
        files=texts(release, checklist["environment"]),
        sha256=options["artifact_sha256"],
        now=datetime.now(timezone.utc),
        variables={
            "slipway_config": options["config"],
            "slipway_flags": options["flags"],
            "slipway_flags_schema": options["flags_schema"],
            "slipway_change": options["change"],
        },
    )


def _kept(options: Mapping[str, Any], checklist: Mapping[str, Any]) -> tuple[str, str]:
    """Where the checklist is kept, and why it is not."""
    name = f"checklist-{datetime.now(timezone.utc).strftime('%Y%m%dT%H%M%S%fZ')}"
    try:
        path: Path = keep(options["evidence_directory"], {**checklist, "app": options["app"], "deployment": name})
    except (OSError, RuntimeError) as exc:
        return "", f"the checklist is not kept: {exc}"
    return str(path), ""
