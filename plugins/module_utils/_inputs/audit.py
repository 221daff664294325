# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variable of the audit log that the playbooks keep. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._audit.levels import FULL, LEVELS
from .._audit.places import DIRECTORY

OPTIONS: dict[str, Any] = {
    "enabled": {
        "type": "bool",
        "default": True,
        "description": "Whether the playbooks write what they do into the audit log.",
    },
    "directory": {
        "type": "str",
        "default": DIRECTORY,
        "units": "path",
        "description": "Directory of the logs on every host.",
    },
    "mask": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Paths of fields that are masked in every event, such as C(details.reason). C(*) stands for one "
        "name, C(**) for any number of them.",
    },
    "hash": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Paths of fields of which an HMAC is kept instead, so that equal values are recognised.",
    },
    "hash_key": {
        "type": "str",
        "default": "",
        "no_log": True,
        "description": "Key of these HMACs, of 16 bytes or more, from a vault, used for nothing else. Without one, "
        "what a compliance profile wants an HMAC of is masked.",
    },
    "patterns": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Regular expressions; what matches in any text of an event is masked.",
    },
    "level": {
        "type": "str",
        "default": FULL,
        "choices": list(LEVELS),
        "description": "C(metadata) leaves the C(details) of events out, and with them what reports show of percents, "
        "reasons and the other logs.",
    },
    "values": {
        "type": "list",
        "elements": "str",
        "default": [],
        "no_log": True,
        "description": "Secrets that are masked wherever they stand, each of 8 characters or more.",
    },
    "signing_key": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Private key on the controller, without a passphrase. It signs the end of the ledger host's log "
        "when a run ends; nothing is signed without one.",
    },
    "checkpoint_directory": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Directory on the controller that keeps what was signed; C(~/.slipway/audit) when empty.",
    },
    "sinks": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": True,
        "description": "Who gets copies by audit_keep.yml, as option C(sinks) of module C(audit_emit) takes it.",
    },
    "rotate_days": {
        "type": "int",
        "default": 30,
        "units": "days",
        "description": "Age at which audit_keep.yml closes a segment, so that it can expire.",
    },
    "retention_days": {
        "type": "int",
        "default": 0,
        "units": "days",
        "description": "Time after which audit_keep.yml deletes a closed segment; what O(slipway_compliance) demands "
        "when it is 0, and never where that demands nothing.",
    },
    "accounts": {
        "type": "list",
        "elements": "str",
        "default": [],
        "description": "Accounts of the hosts beside root whose logs, in C(.slipway/audit-log) of their homes, "
        "audit_keep.yml keeps too, such as the one that migrates the database.",
    },
}

VARIABLES: dict[str, dict[str, Any]] = {
    "slipway_audit": {
        "type": "dict",
        "default": {},
        "options": OPTIONS,
        "description": "The audit log that the playbooks keep on every host that they act on.",
    },
}
