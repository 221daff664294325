# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where approvals and overrides come from: a directory of signed files, or a server. Reads these; changes nothing."""

from __future__ import annotations

import errno
import json
import os
import re
import stat
from pathlib import Path
from urllib.parse import urlsplit

from .._common.errors import InputError, SystemFailure
from .._gate.http import HttpProbe
from .._gate.model import Answer
from .._gate.wire import Reply
from .document import MOST_BYTES, Document
from .subject import Subject

MOST_FILES = 200
TIMEOUT = 20
LOOPBACK = ("127.0.0.1", "::1", "localhost")
WHERE = "slipway_change_policy.approvals.url"


def from_directory(directory: Path) -> list[Document]:
    """Each ``*.json``, with the ``.sig`` beside it that ssh-keygen makes.

    :raises InputError: there is no such directory, or too much in it.
    """
    try:
        paths = sorted(path for path in directory.iterdir() if path.name.endswith(".json"))
    except OSError as exc:
        raise InputError(
            f"it is no directory on the controller that can be read: {exc.strerror}",
            where=f"slipway_change_evidence ({directory})",
            remedy="make it and put approvals there, let the user who runs Ansible read it, or remove the variable",
        ) from exc
    if len(paths) > MOST_FILES:
        raise InputError(
            f"it has {len(paths)} files, more than {MOST_FILES}",
            where=f"slipway_change_evidence ({directory})",
            remedy="move away what is not for this release",
        )
    return [_from_file(path) for path in paths]


def from_server(url: str, headers: dict[str, str], subject: Subject) -> list[Document]:
    """What a server says has been approved of this change; it is believed because of its certificate.

    :raises SystemFailure: it does not answer, or not with a list of documents.
    """
    asked = json.dumps({"digest": subject.digest, "subject": subject.fields()}, sort_keys=True).encode("ascii")
    question = _Question(url, {"Content-Type": "application/json", **headers}, asked)
    answer = question.attempt(TIMEOUT)
    where = f"{urlsplit(url).hostname} of {WHERE}"
    if question.reply is None or not answer.ok:
        raise SystemFailure(answer.detail, where=where, remedy="see why the server does not answer, then run again")
    try:
        documents = json.loads(question.reply.body)["documents"]
    except (ValueError, KeyError, TypeError, RecursionError):
        documents = None
    if not isinstance(documents, list) or not all(isinstance(item, dict) for item in documents):
        raise SystemFailure(
            "the answer is no JSON object with a list of documents",
            where=where,
            remedy="correct what the server answers",
        )
    return [
        Document(f"{urlsplit(url).hostname} [{index}]", json.dumps(item).encode("ascii"), trusted=True)
        for index, item in enumerate(documents)
    ]


def refuse_url(url: str, where: str) -> None:
    """Refuse a server that anybody on the way could speak for.

    :raises InputError: it is neither HTTPS nor on this computer, or holds credentials.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise _no_url(where) from exc
    if not parts.hostname or parts.scheme not in ("http", "https") or port == 0 or re.search(r"[\s\x00]", url):
        raise _no_url(where)
    if parts.username is not None:
        raise InputError(
            "it holds a user name or password", where=where, remedy="put credentials into approvals.headers"
        )
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise InputError(
            "its answers could be anybody's", where=where, remedy="use https, whose certificate says who answers"
        )


def _no_url(where: str) -> InputError:
    return InputError("it is no URL", where=where, remedy="write https://host/path")


def _from_file(path: Path) -> Document:
    try:
        return Document(path.name, _bytes(path), _signature(path.with_name(f"{path.name}.sig")))
    except OSError as exc:
        return Document(path.name, b"", unread=exc.strerror or "it is no file")


def _signature(path: Path) -> bytes | None:
    try:
        return _bytes(path)
    except FileNotFoundError:
        return None


def _bytes(path: Path) -> bytes:
    """The beginning of a file; a pipe, which nobody may ever write to, is none."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as handle:
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no file")
        return handle.read(MOST_BYTES + 1)


class _Question(HttpProbe):
    """Keeps the answer."""

    def __init__(self, url: str, headers: dict[str, str], content: bytes) -> None:
        super().__init__(url, method="POST", headers=headers, content=content)
        self.reply: Reply | None = None

    def _judged(self, reply: Reply) -> Answer:
        self.reply = reply
        return super()._judged(reply)
