# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds where statements may end: semicolons that are in no quotes and in no comment. Touches nothing.

Knows the lexical rules of PostgreSQL with ``standard_conforming_strings`` on, and takes text piece by piece.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

_PLAIN = re.compile(r"(?:\s+|[^\W\d][\w$]*|\d+|[^\s'\"$;\\/\-\w]+|-(?!-)|/(?!\*)){1,2000}")
_DOLLAR = re.compile(r"\$(?:[^\W\d]\w*)?\$")
_COMMENT_MARK = re.compile(r"/\*|\*/")
_BLANK = re.compile(r"(?:\s|--[^\n]*(?:\n|\Z))*")
_ESCAPED = re.compile(r"\\.|''|'", re.DOTALL)
_CONTINUED = re.compile(r"[ \t\f\v]*\n(?:\s|--[^\n]*\n)*'")
_LOOKAHEAD = 128


class Backslash(Exception):
    """A backslash outside of quotes, where no SQL has one.

    :param index: where it is in :attr:`Scanner.text`.
    """

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class Scanner:
    """A window on the text, from the beginning of the current statement on.

    :ivar text: the window.
    :ivar start: where the current statement begins in it, its leading comments included; move it when one is done.
    """

    def __init__(self, pieces: Iterator[str]) -> None:
        self._pieces = pieces
        self._ended = False
        self._at = 0
        self.text = ""
        self.start = 0

    def next_end(self) -> int | None:
        """The index of the next semicolon that may end the statement; ``None`` at the end of the text.

        :raises Backslash: one outside of quotes.
        """
        while True:
            if self._at + _LOOKAHEAD >= len(self.text) and self._more():
                continue
            if self._at >= len(self.text):
                return None
            mark = self.text[self._at]
            if mark == ";":
                self._at += 1
                return self._at - 1
            if mark == "\\":
                raise Backslash(self._at)
            self._pass(mark)

    def _more(self) -> bool:
        piece = None if self._ended else next(self._pieces, None)
        if piece is None:
            self._ended = True
            return False
        self.text = self.text[self.start :] + piece
        self._at -= self.start
        self.start = 0
        return True

    def _pass(self, mark: str) -> None:
        """Go behind what begins at the current place."""
        dollar = _DOLLAR.match(self.text, self._at) if mark == "$" else None
        if mark == "'" and self._after_escape_prefix():
            self._pass_by(_end_of_escape_string)
        elif mark in "'\"":
            self._pass_by(lambda text, start: _behind(text, mark, start + 1))
        elif dollar:
            tag = dollar.group()
            self._pass_by(lambda text, start: _behind(text, tag, start + len(tag)))
        elif self.text.startswith("--", self._at):
            self._pass_by(lambda text, start: _behind(text, "\n", start))
        elif self.text.startswith("/*", self._at):
            self._pass_by(end_of_comment)
        elif mark == "$":
            self._at += 1
        else:
            self._pass_by(_end_of_plain)

    def _after_escape_prefix(self) -> bool:
        before = self.text[max(self.start, self._at - 2) : self._at]
        return before[-1:] in ("e", "E") and not re.match(r"[\w$]", before[:-1])

    def _pass_by(self, end_of: Callable[[str, int], int | None]) -> None:
        """To the end that ``end_of`` finds, certain only when text follows it; to the end of all text without one."""
        while True:
            end = end_of(self.text, self._at)
            if end is not None and end < len(self.text):
                self._at = end
                return
            if not self._more():
                self._at = len(self.text)
                return


def first_token(text: str, start: int, end: int) -> int | None:
    """The index of the first character that is in no comment and no blank; ``None`` when there is none."""
    while True:
        blank = _BLANK.match(text, start, end)
        start = blank.end() if blank else start
        if not text.startswith("/*", start):
            return start if start < end else None
        behind = end_of_comment(text, start)
        if behind is None or behind >= end:
            return None
        start = behind


def end_of_comment(text: str, start: int) -> int | None:
    """The index behind a comment with the comments inside it; ``None`` when it does not end."""
    depth = 0
    for mark in _COMMENT_MARK.finditer(text, start):
        depth += 1 if mark.group() == "/*" else -1
        if depth == 0:
            return mark.end()
    return None


def _behind(text: str, mark: str, start: int) -> int | None:
    found = text.find(mark, start)
    return None if found < 0 else found + len(mark)


def _end_of_escape_string(text: str, start: int) -> int | None:
    position = start + 1
    while True:
        found = _ESCAPED.search(text, position)
        if not found:
            return None
        position = found.end()
        if found.group() == "'":
            continued = _CONTINUED.match(text, position)
            if not continued:
                return position
            position = continued.end()


def _end_of_plain(text: str, start: int) -> int | None:
    found = _PLAIN.match(text, start)
    return found.end() if found else start + 1
