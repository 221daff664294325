# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a migration is called: version and name from the name of its file. Touches nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

from .._common.errors import InputError

VERSIONED, REPEATABLE = "versioned", "repeatable"
FORMS = "001_name.sql, 001_name.undo.sql, V1.2.3__name.sql, U1.2.3__name.sql or R__name.sql"
_PATTERNS = (
    re.compile(r"(?P<letter>[VU])(?P<version>\d+(?:[._]\d+)*)__(?P<name>.+)\.sql"),
    re.compile(r"(?P<letter>R)__(?P<version>)(?P<name>.+)\.sql"),
    re.compile(r"(?P<version>\d+)_(?!_)(?P<name>.+?)(?P<suffix>\.up|\.down|\.undo)?\.sql"),
)


@dataclass(frozen=True, order=True)
class Version:
    """A version; 1, 001 and 1.0 are the same."""

    parts: tuple[int, ...]

    def __str__(self) -> str:
        return ".".join(map(str, self.parts))


@dataclass(frozen=True)
class Named:
    """What the name of a file says.

    :param version: ``None`` for a repeatable migration.
    :param undo: the file holds the way back.
    """

    version: Version | None
    name: str
    undo: bool

    @property
    def key(self) -> str:
        """What the history calls the migration."""
        return f"R__{self.name}" if self.version is None else str(self.version)


def version_of(text: str, where: str) -> Version:
    """Read a version that an operator or a tool wrote.

    :raises InputError: it is none.
    """
    if not re.fullmatch(r"\d+(?:[._]\d+)*", text):
        raise InputError(f"'{text}' is no version", where=where, remedy="write numbers with dots, such as 1.4.2 or 007")
    parts = [int(part) for part in re.split(r"[._]", text)]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return Version(tuple(parts))


def parse(filename: str, where: str) -> Named:
    """Read the name of a file.

    :raises InputError: it is not named as migrations are.
    """
    found = next(filter(None, (pattern.fullmatch(filename) for pattern in _PATTERNS)), None)
    if not found:
        raise InputError("the name is not that of a migration", where=where, remedy=f"call it {FORMS}")
    parts = found.groupdict()
    version = version_of(parts["version"], where) if parts["version"] else None
    undo = parts.get("letter") == "U" or parts.get("suffix") in (".down", ".undo")
    return Named(version, parts["name"], undo)
