# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Typed reading of one check's options, with errors that name ``checks[i].field`` and the remedy.

Touches nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from re import Pattern
from typing import Any

from .._common.errors import InputError


class Options:
    """The options of one check, or of one of its sub-options; each reader takes its field out.

    :param raw: the options as given; those that are ``None`` count as not given.
    :param where: how messages name this place, for example ``checks[0]``.
    """

    def __init__(self, raw: Any, where: str) -> None:
        if not isinstance(raw, Mapping):
            raise InputError("is not a dictionary", where=where, remedy="write it as 'option: value' pairs")
        self.where = where
        self._left = {str(key): value for key, value in raw.items() if value is not None}

    def refuse(self, field: str, what: str, remedy: str) -> InputError:
        """The error for one field."""
        return InputError(what, where=f"{self.where}.{field}", remedy=remedy)

    def done(self, purpose: str) -> None:
        """Refuse what nobody has read."""
        for field in sorted(self._left):
            raise self.refuse(field, f"does not belong to {purpose}", "remove it, or correct its name or the type")

    def given(self, field: str) -> bool:
        """Whether the operator has set the field and nobody has read it yet."""
        return field in self._left

    def text(self, field: str, default: str | None = None) -> str:
        """A string that is not empty; required when it has no default."""
        if not self.given(field):
            if default is None:
                raise self.refuse(field, "is missing", "set it")
            return default
        value = self._left.pop(field)
        if not isinstance(value, str) or not value:
            raise self.refuse(field, "must be a string that is not empty", "set it to such a string")
        return value

    def number(self, field: str, default: int, least: int, most: int) -> int:
        """An integer within limits."""
        value = self._left.pop(field, default)
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.refuse(field, f"must be an integer from {least} to {most}", f"choose one, such as {default}")
        return value

    def flag(self, field: str, default: bool) -> bool:
        """A boolean."""
        value = self._left.pop(field, default)
        if not isinstance(value, bool):
            raise self.refuse(field, "must be true or false", f"set it to {str(default).lower()}")
        return value

    def numbers(self, field: str, least: int, most: int) -> list[int]:
        """A list of integers within limits; empty when not given."""
        values = self._left.pop(field, [])
        if not isinstance(values, list):
            raise self.refuse(field, "must be a list of integers", "write it as a list")
        for value in values:
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise self.refuse(field, f"must hold integers from {least} to {most}", "correct the list")
        return values

    def texts(self, field: str) -> list[str]:
        """A list of at least one string."""
        values = self._left.pop(field, None)
        if not isinstance(values, list) or not values or not all(isinstance(value, str) for value in values):
            raise self.refuse(field, "must be a list of at least one string", "write it as a list of strings")
        return values

    def mappings(self, field: str) -> list[dict[str, Any]]:
        """A list of at least one dictionary."""
        values = self._left.pop(field, None)
        if not isinstance(values, list) or not values or not all(isinstance(value, Mapping) for value in values):
            raise self.refuse(field, "must be a list of at least one dictionary", "write it as a list of dictionaries")
        return [{str(key): item for key, item in value.items()} for value in values]

    def mapping(self, field: str) -> dict[str, Any]:
        """A dictionary; empty when not given."""
        value = self._left.pop(field, {})
        if not isinstance(value, Mapping):
            raise self.refuse(field, "must be a dictionary", "write it as 'name: value' pairs")
        return {str(key): item for key, item in value.items()}

    def text_mapping(self, field: str) -> dict[str, str]:
        """A dictionary of strings or numbers, as strings."""
        values = self.mapping(field)
        for key, value in values.items():
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise self.refuse(field, f"has a value of '{key}' that is no string", "quote the value")
            if re.search(r"[\r\n]", f"{key}{value}"):
                raise self.refuse(field, f"has a line break in '{_first_line(key)}'", "remove the line break")
        return {key: str(value) for key, value in values.items()}

    def pattern(self, field: str) -> Pattern[str] | None:
        """A regular expression, or ``None`` when not given."""
        if not self.given(field):
            return None
        try:
            return re.compile(self.text(field))
        except re.error as exc:
            raise self.refuse(field, f"is no regular expression: {exc}", "correct the expression") from exc

    def choice(self, field: str, choices: tuple[str, ...], default: str | None = None) -> str:
        """One string of several."""
        value = self.text(field, default)
        if value not in choices:
            raise self.refuse(field, f"must be one of {', '.join(choices)}", "choose one of them")
        return value

    def address(self, field: str) -> tuple[str, int]:
        """A ``host:port``, the host of IPv6 in brackets."""
        value = self.text(field)
        found = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/\[\]]+)):([0-9]{1,5})", value)
        if not found or not 1 <= int(found[3]) <= 65535:
            raise self.refuse(field, "must be 'host:port'", "write it like 127.0.0.1:8081 or [::1]:8081")
        return found[1] or found[2], int(found[3])

    def apart(self, *fields: str, **more: Any) -> Options:
        """Some of the fields, which are taken out, as options of their own, with more."""
        return Options({**{field: self._left.pop(field, None) for field in fields}, **more}, self.where)

    def sub(self, field: str) -> Options:
        """The sub-options of a field; empty when not given."""
        return Options(self._left.pop(field, {}), f"{self.where}.{field}")


def _first_line(text: str) -> str:
    return text.splitlines()[0] if text.splitlines() else text
