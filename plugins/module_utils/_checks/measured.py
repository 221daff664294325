# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a traffic meter asks for: the plan names the path without its query, which may hold a secret.

Touches nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._common.address import shown


def measured(plan: Mapping[str, Any], part: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """This part of the plan with the path to ask for, as it was written; empty where the plan has none.

    :param part: ``loss_budget`` or ``profile``.
    :param asked: the variable of that name. What was written since the plan was made is asked for only if it is the
        same path; so is the path by which the revision says that it is ready.
    """
    planned = plan.get(part)
    if not planned:
        return {}
    components = plan["revision"]["components"]
    written = [asked.get("path") or "", *(item["health"]["ready"] for item in components if item["kind"] == "http")]
    same = (path for path in written if path and shown(path) == shown(planned["path"]))
    return {**planned, "path": next(same, planned["path"])}
