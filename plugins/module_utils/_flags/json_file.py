# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store: a JSON file with an object of flags. Touches the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .base import Capabilities
from .document import document, read_document
from .file import FileStore
from .json_text import dumps_like, loads
from .model import FULL, OFF, Flag

SECTION = "flags"


class JsonFile(FileStore):
    """Flags by name, each a document, or only true or false where it was that before.

    :param section: name of the object in the file that has the flags; empty for the file itself.
    """

    capabilities = Capabilities(shares=True, marks=True, lists=True, at_once=True)

    def __init__(self, path: Path, *, create: bool = False, section: str = SECTION) -> None:
        super().__init__(path, create=create)
        self.section = section

    def empty(self) -> str:
        return "{}\n"

    def parse(self, text: str) -> list[str]:
        return list(self._flags(self._loaded(text)))

    def flag(self, text: str, name: str) -> Flag | None:
        found = self._flags(self._loaded(text)).get(name)
        if found is None or isinstance(found, bool):
            return None if found is None else Flag(name, FULL if found else OFF, 100 if found else 0)
        try:
            return read_document(name, found)
        except ValueError as exc:
            remedy = "correct it by hand, or end it with kill_switch"
            raise self.unmanaged(f"flag {name} is not understood: {exc}", remedy) from exc

    def edited(self, text: str, flag: Flag) -> str:
        whole = self._loaded(text)
        flags = self._flags(whole)
        before = flags.get(flag.name)
        if isinstance(before, bool):
            if not (flag.on_for_all or flag.off_for_all):
                remedy = "use off, full or kill_switch, or make it an object in the file and in its readers"
                raise self.unmanaged(f"flag {flag.name} is only true or false there", remedy)
            flags[flag.name] = flag.on_for_all
        else:
            flags[flag.name] = document(flag, before if isinstance(before, dict) else {})
        if self.section:
            whole[self.section] = flags
        if flags[flag.name] == before:
            return text
        return dumps_like(whole, text)

    def marks(self, text: str, name: str) -> bool:
        return not isinstance(self._flags(self._loaded(text)).get(name), bool)

    def _loaded(self, text: str) -> dict[str, Any]:
        try:
            whole = loads(text)
        except (ValueError, RecursionError) as exc:
            raise self.malformed(f"the file is no sound JSON: {exc}") from exc
        if not isinstance(whole, dict):
            raise self.malformed("the file has no object")
        return whole

    def _flags(self, whole: dict[str, Any]) -> dict[str, Any]:
        flags = whole.get(self.section, {}) if self.section else whole
        if not isinstance(flags, dict):
            raise self.malformed(f"{self.section} is no object")
        return flags
