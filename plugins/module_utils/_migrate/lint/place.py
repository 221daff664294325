# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where things of a statement stand in its text and in the file. Touches nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .. import grammar
from ..statements import Statement

_OPEN = ("ASCII_40", "ASCII_91")
_CLOSE = ("ASCII_41", "ASCII_93")
_DOT, _COMMA, _STAR, _CLOSING = "ASCII_46", "ASCII_44", "ASCII_42", "ASCII_41"


@dataclass(frozen=True)
class Command:
    """One action of an ALTER TABLE.

    :param start: of its text in the statement.
    :param end: behind its text.
    """

    node: Any
    start: int
    end: int
    text: str

    @property
    def kind(self) -> str:
        """Such as ``AT_AddColumn``."""
        return str(self.node.subtype.name)


class Source:
    """The text of a statement."""

    def __init__(self, statement: Statement) -> None:
        self.statement = statement
        self.text = statement.text

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column in the file of a character of the statement."""
        offset = max(0, offset)
        newlines = self.text.count("\n", 0, offset)
        if not newlines:
            return self.statement.line, self.statement.column + offset
        return self.statement.line + newlines, offset - self.text.rfind("\n", 0, offset)

    @cached_property
    def tokens(self) -> list[Any]:
        """Tokens without comments."""
        return grammar.tokens(self.text)

    def word(self, token: Any) -> str:
        """A token as written, in upper case."""
        return self.text[token.start : token.end + 1].upper()

    def find(self, *words: str, start: int = 0) -> int | None:
        """Where a sequence of key words begins, from ``start`` on."""
        tokens = [token for token in self.tokens if token.start >= start]
        for at in range(len(tokens) - len(words) + 1):
            if all(self.word(tokens[at + index]) == word for index, word in enumerate(words)):
                return int(tokens[at].start)
        return None

    def find_name(self, name: str, start: int) -> int | None:
        """Where an identifier stands, quoted or not, from ``start`` on."""
        forms = (name.upper(), f'"{name}"'.upper())
        return next(
            (int(token.start) for token in self.tokens if token.start >= start and self.word(token) in forms), None
        )

    def inside(self, word: str, start: int) -> str:
        """What is between the parentheses that follow a key word, from ``start`` on."""
        return ", ".join(self.items(word, start))

    def items(self, word: str, start: int) -> list[str]:
        """What is between the commas in the parentheses that follow a key word, from ``start`` on."""
        opening = self.find(word, "(", start=start)
        found: list[str] = []
        depth = begin = 0
        for token in (token for token in self.tokens if opening is not None and token.start > opening):
            depth += (token.name in _OPEN) - (token.name in _CLOSE)
            if depth == 1 and token.name == _COMMA or not depth:
                found.append(self.text[begin : token.start].strip())
            if not depth:
                break
            if depth == 1 and token.name in (_COMMA, *_OPEN):
                begin = int(token.end) + 1
        return found

    def behind(self, word: str) -> int:
        """The place behind the first token that is ``word``."""
        return next((int(token.end) + 1 for token in self.tokens if self.word(token) == word), 0)

    def commands(self, tree: Any) -> list[Command]:
        """The actions of an ALTER TABLE, each with its place."""
        tokens = self.tokens
        at = next(index for index, token in enumerate(tokens) if token.start >= tree.relation.location) + 1
        while at < len(tokens) and tokens[at].name == _DOT:
            at += 2
        while at < len(tokens) and tokens[at].name in (_STAR, _CLOSING):
            at += 1
        spans: list[tuple[int, int]] = []
        depth, first = 0, tokens[at]
        for before, token in zip(tokens[at:], tokens[at + 1 :]):
            depth += (before.name in _OPEN) - (before.name in _CLOSE)
            if token.name == _COMMA and not depth:
                spans.append((first.start, before.end + 1))
                first = None
            elif first is None:
                first = token
        spans.append((first.start, tokens[-1].end + 1))
        return [Command(node, *span, self.text[slice(*span)]) for node, span in zip(tree.cmds, spans)]
