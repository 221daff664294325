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
from .boolean import ON_OFF, flag_of, variable
from .file import FileStore
from .model import FULL, OFF, Flag

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

    capabilities = Capabilities(shares=False, marks=False, lists=True, at_once=False)

    def __init__(self, path: Path, prefix: str, *, create: bool = False) -> None:
        super().__init__(path, create=create)
        self.prefix = prefix

    def empty(self) -> str:
        return ""

    def parse(self, text: str) -> list[str]:
        found = [re.match(r"[ \t]*(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)[ \t]*=", line) for line in _lines(text)]
        names = [flag_of(self.prefix, match[1]) for match in found if match]
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
            lines.append(f"{name}={value}{end}")
        return "".join(lines)

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


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


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
