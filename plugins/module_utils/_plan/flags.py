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
# Seconds that turning back may hold the traffic: of all hosts together, and the least and the most of one of them.
ALL_HOSTS, LEAST_OF_A_HOST, MOST_OF_A_HOST = 20, 4, 10


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


def flags_back(found: Iterable[Mapping[str, Any]], names: Iterable[str], user: str = "") -> list[dict[str, Any]]:
    """The flags to set so that they are what they were, each with its host: off where a store did not have one.

    One that is there and not understood is left out: nothing sets it either.

    :param found: what ``flag_info`` returned, each with the host as its ``item``.
    :param names: of the flags that were looked for.
    :param user: who sets them there, so that the way back need not ask a variable for it.
    """
    wanted_names = sorted(names)
    return [
        {"host": one["item"], "user": user, **(one["flags"].get(name) or Flag(name, OFF).to_dict())}
        for one in found
        for name in wanted_names
        if name not in one["flags"] or one["flags"][name] is not None
    ]


def flags_by_host(before: Iterable[Mapping[str, Any]], lost: Iterable[str], now: float) -> list[dict[str, Any]]:
    """The same as tasks, one for each host, those that are lost last.

    :param before: as ``flags_back`` has made them.
    :param lost: hosts that were lost when the plan was made.
    :param now: the time in seconds.
    :returns: each with ``host``, ``user``, its ``flags``, the ``seconds`` that it may take, and the time ``until``
        which all may.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry in before:
        flag = {name: value for name, value in entry.items() if name not in ("host", "user")}
        host = str(entry["host"])
        found.setdefault(host, {"host": host, "user": entry.get("user") or "", "flags": []})["flags"].append(flag)
    share = max(LEAST_OF_A_HOST, min(MOST_OF_A_HOST, ALL_HOSTS // max(len(found), 1)))
    last = set(lost)
    return [
        {**task, "seconds": share, "until": now + ALL_HOSTS}
        for task in sorted(found.values(), key=lambda task: task["host"] in last)
    ]


def turned_back(results: Iterable[Mapping[str, Any]]) -> tuple[list[str], list[str]]:
    """What became of flags that were turned back, a sentence each: what was done, and what is left to do by hand.

    :param results: of ``flag_restore``, each with its ``item`` of ``flags_by_host``.
    """
    told = [result for result in results if not result.get("skipped")]
    killed = {name for result in told for name in result.get("killed", [])}
    restored = {name for result in told for name in result.get("restored", [])}
    by_hand = [sentence for result in told for sentence in _left(result)]
    left = {one["name"] for result in told for one in _not_back(result)}
    back = sorted(restored - left - killed)
    done = [f"Feature flags are what they were before: {', '.join(back)}."] if back else []
    done += [f"Feature flag {name} was killed meanwhile and stays off." for name in sorted(killed)]
    return done, by_hand


def _not_back(result: Mapping[str, Any]) -> list[dict[str, str]]:
    """Each flag of a host that is not what it was, and why."""
    why = str(result.get("msg") or "no answer")
    told = {*result.get("restored", []), *result.get("killed", [])}
    reasons = {one["name"]: one["why"] for one in result.get("left", [])}
    names = [flag["name"] for flag in (result.get("item") or {}).get("flags", [])]
    return [{"name": name, "why": reasons.get(name, why)} for name in names if name not in told]


def _left(result: Mapping[str, Any]) -> list[str]:
    if "item" not in result:
        return [f"Feature flags were not turned back ({_plainly(result.get('msg'))}): kill_switch.yml ends them."]
    host = result["item"]["host"]
    return [
        f"Feature flag {one['name']} was not turned back on {host} ({_plainly(one['why'])}): kill_switch.yml ends it."
        for one in _not_back(result)
    ]


def _plainly(why: Any) -> str:
    return " ".join(str(why).split()).rstrip(".")
