# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A signed document: an approval or an override of one change, and why it does or does not count. Touches nothing.

What the document says is believed only of a signature over exactly these bytes, or of the server that was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from .people import People
from .signature import Signed
from .subject import Subject

APPROVAL, OVERRIDE = "approval", "override"
SCHEMA = 1
CLOCKS_DIFFER = timedelta(minutes=5)
MOST_BYTES = 65536
_SIGNER = re.compile(r"[A-Za-z0-9_][\w.@+-]{0,127}", re.ASCII)
_TEXTS = ("digest", "signer", "group", "given", "expires")
_FIELDS = {APPROVAL: _TEXTS, OVERRIDE: (*_TEXTS, "justification", "ticket")}
Verify = Callable[[bytes, bytes, str, str, datetime], Signed]


@dataclass(frozen=True)
class Document:
    """What was found, before anything of it is believed.

    :param source: the file, or the server.
    :param signature: nothing where there is none.
    :param trusted: whether the source itself vouches for the content.
    :param unread: why the content could not be read; empty where it was.
    """

    source: str
    content: bytes
    signature: bytes | None = None
    trusted: bool = False
    unread: str = ""


@dataclass(frozen=True)
class Judged:
    """A document that was judged.

    :param key: fingerprint of the key that has signed it; empty where a server vouches for it.
    :param refusal: why it does not count; empty where it does.
    :param illicit: whether it is refused as a forgery or as self-approval, which nobody does by mistake.
    """

    source: str
    kind: str = ""
    signer: str = ""
    person: str = ""
    group: str = ""
    given: str = ""
    expires: str = ""
    justification: str = ""
    ticket: str = ""
    key: str = ""
    refusal: str = ""
    illicit: bool = False

    @property
    def accepted(self) -> bool:
        """Whether it counts."""
        return not self.refusal


@dataclass(frozen=True)
class Court:
    """All that a document is judged by.

    :param groups: kind of document to the groups whose members may give it.
    :param max_age: kind of document to how long it counts at most.
    :param barred: kind of document to persons, each with why that person's do not count for this change.
    :param withheld: kind of document to why none counts for this change.
    :param verify: whether bytes and a signature belong to a signer and a namespace at an instant, and by which key.
    """

    subject: Subject
    at: datetime
    people: People
    groups: Mapping[str, frozenset[str]]
    max_age: Mapping[str, timedelta]
    barred: Mapping[str, Mapping[str, str]]
    withheld: Mapping[str, str]
    verify: Verify

    def judge(self, document: Document) -> Judged:
        """Judge one document."""
        unread = Judged(document.source)
        if document.unread:
            return replace(unread, refusal=f"it cannot be read: {document.unread}")
        said, problem = _read(document.content)
        if said is None:
            return replace(unread, refusal=problem)
        judged = Judged(document.source, kind=said["type"], **{name: said[name] for name in _FIELDS[said["type"]][1:]})
        difference = self.subject.difference(said["subject"])
        if difference:
            return replace(judged, refusal=f"it is for {difference}")
        if said["digest"] != self.subject.digest:
            return replace(judged, refusal="its digest is not that of what it says it is for", illicit=True)
        if not document.trusted and document.signature is None:
            return replace(judged, refusal="it is not signed")
        signed = self._signed(document, judged)
        if signed.refusal:
            return replace(judged, refusal=signed.refusal, illicit=True)
        judged = replace(judged, person=self.people.person(judged.signer), key=signed.key)
        refusal = self._too_early_or_late(judged) or self._not_entitled(judged)
        barred = self.barred[judged.kind].get(judged.person, "")
        withheld = self.withheld.get(judged.kind, "")
        return replace(judged, refusal=refusal or barred or withheld, illicit=bool(barred and not refusal))

    def _signed(self, document: Document, judged: Judged) -> Signed:
        if document.trusted:
            return Signed()
        return self.verify(document.content, document.signature or b"", judged.signer, namespace(judged.kind), self.at)

    def _too_early_or_late(self, judged: Judged) -> str:
        given, expires = _instant(judged.given), _instant(judged.expires)
        if given is None or expires is None:
            return "given and expires must be times with an offset, such as 2026-11-22T10:00:00Z"
        if given > self.at + CLOCKS_DIFFER:
            return f"it is given at {judged.given}, which is in the future"
        longest = given + self.max_age[judged.kind]
        if min(expires, longest) <= self.at:
            return f"it has expired at {min(expires, longest).isoformat()}"
        return ""

    def _not_entitled(self, judged: Judged) -> str:
        if not judged.person:
            return f"{judged.signer} is nobody in people"
        if judged.group not in self.groups[judged.kind]:
            return f"group {judged.group} gives no {judged.kind}"
        if not self.people.in_any(judged.person, [judged.group]):
            return f"{judged.person} is not in group {judged.group}"
        return ""


def namespace(kind: str) -> str:
    """What a signature of such a document is made for, so that it is worth nothing elsewhere."""
    return f"slipway-{kind}"


def template(kind: str, subject: Subject) -> dict[str, Any]:
    """What somebody fills in and signs."""
    return {
        "schema": SCHEMA,
        "type": kind,
        "digest": subject.digest,
        "subject": subject.fields(),
        **dict.fromkeys(_FIELDS[kind][1:], ""),
    }


def _read(content: bytes) -> tuple[dict[str, Any] | None, str]:
    """The document, or why it is none."""
    try:
        said = json.loads(content.decode("utf-8")) if len(content) <= MOST_BYTES else None
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return None, f"it is no JSON object of at most {MOST_BYTES} bytes"
    if said.get("type") not in (APPROVAL, OVERRIDE) or said.get("schema") != SCHEMA:
        return None, f"it is no {APPROVAL} or {OVERRIDE} of schema {SCHEMA}"
    lacking = [name for name in _FIELDS[said["type"]] if not isinstance(said.get(name), str) or not said[name].strip()]
    if lacking or not isinstance(said.get("subject"), dict):
        return None, f"it says nothing about {', '.join(lacking) or 'its subject'}"
    if not _SIGNER.fullmatch(said["signer"]):
        return None, "its signer has characters that no name has"
    return said, ""


def _instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(re.sub(r"Z$", "+00:00", text))
    except ValueError:
        return None
    return found if found.tzinfo else None
