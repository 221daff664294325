# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arrays of strings in one table of a TOML text, edited in place: comments, order and everything else stay.

Touches nothing. Reads as much TOML as it takes to know what is text, comment, table and key; Python's own reader, which
older ones lack, only confirms what was done.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r'(?P<string>"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\')'
    r"|(?P<comment>\#[^\n]*)|(?P<newline>\r?\n)|(?P<blank>[ \t]+)|(?P<mark>[\[\]{},=])|(?P<word>[^\s\[\]{},=\#\"']+)",
    re.DOTALL,
)
ESCAPES = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r", '"': '"', "\\": "\\"}


class NotUnderstood(ValueError):
    """The text is no TOML, or the table has a form that is not edited here."""


@dataclass(frozen=True)
class Token:
    """A piece of the text; all of them together are the text."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


@dataclass(frozen=True)
class Array:
    """An array of strings.

    :param opened: position behind its bracket.
    :param closed: position of its last bracket.
    """

    opened: int
    closed: int
    items: tuple[Token, ...]

    def values(self) -> list[str]:
        """What it holds."""
        return [string_of(item.text) for item in self.items]


@dataclass(frozen=True)
class Table:
    """A table.

    :param end: position behind its last key; -1 where there is no such table.
    :param others: keys whose values are no arrays of strings.
    """

    arrays: dict[str, Array]
    end: int
    others: frozenset[str] = frozenset()


def tokens(text: str) -> list[Token]:
    """The pieces of a text.

    :raises NotUnderstood: it is no TOML.
    """
    found, position = [], 0
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise NotUnderstood(f"line {text.count(chr(10), 0, position) + 1} is no TOML")
        found.append(Token(str(match.lastgroup), match[0], position))
        position = match.end()
    return found


def string_of(literal: str) -> str:
    """What a string of one line says.

    :raises NotUnderstood: it is no such string.
    """
    if literal.startswith(('"""', "'''")):
        raise NotUnderstood("a flag is written as a text of several lines")
    if literal.startswith("'"):
        return literal[1:-1]
    return re.sub(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", _unescaped, literal[1:-1])


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    if code not in ESCAPES:
        raise NotUnderstood(f"the escape \\{code} is unknown")
    return ESCAPES[code]


def table(text: str, name: str) -> Table:
    """One table of the text, as ``[name]``.

    :raises NotUnderstood: the text is no TOML, the table is written in another way or twice, or a key of it stands
        there twice.
    """
    arrays: dict[str, Array] = {}
    others: set[str] = set()
    end = -1
    current: list[str] = []
    pieces = tokens(text)
    index = 0
    while index < len(pieces):
        statement, index = _statement(pieces, index)
        if not statement:
            continue
        if statement[0].text == "[":
            current = [_bare(token) for token in statement if token.kind in ("word", "string")]
            double = len(statement) > 1 and statement[1].text == "["
            if ".".join(current) == name:
                if end >= 0 or double:
                    raise NotUnderstood(f"[{name}] stands there twice")
                end = statement[-1].end
            continue
        key = _key(statement)
        if not current and key.split(".", maxsplit=1)[0] == name:
            raise NotUnderstood(f"{name} is not written as [{name}]")
        if ".".join(current) == name:
            end = statement[-1].end
            if key in arrays or key in others:
                raise NotUnderstood(f"{key} of [{name}] stands there twice")
            array = _array(statement)
            if array:
                arrays[key] = array
            else:
                others.add(key)
    return Table(arrays, end, frozenset(others))


def line_end_of(text: str) -> str:
    """How the lines of a text end."""
    return "\r\n" if "\r\n" in text else "\n"


def _statement(pieces: list[Token], index: int) -> tuple[list[Token], int]:
    """The next line that says something, or several when brackets go on, and where the one after it begins."""
    depth = 0
    statement: list[Token] = []
    while index < len(pieces):
        token = pieces[index]
        index += 1
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token.text, 0) if token.kind == "mark" else 0
        if token.kind == "newline" and depth <= 0:
            break
        if token.kind not in ("blank", "newline", "comment"):
            statement.append(token)
    if depth:
        raise NotUnderstood("a bracket is open at the end, or closed too often")
    return statement, index


def _key(statement: list[Token]) -> str:
    names: list[str] = []
    for token in statement:
        if token.text == "=" and token.kind == "mark":
            return "".join(names)
        names.append(_bare(token))
    raise NotUnderstood(f"there is no value: {statement[0].text!r}")


def _bare(token: Token) -> str:
    return string_of(token.text) if token.kind == "string" else token.text


def _array(statement: list[Token]) -> Array | None:
    """The value of a key where it is an array of strings."""
    start = next(index for index, token in enumerate(statement) if token.kind == "mark" and token.text == "=") + 1
    value = statement[start:]
    if len(value) < 2 or (value[0].text, value[-1].text) != ("[", "]"):
        return None
    inner = value[1:-1]
    items = tuple(token for token in inner if token.kind == "string")
    if any(token.kind != "string" and token.text != "," for token in inner):
        return None
    return Array(value[0].end, value[-1].start, items)


def without(text: str, array: Array, value: str) -> str:
    """The text with a value out of an array; comments stay."""
    for index in reversed(range(len(array.items))):
        item = array.items[index]
        if string_of(item.text) != value:
            continue
        start, end = item.start, item.end
        comma = _comma(text, end, array.closed)
        if comma >= 0:
            end = comma + 1
            blank = re.match(r"[ \t]+(?=[^\s#])", text[end : array.closed])
            end += len(blank[0]) if blank else 0
        elif index:
            before = _comma(text, array.items[index - 1].end, start)
            text = text[:before] + text[before + 1 : start].rstrip(" \t") + text[end:]
            continue
        head = text.rfind("\n", 0, start) + 1
        line_end = text.find("\n", end)
        if line_end >= 0 and not text[head:start].strip() and not text[end:line_end].strip() and head > array.opened:
            start, end = head, line_end + 1
        text = text[:start] + text[end:]
    return text


def _comma(text: str, start: int, end: int) -> int:
    """Where the comma behind an item is; -1 when there is none."""
    for token in tokens(text[start:end]):
        if token.text == ",":
            return start + token.start
    return -1


def with_value(text: str, array: Array, value: str) -> str:
    """The text with one more value at the end of an array."""
    literal = f'"{value}"'
    if not array.items:
        body = text[array.opened : array.closed]
        if "\n" not in body:
            return text[: array.opened] + body.rstrip() + literal + text[array.closed :]
        head = text.rfind("\n", 0, array.closed) + 1
        return f"{text[:head]}  {literal},{line_end_of(text)}{text[head:]}"
    last = array.items[-1]
    comma = _comma(text, last.end, array.closed)
    head = text.rfind("\n", 0, last.start) + 1
    own_line = not text[head : last.start].strip()
    behind = last.end if comma < 0 else comma + 1
    trailing = "," if comma >= 0 else ""
    closes_here = not -1 < text.find("\n", behind) < array.closed
    if not own_line or head <= array.opened or closes_here:
        joined = text[:behind] + (", " if comma < 0 else " ") + literal
        return joined + trailing + text[behind:]
    if comma < 0:
        text = text[: last.end] + "," + text[last.end :]
        behind = last.end + 1
    line_end = text.find("\n", behind)
    return (
        f"{text[: line_end + 1]}{text[head : last.start]}{literal}{trailing}{line_end_of(text)}{text[line_end + 1 :]}"
    )
