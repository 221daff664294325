# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store: a file of environment variables, ``<PREFIX>_FF_<NAME>=0`` or ``1``. Touches the file.

Lines that are not about the flag stay as they are, byte by byte. Where a variable is set twice, every line is changed,
since readers differ in which one counts.
"""

from __future__ import annotations

import re
from pathlib import Path

from .base import Capabilities
from .boolean import ON_OFF, RESTART, flag_of, variable
from .file import FileStore, lines_of
from .model import FULL, OFF, Flag

ASSIGNMENT = re.compile(r"[ \t]*(?P<export>export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=")
QUOTED = re.compile(ASSIGNMENT.pattern + r"""[ \t]*(?P<quote>["'])""")
LINE = re.compile(
    r"""(?P<head>[ \t]*(?:export[ \t]+)?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<equals>[ \t]*=[ \t]*)
        (?P<quote>["']?)(?P<value>[^"'#\s]*)(?P=quote)(?P<tail>[ \t]*(?:[ \t]\#[^\r\n]*)?)(?P<end>\r?\n?)""",
    re.VERBOSE,
)
WORD = re.compile(
    r"""(?P<head>[ \t]*(?:export[ \t]+)?)[A-Za-z_][A-Za-z0-9_]*[ \t]*="""
    r"""(?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\])*(?P<tail>.*)"""
)


class EnvFile(FileStore):
    """The flags in a file such as systemd's ``EnvironmentFile``.

    :param prefix: of their variables.
    """

    capabilities = Capabilities(shares=False, marks=False, lists=True, at_once=False, to_do=RESTART)
    undecodable = "surrogateescape"

    def __init__(self, path: Path, prefix: str, *, create: bool = False) -> None:
        super().__init__(path, create=create)
        self.prefix = prefix

    def empty(self) -> str:
        return ""

    def parse(self, text: str) -> list[str]:
        names = [flag_of(self.prefix, match["name"]) for match in _assignments(text)]
        return list(dict.fromkeys(name for name in names if name))

    def flag(self, text: str, name: str) -> Flag | None:
        values = {match["value"] for match in self._matches(text, name)}
        if not values:
            return None
        if not values <= {"0", "1"} or len(values) > 1:
            remedy = "write 0 or 1, or end it with kill_switch"
            raise self.unmanaged(f"{variable(self.prefix, name)} has a value other than 0 or 1, or several", remedy)
        return Flag(name, FULL, 100) if values == {"1"} else Flag(name, OFF)

    def edited(self, text: str, flag: Flag) -> str:
        name, value = variable(self.prefix, flag.name), ON_OFF[flag.percentage == 100]
        lines = _lines(text)
        known = False
        for index, line in enumerate(lines):
            if self._about(line, name):
                known = True
                lines[index] = _with_value(line, name, value)
        if not known:
            end = "\r\n" if text.endswith("\r\n") else "\n"
            if lines and not lines[-1].endswith("\n"):
                lines[-1] += end
            lines.append(f"{self._export(text)}{name}={value}{end}")
        return "".join(lines)

    def _export(self, text: str) -> str:
        """What stands before a new variable: as before all other flags, or all variables where there are none."""
        found = _assignments(text)
        alike = [match for match in found if flag_of(self.prefix, match["name"])] or found
        return "export " if alike and all(match["export"] for match in alike) else ""

    def _matches(self, text: str, name: str) -> list[re.Match[str]]:
        wanted = variable(self.prefix, name)
        found = []
        for line in _lines(text):
            if self._about(line, wanted):
                match = LINE.fullmatch(line)
                if match is None:
                    remedy = "write it as NAME=0 or NAME=1, or end it with kill_switch"
                    raise self.unmanaged(f"the line of {wanted} is not understood", remedy)
                found.append(match)
        return found

    @staticmethod
    def _about(line: str, name: str) -> bool:
        return re.match(rf"[ \t]*(?:export[ \t]+)?{re.escape(name)}[ \t]*=", line) is not None


def _assignments(text: str) -> list[re.Match[str]]:
    return [match for line in _lines(text) if (match := ASSIGNMENT.match(line))]


def _lines(text: str) -> list[str]:
    """The lines of a text, where one whose value is a quoted text goes on to the end of that."""
    found: list[str] = []
    quote = ""
    for number, line in enumerate(lines := lines_of(text)):
        if quote:
            found[-1] += line
            quote = "" if _closes(line, quote) else quote
            continue
        found.append(line)
        match = QUOTED.match(line)
        if match and not _closes(line[match.end() :], match["quote"]):
            later = lines[number + 1 :]
            quote = match["quote"] if any(_closes(one, match["quote"]) for one in later) else ""
    return found


def _closes(text: str, quote: str) -> bool:
    return quote in (re.sub(r"\\.", "", text) if quote == '"' else text)


def _with_value(line: str, name: str, value: str) -> str:
    match = LINE.fullmatch(line)
    if match is None:
        end = line[len(line.rstrip("\r\n")) :]
        found = WORD.match(line.rstrip("\r\n"))
        if found is None:
            return f"{name}={value}{end}"
        tail, more = found["tail"], ""
        if re.match(r"[ \t]+[A-Za-z_][A-Za-z0-9_]*=", tail):
            tail, more = "", f"{found['head']}{tail.strip()}{end or chr(10)}"
        elif not re.match(r"[ \t]+#", tail):
            tail = ""
        return f"{found['head']}{name}={value}{tail}{end or (chr(10) if more else '')}{more}"
    quote = match["quote"]
    return f"{match['head']}{name}{match['equals']}{quote}{value}{quote}{match['tail']}{match['end']}"
