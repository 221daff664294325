# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names and texts as SQL has them, whatever they contain. Pure: a migration file is written without a server.

Texts of an operator are put on lines of their own, so that a comment at their end hides nothing of what follows.
"""

from __future__ import annotations

from collections.abc import Iterable


def quoted(name: str) -> str:
    """An identifier in double quotes.

    :raises ValueError: it holds NUL, which no identifier can.
    """
    if "\0" in name:
        raise ValueError("an identifier cannot hold NUL")
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    """An identifier with its schema."""
    return f"{quoted(schema)}.{quoted(name)}"


def listed(names: Iterable[str], prefix: str = "") -> str:
    """Identifiers with commas between them.

    :param prefix: what qualifies each, with its dot.
    """
    return ", ".join(prefix + quoted(name) for name in names)


def literal(text: str) -> str:
    """A string constant, read the same whatever standard_conforming_strings says.

    :raises ValueError: it holds NUL, which no text of PostgreSQL can.
    """
    if "\0" in text:
        raise ValueError("a text of PostgreSQL cannot hold NUL")
    escaped = text.replace("'", "''")
    return " E'" + escaped.replace("\\", "\\\\") + "'" if "\\" in text else f"'{escaped}'"


def bracketed(expression: str) -> str:
    """An expression of an operator in parentheses that no comment in it can swallow."""
    return f"({expression}\n)"
