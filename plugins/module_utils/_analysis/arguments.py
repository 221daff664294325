# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of one metric, as ``health_gate`` takes it. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._gate.arguments import TLS

METRIC: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "required": True},
    "interval": {"type": "int", "default": 0},
    "initial_delay": {"type": "int", "default": 0},
    "count": {"type": "int", "default": 1},
    "timeout": {"type": "int", "default": 5},
    "success_condition": {"type": "str"},
    "failure_condition": {"type": "str"},
    "failure_limit": {"type": "int", "default": 0},
    "inconclusive_limit": {"type": "int", "default": 0},
    "consecutive_failure_limit": {"type": "int", "default": 0},
    "consecutive_error_limit": {"type": "int", "default": 4},
    "consecutive_success_limit": {"type": "int", "default": 0},
    "dry_run": {"type": "bool", "default": False},
    "slots": {"type": "dict", "options": {"stable": {"type": "str"}, "canary": {"type": "str"}}},
    "url": {"type": "str"},
    "query": {"type": "str"},
    "path": {"type": "str"},
    "headers": {"type": "dict"},
    "secret_headers": {"type": "dict", "no_log": True},
    "username": {"type": "str"},
    "password": {"type": "str", "no_log": True},
    "bearer_token": {"type": "str", "no_log": True},
    "tls": {"type": "dict", "options": TLS},
    "dsn": {"type": "str", "no_log": True},
    "database": {"type": "path"},
    "app": {"type": "str"},
    "socket": {"type": "path"},
    "master_socket": {"type": "path"},
    "log": {"type": "path"},
    "window": {"type": "int"},
    "least_requests": {"type": "int"},
    "from": {"type": "str"},
    "compare": {"type": "list", "elements": "dict"},
    "spacing": {"type": "int"},
    "level": {"type": "str"},
    "power": {"type": "str"},
    "must_pass": {"type": "bool", "default": True},
    "step": {"type": "str"},
    "deployment": {"type": "str"},
    "record": {"type": "dict"},
    "position": {"type": "dict"},
    "skip": {"type": "str"},
}
