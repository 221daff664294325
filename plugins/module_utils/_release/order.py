# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In which order the components of a revision start; they stop in the opposite one. Touches nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

Component = Mapping[str, Any]


def after(component: Component) -> list[str]:
    """Names of the components that this one comes after."""
    return list(component.get("after", ()))


def ranks(components: Iterable[Component], across: Collection[tuple[str, str]] | None = None) -> dict[str, int]:
    """How many components come one after the other before each of them.

    :param components: all of a revision; none comes after itself, by whatever way.
    :param across: pairs (a component, one that it comes after) that count; every pair by default.
    """
    before = {item["name"]: after(item) for item in components}
    found: dict[str, int] = {}

    def rank(name: str) -> int:
        if name not in found:
            found[name] = max((rank(first) + counts(name, first) for first in before.get(name, ())), default=0)
        return found[name]

    def counts(name: str, first: str) -> int:
        return int(across is None or (name, first) in across)

    return {name: rank(name) for name in before}


def in_turn(chosen: Iterable[Component], components: Iterable[Component]) -> list[list[Component]]:
    """The ``chosen`` of all ``components``, grouped so that each comes after some of earlier groups alone."""
    found = ranks(components)

    def rank(item: Component) -> int:
        return found[item["name"]]

    return [list(group) for _rank, group in groupby(sorted(chosen, key=rank), key=rank)]


def seconds_to_end(components: Sequence[Component]) -> int:
    """How long components may take to end once told to, one after the other where they come after each other."""
    found = ranks(components)
    slowest: dict[int, int] = {}
    for item in components:
        slowest[found[item["name"]]] = max(slowest.get(found[item["name"]], 0), int(item["stop_timeout"]))
    return sum(slowest.values())


def seconds_to_hand_over(components: Sequence[Component]) -> int:
    """How long a host may take to stop what is handed over, which is all but what answers requests.

    Runs of scheduled components may finish first. 0 where a circle has no order.
    """
    stopping = {item["name"]: item for item in components if item["kind"] != "http"}
    before = {name: [first for first in after(item) if first in stopping] for name, item in stopping.items()}
    if cycle(before):
        return 0
    runs = [int(item["stop_timeout"]) for item in stopping.values() if item["kind"] == "scheduled"]
    return max(runs, default=0) + seconds_to_end([{**item, "after": before[name]} for name, item in stopping.items()])


def cycle(before: Mapping[str, Sequence[str]]) -> list[str]:
    """Names that come after each other in a circle, the first one repeated at the end; none when there is no circle.

    :param before: each component to those that it comes after.
    """
    cleared: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str]:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in cleared:
            return []
        found = next(filter(None, (walk(first, [*path, name]) for first in before.get(name, ()))), [])
        cleared.add(name)
        return found

    return next(filter(None, (walk(name, []) for name in before)), [])
