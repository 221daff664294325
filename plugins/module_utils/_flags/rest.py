# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store: a service that keeps one document for each flag, read by GET and replaced by PUT ``/feature-flags/<name>``.

Touches the service. Where it gives an ETag, a change of somebody else in between is not overwritten, but for
a kill switch, which waits for nobody.
"""

from __future__ import annotations

from email.message import Message
from functools import partial
from urllib.parse import quote

from .._common.errors import StateError, SystemFailure
from .base import Allow, Capabilities, Change, Provider, Unmanaged, present
from .document import document, read_document
from .http import Answered, Service
from .model import Flag

PATH = "/feature-flags"
TRIES = 10
PRECONDITION_FAILED, PRECONDITION_REQUIRED = 412, 428
UNREAD = Answered(0, Message(), None)


class Rest(Provider):
    """The flags of one service.

    :param path: below the URL of the service.
    """

    capabilities = Capabilities(shares=True, marks=True, lists=False, at_once=True)

    def __init__(self, service: Service, path: str = PATH) -> None:
        self.service = service
        self.path = path.rstrip("/")

    def place(self) -> str:
        return f"{self.service.shown()}{self.path}"

    def names(self) -> list[str]:
        return []

    def find(self, name: str) -> Flag | None:
        answered = self.service.call("GET", self._path(name))
        if answered.status not in (200, 404):
            raise self.service.refused(answered.status, answered.content)
        return self._read(answered, name)

    def change(self, flag: Flag, allow: Allow, *, dry: bool = False) -> Change:
        waits = not flag.killed
        for _again in range(TRIES):
            found = self._found(flag)
            before, foreign = present(partial(self._read, found), flag)
            foreign = foreign or found.status not in (200, 404)
            allow(before)
            existing = found.content if isinstance(found.content, dict) and found.status == 200 else {}
            made = document(flag, existing)
            if made == existing or dry:
                return Change(before, flag, written=made != existing, foreign=foreign)
            tag = found.headers.get("ETag")
            headers = {"If-Match": tag} if tag and found.status == 200 and waits else {}
            answered = self.service.call("PUT", self._path(flag.name), made, headers)
            if answered.status != PRECONDITION_FAILED and (waits or answered.status != PRECONDITION_REQUIRED):
                if not 200 <= answered.status <= 299:
                    raise self.service.refused(answered.status, answered.content)
                return Change(before, flag, written=True, foreign=foreign)
            waits = True
        raise StateError(
            f"flag {flag.name} was changed by somebody else {TRIES} times in between",
            where=self.place(),
            remedy="see who writes it, then run again",
        )

    def _found(self, flag: Flag) -> Answered:
        """The document as it is; a kill switch does without."""
        try:
            found = self.service.call("GET", self._path(flag.name))
        except SystemFailure:
            if flag.killed:
                return UNREAD
            raise
        if found.status not in (200, 404) and not flag.killed:
            raise self.service.refused(found.status, found.content)
        return found

    def _path(self, name: str) -> str:
        return f"{self.path}/{quote(name, safe='')}"

    def _read(self, answered: Answered, name: str) -> Flag | None:
        if answered.status != 200:
            return None
        try:
            return read_document(name, answered.content)
        except ValueError as exc:
            remedy = "correct it in the service, or end it with kill_switch"
            raise Unmanaged(f"flag {name} is not understood: {exc}", where=self.place(), remedy=remedy) from exc
