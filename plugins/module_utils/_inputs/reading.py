# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read raw variables by the argument spec: types, choices, defaults, unknown and missing names, each with its place.

Touches nothing.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any

from .._common.errors import InputError
from .edge import Unconvertible, convert

PREFIX = "slipway_"
MARKUP = re.compile(r"[A-Z]\(((?:[^()]|\([^()]*\))*)\)")
LAB_PREFIX = "slipway_lab_"


class Reading:
    """What could be read of the variables, and every problem met on the way.

    :param undefined: variables that Ansible could not evaluate, with its reason.
    :ivar values: value of each declared variable; the default where one is absent or cannot be read.
    :ivar problems: in the order of the spec, unknown names first.
    :ivar unevaluated: what could not be evaluated, often because of one of the other problems.
    :ivar unread: names of the variables that have a problem, whose values further rules must not judge.
    """

    def __init__(
        self, spec: dict[str, dict[str, Any]], variables: Mapping[str, Any], undefined: Mapping[str, str]
    ) -> None:
        self.values: dict[str, Any] = {}
        self.problems: list[InputError] = []
        self.unevaluated: list[InputError] = []
        self.unread: set[str] = set()
        given = {name: value for name, value in variables.items() if _is_ours(name)}
        self._empty = {name for name in given if given[name] is None and spec.get(name, {}).get("default")}
        self._refuse_unknown("", given, spec)
        for name, declared in spec.items():
            before = len(self.problems)
            if name in undefined:
                what = f"it cannot be evaluated: {undefined[name]}"
                self.unevaluated.append(InputError(what, where=name, remedy="define what it refers to"))
                self.unread.add(name)
                continue
            self.values[name] = self._option(name, declared, given.get(name))
            if len(self.problems) > before:
                self.unread.add(name)

    def _option(self, where: str, declared: dict[str, Any], value: Any) -> Any:
        if value is None:
            if where in self._empty:
                self._problem(
                    "it is empty, which means nothing", where, f"remove {where}, or set it to {_expected(declared)}"
                )
            elif declared.get("required"):
                self._problem("it is not set", where, f"set {where}: {_sentence(declared)}")
            return declared.get("default")
        if _is_text_for_structure(declared, value):
            self._problem(
                f"{_shown(value, declared)} is text, not {_expected(declared)}", where, _as_structure(where, declared)
            )
            return declared.get("default")
        try:
            read = convert(where.rsplit(".", 1)[-1], declared, value)
        except Unconvertible:
            self._problem(
                f"{_shown(value, declared)} is not {_expected(declared)}",
                where,
                f"set {where} to {_expected(declared)}",
            )
            return declared.get("default")
        options = declared.get("options")
        if declared.get("elements") == "dict":
            self._refuse_text_items(where, declared, value)
        if options and declared["type"] == "list":
            return [self._options(f"{where}[{index}]", options, item) for index, item in enumerate(read)]
        if options:
            return self._options(where, options, read)
        return read

    def _refuse_text_items(self, where: str, declared: dict[str, Any], items: Any) -> None:
        for index, item in enumerate(items):
            if isinstance(item, str):
                here = f"{where}[{index}]"
                shown = _shown(item, declared)
                self._problem(f"{shown} is text, not a mapping", here, _as_structure(here, {"type": "dict"}))

    def _options(self, where: str, options: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
        self._refuse_unknown(f"{where}.", value, options)
        return {name: self._option(f"{where}.{name}", declared, value.get(name)) for name, declared in options.items()}

    def _refuse_unknown(self, prefix: str, given: dict[str, Any], known: dict[str, Any]) -> None:
        for name in sorted(str(name) for name in given if name not in known):
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
            remedy = f"did you mean {prefix}{near[0]}? Otherwise remove it" if near else "remove it"
            self._problem("there is no such variable", f"{prefix}{name}", remedy)

    def _problem(self, what: str, where: str, remedy: str) -> None:
        self.problems.append(InputError(what, where=where, remedy=remedy))


def _is_ours(name: str) -> bool:
    return name.startswith(PREFIX) and not name.startswith(LAB_PREFIX)


def _expected(declared: dict[str, Any]) -> str:
    if "choices" in declared:
        return f"one of {', '.join(declared['choices'])}"
    names = {"str": "a string", "int": "an integer", "bool": "true or false", "dict": "a mapping", "list": "a list"}
    if declared["type"] == "list":
        inner = {"str": "strings", "dict": "mappings"}[declared["elements"]]
        return f"a list of {inner}"
    unit = f" ({declared['units']})" if "units" in declared else ""
    return names[declared["type"]] + unit


def _is_text_for_structure(declared: dict[str, Any], value: Any) -> bool:
    """Whether Ansible would convert text, which roles would then read as it was written."""
    return isinstance(value, str) and declared["type"] in ("list", "dict")


def _as_structure(where: str, declared: dict[str, Any]) -> str:
    name = re.split(r"[.\[]", where)[0]
    form = "[...]" if where == name and declared["type"] == "list" else "..." if where != name else "{...}"
    return (
        f"write {_expected(declared)} in the inventory; on the command line -e '{{\"{name}\": {form}}}' or "
        "-e @<file>, because key=value is text"
    )


def _shown(value: Any, declared: Mapping[str, Any]) -> str:
    if declared.get("no_log"):
        return "the value"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _sentence(declared: dict[str, Any]) -> str:
    return MARKUP.sub(r"\1", str(declared["description"])).rstrip(".")
