# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the checklist of this run has found, from the variables of a task. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .run import BLOCK

CHECKLIST = "__checklist"


def found(task_vars: Mapping[str, Any]) -> Mapping[str, Any]:
    """The checklist as its action has returned it; empty where none was gone through."""
    local = (task_vars.get("hostvars") or {}).get("localhost")
    checklist = local.get(CHECKLIST) if isinstance(local, Mapping) else None
    return checklist if isinstance(checklist, Mapping) else {}


def refusal(task_vars: Mapping[str, Any]) -> str:
    """Why a release must not begin; empty where the checklist passes, or there is none."""
    checklist = found(task_vars)
    if not checklist.get("failed") and checklist.get("verdict") != BLOCK:
        return ""
    return str(checklist.get("msg") or "the checklist could not be gone through")
