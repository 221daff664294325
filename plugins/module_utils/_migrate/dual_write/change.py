# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A column that becomes another one, as an operator says it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..._common.errors import InputError
from ..backfill.definition import LONGEST_IDENTIFIER, expression, identifier

VALUE, OLD, NEW = "{value}", "{old}", "{new}"


@dataclass(frozen=True)
class Change:
    """Rows have their value in ``old`` and, during the change, in ``new`` as well.

    :param new_type: of the new column; empty for that of the old one.
    :param forward: SQL expression of the new value, with ``{value}`` for the old one; empty for a cast.
    :param backward: the way back; empty for a cast.
    :param same: SQL condition that is true when ``{old}`` and ``{new}`` agree; empty for one being what the
        other becomes.
    :param handled: indexes and constraints of the old column that the operator takes care of.
    """

    schema: str
    table: str
    old: str
    new: str
    new_type: str = ""
    forward: str = ""
    backward: str = ""
    same: str = ""
    handled: tuple[str, ...] = ()

    @property
    def function(self) -> str:
        """Name of the trigger function."""
        return _fitting(f"slipway_dual_write_{self.table}_{self.old}_{self.new}", self._mark)

    @property
    def insert_trigger(self) -> str:
        """Its name comes after those of others: PostgreSQL fires triggers by name, and this one must be the last."""
        return f"zzz_slipway_{self._mark}_insert"

    @property
    def update_trigger(self) -> str:
        """The same, for updates."""
        return f"zzz_slipway_{self._mark}_update"

    @property
    def backfill(self) -> str:
        """Name of the backfill."""
        return f"dual-write-{self._mark}"

    def name_for(self, name: str) -> str:
        """What the copy of an index or constraint is called."""
        return _fitting(f"{name}_{self.new}", hashlib.sha256(f"{name}\0{self.new}".encode()).hexdigest()[:8])

    @property
    def _mark(self) -> str:
        words = "\0".join((self.schema, self.table, self.old, self.new))
        return hashlib.sha256(words.encode()).hexdigest()[:8]


def parse(raw: Mapping[str, Any]) -> Change:
    """Read ``schema``, ``table``, ``column``, ``new_column`` and what is optional.

    :raises InputError: one cannot be accepted.
    """
    change = Change(
        schema=identifier("schema", raw["schema"]),
        table=identifier("table", raw["table"]),
        old=identifier("column", raw["column"]),
        new=identifier("new_column", raw["new_column"]),
        new_type=str(raw.get("new_type") or "").strip(),
        forward=_with("forward", raw, (VALUE,)),
        backward=_with("backward", raw, (VALUE,)),
        same=_with("same", raw, (OLD, NEW)),
        handled=tuple(identifier("handled", name) for name in raw.get("handled") or []),
    )
    if change.old == change.new:
        raise InputError(
            f"'{change.new}' is the column itself", where="new_column", remedy="give the new column another name"
        )
    if bool(change.forward) != bool(change.backward):
        missing = "backward" if change.forward else "forward"
        raise InputError("is missing", where=missing, remedy="give both ways, or none of them for casts")
    return change


def _with(name: str, raw: Mapping[str, Any], places: tuple[str, ...]) -> str:
    """An expression that has these placeholders, or nothing."""
    if not raw.get(name):
        return ""
    text = expression(name, raw[name])
    missing = [place for place in places if place not in text]
    if missing:
        raise InputError(f"does not say {missing[0]}", where=name, remedy=f"write {missing[0]} where the value belongs")
    return text


def _fitting(name: str, mark: str) -> str:
    """A name that PostgreSQL does not cut, unique by its mark where it is too long."""
    encoded = name.encode("utf-8")
    if len(encoded) <= LONGEST_IDENTIFIER:
        return name
    return encoded[: LONGEST_IDENTIFIER - len(mark) - 1].decode("utf-8", "ignore") + "_" + mark
