# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probe: one HTTP or HTTPS request, with expectations about the answer.

Opens a fresh connection an attempt; follows no redirect and uses no proxy, so what is judged is what was asked. The
whole attempt, from connecting to the last byte, has one time limit, whatever the pace of the server.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import time
from dataclasses import dataclass, field, replace
from re import Pattern
from typing import Any
from urllib.parse import urlsplit

from .._common.address import secrets_of, shown, without
from .model import Answer, Probe, impossible
from .options import Options
from .tcp import connection_failure, unknown_host
from .tls import FULL_PROOF, CannotTrust, Tls, tls_of
from .wire import Incomplete, Reply, exchange, left

LONGEST_VALUE = 80
A_DAY = 86400
CREDENTIAL_HEADER = re.compile(r"authorization|cookie|token|secret|api-?key|password", re.IGNORECASE)
METHODS = ("GET", "HEAD", "OPTIONS", "POST")


@dataclass(frozen=True)
class Expectations:
    """What the answer must be.

    :param statuses: accepted status codes; empty for any of 200 to 299.
    :param body: text that the body must contain; empty for anything.
    :param pattern: regular expression that must be found in the body.
    :param json: values by path, such as ``checks[0].status``.
    :param headers: exact values by name of header.
    """

    statuses: tuple[int, ...] = ()
    body: str = ""
    pattern: Pattern[str] | None = None
    json: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


