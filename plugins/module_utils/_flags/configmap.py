# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Store: the manifest of a Kubernetes ConfigMap, ``<PREFIX>_FF_<NAME>: "0"`` or ``"1"`` in its data. Touches the file.

The manifest is YAML in block style, of one or several documents. Only the line of the flag is changed, or one is added.
Whoever applies the manifest to the cluster makes it effective there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .base import Capabilities
from .boolean import ON_OFF, flag_of, variable
from .file import FileStore, reader
from .model import FULL, OFF, Flag

KEY = re.compile(
    r"""(?P<indent> *)(?P<quote>["']?)(?P<key>[A-Za-z0-9._/-]+)(?P=quote)(?P<colon>[ ]*:)(?P<rest>(?:\s.*)?)\Z"""
)
VALUE = re.compile(r"""(?P<gap>[ \t]*)(?P<quote>["']?)(?P<value>[^"'\s#]*)(?P=quote)(?P<tail>[ \t]*(?:[ \t]\#.*)?)\Z""")


@dataclass(frozen=True)
class Entry:
    """A key of a mapping.

    :param line: its number, from 0.
    :param last: number of the last line that belongs to it.
    """

    key: str
    line: int
    last: int
    indent: int
    rest: str


class ConfigMap(FileStore):
    """The data of one ConfigMap.

    :param name: of the ConfigMap; needed where the manifest has several.
    """

    capabilities = Capabilities(shares=False, marks=False, lists=True, at_once=False)

    def __init__(self, path: Path, prefix: str, *, name: str = "", create: bool = False) -> None:
        super().__init__(path, create=create)
        self.prefix = prefix
        self.name = name

    def empty(self) -> str:
        return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {self.name}\ndata: {{}}\n"

    def parse(self, text: str) -> list[str]:
        names = [flag_of(self.prefix, entry.key) for entry in self._entries(text.splitlines())]
        return [name for name in names if name]

    def flag(self, text: str, name: str) -> Flag | None:
        entry = self._entry(text.splitlines(), name)
        if entry is None:
            return None
        match = VALUE.match(entry.rest)
        if match is None or match["value"] not in ("0", "1") or not match["quote"]:
            what = f'{variable(self.prefix, name)} is neither "0" nor "1"'
            raise self.unmanaged(what, "correct it, or end it with kill_switch")
        return Flag(name, FULL, 100) if match["value"] == "1" else Flag(name, OFF)

    def edited(self, text: str, flag: Flag) -> str:
        end = "\r\n" if "\r\n" in text else "\n"
        lines = text.splitlines()
        value = ON_OFF[flag.percentage == 100]
        entry = self._entry(lines, flag.name)
        if entry is not None:
            match = VALUE.match(entry.rest)
            tail = match["tail"] if match else ""
            if match and match["quote"] and match["value"] == value:
                return text
            head = lines[entry.line][: len(lines[entry.line]) - len(entry.rest)]
            lines[entry.line : entry.last + 1] = [f'{head} "{value}"{tail}']
        else:
            self._add(lines, f'{variable(self.prefix, flag.name)}: "{value}"')
        return end.join(lines) + end

    def require_only(self, flag: Flag, text: str, fresh: str) -> None:
        super().require_only(flag, text, fresh)
        yaml = reader("yaml")
        if yaml is None:
            return
        key = variable(self.prefix, flag.name)
        try:
            before, after = (_others(yaml.safe_load_all(one), key) for one in (text, fresh))
        except yaml.YAMLError as exc:
            raise self.malformed(f"the file is no sound YAML: {exc}") from exc
        if before != after:
            raise self.malformed(f"an edit of flag {flag.name} would have changed others; nothing was written")

    def _add(self, lines: list[str], text: str) -> None:
        data = self._data(lines)
        entries = _mapping(lines, data.line + 1, data.last, data.indent + 1)
        if entries:
            last = entries[-1].last
            while last > entries[-1].line and not lines[last].strip():
                last -= 1
            lines.insert(last + 1, " " * entries[0].indent + text)
            return
        if data.rest.split("#")[0].strip() not in ("", "{}"):
            raise self.malformed("data is not written as one key a line")
        lines[data.line] = lines[data.line][: len(lines[data.line]) - len(data.rest)] + data.rest.replace(" {}", "", 1)
        lines.insert(data.line + 1, " " * (data.indent + 2) + text)

    def _entry(self, lines: list[str], name: str) -> Entry | None:
        key = variable(self.prefix, name)
        found = [entry for entry in self._entries(lines) if entry.key == key]
        if len(found) > 1:
            raise self.malformed(f"{key} stands there twice")
        return found[0] if found else None

    def _entries(self, lines: list[str]) -> list[Entry]:
        data = self._data(lines)
        if data.rest.split("#")[0].strip() not in ("", "{}"):
            raise self.malformed("data is not written as one key a line")
        return _mapping(lines, data.line + 1, data.last, data.indent + 1)

    def _data(self, lines: list[str]) -> Entry:
        """The entry ``data`` of the ConfigMap."""
        maps = [entries for start, end in _documents(lines) if (entries := _config_map(lines, start, end, self.name))]
        if len(maps) != 1:
            named = f" named {self.name}" if self.name else ""
            none = f"no ConfigMap{named} that is written as one key a line"
            what = f"the manifest has {'several ConfigMaps' if maps else none}"
            raise self.malformed(what, "say which with configmap" if maps else "correct the path or the name")
        data = maps[0].get("data")
        if data is None:
            raise self.malformed("the ConfigMap has no data", "give it 'data: {}'")
        return data


def _others(documents: Iterable[Any], key: str) -> list[Any]:
    """What documents say, but for one key of the data of ConfigMaps."""
    found = list(documents)
    for one in found:
        if isinstance(one, dict) and one.get("kind") == "ConfigMap":
            one["data"] = {name: value for name, value in (one.get("data") or {}).items() if name != key}
    return found


def _documents(lines: list[str]) -> list[tuple[int, int]]:
    """First and last line of each document."""
    breaks = [number for number, line in enumerate(lines) if re.match(r"(---|\.\.\.)(\s|$)", line)]
    starts = [0, *(number + 1 for number in breaks)]
    return [(start, end - 1) for start, end in zip(starts, [*breaks, len(lines)])]


def _config_map(lines: list[str], start: int, end: int, name: str) -> dict[str, Entry] | None:
    entries = {entry.key: entry for entry in _mapping(lines, start, end, 0)}
    if "kind" not in entries or _scalar(entries["kind"].rest) != "ConfigMap":
        return None
    metadata = entries.get("metadata")
    inner = _mapping(lines, metadata.line + 1, metadata.last, metadata.indent + 1) if metadata else []
    names = [_scalar(entry.rest) for entry in inner if entry.key == "name"]
    return entries if not name or names == [name] else None


def _scalar(rest: str) -> str:
    match = VALUE.match(rest)
    return match["value"] if match else ""


def _mapping(lines: list[str], start: int, end: int, least: int) -> list[Entry]:
    """The keys of a block mapping between two lines; deeper lines belong to the key above them."""
    found: list[Entry] = []
    indent = -1
    for number in range(start, end + 1):
        line = lines[number]
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        depth = len(line) - len(line.lstrip(" "))
        if depth < least:
            break
        indent = depth if indent < 0 else indent
        match = KEY.match(line)
        if depth == indent and match:
            found.append(Entry(match["key"], number, number, depth, match["rest"]))
        elif found:
            found[-1] = Entry(found[-1].key, found[-1].line, number, found[-1].indent, found[-1].rest)
    return found
