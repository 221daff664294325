# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a declaration, as an operator writes it, to a policy: the reverse of ``Policy.declaration``. Touches nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from .._common.errors import InputError
from .base import Metric
from .errors import Bound, Errors
from .judge import Policy
from .quantile import Limit, Quantile
from .series import Change, Series

MOST = 10**9
HUGE = re.compile(r"[eE][+-]?\d{3}|.{41}")


def read_policy(content: Mapping[str, Any]) -> Policy:
    """A policy from ``metrics``, and ``level`` and ``power`` where they differ from the defaults.

    :raises InputError: names the metric and what it should be.
    """
    given = {key: read_number(content[key], key) for key in ("level", "power") if key in content}
    _refuse_unknown(content, {"metrics", "level", "power"}, "the analysis")
    return Policy(tuple(read_metric(one) for one in content.get("metrics", [])), **given)


def read_metric(content: Mapping[str, Any]) -> Metric:
    """One metric; what is left out has its default."""
    reader = READERS.get(content.get("kind", ""))
    where = f"metric {content.get('name', 'without name')}"
    if reader is None or not isinstance(content.get("name"), str):
        raise InputError(
            f"kind {content.get('kind')!r} is not known, or the name is missing",
            where=where,
            remedy=f"give a name and a kind of {', '.join(READERS)}",
        )
    return reader(content, where)


def read_number(value: Any, where: str) -> Fraction:
    """An exact number from text, or from a number that was written in decimals."""
    try:
        if isinstance(value, bool) or HUGE.search(str(value)):
            raise ValueError
        number = Fraction(str(value))
    except (ValueError, ZeroDivisionError) as exc:
        raise InputError(f"{str(value)[:40]!r} is not a number", where=where, remedy='write it as in "0.5"') from exc
    if abs(number) > MOST:
        raise InputError(f"{value!r} is above {MOST}", where=where, remedy="state a number that means something")
    return number


def _errors(content: Mapping[str, Any], where: str) -> Metric:
    _refuse_unknown(content, {"name", "kind", "margin", "harm"}, where)
    bounds = {key: Bound(**_parts(content[key], ("points", "ratio"), where)) for key in _stated(content)}
    return Errors(content["name"], **bounds)


def _quantile(content: Mapping[str, Any], where: str) -> Metric:
    _refuse_unknown(content, {"name", "kind", "percent", "margin", "harm"}, where)
    stated = [key for key in ("percent", *_stated(content)) if key in content]
    return Quantile(content["name"], **{key: read_number(content[key], where) for key in stated})


def _limit(content: Mapping[str, Any], where: str) -> Metric:
    _refuse_unknown(content, {"name", "kind", "percent", "margin", "harm"}, where)
    numbers = {key: read_number(content.get(key), where) for key in ("percent", "margin", "harm")}
    return Limit(content["name"], numbers["percent"], *(_whole(numbers[key], where) for key in ("margin", "harm")))


def _series(content: Mapping[str, Any], where: str) -> Metric:
    _refuse_unknown(content, {"name", "kind", "margin", "harm", "higher_is_worse"}, where)
    changes = {key: Change(**_parts(content[key], ("ratio", "difference"), where)) for key in _stated(content)}
    higher = content.get("higher_is_worse", True)
    if not isinstance(higher, bool):
        raise InputError(f"higher_is_worse is {higher!r}", where=where, remedy="write true or false, without quotes")
    return Series(content["name"], higher_is_worse=higher, **changes)


READERS: dict[str, Callable[[Mapping[str, Any], str], Metric]] = {
    "errors": _errors,
    "quantile": _quantile,
    "limit": _limit,
    "series": _series,
}


def _stated(content: Mapping[str, Any]) -> list[str]:
    return [key for key in ("margin", "harm") if key in content]


def _parts(content: Any, names: tuple[str, str], where: str) -> dict[str, Fraction]:
    if not isinstance(content, Mapping):
        raise InputError(f"{content!r} has no parts", where=where, remedy=f"state {' or '.join(names)}")
    _refuse_unknown(content, set(names), where)
    return {name: read_number(content[name], where) for name in names if name in content}


def _whole(value: Fraction, where: str) -> int:
    if value.denominator != 1:
        raise InputError(f"{value} is not whole", where=where, remedy="use a finer unit, such as microseconds")
    return int(value)


def _refuse_unknown(content: Mapping[str, Any], known: set[str], where: str) -> None:
    unknown = sorted(str(key) for key in set(content) - known)
    if unknown:
        raise InputError(
            f"{', '.join(unknown)} is not known",
            where=where,
            remedy=f"what can be stated is {', '.join(sorted(known))}",
        )
