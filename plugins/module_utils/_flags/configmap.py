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
from .file import FileStore, lines_of, reader
from .model import FULL, OFF, Flag

KEY = re.compile(
    r"""(?P<indent> *)(?P<quote>["']?)(?P<key>[A-Za-z0-9._/-]+)(?P=quote)(?P<colon>[ ]*:)(?P<rest>(?:\s.*)?)\Z"""
)
VALUE = re.compile(r"""(?P<gap>[ \t]*)(?P<quote>["']?)(?P<value>[^"'\s#]*)(?P=quote)(?P<tail>[ \t]*(?:[ \t]\#.*)?)\Z""")


APPLY = "apply the manifest to the cluster, then restart the applications that read it"


@dataclass(frozen=True)
class Entry:
    """A key of a mapping.

    :param key: empty where the line is in another form.
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

    capabilities = Capabilities(shares=False, marks=False, lists=True, at_once=False, to_do=APPLY)

    def __init__(self, path: Path, prefix: str, *, name: str = "", create: bool = False) -> None:
        super().__init__(path, create=create)
        self.prefix = prefix
        self.name = name

    def empty(self) -> str:
        return f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {self.name}\ndata: {{}}\n"

    def parse(self, text: str) -> list[str]:
        names = [flag_of(self.prefix, entry.key) for entry in self._entries(_bodies(text))]
        return list(dict.fromkeys(name for name in names if name))

    def flag(self, text: str, name: str) -> Flag | None:
        values = {_on_off(entry.rest) for entry in self._of(_bodies(text), name)}
        if not values:
            return None
        if len(values) > 1:
            what = f"{variable(self.prefix, name)} stands there twice"
            raise self.unmanaged(what, "remove one, or end it with kill_switch")
        if None in values:
            what = f'{variable(self.prefix, name)} is neither "0" nor "1"'
            raise self.unmanaged(what, "correct it, or end it with kill_switch")
        return Flag(name, FULL, 100) if "1" in values else Flag(name, OFF)

    def edited(self, text: str, flag: Flag) -> str:
        lines, bodies = lines_of(text), _bodies(text)
        value = ON_OFF[flag.percentage == 100]
        found = self._of(bodies, flag.name)
        if not found:
            return "".join(self._with(lines, bodies, f'{variable(self.prefix, flag.name)}: "{value}"'))
        for entry in reversed(found):
            if _on_off(entry.rest) == value:
                continue
            if entry.rest.strip().startswith("&"):
                what = f"the value of {entry.key} has an anchor, so others may have it too"
                raise self.malformed(what, "write the values apart; nothing was changed")
            match = VALUE.match(entry.rest)
            tail = match["tail"] if match else ""
            head = bodies[entry.line][: len(bodies[entry.line]) - len(entry.rest)]
            end = lines[entry.last][len(bodies[entry.last]) :]
            lines[entry.line : entry.last + 1] = [f'{head} "{value}"{tail}{end}']
        return "".join(lines)

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

    def _with(self, lines: list[str], bodies: list[str], text: str) -> list[str]:
        """The lines with one more key at the start of the data, where no text of several lines can be cut."""
        known = self._map(bodies)
        data = known.get("data")
        if data is None:
            above = known["kind"]
            return _inserted(lines, bodies, above.last, [f"{' ' * above.indent}data:", f"{' ' * above.indent}  {text}"])
        entries = self._entries(bodies)
        if not entries:
            head = bodies[data.line][: len(bodies[data.line]) - len(data.rest)]
            body = head + data.rest.replace(" {}", "", 1)
            lines[data.line] = body + lines[data.line][len(bodies[data.line]) :]
            bodies[data.line] = body
        indent = entries[0].indent if entries else data.indent + 2
        return _inserted(lines, bodies, data.line, [" " * indent + text])

    def _of(self, lines: list[str], name: str) -> list[Entry]:
        """The entries of a flag."""
        key = variable(self.prefix, name)
        return [entry for entry in self._entries(lines) if entry.key == key]

    def _entries(self, lines: list[str]) -> list[Entry]:
        data = self._map(lines).get("data")
        if data is None:
            return []
        if data.rest.split("#")[0].strip() not in ("", "{}"):
            raise self.malformed("data is not written as one key a line")
        return _mapping(lines, data.line + 1, data.last, data.indent + 1)

    def _map(self, lines: list[str]) -> dict[str, Entry]:
        """The entries of the ConfigMap."""
        maps = [entries for start, end in _documents(lines) if (entries := _config_map(lines, start, end, self.name))]
        if len(maps) != 1:
            named = f" named {self.name}" if self.name else ""
            none = f"no ConfigMap{named} that is written as one key a line"
            what = f"the manifest has {'several ConfigMaps' if maps else none}"
            raise self.malformed(what, "say which with configmap" if maps else "correct the path or the name")
        return maps[0]


def _bodies(text: str) -> list[str]:
    """The lines of a text, without their ends."""
    return [line.rstrip("\r\n") for line in lines_of(text)]


def _inserted(lines: list[str], bodies: list[str], behind: int, fresh: list[str]) -> list[str]:
    """Lines with others behind one of them, which end as that one does."""
    end = lines[behind][len(bodies[behind]) :]
    if end:
        return [*lines[: behind + 1], *(line + end for line in fresh), *lines[behind + 1 :]]
    return [*lines[:behind], bodies[behind] + "\n", *(line + "\n" for line in fresh)]


def _on_off(rest: str) -> str | None:
    """The value of a flag; ``None`` when it is neither on nor off."""
    match = VALUE.match(rest)
    return match["value"] if match and match["value"] in ON_OFF.values() and match["quote"] else None


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
        elif depth == indent and not line.lstrip().startswith("- "):
            found.append(Entry("", number, number, depth, ""))
        elif found:
            found[-1] = Entry(found[-1].key, found[-1].line, number, found[-1].indent, found[-1].rest)
    return found
