# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a report on the controller, a page for people and the same figures as JSON.

Writes <directory>/<name>.{html,json}, each as a whole, and makes the directory.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._common.files import write_atomic

DEFAULT = "~/.slipway/reports"


@dataclass(frozen=True)
class Kept:
    """What was written.

    :ivar before: the figures that were there; empty when there were none.
    """

    page: str
    figures: str
    changed: bool
    before: str
    after: str

    def as_result(self) -> dict[str, Any]:
        """For the result of a task."""
        diff = {"before": self.before, "after": self.after, "before_header": self.figures, "after_header": self.figures}
        return {"changed": self.changed, "page": self.page, "figures_file": self.figures, "diff": diff}


def keep(directory: str, name: str, figures: Mapping[str, Any], page: str, *, check_mode: bool) -> Kept:
    """Write both files unless they are there already.

    :param directory: on this computer; that in the user's home when empty.
    :param name: of both files, without a suffix.
    :raises OSError: they cannot be written.
    """
    top = Path(directory or DEFAULT).expanduser()
    text = json.dumps(figures, indent=1, sort_keys=True) + "\n"
    wanted = {top / f"{name}.json": text, top / f"{name}.html": page}
    found = {path: _text(path) for path in wanted}
    changed = found != wanted
    if changed and not check_mode:
        top.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path, content in wanted.items():
            write_atomic(path, content.encode("utf-8"), mode=0o600)
    first, second = wanted
    return Kept(str(second), str(first), changed, found[first], text)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return ""
