# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chats with webhooks like those of Slack."""

from __future__ import annotations

import json

from .._gate.http import url_of
from .._gate.options import Options
from .._gate.tls import Tls
from .model import Channel, Message
from .post import post

LONGEST_TEXT = 3000


class Slack(Channel):
    """One message is one block of text below its title.

    :param url: which is a secret as a whole.
    """

    def __init__(self, url: str, tls: Tls) -> None:
        self._url = url
        self._tls = tls

    def send(self, message: Message, timeout: float) -> None:
        title, text = _escaped(message.title), _escaped(message.text)
        document = {"text": f"*{title}*\n{text}"[:LONGEST_TEXT]}
        post(self._url, json.dumps(document).encode("utf-8"), {}, timeout, self._tls)

    def shown(self) -> str:
        return "a chat"


def _escaped(text: str) -> str:
    """A text in which nothing calls a person or a whole channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def make(options: Options) -> Slack:
    """Read ``url``."""
    return Slack(url_of(options, credentials="the path"), Tls(ca=options.text("ca", "")))
