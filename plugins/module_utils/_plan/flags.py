# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The feature flags of a plan: which are set after which step, and how they are turned back.

Touches nothing. Plans and requests without flags are what they were before there were flags.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._flags.model import OFF, Flag
from .._flags.schema import asked_for
from .._inputs.validate import Inputs

Parts = Sequence[dict[str, Any]]


def wanted(inputs: Inputs) -> list[dict[str, Any]]:
    """The flags that this run sets, each with the percent that the traffic must have come to. A rollback sets none."""
    if inputs.verb != "deploy":
        return []
    flags = [asked_for([entry], "slipway_flags_rollout")[0] for entry in inputs.flags_rollout]
    return [{"at": entry["at"], **flag.to_dict()} for entry, flag in zip(inputs.flags_rollout, flags)]


def planned(inputs: Inputs, parts: Parts) -> dict[str, Any]:
    """What the plan says of them: where they are kept, and which they are; nothing where no step sets one.

    :param parts: its steps and batches, with their flags.
    """
    names = sorted({flag["name"] for part in parts for flag in part.get("flags", [])})
    return {"flags": {"hosts": inputs.flags_hosts, "names": names}} if names else {}


def asked(inputs: Inputs) -> dict[str, Any]:
    """What the request says of them."""
    made = wanted(inputs)
    return {"flags": made, "flags_hosts": inputs.flags_hosts} if made else {}


def steps(inputs: Inputs, parts: Parts, slot: str) -> list[dict[str, Any]]:
    """The steps, each with the flags that are set once its share of the traffic was judged."""
    return _given(inputs, parts, [part["percents"][slot] for part in parts])


def batches(inputs: Inputs, parts: Parts) -> list[dict[str, Any]]:
    """The batches; their share is that of the hosts which have changed over."""
    hosts = [len(part["hosts"]) for part in parts]
    return _given(inputs, parts, [100 * sum(hosts[: number + 1]) // sum(hosts) for number in range(len(hosts))])


def _given(inputs: Inputs, parts: Parts, shares: Sequence[int]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    least = -1
    for part, share in zip(parts, shares):
        due = {flag["name"]: flag for flag in wanted(inputs) if least < flag["at"] <= share}
        made.append({**part, **({"flags": [_plain(flag) for flag in due.values()]} if due else {})})
        least = max(least, share)
    return made


def _plain(flag: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in flag.items() if name != "at"}


def flags_back(found: Iterable[Mapping[str, Any]], names: Iterable[str]) -> list[dict[str, Any]]:
    """The flags to set so that they are what they were, each with its host: off where a store did not have one.

    One that is there and not understood is left out: nothing sets it either.

    :param found: what ``flag_info`` returned, each with the host as its ``item``.
    :param names: of the flags that were looked for.
    """
    wanted_names = sorted(names)
    return [
        {"host": one["item"], **(one["flags"].get(name) or Flag(name, OFF).to_dict())}
        for one in found
        for name in wanted_names
        if name not in one["flags"] or one["flags"][name] is not None
    ]


def turned_back(results: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """What became of flags that were turned back, a sentence each: what was done, and what is left to do by hand.

    :param results: of ``flag_set``, each with its ``item`` of ``flags_back``.
    """
    told = [result for result in results if not result.get("skipped")]
    stuck = [result for result in told if result.get("failed") or result.get("unreachable")]
    left = {result["item"]["name"] for result in stuck}
    back = sorted({result["item"]["name"] for result in told} - left)
    done = [f"Feature flags are what they were before: {', '.join(back)}."] if back else []
    by_hand = [
        f"Feature flag {result['item']['name']} was not turned back on {result['item']['host']} "
        f"({' '.join(str(result.get('msg', 'no answer')).split()).rstrip('.')}): kill_switch.yml ends it."
        for result in stuck
    ]
    return done, by_hand
