# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where workers, singletons and schedules run, and where they are to run. Touches nothing."""

from __future__ import annotations

from typing import Any

from .._release.order import after, ranks
from .fleet import HANDED_OVER, OTHER, Fleet


def handed_over(document: dict[str, Any] | None) -> list[str]:
    """Names of the components that are handed over from slot to slot."""
    return [item["name"] for item in _components(document) if item["kind"] in HANDED_OVER]


def starts(document: dict[str, Any] | None, fleet: Fleet, slot: str) -> dict[str, list[str]]:
    """Host to what it starts when the revision of ``document`` takes over in ``slot``; a singleton on one host."""
    everywhere = [item["name"] for item in _components(document) if item["kind"] != "singleton"]
    alone = {name: _host_of(name, fleet, slot) for name in _singletons(document)}
    return {
        host.name: everywhere + [name for name, chosen in alone.items() if chosen == host.name]
        for host in fleet.applications
    }


def turns(documents: dict[str, dict[str, Any] | None], fleet: Fleet) -> dict[str, dict[str, list[list[str]]]]:
    """Slot to the turns in which all hosts start what is handed over; they stop it in the opposite order.

    On a host each component waits for those that it comes after, so that turns are needed for what runs on one host
    alone. Nothing in the plan where everything starts in one turn.

    :param documents: slot to the revision that is handed over there.
    """
    found = {slot: _turns(document, fleet) for slot, document in documents.items()}
    several = {slot: listed for slot, listed in found.items() if len(listed) > 1}
    return {"turns": several} if several else {}


def _turns(document: dict[str, Any] | None, fleet: Fleet) -> list[list[str]]:
    listed = _components(document)
    names = {item["name"] for item in listed}
    alone = set(_singletons(document)) if len(fleet.applications) > 1 else set()
    pairs = {(item["name"], first) for item in listed for first in after(item) if first in names}
    across = {pair for pair in pairs if alone.intersection(pair)}
    found = ranks(listed, across)
    return [[name for name in found if found[name] == turn] for turn in sorted(set(found.values()))]


def working(fleet: Fleet, slot: str) -> list[str]:
    """A sentence for each scheduled component that works now in the ``slot`` which gives its schedules up."""
    most: dict[str, int] = {}
    hosts: dict[str, list[str]] = {}
    for host in fleet.applications:
        for name, seconds in host.slots[slot].working.items():
            hosts.setdefault(name, []).append(host.name)
            most[name] = max(most.get(name, 0), seconds)
    return [
        f"{name} runs now on {', '.join(names)}; should it still do so when it is handed over, it is waited for, for "
        f"{most[name]} seconds at most, and then told to end"
        for name, names in hosts.items()
    ]


def unstarted(document: dict[str, Any], fleet: Fleet, slot: str) -> list[str]:
    """Singletons that start nowhere, because a lost host may still run them."""
    return [name for name in _singletons(document) if not _host_of(name, fleet, slot)]


def astray(document: dict[str, Any], fleet: Fleet, slot: str) -> bool:
    """Whether anything that is to run beside the active ``slot`` does not, or runs in the other one."""
    wanted = starts(document, fleet, slot)
    return any(
        not host.slots[slot].consumers.issuperset(wanted[host.name]) or host.slots[OTHER[slot]].consumers
        for host in fleet.applications
    )


def _components(document: dict[str, Any] | None) -> list[dict[str, Any]]:
    return [item for item in (document or {"components": []})["components"] if item["kind"] in HANDED_OVER]


def _singletons(document: dict[str, Any] | None) -> list[str]:
    return [item["name"] for item in _components(document) if item["kind"] == "singleton"]


def _host_of(singleton: str, fleet: Fleet, slot: str) -> str | None:
    """The host that starts a singleton: the one that runs it already; none while a lost host may run it."""
    first = min(host.name for host in fleet.applications)
    here = [host.name for host in fleet.applications if singleton in host.slots[slot].consumers]
    there = any(singleton in host.slots[OTHER[slot]].consumers for host in fleet.applications)
    if here:
        return min(here)
    return first if there or not fleet.lost else None
