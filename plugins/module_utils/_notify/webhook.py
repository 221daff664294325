# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server of the operator: the message as a JSON document, signed where there is a key."""

from __future__ import annotations

import hashlib
import hmac
import json

from .._gate.http import url_of
from .._gate.options import Options
from .._gate.tls import Tls
from .model import Channel, Message
from .post import post

SIGNATURE = "X-Slipway-Signature"


class Webhook(Channel):
    """What arrives twice has the same ``id``.

    :param headers: with credentials; secret.
    :param key: of the signature; empty for none.
    """

    def __init__(self, url: str, headers: dict[str, str], key: str, tls: Tls) -> None:
        self._url = url
        self._headers = headers
        self._key = key
        self._tls = tls

    def send(self, message: Message, timeout: float) -> None:
        content = json.dumps(message.as_document(), sort_keys=True).encode("utf-8")
        signed = {SIGNATURE: f"sha256={signature(self._key, content)}"} if self._key else {}
        post(self._url, content, {**self._headers, **signed}, timeout, self._tls)

    def shown(self) -> str:
        return "a webhook"


def signature(key: str, content: bytes) -> str:
    """The HMAC-SHA256 of a body, in hexadecimal digits."""
    return hmac.new(key.encode("utf-8"), content, hashlib.sha256).hexdigest()


def make(options: Options) -> Webhook:
    """Read ``url``, ``headers`` and ``hmac_key``."""
    url, headers = url_of(options, credentials="headers"), options.text_mapping("headers")
    return Webhook(url, headers, options.text("hmac_key", ""), Tls(ca=options.text("ca", "")))
