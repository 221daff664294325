# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the logs end that this run has written to, as their hosts have said, for the ledger's last record of the run.

Writes a file in the directory that Ansible makes for each run anew, and removes at its end. A fact would not do: where
facts are cached, those of an earlier run are still there in the next one.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from ansible import constants
from ansible_collections.slipway.release.plugins.module_utils._audit.record import STREAM
from ansible_collections.slipway.release.plugins.module_utils._common.errors import SlipwayError
from ansible_collections.slipway.release.plugins.plugin_utils.checkpoints import told

NAME = "slipway_audit_heads"
LOG = ("host", "directory", "stream")
# A record has its heads twice, in its intent and in its outcome, each of at most 1 MiB.
MOST_BYTES = 512 * 1024
_PATH = re.compile(r"/[^\x00-\x1f]{0,4095}")


def note(host: str, end: Any) -> None:
    """Remember where a host says that its log ends. What it says may be anything: a host may be anybody's by now.

    The name of the controller is left out: whoever runs this has one of that name, each with a log of its own.

    :raises OSError: the file cannot be written.
    """
    if not isinstance(end, dict) or host in constants.LOCALHOST:
        return
    try:
        seen = told(host, end, "seq")
    except SlipwayError:
        return
    stream, directory = str(end.get("stream")), str(end.get("directory"))
    if not STREAM.fullmatch(stream) or not _PATH.fullmatch(directory):
        return
    name = host.encode("utf-8", "backslashreplace").decode("utf-8")
    head = {"host": name, "directory": directory, "stream": stream, "seq": seen.size, "hash": seen.hash}
    descriptor = os.open(_file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, f"{json.dumps(head)}\n".encode("ascii"))
    finally:
        os.close(descriptor)


def noted() -> tuple[list[dict[str, Any]], int]:
    """The last head of each log, and how many logs had to be left out, since a record has room for so many only.

    :raises OSError: the file cannot be read.
    """
    try:
        lines = _file().read_text(encoding="ascii").splitlines()
    except FileNotFoundError:
        return [], 0
    last: dict[tuple[str, ...], dict[str, Any]] = {}
    for head in map(json.loads, lines):
        which = tuple(head[name] for name in LOG)
        if which not in last or last[which]["seq"] <= head["seq"]:
            last[which] = head
    found: list[dict[str, Any]] = []
    room = MOST_BYTES
    for which in sorted(last):
        room -= len(json.dumps(last[which]))
        if room < 0:
            break
        found.append(last[which])
    return found, len(last) - len(found)


def _file() -> Path:
    made: Any = constants
    return Path(made.DEFAULT_LOCAL_TMP) / NAME
