# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What must not be in an audit log is masked, or replaced by an HMAC, before anything is hashed. Touches nothing.

An HMAC lets equal values be recognised by who has the key; a plain hash would be found out by trying.
"""

from __future__ import annotations

import base64
import fnmatch
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, Optional
from urllib.parse import quote, quote_plus

from .._common.address import HIDDEN
from .._common.canonical import canonical
from .._common.errors import InputError

SHORTEST_KEY = 16
SHORTEST_INSIDE = 4
MOST_KNOWN, LONGEST_KNOWN = 1000, 200
_DOMAIN = b"slipway.release/audit/redaction/v1\n"
_NAMES = re.compile(
    r"(?:^|[_.-]|(?<=[a-z0-9])(?=[A-Z]))(?i:passwords?|passwd|pwd|passphrase|pass|secrets?|token|authorization|cookie"
    r"|credentials?|dsn|(?:api|private|access|secret|encryption|signing|session)[_-]?keys?)$"
)
_ESCAPE = re.compile("%[0-9A-F]{2}")
_Path = Optional[tuple[Any, str]]
_IN_URL = re.compile(r"(?<=://)[^\s\"']+(?=@)")


@dataclass(frozen=True)
class Redactor:
    """Rules of what is hidden.

    :param mask: paths of fields such as ``details.request.*.card``; ``*`` is one name or place in a list, ``**`` any
        number of them.
    :param hashed: paths of fields of which an HMAC is kept.
    :param patterns: whatever matches one of these in any text is masked.
    :param values: secrets, hidden wherever they stand, also encoded.
    :param key: of the HMAC.
    :ivar hidden: the texts that were hidden, which must appear in no other output either.
    """

    mask: Sequence[str] = ()
    hashed: Sequence[str] = ()
    patterns: Sequence[str] = ()
    values: Sequence[str] = field(default=(), repr=False)
    key: bytes = field(default=b"", repr=False)
    hidden: set[str] = field(default_factory=set, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse rules that cannot be followed."""
        if self.hashed and len(self.key) < SHORTEST_KEY:
            raise InputError(
                f"the key of the HMAC has fewer than {SHORTEST_KEY} bytes",
                where="redaction.key",
                remedy="give a random one, as of 'openssl rand -hex 32', from a vault",
            )
        for pattern in self.patterns:
            try:
                compiled = re.compile(pattern)
            except re.error as exc:
                raise InputError(
                    f"{pattern!r} is no regular expression: {exc}",
                    where="redaction.patterns",
                    remedy="correct it",
                ) from exc
            if compiled.fullmatch(""):
                raise InputError(
                    f"{pattern!r} matches nothing at all",
                    where="redaction.patterns",
                    remedy="write one that needs a character",
                )

    @cached_property
    def _walk(self) -> _Walk:
        return _Walk(self)

    def redacted(self, made: Mapping[str, Any]) -> dict[str, Any]:
        """The event without what is hidden."""
        try:
            found: dict[str, Any] = self._walk.value(dict(made), None)
        except RecursionError:
            raise _refused("it is nested too deeply") from None
        return found

    def mark(self, value: Any) -> str:
        """What stands for a value of which an HMAC is kept."""
        try:
            content = canonical(value)
        except ValueError:
            raise _refused("a value of which an HMAC is to be kept is a float or beyond 2**53") from None
        return "hmac-sha256:" + hmac.new(self.key, _DOMAIN + content, "sha256").hexdigest()


def _refused(why: str) -> InputError:
    return InputError(
        f"the event cannot be recorded: {why}",
        where="events",
        remedy="write numbers with a fraction as text or in smaller units, and details with fewer levels",
    )


