# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The text of a migration's file, piece by piece: the same for LF, CRLF and a byte order mark. Reads the file only."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .._common.errors import InputError
from .directives import CONTRACT, Directives, directive_in, with_directive

LONGEST = 1 << 18
_PLACEHOLDER = re.compile(r"\$\{([^{}\s]*)\}")
_TOO_BIG_TO_LOOK_AT = 400


@dataclass(frozen=True)
class Section:
    """SQL in a file: the way forward or the way back.

    :param first_line: its first line in the file, from 1.
    :param last_line: its last one; ``None`` when it goes to the end of the file.
    :param commented: every line of it is a comment that holds SQL.
    """

    path: Path
    directives: Directives
    first_line: int = 1
    last_line: int | None = None
    commented: bool = False

    def pieces(self, placeholders: Mapping[str, str] | None) -> Iterator[str]:
        """Its text, with placeholders replaced.

        :param placeholders: values by name; ``None`` for the text as written.
        :raises InputError: a placeholder has no value, or the file cannot be read.
        """
        for number, line in numbered_lines(self.path):
            if number < self.first_line:
                continue
            if self.last_line is not None and number > self.last_line:
                return
            text = _uncommented(line) if self.commented else line
            yield self._replaced(text, number, placeholders) if placeholders is not None and "${" in text else text

    def _replaced(self, line: str, number: int, values: Mapping[str, str]) -> str:
        if not self.directives.placeholders or line.lstrip().startswith("--"):
            return line

        def value(found: re.Match[str]) -> str:
            if found[1] not in values:
                raise InputError(
                    f"the placeholder ${{{found[1]}}} has no value",
                    where=f"{self.path}:{number}",
                    remedy="set it in 'placeholders', or write '-- slipway:placeholders off' at the top of the file",
                )
            return values[found[1]]

        return _PLACEHOLDER.sub(value, line)


@dataclass(frozen=True)
class Content:
    """What one look at a file found.

    :param checksum: hexadecimal SHA-256 of the text with LF and without a byte order mark.
    :param crc32: Flyway's checksum of it, which knows no line breaks.
    """

    checksum: str
    crc32: int
    forward: Section
    undo: Section | None


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers; one that is very long comes in parts.

    :raises InputError: the file cannot be read.
    """
    number = 1
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as handle:
            while line := handle.readline(LONGEST):
                if line.endswith("\r"):
                    line += handle.readline(1)
                yield number, line[:-2] + "\n" if line.endswith("\r\n") else line
                number += line.endswith("\n")
    except OSError as exc:
        raise InputError(
            f"the file cannot be read ({exc.strerror})",
            where=str(path),
            remedy="make it a file that the task's user reads",
        ) from exc
    except UnicodeDecodeError as exc:
        raise InputError(
            f"the text is not UTF-8 ({exc.reason})", where=f"{path}:{number}", remedy="save the file as UTF-8"
        ) from exc


def examine(path: Path, *, repeatable: bool = False) -> Content:
    """Read a file once.

    :param repeatable: it is applied again whenever it changes, so that it has no version.
    :raises InputError: it cannot be read, or a directive is unknown or stands at the wrong place.
    """
    look = _Look(path, repeatable=repeatable)
    for number, line in numbered_lines(path):
        look.at(number, line)
    return look.content()


class _Look:
    def __init__(self, path: Path, *, repeatable: bool) -> None:
        self._path = path
        self._repeatable = repeatable
        self._sha = hashlib.sha256()
        self._crc = 0
        self._top = True
        self._in_comment = False
        self._known = Directives()
        self._forward: Section | None = None
        self._undo_from = 0
        self._undo_commented = True
        self._undo_empty = True

    def at(self, number: int, line: str) -> None:
        """Take one line in."""
        data = line.encode("utf-8")
        self._sha.update(data)
        self._crc = zlib.crc32(data.rstrip(b"\n"), self._crc)
        directive = directive_in(line) if "slipway:" in line and len(line) < _TOO_BIG_TO_LOOK_AT else None
        if directive:
            self._direct(number, *directive)
            return
        if self._top:
            self._top = self._still_top(line)
        if self._undo_from and line.strip():
            self._undo_empty = False
            self._undo_commented = self._undo_commented and line.lstrip().startswith("--")

    def _direct(self, number: int, name: str, value: str) -> None:
        where = f"{self._path}:{number}"
        if name == "undo":
            if self._undo_from or value:
                raise InputError(
                    "a second way back, or one with a value", where=where, remedy="write '-- slipway:undo' once"
                )
            self._forward = Section(self._path, self._known, 1, number - 1)
            self._undo_from, self._top, self._in_comment = number + 1, True, False
            self._known = Directives(phase=self._known.phase, placeholders=self._known.placeholders)
            return
        if not self._top:
            raise InputError(
                f"the directive 'slipway:{name}' stands behind the first statement",
                where=where,
                remedy="write it at the top of the file, or at the top of the way back",
            )
        self._known = with_directive(self._known, name, value, where)
        if self._repeatable and self._known.phase == CONTRACT:
            raise InputError(
                "is repeatable and of the phase contract, where a version says what has to be old enough",
                where=where,
                remedy="give it a version (V1.2__name.sql), or another phase",
            )

    def _still_top(self, line: str) -> bool:
        text = line.strip()
        if not self._in_comment and text.startswith("/*"):
            self._in_comment = True
        if self._in_comment:
            self._in_comment = "*/" not in text
            return self._in_comment or text.endswith("*/")
        return not text or text.startswith("--")

    def content(self) -> Content:
        """What was found."""
        crc = self._crc - (1 << 32) if self._crc >= 1 << 31 else self._crc
        if not self._forward:
            return Content(self._sha.hexdigest(), crc, Section(self._path, self._known), None)
        undo = Section(self._path, self._known, self._undo_from, None, self._undo_commented)
        return Content(self._sha.hexdigest(), crc, self._forward, None if self._undo_empty else undo)


def _uncommented(line: str) -> str:
    if directive_in(line):
        return line
    indent, _dashes, text = line.partition("--")
    return indent + text if _dashes else line
