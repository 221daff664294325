# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PagerDuty's events of version 2: a failed deployment opens an incident, the next that succeeds resolves it."""

from __future__ import annotations

import hashlib
import json

from .._gate.http import url_of
from .._gate.options import Options
from .._gate.tls import Tls
from .model import ACTIONS, TRIGGER, Capabilities, Channel, Message, told
from .post import post

URL = "https://events.pagerduty.com/v2/enqueue"
SEVERITIES = {"P0": "critical", "P1": "error", "P2": "warning", "P3": "info"}
LONGEST_SUMMARY = 1024
LONGEST_KEY = 255


class PagerDuty(Channel):
    """An update acknowledges the incident, as somebody works on it then."""

    capabilities = Capabilities(events=tuple(ACTIONS), default=tuple(ACTIONS))

    def __init__(self, url: str, routing_key: str, tls: Tls) -> None:
        self._url = url
        self._routing_key = routing_key
        self._tls = tls

    def send(self, message: Message, timeout: float) -> None:
        facts = message.facts
        action = ACTIONS[facts.event]
        event = {"routing_key": self._routing_key, "event_action": action, "dedup_key": _key(facts.key)}
        if action == TRIGGER:
            event["client"] = "slipway"
        content = {**event, **({"payload": _payload(message)} if action == TRIGGER else {})}
        post(self._url, json.dumps(content).encode("utf-8"), {}, timeout, self._tls)

    def shown(self) -> str:
        return "PagerDuty"


def _payload(message: Message) -> dict[str, object]:
    facts = message.facts
    details = {name: value for name, value in told(facts).items() if value}
    return {
        "summary": message.title[:LONGEST_SUMMARY],
        "source": facts.environment or facts.app,
        "severity": SEVERITIES[facts.severity],
        "timestamp": details["at"],
        "component": facts.app,
        "class": facts.event,
        "custom_details": {**details, "text": message.text},
    }


def _key(key: str) -> str:
    return key if len(key) <= LONGEST_KEY else hashlib.sha256(key.encode("utf-8")).hexdigest()


def make(options: Options) -> PagerDuty:
    """Read ``routing_key`` and ``url``."""
    url = url_of(options) if options.given("url") else URL
    return PagerDuty(url, options.text("routing_key"), Tls(ca=options.text("ca", "")))
