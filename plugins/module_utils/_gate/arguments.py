# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of checks: what ``health_gate`` takes, and what the inputs are judged by. Touches nothing."""

from __future__ import annotations

from typing import Any

TLS: dict[str, Any] = {
    "verify": {"type": "bool", "default": True},
    "ca": {"type": "path"},
    "server_name": {"type": "str"},
    "min_days": {"type": "int", "default": 0},
}
CHECK: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "type": {"type": "str", "required": True, "choices": ["http", "tcp", "command", "unit", "sql"]},
    "budget_ms": {"type": "int", "default": 0},
    "timeout": {"type": "int", "default": 1},
    "interval": {"type": "int", "default": 1},
    "successes": {"type": "int", "default": 3},
    "startup": {"type": "int", "default": 0},
    "deadline": {"type": "int", "default": 60},
    "failures": {"type": "int", "default": 0},
    "url": {"type": "str"},
    "method": {"type": "str", "choices": ["GET", "HEAD", "OPTIONS", "POST"]},
    "headers": {"type": "dict"},
    "secret_headers": {"type": "dict", "no_log": True},
    "host": {"type": "str"},
    "address": {"type": "str"},
    "status": {"type": "list", "elements": "int"},
    "body": {"type": "str"},
    "body_regex": {"type": "str"},
    "json": {"type": "dict"},
    "response_headers": {"type": "dict"},
    "tls": {"type": "dict", "options": TLS},
    "argv": {"type": "list", "elements": "str"},
    "rc": {"type": "list", "elements": "int"},
    "stdout": {"type": "str"},
    "environment": {"type": "dict"},
    "unit": {"type": "str"},
    "dsn": {"type": "str", "no_log": True},
    "query": {"type": "str"},
    "expect": {"type": "str"},
}
STEADY: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
}
