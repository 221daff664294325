# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks a service for JSON, and gives it JSON, within one time limit for each call.

Opens a fresh connection each time; follows no redirect and uses no proxy. Credentials are part of no message.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from .._common.address import secrets_of, shown, without
from .._common.errors import SystemFailure
from .._gate.http import HttpProbe
from .._gate.model import Answer
from .._gate.tls import FULL_PROOF, Tls
from .._gate.wire import Reply

TIMEOUT = 10
LONGEST_WORDS = 200


@dataclass(frozen=True)
class Answered:
    """An answer of a service.

    :param content: what its JSON says; ``None`` for an answer without a body.
    """

    status: int
    headers: Message
    content: Any


@dataclass(frozen=True)
class Service:
    """Where a service is and what proves who asks.

    :param url: without a slash at its end.
    :param headers: with credentials; no message has their values.
    """

    url: str
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    tls: Tls = FULL_PROOF
    timeout: float = TIMEOUT

    def shown(self) -> str:
        """The URL as messages have it."""
        return shown(self.url)

    def ask(self, method: str, path: str, content: Any = None, **headers: str) -> tuple[int, Any]:
        """Status and JSON of the answer."""
        answered = self.call(method, path, content, headers)
        return answered.status, answered.content

    def call(self, method: str, path: str, content: Any = None, headers: dict[str, str] | None = None) -> Answered:
        """The answer.

        :raises SystemFailure: there is none, or none of JSON.
        """
        body = b"" if content is None else json.dumps(content).encode("utf-8")
        sent = {"Accept": "application/json", **self.headers, **(headers or {})}
        if content is not None:
            sent = {"Content-Type": "application/json", **sent}
        call = _Call(self.url + path, method, sent, body, self.tls)
        answer = call.attempt(self.timeout)
        if call.reply is None:
            raise self.failed(answer.detail, "see that the service runs, and that this host reaches it")
        return Answered(call.reply.status, call.reply.headers, self._content(call.reply))

    def _content(self, reply: Reply) -> Any:
        if not reply.body.strip():
            return None
        try:
            return json.loads(reply.body.decode("utf-8"))
        except (ValueError, RecursionError):
            if reply.status >= 400:
                return reply.body.decode("utf-8", "replace")
            what = f"the answer is no JSON, its status is {reply.status}"
            raise self.failed(what, "see that the URL is the right one") from None

    def failed(self, what: str, remedy: str) -> SystemFailure:
        """The error for what the service did not do."""
        return SystemFailure(what, where=self.shown(), remedy=remedy)

    def refused(self, status: int, words: Any) -> SystemFailure:
        """The error for an answer with which the service refuses."""
        said = words if isinstance(words, str) else json.dumps(words)
        told = without(said, [*secrets_of(self.url), *self.headers.values()])[:LONGEST_WORDS]
        remedy = "correct the credentials" if status in (401, 403) else "see what the service says, and its log"
        return self.failed(f"answered with status {status}: {told}", remedy)


class _Call(HttpProbe):
    """Keeps the answer."""

    def __init__(self, url: str, method: str, headers: dict[str, str], content: bytes, tls: Tls) -> None:
        sent = {**headers, "Content-Length": str(len(content))} if method not in ("GET", "POST") else headers
        super().__init__(url, method=method, headers=sent, content=content, tls=tls)
        self.reply: Reply | None = None

    def _judged(self, reply: Reply) -> Answer:
        self.reply = reply
        return super()._judged(reply)
