# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store: a TOML file with the arrays ``enabled`` and ``disabled`` in its table ``[feature_flags]``.

Touches the file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .base import Capabilities
from .boolean import RESTART
from .file import FileStore, reader
from .model import FULL, OFF, Flag
from .toml_text import NotUnderstood, Table, line_end_of, table, with_value, without

TABLE = "feature_flags"
ARRAYS = {True: "enabled", False: "disabled"}


class TomlFile(FileStore):
    """Names of flags that are on, and of those that are off."""

    capabilities = Capabilities(shares=False, marks=False, lists=True, at_once=False, to_do=RESTART)

    def __init__(self, path: Path, *, create: bool = False) -> None:
        super().__init__(path, create=create)

    def empty(self) -> str:
        return ""

    def parse(self, text: str) -> list[str]:
        return [name for names in self._lists(text).values() for name in names]

    def flag(self, text: str, name: str) -> Flag | None:
        on, off = (name in self._lists(text)[key] for key in (True, False))
        if on and off:
            remedy = "remove it from one of them, or end it with kill_switch"
            raise self.unmanaged(f"flag {name} is both enabled and disabled", remedy)
        if on or off:
            return Flag(name, FULL, 100) if on else Flag(name, OFF)
        return None

    def edited(self, text: str, flag: Flag) -> str:
        on = flag.percentage == 100
        lists = self._lists(text)
        fresh = text
        if flag.name in lists[not on]:
            fresh = without(fresh, self._table(fresh).arrays[ARRAYS[not on]], flag.name)
        if flag.name not in lists[on]:
            fresh = self._added(fresh, ARRAYS[on], flag.name)
        return fresh

    def require_only(self, flag: Flag, text: str, fresh: str) -> None:
        super().require_only(flag, text, fresh)
        tomllib = reader("tomllib")
        if tomllib is None:
            return
        try:
            before, after = (_others(tomllib.loads(one), flag.name) for one in (text, fresh))
        except (ValueError, TypeError) as exc:
            raise self.malformed(f"the file is no sound TOML: {exc}") from exc
        if before != after:
            raise self.malformed(f"an edit of flag {flag.name} would have changed others; nothing was written")

    def _added(self, text: str, key: str, name: str) -> str:
        found = self._table(text)
        if key in found.arrays:
            return with_value(text, found.arrays[key], name)
        end = line_end_of(text)
        line = f'{key} = ["{name}"]{end}'
        if found.end < 0:
            gap = "" if not text else end if text.endswith("\n") else end * 2
            return f"{text}{gap}[{TABLE}]{end}{line}"
        line_end = text.find("\n", found.end)
        return f"{text}{end}{line}" if line_end < 0 else text[: line_end + 1] + line + text[line_end + 1 :]

    def _lists(self, text: str) -> dict[bool, list[str]]:
        found = self._table(text)
        return {on: found.arrays[key].values() if key in found.arrays else [] for on, key in ARRAYS.items()}

    def _table(self, text: str) -> Table:
        try:
            found = table(text, TABLE)
        except NotUnderstood as exc:
            raise self.malformed(f"the file is not understood: {exc}") from exc
        for key in ARRAYS.values():
            if key in found.others:
                raise self.malformed(f"{key} of [{TABLE}] is no array of strings")
        return found


def _others(content: dict[str, Any], name: str) -> dict[str, Any]:
    """What a file says, but for one flag."""
    flags = dict(content.get(TABLE, {}))
    for key in ARRAYS.values():
        flags[key] = [one for one in flags.get(key, []) if one != name]
    return {**content, TABLE: flags}
