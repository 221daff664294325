# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of tables and other objects, as keys and as SQL. Touches nothing."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from .. import quoting

LONGEST = 63
TEMPORARY = "pg_temp"
_PLAIN = re.compile(r"[a-z_][a-z0-9_]*\Z")


class Name(NamedTuple):
    """A qualified name.

    :param written: whether the schema was written, so that it is written again.
    """

    schema: str
    name: str
    written: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What two ways of writing one name have in common."""
        return (self.schema, self.name)

    def sql(self) -> str:
        """As SQL, quoted where that is needed."""
        return f"{quoted(self.schema)}.{quoted(self.name)}" if self.written else quoted(self.name)

    def beside(self, name: str) -> Name:
        """Another object of the same schema."""
        return Name(self.schema, name, self.written)


def quoted(identifier: str) -> str:
    """An identifier as SQL."""
    if _PLAIN.match(identifier) and identifier not in _reserved():
        return identifier
    return quoting.quoted(identifier)


def listed(identifiers: Iterable[str]) -> str:
    """Identifiers as SQL, between commas."""
    return ", ".join(quoted(one) for one in identifiers)


def joined(*parts: str) -> str:
    """A generated identifier, no longer than PostgreSQL keeps it."""
    *front, last = parts
    room = LONGEST - len(last.encode()) - 1
    return f"{'_'.join(front).encode()[:room].decode(errors='ignore')}_{last}"


def strings(nodes: Any) -> list[str]:
    """The values of ``String`` nodes."""
    return [str(node.sval) for node in nodes or ()]


def _reserved() -> Any:
    keywords = importlib.import_module("pglast.keywords")
    return keywords.RESERVED_KEYWORDS | keywords.COL_NAME_KEYWORDS | keywords.TYPE_FUNC_NAME_KEYWORDS
