# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The flags that a release knows: their defaults by environment, and what a store has that it does not.

Touches nothing. A default is for a flag that the store does not have yet; what an operator asks for always holds.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._common.errors import InputError
from .model import FULL, OFF, STICKY, Flag, wanted

ENVIRONMENTS = ("development", "staging", "production")
DEFAULTS: dict[str, Any] = {
    name: {"type": "bool", "description": f"Whether it is on in {name}; as the application has it when omitted."}
    for name in ENVIRONMENTS
}
ENTRY: dict[str, Any] = {
    "name": {"type": "str", "required": True, "description": "Name of the flag, unique in the list."},
    "description": {"type": "str", "default": "", "description": "What it is for."},
    "defaults": {
        "type": "dict",
        "options": DEFAULTS,
        "default": {},
        "description": "What it is at first in each environment; that of continuous integration is C(staging).",
    },
    "deprecated": {"type": "bool", "default": False, "description": "Whether a later release will not know it."},
    "replaced_by": {"type": "str", "default": "", "description": "The flag to set in its place."},
}
Entries = Sequence[Mapping[str, Any]]


def read(given: Entries, where: str) -> list[dict[str, Any]]:
    """The entries of a schema, complete.

    :raises InputError: two have one name, or one is replaced by a flag that there is not.
    """
    entries = [{**{key: spec.get("default") for key, spec in ENTRY.items()}, **_given(entry)} for entry in given]
    names = [str(entry["name"]) for entry in entries]
    for index, entry in enumerate(entries):
        wanted(names[index], OFF, where=f"{where}[{index}].")
        if names[index] in names[:index]:
            raise InputError(f"{names[index]!r} is there twice", where=f"{where}[{index}].name", remedy="remove one")
        if entry["replaced_by"] and entry["replaced_by"] not in names:
            what = f"there is no flag {entry['replaced_by']!r}"
            raise InputError(what, where=f"{where}[{index}].replaced_by", remedy="correct it, or add that flag")
    return entries


def _given(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if value is not None}


def asked_for(given: Iterable[Mapping[str, Any]], where: str) -> list[Flag]:
    """The flags that an operator asks for.

    :raises InputError: one contradicts itself, or two have one name.
    """
    flags: list[Flag] = []
    for index, raw in enumerate(given):
        here = f"{where}[{index}]."
        flag = wanted(
            str(raw["name"]),
            str(raw["strategy"]),
            percentage=raw.get("percentage"),
            segments=raw.get("segments") or (),
            tenants=raw.get("tenants") or {},
            sticky=raw.get("sticky") or STICKY,
            where=here,
        )
        if flag.name in [other.name for other in flags]:
            raise InputError(f"{flag.name!r} is there twice", where=f"{here}name", remedy="remove one")
        flags.append(flag)
    return flags


def refuse_unknown(flags: Iterable[Flag], entries: Entries, where: str) -> None:
    """Refuse what the release does not know; a kill switch is never refused.

    :raises InputError: names the flag that may have been meant.
    """
    names = [str(entry["name"]) for entry in entries]
    for index, flag in enumerate(flags):
        if names and flag.name not in names and not flag.killed:
            near = difflib.get_close_matches(flag.name, names, n=1)
            remedy = f"did you mean {near[0]}? Otherwise add it to the schema" if near else "add it to the schema"
            raise InputError(f"the release knows no flag {flag.name!r}", where=f"{where}[{index}].name", remedy=remedy)


def due(entries: Entries, environment: str, asked: Iterable[Flag], present: Mapping[str, Flag | None]) -> list[Flag]:
    """The flags to set: all that are asked for, and of the others the defaults of those that the store has not.

    :param present: what the store has, by name; nothing under a name that it does not have.
    """
    flags = list(asked)
    names = {flag.name for flag in flags}
    for entry in entries:
        value = entry["defaults"].get(environment)
        if value is not None and entry["name"] not in names and entry["name"] not in present:
            flags.append(wanted(str(entry["name"]), FULL if value else OFF))
    return flags


def report(
    entries: Entries, environment: str, names: Iterable[str], present: Mapping[str, Flag | None]
) -> dict[str, Any]:
    """How a store and the schema of a release differ.

    :param names: of all flags in the store, as it spells them.
    :param present: the flags of the schema that the store has; ``None`` for one that is not understood.
    """
    known = {_spelt(str(entry["name"])) for entry in entries}
    kept = [entry for entry in entries if entry["name"] in present]
    return {
        "new": [entry["name"] for entry in entries if entry["name"] not in present],
        "deprecated": [
            {"name": entry["name"], "replaced_by": entry["replaced_by"]} for entry in kept if entry["deprecated"]
        ],
        "unknown": sorted(name for name in names if _spelt(name) not in known) if known else [],
        "differs": [entry["name"] for entry in kept if _differs(entry, environment, present)],
    }


def _differs(entry: Mapping[str, Any], environment: str, present: Mapping[str, Flag | None]) -> bool:
    flag, value = present[entry["name"]], entry["defaults"].get(environment)
    return flag is None or (value is not None and not (flag.on_for_all if value else flag.off_for_all))


def _spelt(name: str) -> str:
    """A name as stores of variables leave it."""
    return "".join(letter if letter.isalnum() else "_" for letter in name.lower())
