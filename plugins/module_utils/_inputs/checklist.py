# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of the checklist, whose options the checklist itself declares. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._checklist.spec import BEFORE, OPTIONS, PHASES

VARIABLES: dict[str, dict[str, Any]] = {
    "slipway_checklist": {
        "type": "dict",
        "default": {},
        "options": OPTIONS,
        "description": "What deploy.yml looks at before it takes the lease and after it, and checklist.yml alone; none "
        "when empty.",
    },
    "slipway_checklist_phase": {
        "type": "str",
        "default": BEFORE,
        "choices": list(PHASES),
        "description": "Whether checklist.yml goes through the checklist before a deployment or after it.",
    },
}
