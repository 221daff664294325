# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""PostgreSQL's own grammar, through pglast. Needs pglast on the host where it runs; touches nothing."""

from __future__ import annotations

import functools
import importlib
from typing import Any, NamedTuple

from .._common.errors import InputError, SystemFailure

AT_END = "syntax error at end of input"


class Complaint(NamedTuple):
    """Why a text is no SQL.

    :param place: index of the character in the text, from 0; ``None`` when the text ends too early.
    """

    message: str
    place: int | None


class SqlSyntaxError(InputError):
    """SQL that PostgreSQL's grammar does not accept; nothing was touched.

    :param line: in the file, from 1.
    :param column: in the line, from 1.
    """

    kind = "syntax"

    def __init__(self, message: str, *, source: str, line: int, column: int, remedy: str) -> None:
        super().__init__(message, where=f"{source}:{line}:{column}", remedy=remedy)
        self.line = line
        self.column = column


@functools.cache
def _parser() -> Any:
    try:
        return importlib.import_module("pglast.parser")
    except ImportError as exc:
        raise SystemFailure(
            "pglast is not installed for the Python that runs this module",
            where="pglast",
            remedy="install it there, for example with 'pip install pglast'",
        ) from exc


def split(text: str) -> list[slice] | Complaint:
    """Where the statements of a text are, or what the grammar has against it.

    :raises SystemFailure: pglast is not installed.
    """
    parser = _parser()
    if "\0" in text:
        return Complaint("a NUL character", text.index("\0"))
    try:
        return list(parser.split(text, with_parser=True, only_slices=True))
    except parser.ParseError as exc:
        message, index = (*exc.args, None)[:2]
        return Complaint(str(message), None if index is None else int(index))


def tree(text: str) -> Any:
    """The syntax tree of one statement, a node of ``pglast.ast``."""
    return _parser().parse_sql(text)[0].stmt


def major_version() -> int:
    """The major version of the PostgreSQL that the grammar is from."""
    return int(_parser().get_postgresql_version()[0])


def tokens(text: str) -> list[Any]:
    """The tokens of a text that the grammar has accepted, without comments; ``start`` and ``end`` count characters."""
    return [token for token in _parser().scan(text) if token.name not in ("SQL_COMMENT", "C_COMMENT")]


def tokens_of_any(text: str) -> list[Any] | None:
    """The same, of a text that nobody has looked at; ``None`` when not even words can be made out."""
    try:
        return tokens(text)
    except _parser().ParseError:
        return None