class _Walk:
    """The rules, made ready for walks through events."""

    def __init__(self, rules: Redactor) -> None:
        self.rules = rules
        self.mask = [tuple(path.split(".")) for path in rules.mask]
        self.hashed = [tuple(path.split(".")) for path in rules.hashed]
        self.patterns = [_IN_URL, *(re.compile(pattern) for pattern in rules.patterns)]
        self.short = {value for value in rules.values if 0 < len(value) < SHORTEST_INSIDE}
        self.long = sorted({form for value in rules.values for form in _forms(value)}, key=len, reverse=True)
        self.known: dict[str, str] = {}
        self.ruled = bool(self.mask or self.hashed)
        self.any = re.compile("|".join(map(re.escape, self.long))) if self.long else None

    def value(self, value: Any, path: _Path) -> Any:
        """A field with everything below it."""
        if self.ruled and path:
            names = _names(path)
            if any(_matches(rule, names) for rule in self.hashed):
                self._hide(value)
                return self.rules.mark(value)
            if any(_matches(rule, names) for rule in self.mask):
                self._hide(value)
                return HIDDEN
        if path and _names_secret(path[1]) and _may_be_secret(path, value):
            self._hide(value)
            return HIDDEN
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int):
            return HIDDEN if not isinstance(value, bool) and str(value) in self.rules.values else value
        if isinstance(value, (list, tuple)):
            return [self.value(item, (path, str(place))) for place, item in enumerate(value)]
        if isinstance(value, (dict, Mapping)):
            return self._mapping(value, path)
        return value

    def text(self, text: str) -> str:
        """A text without secrets; many texts are the same in every event."""
        known = self.known.get(text)
        if known is None:
            known = self._searched(text)
            if len(self.known) < MOST_KNOWN and len(text) < LONGEST_KNOWN:
                self.known[text] = known
        return known

    def _searched(self, text: str) -> str:
        if text in self.short:
            return HIDDEN
        if self.any and self.any.search(text):
            text = self._without_known(text)
        for pattern in self.patterns:
            if not pattern.search(text):
                continue
            self.rules.hidden.update(found for match in pattern.finditer(text) for found in _long_enough(match[0]))
            text = pattern.sub(HIDDEN, text)
        return text

    def _without_known(self, text: str) -> str:
        """Forms may overlap: whatever belongs to one of them is hidden."""
        spans = []
        for form in self.long:
            at = text.find(form)
            while at >= 0:
                spans.append((at, at + len(form)))
                at = text.find(form, at + 1)
        shown, done = "", 0
        for begin, end in sorted(spans):
            if begin > done or not shown:
                shown += text[done:begin] + HIDDEN
            done = max(done, end)
        return shown + text[done:]

    def _hide(self, value: Any) -> None:
        """Remember every text of what is hidden."""
        if isinstance(value, Mapping):
            value = [*value.values()]
        if isinstance(value, (list, tuple)):
            for item in value:
                self._hide(item)
        elif value is not None and not isinstance(value, bool):
            self.rules.hidden.update(_long_enough(str(value)))

    def _mapping(self, value: Mapping[Any, Any], path: _Path) -> dict[Any, Any]:
        """Keys are texts too; two that become equal are numbered."""
        found: dict[Any, Any] = {}
        for key, item in value.items():
            shown = self.text(key) if isinstance(key, str) else key
            name, number = shown, 1
            while name in found:
                number += 1
                name = f"{shown}.{number}"
            found[name] = self.value(item, (path, str(key)))
        return found


def _names(path: _Path) -> tuple[str, ...]:
    names = []
    while path:
        path, name = path
        names.append(name)
    return tuple(reversed(names))


def _may_be_secret(path: tuple[_Path, str], value: Any) -> bool:
    """Whether the value of a field that is named like a secret may be one; the fencing token, a number, is none."""
    if isinstance(value, bool) or value is None or value in ("", [], (), {}):
        return False
    return not (path == (None, "token") and isinstance(value, int))


@lru_cache(maxsize=1024)
def _names_secret(name: str) -> bool:
    return bool(_NAMES.search(name))


def _matches(rule: tuple[str, ...], path: tuple[str, ...]) -> bool:
    if not rule:
        return not path
    if rule[0] == "**":
        return _matches(rule[1:], path) or (bool(path) and _matches(rule, path[1:]))
    return bool(path) and fnmatch.fnmatchcase(path[0], rule[0]) and _matches(rule[1:], path[1:])


def _long_enough(text: str) -> list[str]:
    """The text, unless hiding it would hide letters and small numbers everywhere; one of a mark is no secret."""
    return [text] if len(text) >= SHORTEST_INSIDE and text != HIDDEN else []


def _forms(secret: str) -> set[str]:
    """A secret as it is, and as it stands in JSON, in a URL, in base64 and in hexadecimal."""
    if len(secret) < SHORTEST_INSIDE:
        return set()
    raw = secret.encode("utf-8", "surrogatepass")
    forms = {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        json.dumps(secret)[1:-1].replace("/", "\\/"),
        raw.hex(),
        raw.hex().upper(),
    }
    escaped = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
    forms |= escaped | {_ESCAPE.sub(lambda found: found[0].lower(), form) for form in escaped}
    forms |= {json.dumps(form)[1:-1] for form in set(forms)}
    return forms | {form for offset in range(3) for form in _base64(raw, offset)}


def _base64(raw: bytes, offset: int) -> set[str]:
    """The part of its base64 that does not depend on the text around it, when that has ``offset`` more bytes."""
    first = -(-offset * 8 // 6)
    complete = (offset + len(raw)) * 8 // 6
    standard = base64.b64encode(b"\0" * offset + raw).decode("ascii")[first:complete]
    if len(standard) < SHORTEST_INSIDE:
        return set()
    return {standard, standard.replace("+", "-").replace("/", "_")}
