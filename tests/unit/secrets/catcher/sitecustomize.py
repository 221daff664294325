# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Loaded by every Python of a run: keeps what goes to the system's log, to other programs and into removed files.

Appends to the file that SLIPWAY_CAUGHT names. Leaves out the files in which Ansible itself carries options to a module.
"""

from __future__ import annotations

import os
import sys
import syslog
from pathlib import Path
from typing import Any

_CAUGHT = os.environ["SLIPWAY_CAUGHT"]
_ROOT = os.path.dirname(_CAUGHT)
_CARRIERS = ("AnsiballZ", "ansible-local-", "ansible_", "ansible-tmp-")
_KEPT = os.open(_CAUGHT, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _keep(kind: str, text: str) -> None:
    os.write(_KEPT, f"{kind} {text}\n".encode("utf-8", "replace"))


def _caught(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("subprocess.Popen", "os.exec", "os.posix_spawn"):
        _keep("argv", repr(arguments[1]))
    elif event == "os.remove":
        path = os.path.realpath(os.fsdecode(arguments[0]))
        if path.startswith(_ROOT) and not any(carrier in path for carrier in _CARRIERS):
            try:
                with Path(path).open(encoding="utf-8", errors="replace") as removed:
                    _keep("removed", removed.read())
            except OSError:
                return


def _syslog(*arguments: Any) -> None:
    _keep("syslog", repr(arguments))


syslog.syslog = _syslog  # type: ignore[assignment]
sys.addaudithook(_caught)
