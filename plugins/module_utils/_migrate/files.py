# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The migrations of a directory, in their order. Reads the directory and its files only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .._common.errors import InputError
from . import names
from .names import Named, Version
from .text import Content, Section, examine


@dataclass(frozen=True)
class Migration:
    """One migration.

    :param key: what the history calls it.
    :param version: ``None`` when it is repeatable.
    :param checksum: hexadecimal SHA-256 of its file.
    :param crc32: Flyway's checksum of its file.
    :param undo: the way back, ``None`` when there is none.
    """

    path: Path
    key: str
    version: Version | None
    name: str
    checksum: str
    crc32: int
    forward: Section
    undo: Section | None

    @property
    def phase(self) -> str:
        """When it is due: expand, migrate or contract."""
        return self.forward.directives.phase

    def __str__(self) -> str:
        return self.path.name


def discover(directory: Path, *, gaps: bool = True) -> list[Migration]:
    """The migrations of a directory: versioned ones by version, then repeatable ones by name.

    :param gaps: numbers may be left out.
    :raises InputError: a file is not named, cannot be read, or speaks as it must not; two have the same version.
    """
    forward: dict[str, tuple[Path, Named]] = {}
    undo: dict[str, Path] = {}
    for path in _sql_files(directory):
        named = names.parse(path.name, str(path))
        earlier = undo.get(named.key) if named.undo else forward.get(named.key, (None, None))[0]
        if earlier:
            raise InputError(
                f"version {named.key} is also that of {earlier.name}",
                where=str(path),
                remedy="give one of them a new number",
            )
        if named.undo:
            undo[named.key] = path
        else:
            forward[named.key] = (path, named)
    for key in undo.keys() - forward.keys():
        raise InputError("undoes nothing", where=str(undo[key]), remedy=f"add the migration {key}, or remove this file")
    found = [_migration(path, named, undo.get(key)) for key, (path, named) in forward.items()]
    ordered = sorted(found, key=lambda one: (one.version is None, one.version or Version(()), one.name))
    if not gaps:
        _refuse_gaps(ordered)
    return ordered


def _sql_files(directory: Path) -> list[Path]:
    try:
        names = sorted(path.name for path in directory.iterdir())
    except OSError as exc:
        raise InputError(
            f"the directory cannot be read ({exc.strerror})",
            where=str(directory),
            remedy="name the migrations' directory",
        ) from exc
    return [directory / name for name in names if name.endswith(".sql") and not name.startswith(".")]


def _migration(path: Path, named: Named, undo_path: Path | None) -> Migration:
    content = examine(path, repeatable=named.version is None)
    beside = examine(undo_path) if undo_path else None
    if content.undo and beside:
        raise InputError("has a second way back in the file itself", where=str(undo_path), remedy="remove one of them")
    return Migration(
        path=path,
        key=named.key,
        version=named.version,
        name=named.name,
        checksum=content.checksum,
        crc32=content.crc32,
        forward=content.forward,
        undo=_way_back(content, beside),
    )


def _way_back(content: Content, beside: Content | None) -> Section | None:
    return beside.forward if beside else content.undo


def _refuse_gaps(ordered: list[Migration]) -> None:
    numbered = [one for one in ordered if one.version and len(one.version.parts) == 1]
    for one, following in zip(numbered, numbered[1:]):
        number, after = one.version, following.version
        if number and after and after.parts[0] != number.parts[0] + 1:
            raise InputError(
                f"version {number.parts[0] + 1} is missing between {one} and this file",
                where=str(following.path),
                remedy="add the missing file, or set 'gaps' to true",
            )
