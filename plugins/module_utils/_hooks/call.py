# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A hook that is a URL: the facts are posted to it as JSON, once, from where the hook runs.

Touches what the server does with it. Follows no redirect and uses no proxy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from .._gate.http import HttpProbe
from .._gate.model import Answer
from .._gate.wire import Reply
from .model import Action, Outcome
from .output import last_lines


class Call(Action):
    """A POST of a JSON document.

    :param headers: more headers; their values are shown nowhere.
    """

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        self.url = url
        self.headers = headers

    def shown(self) -> str:
        return f"POST {shown(self.url)}"

    def run(self, facts: Mapping[str, Any], timeout: int) -> Outcome:
        post = _Post(self.url, self.headers, json.dumps(facts, sort_keys=True).encode("utf-8"))
        answer = post.attempt(timeout)
        if post.reply is None:
            return Outcome(ok=False, detail=answer.detail)
        status, secrets = post.reply.status, [*self.headers.values(), *_hidden(self.url)]
        output = [] if answer.ok else last_lines(post.reply.body, secrets)
        return Outcome(ok=answer.ok, detail=f"status {status}", status=status, output=output)


def shown(url: str) -> str:
    """A URL without its path and query, which are secrets at many chats."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}/..."


def _hidden(url: str) -> list[str]:
    parts = urlsplit(url)
    return [text for text in (url, parts.path, parts.query) if len(text) > 1]


class _Post(HttpProbe):
    """Keeps the answer."""

    def __init__(self, url: str, headers: dict[str, str], content: bytes) -> None:
        super().__init__(url, method="POST", headers=_with_type(headers), content=content)
        self.reply: Reply | None = None

    def _judged(self, reply: Reply) -> Answer:
        self.reply = reply
        return super()._judged(reply)


def _with_type(headers: dict[str, str]) -> dict[str, str]:
    typed = any(name.lower() == "content-type" for name in headers)
    return headers if typed else {"Content-Type": "application/json", **headers}
