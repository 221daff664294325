# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a hook is told: the facts of a deployment at one point, as a document and as environment variables.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WITH_EVERYTHING = ("before_settle", "after_settle")


def hook_facts(
    plan: Mapping[str, Any], deployment: str, at: str, step: Mapping[str, Any], reason: str = ""
) -> dict[str, Any]:
    """The facts at one point.

    :param at: point of the hook.
    :param step: step or batch of the plan that has been judged; empty at the other points.
    :param reason: why the deployment goes back.
    """
    return {
        "app": plan["app"],
        "verb": plan["verb"],
        "version": plan["to"]["version"],
        "revision": plan["revision_id"],
        "from_version": (plan["from"] or {}).get("version", ""),
        "deployment": deployment,
        "hook": at,
        "step": step.get("name", ""),
        "slot": plan["slot"],
        "percent": _percents(plan, at, step)[plan["slot"]],
        "reason": " ".join(reason.split()),
    }


def environment(facts: Mapping[str, Any]) -> dict[str, str]:
    """The same as environment variables."""
    return {f"SLIPWAY_{name.upper()}": str(value) for name, value in facts.items()}


def _percents(plan: Mapping[str, Any], at: str, step: Mapping[str, Any]) -> Mapping[str, int]:
    if step:
        percents: Mapping[str, int] = (step.get("into") or step)["percents"]
        return percents
    found: Mapping[str, int] = plan["percents"]["after" if at in WITH_EVERYTHING else "before"]
    return found
