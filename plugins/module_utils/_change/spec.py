# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a change policy and a change request may hold, as Ansible argument specs. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._compliance.profile import DEFAULT_MAX_AGE, ENFORCEMENTS, REQUEST_FIELDS, SEPARATIONS

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
COVERS = ("windows", "approvals", "change_request", "gates")

_NAMES: dict[str, Any] = {"type": "list", "elements": "str", "default": []}

WINDOW: dict[str, Any] = {
    "name": {"type": "str", "required": True, "description": "Name of the window, for messages."},
    "kind": {
        "type": "str",
        "required": True,
        "choices": ["allow", "deny"],
        "description": "C(allow) or C(deny).",
    },
    "starts": {"type": "str"},
    "ends": {"type": "str"},
    "days": {"type": "list", "elements": "str"},
    "rrule": {"type": "str"},
    "starting": {"type": "str"},
    "last_days": {"type": "int"},
    "last_business_days": {"type": "int"},
    "from": {"type": "str"},
    "to": {"type": "str"},
    "environments": _NAMES,
    "applications": _NAMES,
}

APPROVALS: dict[str, Any] = {
    "groups": _NAMES,
    "ddl": _NAMES,
    "max_age": {"type": "int", "default": DEFAULT_MAX_AGE},
    "allowed_signers": {"type": "str", "default": ""},
    "revoked_keys": {"type": "str", "default": ""},
    "url": {"type": "str", "default": "", "no_log": True},
    "headers": {"type": "dict", "default": {}, "no_log": True},
}

OVERRIDE: dict[str, Any] = {
    "groups": _NAMES,
    "covers": {"type": "list", "elements": "str", "default": ["windows"], "choices": list(COVERS)},
    "max_age": {"type": "int", "default": 86400},
}

RESIDENCY: dict[str, Any] = {
    "regions": _NAMES,
    "failover_regions": _NAMES,
}

POLICY: dict[str, Any] = {
    "timezone": {
        "type": "str",
        "required": True,
        "description": "Name of the time zone of all windows, such as C(Europe/Berlin).",
    },
    "enforcement": {"type": "str", "default": "block", "choices": list(ENFORCEMENTS)},
    "windows": {"type": "list", "elements": "dict", "default": [], "options": WINDOW},
    "holidays": _NAMES,
    "runway": {"type": "int", "default": 0},
    "change_request": {"type": "list", "elements": "str", "default": [], "choices": list(REQUEST_FIELDS)},
    "people": {"type": "dict", "default": {}},
    "groups": {"type": "dict", "default": {}},
    "awx_accounts": _NAMES,
    "deployers": _NAMES,
    "separate": {
        "type": "list",
        "elements": "str",
        "default": ["author_approver", "approver_deployer"],
        "choices": list(SEPARATIONS),
    },
    "approvals": {"type": "dict", "default": {}, "options": APPROVALS},
    "override": {"type": "dict", "default": {}, "options": OVERRIDE},
    "residency": {"type": "dict", "default": {}, "options": RESIDENCY},
}

REQUEST: dict[str, Any] = {name: {"type": "str", "default": ""} for name in REQUEST_FIELDS}
