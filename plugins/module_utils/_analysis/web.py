# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks servers for JSON over HTTP or HTTPS, within one time limit.

Opens a fresh connection each time; follows no redirect and uses no proxy. Credentials are part of no message.
"""

from __future__ import annotations

import base64
import json
import socket
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .._common.address import secrets_of, shown, without
from .._gate.http import CREDENTIAL_HEADER, headers_of, url_of
from .._gate.options import Options
from .._gate.tcp import connection_failure, unknown_host
from .._gate.tls import CannotTrust, Tls, tls_of
from .._gate.wire import Incomplete, Reply, exchange, left
from .model import SourceError

LONGEST_WORDS = 200
OF_A_SERVER = ("url", "headers", "secret_headers", "username", "password", "bearer_token", "tls")


@dataclass(frozen=True)
class Server:
    """One URL with everything that is needed to ask for it.

    :param headers: with credentials; secret.
    :param secrets: values that no message has, though the server's own words may have them.
    """

    url: str
    headers: dict[str, str]
    tls: Tls
    secrets: tuple[str, ...] = ()

    def shown(self) -> str:
        """The URL as messages have it."""
        return shown(self.url)

    def get(self, url: str, timeout: float) -> tuple[int, Any]:
        """Status and JSON of the answer.

        :param url: what to ask for; the server is the one of its host.
        :raises SourceError: there is no answer, or none of JSON.
        """
        reply = self._reply(url, timeout)
        try:
            return reply.status, json.loads(reply.body.decode("utf-8"))
        except (ValueError, RecursionError):
            what = f"the answer is no JSON, its status is {reply.status}"
            raise self._failed(what, "see that the URL is the right one") from None

    def _reply(self, url: str, timeout: float) -> Reply:
        deadline = time.monotonic() + timeout
        parts = urlsplit(url)
        host = parts.hostname or ""
        secure = parts.scheme == "https"
        address = (host, parts.port or (443 if secure else 80))
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        try:
            with socket.create_connection(address, timeout) as connection:
                request = self._request(parts.netloc, path)
                if not secure:
                    return exchange(connection, "GET", request, deadline)
                connection.settimeout(left(deadline))
                name = self.tls.server_name or host
                with self.tls.context().wrap_socket(connection, server_hostname=name) as secured:
                    return exchange(secured, "GET", request, deadline)
        except socket.gaierror as exc:
            raise self._failed(unknown_host(host, exc), "correct the name, or the resolver of this host") from exc
        except ssl.SSLCertVerificationError as exc:
            what = f"the certificate is refused: {exc.verify_message}"
            raise self._failed(what, "set tls.ca to the certificates to trust") from exc
        except ssl.SSLError as exc:
            raise self._failed(f"TLS failed: {exc.reason or 'timed out'}", "see the server's log") from exc
        except CannotTrust as exc:
            raise self._failed(str(exc), "correct tls.ca") from exc
        except (OSError, UnicodeError) as exc:
            what = connection_failure(exc) if isinstance(exc, OSError) else "cannot be the name of a host"
            raise self._failed(what, "see that the server runs and this host reaches it") from exc
        except Incomplete as exc:
            raise self._failed(str(exc), "see the server's log") from exc

    def _request(self, authority: str, path: str) -> bytes:
        headers = {"Host": authority, "User-Agent": "slipway", "Accept": "application/json", "Connection": "close"}
        names = {name.lower() for name in self.headers}
        kept = {name: value for name, value in headers.items() if name.lower() not in names}
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in {**kept, **self.headers}.items())]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8")

    def _failed(self, what: str, remedy: str) -> SourceError:
        return SourceError(what, where=self.shown(), remedy=remedy)

    def refused(self, status: int, words: Any) -> SourceError:
        """The error for an answer with which the server refuses."""
        told = without(str(words), [*secrets_of(self.url), *self.secrets])[:LONGEST_WORDS]
        remedy = "correct the credentials" if status in (401, 403) else "correct the metric, or see the server's log"
        return self._failed(f"answered with status {status}: {told}", remedy)


def server_of(options: Options) -> Server:
    """Read ``url``, ``headers``, ``secret_headers``, ``username``, ``password``, ``bearer_token`` and ``tls``."""
    url = url_of(options)
    headers = headers_of(options)
    password = ""
    if options.given("username") and options.given("bearer_token"):
        raise options.refuse("bearer_token", "cannot be given beside username", "choose one of both")
    if options.given("username"):
        password = options.text("password")
        pair = f"{options.text('username')}:{password}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode("utf-8")).decode("ascii")
    elif options.given("bearer_token"):
        token = options.text("bearer_token")
        if not token.isprintable() or not token.isascii():
            raise options.refuse("bearer_token", "has characters that no header can have", "give the token alone")
        headers["Authorization"] = f"Bearer {token}"
    secrets = (password, *(value for name, value in headers.items() if CREDENTIAL_HEADER.search(name)))
    return Server(url, headers, tls_of(options, secure=url.startswith("https:")), secrets)
