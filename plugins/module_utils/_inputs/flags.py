# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables of feature flags, as the modules of flags take them. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._flags.arguments import EVALUATOR, ROLLOUT, STORE
from .._flags.schema import ENTRY, ENVIRONMENTS

CONTROLLER = "localhost"

VARIABLES: dict[str, dict[str, Any]] = {
    "slipway_flags_store": {
        "type": "dict",
        "default": {},
        "no_log": True,
        "options": STORE,
        "description": "Where the feature flags are kept, as modules C(flag_set) and C(flag_info) take it.",
    },
    "slipway_flags_evaluator": {
        "type": "dict",
        "default": {},
        "no_log": True,
        "options": EVALUATOR,
        "description": "A running evaluator that is asked what users get once a flag was set, such as flagd; none when "
        "empty.",
    },
    "slipway_flags": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": ROLLOUT,
        "description": "Feature flags that flags.yml sets, whatever they were before.",
    },
    "slipway_flags_schema": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": ENTRY,
        "description": "The feature flags that the release knows. flags.yml gives each that the store does not have "
        "its default, and says which are new, deprecated and unknown.",
    },
    "slipway_flags_environment": {
        "type": "str",
        "default": "",
        "choices": ["", *ENVIRONMENTS],
        "description": "Whose defaults of O(slipway_flags_schema) count. When empty, those of O(slipway_environment), "
        "or of C(production) where it is none of these.",
    },
    "slipway_flags_hosts": {
        "type": "list",
        "elements": "str",
        "default": [CONTROLLER],
        "description": "Hosts and groups on which the flags are set: those that have the file, or one that reaches the "
        "service. C(localhost) is the controller.",
    },
    "slipway_flags_rollout": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "at": {
                "type": "int",
                "default": 100,
                "units": "percent",
                "description": "Share of the traffic, or in C(rolling) and C(simple) of the hosts, with which the new "
                "release must have passed before the flag is set, C(1) to C(100).",
            },
            **ROLLOUT,
        },
        "description": "Feature flags that a deployment sets as its traffic moves, and that every way back turns back "
        "to what they were before: that of a failure, of abort.yml, and of rollback.yml from that deployment.",
    },
    "slipway_flags_user": {
        "type": "str",
        "default": "",
        "description": "User that sets the flags there; that of the connection when empty.",
    },
    "slipway_flags_verify": {
        "type": "int",
        "default": 30,
        "units": "seconds",
        "description": "How long evaluators may take to get what was set, up to 300.",
    },
    "slipway_flags_revive": {
        "type": "bool",
        "default": False,
        "description": "Whether flags.yml may turn on again what a kill switch has turned off.",
    },
    "slipway_flag": {
        "type": "str",
        "default": "",
        "description": "Name of the feature flag that kill_switch.yml turns off for everybody.",
    },
}
