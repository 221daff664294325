# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The argument spec of a channel, for the operator's variables and their documentation. Touches nothing."""

from __future__ import annotations

from typing import Any

from .model import EVENTS, SEVERITIES

KINDS = ("slack", "email", "pagerduty", "webhook", "grafana", "otlp")
SECURITY = ("starttls", "tls", "none")

CHANNEL: dict[str, Any] = {
    "channel": {
        "type": "str",
        "required": True,
        "choices": list(KINDS),
        "description": "C(slack) is any chat with webhooks like those of Slack, C(otlp) a collector of OpenTelemetry.",
    },
    "name": {"type": "str", "description": "How warnings name it; its kind when omitted."},
    "on": {
        "type": "list",
        "elements": "str",
        "description": "Events that it is told of: " + ", ".join(f"C({event})" for event in EVENTS) + ". When omitted "
        "all that mean something to it, without C(started).",
    },
    "severity": {
        "type": "str",
        "choices": list(SEVERITIES),
        "description": "Incidents that are less severe are not told here; C(P0) is the worst.",
    },
    "url": {
        "type": "str",
        "no_log": True,
        "description": "Of C(slack) and C(webhook), where messages are posted; of C(grafana) and C(otlp), where "
        "Grafana or the collector is; of C(pagerduty), where its events are posted, if not at PagerDuty itself. Shown "
        "nowhere.",
    },
    "headers": {
        "type": "dict",
        "no_log": True,
        "description": "Of C(webhook) and C(otlp), more headers; shown nowhere.",
    },
    "hmac_key": {
        "type": "str",
        "no_log": True,
        "description": "Of C(webhook), the key of the HMAC-SHA256 of the body in the header C(X-Slipway-Signature).",
    },
    "routing_key": {"type": "str", "no_log": True, "description": "Of C(pagerduty), the key of the integration."},
    "token": {"type": "str", "no_log": True, "description": "Of C(grafana), the token of a service account."},
    "dashboard": {"type": "str", "description": "Of C(grafana), the UID of the dashboard; all when omitted."},
    "host": {"type": "str", "description": "Of C(email), the server that takes mail."},
    "port": {
        "type": "int",
        "units": "port",
        "description": "Of C(email); C(587), of C(tls) C(465), of C(none) C(25) when omitted.",
    },
    "security": {
        "type": "str",
        "choices": list(SECURITY),
        "description": "Of C(email), how the connection is encrypted; C(starttls) when omitted.",
    },
    "user": {"type": "str", "description": "Of C(email), who logs in; nobody when omitted."},
    "password": {"type": "str", "no_log": True, "description": "Of C(email)."},
    "from": {"type": "str", "description": "Of C(email), the address of the sender."},
    "to": {"type": "list", "elements": "str", "description": "Of C(email), the addresses of those who are told."},
    "ca": {"type": "str", "description": "File with the certificates to trust; those of the system when omitted."},
}
