# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How an address is named for people: no user, no password, no query; and texts of others, without what it hides.

Touches nothing. Every message, name and record that has a URL or a path of an operator has it from here.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qsl, quote, quote_plus, urlsplit

HIDDEN = "********"
SHORTEST_PART = 6
_AUTHORITY = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(:\d*)?")


def shown(address: str) -> str:
    """A URL as scheme, host, port and path, or a path without its query. Anything else stays but for what follows ?."""
    text = re.split(r"[?#]", address, maxsplit=1)[0]
    scheme, found, rest = text.partition("//")
    if not found or "/" in scheme:
        return text
    authority, slash, path = rest.partition("/")
    host = authority.rpartition("@")[2]
    return f"{scheme}//{host if _AUTHORITY.fullmatch(host) else '...'}{slash}{path}"


def secrets_of(url: str) -> list[str]:
    """What ``shown`` leaves out of a URL: the query and its values, as they are written and as they are meant.

    One that is too short to be a secret is left off: hidden wherever it stands, it would hide a number or a letter.
    """
    query = urlsplit(url).query
    written = [part.partition("=")[2] for part in query.split("&")]
    meant = [value for _name, value in parse_qsl(query)]
    return [value for value in (query, *written, *meant) if len(value) >= SHORTEST_PART]


def without(text: str, secrets: Iterable[str]) -> str:
    """A text of somebody else in which secrets are hidden, as they are and as JSON, URLs and HTML write them."""
    written = {form for part in _parts(secrets) for form in _forms(part)}
    for secret in sorted(written, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return text


def _parts(secrets: Iterable[str]) -> set[str]:
    """The secrets, and the words of one such as "Bearer ..." that are long enough to be one themselves."""
    whole = {secret for secret in secrets if secret}
    return whole | {word for secret in whole for word in secret.split() if len(word) >= SHORTEST_PART}


def _forms(secret: str) -> Iterator[str]:
    """A secret as a service may repeat it. What is too short to be one is hidden as it is only."""
    yield secret
    if len(secret) < SHORTEST_PART:
        return
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")
    yield quote(secret)
    yield quote_plus(secret)
    yield html.escape(secret)
    yield base64.b64encode(secret.encode()).decode().rstrip("=")
