# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change control of a deployment: what is judged of its plan, when that passes anyway, and what its evidence says.

Judges on the controller, as the module does, and writes there what approvers sign.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from .._common.canonical import digest
from .._common.errors import InputError
from .._inputs.spec import BEFORE_MIGRATIONS
from .._inputs.validate import Inputs
from .._plan.parking import BEFORE_TRAFFIC
from .._plan.planner import Planned
from .._plan.schema import STAGE
from .controller import VARIABLES, judged, whatever_is_wrong, with_variables
from .gate import DEPLOY, exempt

CONTROL = "change control"
# Stages after which no traffic has moved yet.
BEFORE_THE_TRAFFIC = frozenset({BEFORE_MIGRATIONS, STAGE, BEFORE_TRAFFIC})


def verdict(
    inputs: Inputs,
    planned: Planned,
    live: Mapping[str, Any],
    task_vars: Mapping[str, Any],
    evaluated: Callable[[Any], Any],
    *,
    preview: bool,
) -> dict[str, Any]:
    """What the change gate says of a plan, with what it is ``about``; nothing without a policy, or without a change.

    :param live: host to what is there.
    :param evaluated: the value of a variable, which may be a template.
    :param preview: whether the time that was asked for is judged instead of now.
    :raises SlipwayError: a variable is wrong; not for what passes in any case, as every way back does.
    """
    if not planned.plan["changes"] or planned.parked or VARIABLES["policy"] not in task_vars:
        return {}
    about = _about(inputs, planned.plan)
    deploys = inputs.verb == DEPLOY
    why = _exempt(planned, live.get(inputs.ledger_host, {})) if deploys else ""

    def judging() -> dict[str, Any]:
        options = {**about, **_written(inputs)} if deploys else with_variables(about, task_vars, evaluated)
        if not options.get("policy"):
            return {}
        return judged({**options, "at": inputs.change_at if preview else ""}, task_vars, why)

    found = whatever_is_wrong(why or exempt(about["operation"]), judging)
    return {**found, "about": about, "again": not found["exempt"]} if found else {}


def write_to_sign(inputs: Inputs, change: Mapping[str, Any]) -> None:
    """Write what approvers fill in and sign, where the operator has asked for it.

    :raises InputError: it cannot be written there.
    """
    if not inputs.change_to_sign or inputs.verb != DEPLOY:
        return
    directory = Path(os.path.expanduser(inputs.change_to_sign))
    name = "-".join(filter(None, (inputs.app, inputs.region)))
    try:
        for kind, content in change.get("to_sign", {}).items():
            (directory / f"{name}.{kind}.json").write_text(f"{json.dumps(content, indent=1)}\n", encoding="utf-8")
    except OSError as exc:
        raise InputError(
            f"nothing can be written there: {exc.strerror}",
            where=f"slipway_change_to_sign ({directory})",
            remedy="make the directory, let the user who runs Ansible write to it, or remove the variable",
        ) from exc


def _about(inputs: Inputs, plan: Mapping[str, Any]) -> dict[str, str]:
    artifact = (plan.get("revision") or {}).get("artifact") or {}
    files = (plan.get("migrations") or {}).get("files") or []
    return {
        "app": inputs.app,
        "operation": inputs.verb,
        "region": inputs.region or inputs.inventory_region,
        "artifact_sha256": artifact.get("sha256") or "",
        "commit": artifact.get("commit") or "",
        "migrations": digest(files) if files else "",
        "ledger_host": inputs.ledger_host,
    }


def for_the_audit_log(change: Mapping[str, Any]) -> dict[str, Any]:
    """What the audit log says of a verdict: by whose approval the change was made, and what was overridden."""
    if not change:
        return {}
    good = [found.get("person") or found["signer"] for found in change.get("approvals", []) if not found.get("refusal")]
    overridden = [finding["what"] for finding in change.get("findings", []) if finding["overridden"]]
    made = {name: change.get(name) for name in ("by", "verdict", "exempt", "reasons", "digest", "override")}
    told = {**made, "approved_by": good, "overridden": overridden}
    return {name: value for name, value in told.items() if value}


def _written(inputs: Inputs) -> dict[str, Any]:
    """What the operator wrote for the change gate."""
    return {
        "policy": inputs.change_policy,
        "compliance": inputs.compliance,
        "environment": inputs.environment,
        "change": inputs.change,
        "evidence": inputs.change_evidence,
        "gates": inputs.change_gates,
    }


def _exempt(planned: Planned, ledger_host: Mapping[str, Any]) -> str:
    """Why it passes whatever is found; empty where it does not. What was parked is judged like what begins."""
    unfinished = (ledger_host.get("ledger") or {}).get("unfinished") or {}
    committed: Collection[str] = unfinished.get("committed") or ()
    if not planned.resume:
        return ""
    if planned.goes_back:
        return "it goes back"
    if planned.settled:
        return "it has settled"
    if BEFORE_THE_TRAFFIC.issuperset(committed) or unfinished.get("parked"):
        return ""
    return "it goes on with traffic that moves already"
