# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who somebody is: persons by each name that systems know them under, and the groups they are in. Touches nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from .._common.errors import InputError


@dataclass(frozen=True)
class People:
    """Persons and groups of a policy.

    :param names: name to person.
    :param groups: group to its persons.
    """

    names: Mapping[str, str]
    groups: Mapping[str, frozenset[str]]

    def person(self, name: str) -> str:
        """Whose name this is; empty where it is nobody's."""
        return self.names.get(name.casefold(), "")

    def in_any(self, person: str, groups: Collection[str]) -> bool:
        """Whether the person is in one of the groups."""
        return any(person in self.groups.get(group, frozenset()) for group in groups)


def read_people(people: Mapping[Any, Any], groups: Mapping[Any, Any], where: str) -> People:
    """Read both.

    :raises InputError: a name of two persons, or a group with somebody unknown.
    """
    names: dict[str, str] = {}
    for person, given in people.items():
        here = f"{where}.people.{person}"
        for name in [person, *_texts(given, here)]:
            other = names.setdefault(str(name).casefold(), str(person))
            if other != str(person):
                raise InputError(
                    f"{name} is a name of {other} too", where=here, remedy="give each name to one person only"
                )
    found = {}
    for group, given in groups.items():
        here = f"{where}.groups.{group}"
        unknown = [name for name in _texts(given, here) if name not in people]
        if unknown:
            raise InputError(
                f"{', '.join(unknown)} is not in {where}.people",
                where=here,
                remedy=f"name persons of {where}.people, and add who is missing there",
            )
        found[str(group)] = frozenset(given)
    return People(names, found)


def _texts(given: Any, where: str) -> list[str]:
    if not isinstance(given, list) or not all(isinstance(item, str) and item for item in given):
        raise InputError("it is not a list of strings", where=where, remedy="write such as [ann, ann@example.com]")
    return given
