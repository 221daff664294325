# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A plan as the evidence keeps it. Touches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plan_shown(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan, with the names of what its revision has in the environment, but not the values."""
    made = dict(plan)
    revision = made.get("revision")
    if not isinstance(revision, Mapping):
        return made
    components = [_without_values(item, "environment") for item in revision.get("components", [])]
    made["revision"] = {**_without_values(revision, "config"), **({"components": components} if components else {})}
    return made


def _without_values(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    held = document.get(name)
    return {**document, name: sorted(held)} if isinstance(held, Mapping) else dict(document)
