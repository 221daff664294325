# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a module leaves for an agent that may have to act by itself later: where the audit log is, and what is known.

Keeps ``audit.json`` in the state directory of what acts. It holds nothing secret, so that fields of which the log has
an HMAC are masked, and needs nothing of the log itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._common.files import read_state, write_state
from .levels import FULL

SCHEMA = 1


def leave(directory: Path, audit: Mapping[str, Any] | None) -> None:
    """Leave for the agent how it writes; nothing where nothing is audited.

    :param audit: an option of the form AUDIT.
    :raises OSError: it cannot be written.
    :raises StateError: what is there is none of these files.
    """
    path = directory / "audit.json"
    if not audit:
        path.unlink(missing_ok=True)
        return
    context = {name: value for name, value in audit["context"].items() if name != "initiator"}
    wanted = {
        "directory": audit["directory"],
        "stream": audit["stream"],
        "mask": [*audit["mask"], *(audit.get("hash") or ())],
        "patterns": list(audit.get("patterns") or ()),
        "level": audit.get("level") or FULL,
        "context": context,
    }
    if read_state(path, SCHEMA) != {"schema": SCHEMA, **wanted}:
        write_state(path, SCHEMA, wanted, mode=0o600)


def left(directory: Path) -> dict[str, Any] | None:
    """The same again; ``None`` where nothing was left.

    :raises StateError: it is none of these files.
    """
    return read_state(directory / "audit.json", SCHEMA)
