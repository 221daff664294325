# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which logs a host has, what proves each of them, and the options by which modules are told.

Looks at directories, and changes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common.errors import InputError, StateError, SystemFailure
from .note import Key
from .places import DIRECTORY, places
from .store import Files

LOG: dict[str, Any] = {
    "directory": {"type": "path", "default": DIRECTORY},
    "accounts": {"type": "bool", "default": False},
    "origin": {"type": "str", "default": ""},
    "checkpoints": {"type": "list", "elements": "str", "default": []},
    "public_keys": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "checkpoint_directory": {"type": "str", "default": ""},
    "absent": {"type": "str", "choices": ["fail", "pass"], "default": "fail"},
}
HEADS: dict[str, Any] = {
    "ledgers": {"type": "list", "elements": "dict", "default": []},
    "heads": {"type": "list", "elements": "dict", "default": []},
}


@dataclass(frozen=True)
class Source:
    """One log.

    :param origin: what checkpoints call it.
    :param heads: hash of a record by its number, as a log says that is proven itself.
    :param account: in whose home it is; empty for the host's own.
    """

    files: Files
    origin: str
    checkpoints: Sequence[str]
    keys: Sequence[Key]
    heads: Mapping[int, str]
    account: str = ""


def sources(stream: str, given: Mapping[str, Any]) -> list[Source]:
    """The logs of this host, from options of the form LOG, and maybe HEADS: its own, and those in homes if asked for.

    Checkpoints that are given are of the host's own; the others are proven by what another log says of them alone.

    :raises InputError: a key or the name of the stream is none.
    :raises StateError: there is no such log, or one is gone of which another log says where it ended.
    """
    keys = [Key.read(text) for text in given["public_keys"]]
    if given["checkpoints"] and not keys:
        remedy = "give the key, or run it with the action of this name"
        raise InputError("checkpoints without public_keys prove nothing", where="public_keys", remedy=remedy)
    own = Files(Path(given["directory"]), stream)
    origin = given["origin"] or stream
    heads = [head for head in given.get("heads", ()) if head["stream"] == stream]
    named = sorted({str(head["directory"]) for head in heads}) if given["accounts"] else []
    there = places(str(own.directory), stream, named) if given["accounts"] else {own.directory: ""}
    found: list[Source] = []
    for directory, account in there.items():
        known = _known(heads, directory)
        files = Files(directory, stream)
        if directory != own.directory:
            name = f"{origin}@{account}" if account else f"{origin}:{directory}"
            found.append(Source(files, name, [], keys, known, account))
        elif _may_read(files.top, given["absent"]):
            found.append(Source(files, origin, given["checkpoints"], keys, known))
        elif given["absent"] == "fail" or given["checkpoints"]:
            raise StateError(
                "there is no such audit log", where=str(files.top), remedy="correct the stream or its directory"
            )
    _refuse_gone(named, stream, found)
    return found


def _may_read(top: Path, absent: str) -> bool:
    """Whether the log is there; where it may be absent, what this account may not read is as if it were."""
    try:
        is_there = top.is_dir()
    except PermissionError:
        if absent == "fail":
            raise
        return False
    return is_there and (absent == "fail" or os.access(top, os.R_OK | os.X_OK))


def _known(heads: Sequence[Mapping[str, Any]], directory: Path) -> dict[int, str]:
    """Hash of a record of one log by its number."""
    real = os.path.realpath(directory)
    found: dict[int, str] = {}
    for head in heads:
        is_of_it = os.path.realpath(head["directory"]) == real
        if is_of_it and found.setdefault(int(head["seq"]), str(head["hash"])) != head["hash"]:
            raise StateError(
                f"the audit log is broken: two logs contradict each other about its record {head['seq']}",
                where=str(directory),
                remedy="no report is made of it; run audit_verify, and keep a copy as evidence",
            )
    return found


def _refuse_gone(named: Sequence[str], stream: str, found: Sequence[Source]) -> None:
    there = {os.path.realpath(source.files.directory) for source in found}
    for directory in named:
        if os.path.realpath(directory) not in there:
            raise StateError(
                "the audit log is broken: it is gone, and another log says where it ended",
                where=str(Path(directory) / stream),
                remedy="bring it back; where it was moved, leave a link to it",
            )


def unreadable(exc: OSError, given: Mapping[str, Any]) -> SystemFailure:
    """What a module says that cannot read a log."""
    return SystemFailure(
        f"the log cannot be read: {exc.strerror or exc}",
        where=str(exc.filename or given["directory"]),
        remedy="run it with become",
    )
