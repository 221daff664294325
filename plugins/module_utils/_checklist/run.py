# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goes through a checklist, and judges what its items have found. Reads what the items read."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from types import ModuleType
from typing import Any

from . import (
    acceptance,
    alerts,
    audit_log,
    backup,
    change_request,
    config_lint,
    debug_off,
    flags_known,
    flags_set,
    health,
    incident_report,
    log_errors,
    metrics,
    migrations_done,
    placeholder_audit,
    running,
    secrets,
    security_scan,
    smoke_tests,
    staging_smoke,
    unit_tests,
)
from .model import FAIL, PASS, SKIPPED, WARN, Finding, Looked, Scene
from .spec import AFTER, BEFORE

SCHEMA = 1
BLOCK = "block"
MOST_SHOWN = 20
_MODULES: dict[str, Sequence[ModuleType]] = {
    BEFORE: (
        config_lint,
        placeholder_audit,
        debug_off,
        secrets,
        security_scan,
        unit_tests,
        staging_smoke,
        flags_known,
        backup,
        health,
        change_request,
    ),
    AFTER: (
        running,
        smoke_tests,
        metrics,
        health,
        log_errors,
        flags_set,
        migrations_done,
        audit_log,
        backup,
        alerts,
        acceptance,
        incident_report,
    ),
}
LOOKS: dict[str, dict[str, Callable[[Scene], Looked]]] = {
    phase: {module.__name__.rpartition(".")[2]: module.look for module in modules}
    for phase, modules in _MODULES.items()
}


def gone_through(scene: Scene, required: Sequence[str], phase: str = BEFORE) -> dict[str, Any]:
    """The checklist with its verdict; ``gates`` is what the change gate reads.

    :param required: items that must not be skipped.
    :param phase: whether it is the one before or after a deployment.
    """
    looked = {name: look(scene) for name, look in LOOKS[phase].items()}
    items = [_item(name, found, scene, name in required) for name, found in looked.items()]
    failed = [item["name"] for item in items if item["verdict"] == FAIL]
    warned = [item["name"] for item in items if item["verdict"] == WARN]
    enforcement = scene.options["enforcement"]
    worst = BLOCK if phase == BEFORE else FAIL
    verdict = (worst if enforcement == BLOCK else WARN) if failed else WARN if warned else PASS
    return {
        "schema": SCHEMA,
        "phase": phase,
        "at": scene.now.isoformat(timespec="seconds"),
        "artifact_sha256": scene.sha256,
        "enforcement": enforcement,
        "verdict": PASS if enforcement == "none" else verdict,
        "entries": items,
        "measured": {name: dict(found.measured) for name, found in looked.items() if found.measured},
        "gates": {item["name"]: item["verdict"] for item in items if item["verdict"] != SKIPPED},
    }


def _item(name: str, looked: Looked, scene: Scene, required: bool) -> dict[str, Any]:
    allowed = [entry for entry in scene.options["allow"] if entry["item"] == name]
    counted = [finding for finding in looked.findings if not _allowed(finding, allowed)]
    reasons = {entry["reason"]: None for entry in allowed for it in looked.findings if _allowed(it, [entry])}
    if looked.skipped and required:
        what = f"it is required, and {looked.skipped}"
        counted = [Finding(name, what, "give it what it looks at")]
    verdict = SKIPPED if looked.skipped else PASS
    if counted:
        verdict = FAIL if any(finding.fails for finding in counted) else WARN
    return {
        "name": name,
        "verdict": verdict,
        "reason": looked.skipped if verdict == SKIPPED else "",
        "findings": [asdict(finding) for finding in counted[:MOST_SHOWN]],
        "left_off": max(len(counted) - MOST_SHOWN, 0),
        "allowed": list(reasons),
    }


def _allowed(finding: Finding, entries: Sequence[Mapping[str, Any]]) -> bool:
    place = re.sub(r":\d+$", "", finding.place)
    return any(
        fnmatch.fnmatchcase(place, entry["place"]) and fnmatch.fnmatchcase(finding.what, entry["what"])
        for entry in entries
    )


def told(checklist: Mapping[str, Any]) -> list[str]:
    """One sentence for each finding."""
    return [
        f"{item['name']}: {finding['place']}: {finding['what']}. Remedy: {finding['remedy']}."
        for item in checklist["entries"]
        for finding in item["findings"]
    ]