class HttpProbe(Probe):
    """One request and the expectations about its answer.

    :param url: what to ask for.
    :param address: host and port to connect to in place of those of the URL.
    :param content: what a POST sends.
    """

    def __init__(
        self,
        url: str,
        *,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        address: tuple[str, int] | None = None,
        expect: Expectations = Expectations(),
        tls: Tls = FULL_PROOF,
        content: bytes = b"",
    ) -> None:
        self.url = url
        self.content = content
        self.method = method
        self.headers = headers or {}
        self.expect = expect
        self.tls = tls
        parts = urlsplit(url)
        self.secure = parts.scheme == "https"
        self.host = parts.hostname or ""
        self.authority = parts.netloc
        self.address = address or (self.host, parts.port or (443 if self.secure else 80))
        self.path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @classmethod
    def from_options(cls, options: Options) -> HttpProbe:
        """Read everything that a check of type http may have."""
        url = url_of(options)
        method = options.choice("method", METHODS, "GET")
        headers = headers_of(options)
        if options.given("host"):
            headers["Host"] = options.text("host")
        address = options.address("address") if options.given("address") else None
        tls = tls_of(options, secure=url.startswith("https:"))
        return cls(url, method=method, headers=headers, address=address, expect=_expectations(options), tls=tls)

    def target(self) -> str:
        return f"{self.method} {shown(self.url)}"

    def attempt(self, timeout: float) -> Answer:
        answer = self._attempted(timeout)
        return replace(answer, detail=without(answer.detail, secrets_of(self.url)))

    def _attempted(self, timeout: float) -> Answer:
        deadline = time.monotonic() + timeout
        try:
            with socket.create_connection(self.address, timeout) as connection:
                if not self.secure:
                    return self._asked(connection, deadline)
                connection.settimeout(left(deadline))
                with self.tls.context().wrap_socket(
                    connection, server_hostname=self.tls.server_name or self.host
                ) as secured:
                    return self._certificate_failure(secured) or self._asked(secured, deadline)
        except socket.gaierror as exc:
            return impossible(unknown_host(self.address[0], exc))
        except UnicodeError:
            return impossible(f"'{self.address[0]}' cannot be the name of a host", final=True)
        except ssl.SSLCertVerificationError as exc:
            return Answer(ok=False, detail=f"the certificate is refused: {exc.verify_message}")
        except ssl.SSLError as exc:
            return Answer(ok=False, detail=f"TLS failed: {exc.reason or 'timed out'}")
        except CannotTrust as exc:
            return impossible(str(exc), final=True)
        except OSError as exc:
            return Answer(ok=False, detail=connection_failure(exc))

    def _certificate_failure(self, secured: ssl.SSLSocket) -> Answer | None:
        if not self.tls.min_days:
            return None
        expires = str((secured.getpeercert() or {}).get("notAfter", ""))
        days = int((ssl.cert_time_to_seconds(expires) - time.time()) // A_DAY)
        if days >= self.tls.min_days:
            return None
        return Answer(ok=False, detail=f"the certificate expires in {days} days, {self.tls.min_days} are wanted")

    def _asked(self, connection: socket.socket, deadline: float) -> Answer:
        try:
            return self._judged(exchange(connection, self.method, self._request(), deadline))
        except Incomplete as exc:
            return Answer(ok=False, detail=str(exc))

    def _request(self) -> bytes:
        headers = {"Host": self.authority, "User-Agent": "slipway", "Accept": "*/*", "Connection": "close"}
        names = {name.lower() for name in self.headers}
        kept = {name: value for name, value in headers.items() if name.lower() not in names}
        lines = [f"{self.method} {self.path} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in {**kept, **self.headers}.items()]
        if self.method == "POST":
            lines.append(f"Content-Length: {len(self.content)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8") + self.content

    def _judged(self, reply: Reply) -> Answer:
        expect = self.expect
        accepted = reply.status in expect.statuses if expect.statuses else 200 <= reply.status <= 299
        if not accepted:
            return Answer(ok=False, detail=f"status {reply.status}")
        for name, wanted in expect.headers.items():
            found = reply.headers.get(name)
            if found != wanted:
                return Answer(ok=False, detail=f"header {name} is {_short(found)}, expected {_short(wanted)}")
        text = reply.body.decode("utf-8", "replace")
        if expect.body not in text:
            return Answer(ok=False, detail="the expected text is not in the body")
        if expect.pattern and not expect.pattern.search(text):
            return Answer(ok=False, detail="the expression is not found in the body")
        return _judged_json(text, expect.json) if expect.json else Answer(ok=True)


def _judged_json(text: str, expected: dict[str, Any]) -> Answer:
    try:
        document = json.loads(text)
    except ValueError:
        return Answer(ok=False, detail="the body is no JSON")
    for path, wanted in expected.items():
        try:
            found = lookup(document, path)
        except (KeyError, IndexError, TypeError):
            return Answer(ok=False, detail=f"the JSON has no {path}")
        if not same(found, wanted):
            return Answer(ok=False, detail=f"{path} is {_short(found)}, expected {_short(wanted)}")
    return Answer(ok=True)


def lookup(document: Any, path: str) -> Any:
    """The value at ``path``: names joined by dots, list positions in brackets.

    :raises KeyError: or IndexError, or TypeError: there is no such value.
    """
    for step in steps(path):
        if isinstance(step, int) is not isinstance(document, list):
            raise KeyError(step)
        document = document[step]
    return document


def steps(path: str) -> list[str | int]:
    """The names and positions of a path.

    :raises ValueError: it is no path.
    """
    if not re.fullmatch(r"(?:[^.\[\]]+|\[\d+\])(?:\.[^.\[\]]+|\[\d+\])*", path):
        raise ValueError(path)
    return [int(found[1]) if found[1] else found[2] for found in re.finditer(r"\[(\d+)\]|([^.\[\]]+)", path)]


def same(found: Any, wanted: Any) -> bool:
    """Whether a value of the answer is the wanted one, which templates may have turned into text."""
    if isinstance(wanted, str) and not isinstance(found, str):
        return bool(json.dumps(found) == wanted)
    return type(found) is type(wanted) and bool(found == wanted)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def url_of(options: Options, credentials: str = "secret_headers") -> str:
    """Read the option ``url``.

    :param credentials: the option that is for credentials.
    """
    url = options.text("url")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise options.refuse("url", "is no URL", "write it like http://127.0.0.1:8081/health/ready") from exc
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0 or re.search(r"[\s\x00]", url):
        raise options.refuse(
            "url", "must be an http or https URL with a host", "write it like http://127.0.0.1:8081/health/ready"
        )
    if parts.username is not None:
        raise options.refuse("url", "holds a user name or password", f"put credentials into {credentials}")
    return url


def headers_of(options: Options) -> dict[str, str]:
    """Read the options ``headers`` and ``secret_headers``."""
    headers = options.text_mapping("headers")
    for name in headers:
        if CREDENTIAL_HEADER.search(name):
            raise options.refuse("headers", f"holds the credential '{name}'", "move it to secret_headers")
    return {**headers, **options.text_mapping("secret_headers")}


def _expectations(options: Options) -> Expectations:
    expected = options.mapping("json")
    for path in expected:
        try:
            steps(path)
        except ValueError as exc:
            raise options.refuse("json", f"has a path that is none: '{path}'", "write it like checks[0].name") from exc
    return Expectations(
        statuses=tuple(options.numbers("status", 100, 599)),
        body=options.text("body", ""),
        pattern=options.pattern("body_regex"),
        json=expected,
        headers=options.text_mapping("response_headers"),
    )
