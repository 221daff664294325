# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that takes batches over HTTP: one POST of JSON Lines each, with the last hash as its idempotency key."""

from __future__ import annotations

import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from typing import IO, Any

from ..._common.address import secrets_of, shown
from ..record import Record
from .base import Capabilities, Options, Sink, SinkError

_LONGEST_ANSWER = 64 * 1024


class Http(Sink):
    """Any answer of 2xx is an acknowledgement; redirects are refused, and no proxy is used.

    :param headers: with credentials; secret.
    """

    capabilities = Capabilities(acknowledges=True, idempotent=True)

    def __init__(self, url: str, headers: dict[str, str], ca: str = "") -> None:
        self.url = url
        self.headers = headers
        self.ca = ca

    def deliver(self, batch: Sequence[Record], timeout: float) -> None:
        """One request for the batch."""
        body = b"".join(record.line + b"\n" for record in batch)
        headers = {
            "Content-Type": "application/x-ndjson",
            "User-Agent": "slipway",
            "Idempotency-Key": batch[-1].hash,
            **self.headers,
        }
        request = urllib.request.Request(self.url, body, headers, method="POST")
        try:
            context = ssl.create_default_context(cafile=self.ca or None) if self.url.startswith("https:") else None
            handlers: list[Any] = [urllib.request.ProxyHandler({}), _NoRedirect()]
            if context:
                handlers.append(urllib.request.HTTPSHandler(context=context))
            with urllib.request.build_opener(*handlers).open(request, timeout=timeout) as answer:
                answer.read(_LONGEST_ANSWER)
        except urllib.error.HTTPError as exc:
            exc.close()
            raise self._failed(f"the server has answered with status {exc.code}") from None
        except urllib.error.URLError as exc:
            raise self._failed(f"the server cannot be asked: {exc.reason}") from None
        except (OSError, http.client.HTTPException, ValueError) as exc:
            raise self._failed(f"the server cannot be asked: {type(exc).__name__}") from None

    def _failed(self, what: str) -> SinkError:
        return SinkError(what, where=shown(self.url), remedy="see the server's log; the records are sent again")

    def secrets(self) -> set[str]:
        """The query of the URL, and the headers' values."""
        return {*secrets_of(self.url), *self.headers.values()}

    def close(self) -> None:
        """Each request has its own connection."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Records go nowhere else."""

    def redirect_request(self, req: Any, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str) -> None:
        """Take the answer as it is."""


def make(options: Options) -> Http:
    """Read ``url``, ``headers``, ``bearer_token`` and ``ca``."""
    url, headers = options.text("url"), options.texts("headers")
    token, ca = options.text("bearer_token", ""), options.text("ca", "")
    options.end()
    if not url.startswith(("http://", "https://")):
        raise options.refused("url", "must begin with http:// or https://")
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if not all(text.isprintable() and text.isascii() for pair in headers.items() for text in pair):
        raise options.refused("headers", "have characters that no header can have")
    return Http(url, headers, ca)
