# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One POST of a JSON document to a service that takes messages.

Opens a fresh connection; follows no redirect and uses no proxy. What went wrong is told without address and content.
"""

from __future__ import annotations

from collections.abc import Mapping

from .._gate.http import HttpProbe
from .._gate.model import Answer
from .._gate.tls import FULL_PROOF, Tls
from .._gate.wire import Reply
from .model import NotSent

TRY_AGAIN = (408, 425, 429)


def post(url: str, content: bytes, headers: Mapping[str, str], timeout: float, tls: Tls = FULL_PROOF) -> None:
    """Post it once; any answer of 2xx means that it was taken.

    :raises NotSent: it was not.
    """
    call = _Post(url, content, {"Content-Type": "application/json", **headers}, tls)
    answer = call.attempt(timeout)
    if answer.ok:
        return
    if call.reply is None:
        raise NotSent(answer.detail, again=not answer.final)
    status = call.reply.status
    wait = call.reply.headers.get("Retry-After", "")
    after = int(wait) if wait.isascii() and wait.isdigit() else 0
    raise NotSent(f"status {status}", again=status in TRY_AGAIN or status >= 500, after=after)


class _Post(HttpProbe):
    """Keeps the answer."""

    def __init__(self, url: str, content: bytes, headers: dict[str, str], tls: Tls) -> None:
        super().__init__(url, method="POST", headers=headers, content=content, tls=tls)
        self.reply: Reply | None = None

    def _judged(self, reply: Reply) -> Answer:
        self.reply = reply
        return super()._judged(reply)
