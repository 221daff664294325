# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The statements of a migration, one after the other, of text of any size. Touches nothing.

The scanner offers each semicolon outside of quotes and comments as an end, and PostgreSQL's grammar decides. What it
finds complete is a statement; where it says that the input ends too early (the body of ``BEGIN ATOMIC``, the actions of
a rule), the text up to the next semicolon is offered. Text is taken piece by piece and dropped once it is a statement,
so that memory is bound by the largest statement, and not by the file; a syntax tree is built when it is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from . import grammar
from .grammar import AT_END, Complaint, SqlSyntaxError
from .scanner import Backslash, Scanner, first_token
from .transactions import runs_in_transaction

PIECE = 1 << 18
PSQL = "write SQL only; a command of psql (\\i, \\copy, \\set ...) is no SQL, and placeholders are written ${name}"
COPY = "use INSERT, or load the data with a program of its own; COPY ... FROM STDIN reads from the client"


@dataclass(frozen=True)
class Statement:
    """One statement.

    :param text: as written, without the semicolon at its end, from its first token on.
    :param line: of its first token in the file, from 1.
    :param column: of its first token in the line, from 1.
    """

    text: str
    line: int
    column: int

    @cached_property
    def tree(self) -> Any:
        """Its syntax tree, a node of ``pglast.ast``; built when it is first asked for."""
        return grammar.tree(self.text)

    @cached_property
    def transactional(self) -> bool:
        """Whether PostgreSQL runs it inside a transaction block."""
        return runs_in_transaction(self)


class _Place:
    """Line and column of the beginning of the scanner's current statement."""

    def __init__(self, line: int) -> None:
        self.line = line
        self.column = 1

    def behind(self, text: str) -> tuple[int, int]:
        """Where one is after ``text``."""
        newlines = text.count("\n")
        last = len(text) - text.rfind("\n") if newlines else self.column + len(text)
        return self.line + newlines, last

    def move(self, text: str) -> None:
        """Go behind ``text``."""
        self.line, self.column = self.behind(text)


def statements(text: str, first_line: int = 1, *, source: str = "SQL") -> Iterator[Statement]:
    """The statements of a text.

    :param first_line: the number of its first line.
    :param source: what messages call the text, such as the path of its file.
    :raises SqlSyntaxError: it is no SQL, or SQL that only psql could run.
    :raises SystemFailure: pglast is not installed.
    """
    pieces = (text[at : at + PIECE] for at in range(0, len(text), PIECE))
    return statements_of(pieces, first_line, source=source)


def statements_of(pieces: Iterator[str], first_line: int = 1, *, source: str = "SQL") -> Iterator[Statement]:
    """The same as :func:`statements`, of text that comes in pieces."""
    return _Splitter(pieces, first_line, source).run()


class _Splitter:
    def __init__(self, pieces: Iterator[str], first_line: int, source: str) -> None:
        self._scanner = Scanner(pieces)
        self._place = _Place(first_line)
        self._source = source

    def run(self) -> Iterator[Statement]:
        too_short = False
        while True:
            try:
                end = self._scanner.next_end()
            except Backslash as exc:
                raise self._error("a backslash outside of quotes", exc.index - self._scanner.start, PSQL) from None
            last = len(self._scanner.text) if end is None else end
            offered = self._scanner.text[self._scanner.start : last]
            found = grammar.split(offered)
            if isinstance(found, Complaint):
                if found.message == AT_END and end is not None:
                    too_short = True
                    continue
                raise self._refused(found, offered, too_short)
            too_short = False
            yield from self._statements(offered, found)
            self._place.move(self._scanner.text[self._scanner.start : last + 1])
            self._scanner.start = last + 1
            if end is None:
                return

    def _statements(self, offered: str, slices: list[slice]) -> Iterator[Statement]:
        for found in slices:
            first = first_token(offered, found.start, found.stop)
            if first is None:
                continue
            line, column = self._place.behind(offered[:first])
            statement = Statement(offered[first : found.stop].rstrip(), line, column)
            if _copies_from_client(statement):
                raise self._error("COPY ... FROM STDIN, whose data no statement holds", first, COPY)
            yield statement

    def _refused(self, found: Complaint, offered: str, too_short: bool) -> SqlSyntaxError:
        """The error of what cannot be a statement, at the first place where that is certain."""
        index = len(offered.rstrip()) if found.place is None else found.place
        message = found.message
        if too_short and offered[index : index + 1] == ";":
            message = "the statement ends too early, at this semicolon"
        return self._error(message, index, "correct the statement; PostgreSQL's own grammar refuses it")

    def _error(self, message: str, index: int, remedy: str) -> SqlSyntaxError:
        start = self._scanner.start
        line, column = self._place.behind(self._scanner.text[start : start + index])
        return SqlSyntaxError(message, source=self._source, line=line, column=column, remedy=remedy)


def _copies_from_client(statement: Statement) -> bool:
    if statement.text[:4].upper() != "COPY":
        return False
    tree = statement.tree
    return bool(tree.is_from and not tree.filename and not tree.is_program)
