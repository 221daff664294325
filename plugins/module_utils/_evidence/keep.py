# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The copy of a document on the controller.

Touches <directory>/<app>/<deployment>.json, and makes these directories.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .._common.files import write_atomic

DEFAULT = "~/.slipway/evidence"


def text(document: Mapping[str, Any]) -> str:
    """The document as it is kept in a file."""
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def keep(directory: str, document: Mapping[str, Any]) -> Path:
    """Write the document for the user who runs Ansible alone, and return where it is.

    :param directory: of all documents; that in the user's home when empty.
    :raises OSError: it cannot be written.
    """
    place = Path(directory or DEFAULT).expanduser() / document["app"]
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    path: Path = place / f"{document['deployment']}.json"
    write_atomic(path, text(document).encode("utf-8"), mode=0o600)
    return path
