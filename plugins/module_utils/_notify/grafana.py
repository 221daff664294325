# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Annotations of Grafana: a mark in its charts where a deployment began, ended or went back."""

from __future__ import annotations

import json

from .._gate.http import url_of
from .._gate.options import Options
from .._gate.tls import Tls
from .model import Channel, Message
from .post import post

PATH = "/api/annotations"


class Grafana(Channel):
    """One annotation a message.

    :param dashboard: UID of the only one that gets it; empty for all.
    """

    def __init__(self, url: str, token: str, dashboard: str, tls: Tls) -> None:
        self._url = url
        self._token = token
        self._dashboard = dashboard
        self._tls = tls

    def send(self, message: Message, timeout: float) -> None:
        facts = message.facts
        tags = ["slipway", facts.event, facts.app, facts.environment, facts.region, facts.version]
        document = {
            "time": facts.at * 1000,
            "tags": [tag for tag in tags if tag],
            "text": message.title,
            **({"dashboardUID": self._dashboard} if self._dashboard else {}),
        }
        headers = {"Authorization": f"Bearer {self._token}"}
        post(self._url + PATH, json.dumps(document).encode("utf-8"), headers, timeout, self._tls)

    def shown(self) -> str:
        return "Grafana"


def make(options: Options) -> Grafana:
    """Read ``url``, ``token`` and ``dashboard``."""
    url = url_of(options, credentials="token")
    if "?" in url or "#" in url:
        raise options.refuse("url", "has a query", "give the address of Grafana")
    token, dashboard = options.text("token"), options.text("dashboard", "")
    return Grafana(url.rstrip("/"), token, dashboard, Tls(ca=options.text("ca", "")))
