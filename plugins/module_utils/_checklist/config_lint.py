# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Item ``config_lint``: every file of configuration can be read, and no key is given twice. Touches nothing."""

from __future__ import annotations

import configparser
import importlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from .files import Text
from .model import Finding, Looked, Scene

_ENV_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=")
_REMEDY = "correct the file"


class Wrong(Exception):
    """What is wrong, and in which line; 0 where that is not known."""

    def __init__(self, what: str, line: int = 0) -> None:
        super().__init__(what)
        self.what = what
        self.line = line


def look(scene: Scene) -> Looked:
    """Read each file by its name."""
    judged = [(text, reader) for text in scene.files for reader in [_reader(text.name)] if reader]
    if not judged:
        return Looked(skipped="there is no file of configuration")
    return Looked([finding for text, reader in judged for finding in _findings(text, reader)])


def _findings(text: Text, reader: Callable[[str], None]) -> Iterator[Finding]:
    try:
        reader(text.content)
    except Wrong as exc:
        yield Finding(f"{text.name}:{exc.line}" if exc.line else text.name, exc.what, _REMEDY)


def _reader(name: str) -> Callable[[str], None] | None:
    path = PurePosixPath(name)
    if path.name == ".env" or path.name.startswith(".env."):
        return _env
    return _READERS.get(path.suffix.lower())


def _json(content: str) -> None:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _value in items]
        for name in names:
            if names.count(name) > 1:
                raise Wrong(f"the key {name} is given twice")
        return dict(items)

    try:
        json.loads(content, object_pairs_hook=pairs)
    except json.JSONDecodeError as exc:
        raise Wrong(f"it is no JSON: {exc.msg}", exc.lineno) from exc


def _yaml(content: str) -> None:
    yaml = importlib.import_module("yaml")
    try:
        for document in yaml.compose_all(content, Loader=yaml.SafeLoader):
            _unique(document, set())
    except yaml.MarkedYAMLError as exc:
        line = exc.problem_mark.line + 1 if exc.problem_mark else 0
        raise Wrong(f"it is no YAML: {exc.problem}", line) from exc
    except yaml.YAMLError as exc:
        raise Wrong("it is no YAML") from exc


def _unique(node: Any, seen: set[int]) -> None:
    if node is None or id(node) in seen or isinstance(node.value, str):
        return
    seen.add(id(node))
    keys: set[tuple[str, str]] = set()
    for item in node.value:
        if isinstance(item, tuple):
            key, value = item
            named = (key.tag, key.value) if isinstance(key.value, str) else None
            if named in keys:
                raise Wrong(f"the key {key.value} is given twice", key.start_mark.line + 1)
            if named:
                keys.add(named)
            _unique(value, seen)
        else:
            _unique(item, seen)


def _toml(content: str) -> None:
    try:
        toml: Any = importlib.import_module("tomllib")
    except ModuleNotFoundError:
        return
    try:
        toml.loads(content)
    except toml.TOMLDecodeError as exc:
        line = re.search(r"line (\d+)", str(exc))
        raise Wrong("it is no TOML, or gives a key twice", int(line[1]) if line else 0) from exc


def _ini(content: str) -> None:
    try:
        configparser.RawConfigParser().read_string(content)
    except (configparser.DuplicateOptionError, configparser.DuplicateSectionError) as exc:
        name = getattr(exc, "option", None) or exc.section
        raise Wrong(f"{name} is given twice", exc.lineno or 0) from exc
    except configparser.MissingSectionHeaderError as exc:
        raise Wrong("something stands before the first section", exc.lineno) from exc
    except configparser.ParsingError as exc:
        raise Wrong("a line is no INI", exc.errors[0][0] if exc.errors else 0) from exc


def _env(content: str) -> None:
    names: set[str] = set()
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _ENV_LINE.match(line)
        if not found:
            raise Wrong("a line is no NAME=value", number)
        if found[1] in names:
            raise Wrong(f"{found[1]} is given twice", number)
        names.add(found[1])


_READERS: dict[str, Callable[[str], None]] = {
    ".json": _json,
    ".yml": _yaml,
    ".yaml": _yaml,
    ".toml": _toml,
    ".ini": _ini,
    ".env": _env,
}
