# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types of columns: their names, which are better, and which changes keep the table as it is. Touches nothing."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from .names import quoted, strings

SERIALS = {"serial": "bigint", "serial4": "bigint", "bigserial": "bigint", "serial8": "bigint"} | {
    "smallserial": "bigint",
    "serial2": "bigint",
}
SMALL_INTEGERS = frozenset({"int4", "int2", "serial", "serial4", "smallserial", "serial2"})
_TEXTS = ("text", "character varying")
_NAMES = {
    "varchar": "character varying",
    "bpchar": "character",
    "char": "character",
    "decimal": "numeric",
    "int4": "integer",
    "int8": "bigint",
    "int2": "smallint",
    "varbit": "bit varying",
    "timestamptz": "timestamp with time zone",
    "timestamp": "timestamp without time zone",
    "bool": "boolean",
    "float8": "double precision",
    "float4": "real",
}
_WRITTEN = re.compile(r"([a-z_ ]+?)\s*(?:\((\d+)(?:,\s*(-?\d+))?\))?( with(?:out)? time zone)?(\[\])*")


class Type(NamedTuple):
    """A type as the catalog names it, and its modifiers."""

    name: str
    modifiers: tuple[int, ...] = ()
    array: bool = False


def name_of(type_name: Any) -> str:
    """The name of a ``TypeName`` without its schema."""
    return strings(type_name.names)[-1].lower()


def of_node(type_name: Any) -> Type:
    """The type that a ``TypeName`` names."""
    name = name_of(type_name)
    modifiers = tuple(getattr(getattr(one, "val", None), "ival", -1) for one in type_name.typmods or ())
    return Type(_NAMES.get(name, name), modifiers, bool(type_name.arrayBounds))


def of_text(written: str) -> Type:
    """The type that ``format_type`` has written."""
    found = _WRITTEN.fullmatch(written)
    if not found:
        return Type(written)
    modifiers = tuple(int(part) for part in found.group(2, 3) if part is not None)
    return Type(found[1] + (found[4] or ""), modifiers, bool(found[5]))


def text_of(type_name: Any) -> str:
    """The type that a ``TypeName`` names, as SQL."""
    found = of_node(type_name)
    name = found.name if found.name in _NAMES.values() else ".".join(map(quoted, strings(type_name.names)))
    modifiers = f"({', '.join(map(str, found.modifiers))})" if found.modifiers else ""
    front, zone, behind = name.partition(" with")
    return f"{front}{modifiers}{zone}{behind}{'[]' if found.array else ''}"


def kept(old: Type, new: Type) -> bool:
    """Whether a change from one to the other reads and writes no row."""
    if old == new:
        return True
    if old.array or new.array:
        return False
    if old.name in _TEXTS and new.name in _TEXTS:
        return not new.modifiers or bool(old.modifiers) and old.modifiers[0] <= new.modifiers[0]
    if old.name != new.name:
        return (old.name, new.name) == ("cidr", "inet")
    if old.name == "numeric":
        return not new.modifiers or _wider_numeric(old.modifiers, new.modifiers)
    if old.name == "bit varying" or old.name.startswith("time"):
        return not new.modifiers or bool(old.modifiers) and old.modifiers[0] <= new.modifiers[0]
    return False


def _wider_numeric(old: tuple[int, ...], new: tuple[int, ...]) -> bool:
    if not old:
        return False
    old_scale, new_scale = (*old, 0)[1], (*new, 0)[1]
    return old_scale == new_scale and old[0] <= new[0]


def better(type_name: Any, written: str) -> str:
    """A type as SQL in place of one that a rule is against.

    :param written: the type with its collation, as the migration has it.
    """
    new = {"json": "jsonb", "bpchar": "text", "timestamp": "timestamptz", **SERIALS}.get(name_of(type_name))
    return new + "".join(written.partition("[")[1:]) if new else written
