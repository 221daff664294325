# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the channels of an operator how a deployment or an incident goes. Runs on the controller.

Connects to the services of the channels and to no host of the inventory. Whatever goes wrong there is a warning.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.slipway.release.plugins.module_utils._notify.model import (
    EVENTS,
    SEVERITIES,
    SEVERITY_OF,
    Facts,
)
from ansible_collections.slipway.release.plugins.module_utils._notify.tell import tell
from ansible_collections.slipway.release.plugins.module_utils._plan.operator import operator

LONGEST = 60
ARGUMENTS = {
    "event": {"type": "str", "required": True, "choices": list(EVENTS)},
    "channels": {"type": "list", "elements": "raw", "required": True},
    "app": {"type": "str", "default": ""},
    "plan": {"type": "dict", "default": {}},
    "deployment": {"type": "str", "default": ""},
    "environment": {"type": "str", "default": ""},
    "reason": {"type": "str", "default": ""},
    "severity": {"type": "str", "choices": list(SEVERITIES)},
    "incident": {"type": "str", "default": ""},
    "templates": {"type": "str", "default": ""},
    "document": {"type": "str", "default": ""},
    "seconds": {"type": "int", "default": 10},
}


class ActionModule(ActionBase):
    """Runs once; nothing of it depends on a host."""

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _requires_connection = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Tell them, and say who could not be told."""
        super().run(tmp, task_vars)
        check: Any = self.validate_argument_spec
        _validated, arguments = check(argument_spec=ARGUMENTS)
        options = json.loads(json.dumps(arguments, default=str))
        seconds = max(1, min(options["seconds"], LONGEST))
        facts = _facts(options, operator(task_vars or {}))
        found = tell(options["channels"], facts, options["templates"], seconds, check_mode=bool(self._task.check_mode))
        return {
            "changed": any(delivery.sent for delivery in found.deliveries),
            "event": facts.event,
            "key": facts.key,
            "title": found.message.title,
            "text": found.message.text,
            "deliveries": [asdict(delivery) for delivery in found.deliveries],
            "warnings": found.warnings,
        }


def _facts(options: Mapping[str, Any], who: str) -> Facts:
    plan, event = options["plan"], options["event"]
    return Facts(
        event=event,
        app=options["app"] or str(plan.get("app") or ""),
        at=int(time.time()),
        severity=(options["severity"] or SEVERITY_OF[event]) if event in SEVERITY_OF else "",
        environment=options["environment"],
        region=str(plan.get("region") or ""),
        version=str((plan.get("to") or {}).get("version") or ""),
        from_version=str((plan.get("from") or {}).get("version") or ""),
        deployment=options["deployment"],
        verb=str(plan.get("verb") or ""),
        operator=who,
        reason=" ".join(options["reason"].encode("utf-8", "replace").decode("utf-8").split()),
        incident=options["incident"],
        document=_document(options["document"]),
    )


def _document(path: str) -> dict[str, Any]:
    """The evidence of a deployment; nothing where it cannot be read, which is no reason to tell nobody."""
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8")) if path else {}
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
