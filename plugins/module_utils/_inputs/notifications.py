# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables of notifications. What a channel takes is judged by the channels themselves. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._notify.arguments import CHANNEL
from .._notify.model import BY_HAND, SEVERITIES

VARIABLES: dict[str, dict[str, Any]] = {
    "slipway_notifications": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "no_log": True,
        "options": CHANNEL,
        "description": "Who is told how a deployment ends, and of incidents. What cannot be told is a warning; it "
        "holds no deployment for longer than ten seconds, and fails none.",
    },
    "slipway_notification_templates": {
        "type": "str",
        "default": "",
        "units": "path",
        "description": "Directory on the controller with templates of your own, C(<event>.j2), used in the place of "
        "those of the collection.",
    },
    "slipway_incident": {
        "type": "str",
        "default": "",
        "description": "Name of the incident that notify.yml tells of; that of failed deployments when empty.",
    },
    "slipway_incident_event": {
        "type": "str",
        "default": BY_HAND[0],
        "choices": list(BY_HAND),
        "description": "What notify.yml tells; O(slipway_reason) has the words.",
    },
    "slipway_severity": {
        "type": "str",
        "default": "P2",
        "choices": list(SEVERITIES),
        "description": "How bad the incident is that notify.yml tells of; C(P0) is the worst.",
    },
}
