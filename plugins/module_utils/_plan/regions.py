# Copyright: (c) 2026, The slipway.release developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Regions in their order: whose turn it is, which of them a failure returns, and how the whole run has ended.

Touches nothing. The order is data that a run carries from play to play, and it only grows: a region starts because the
records of all regions before it say `done`, never because nothing was heard of a failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .._common.errors import InputError
from .._inputs.validate import Inputs

THERE, BACK = "there", "back"
# What check mode planned counts like what is done, so that a check shows the plan of every region.
PASSED = ("done", "planned")
NOBODY: dict[str, Any] = {"name": "nowhere", "plan": [], "slots": [], "traffic": [], "last": True, "returns": {}}


def order(regions: Sequence[Inputs]) -> dict[str, Any]:
    """The order of a run, with nothing done yet.

    :param regions: the inputs of each region, as ``slipway_regions`` has them.
    :raises InputError: two regions claim the same virtual address.
    """
    _refuse_shared_address(regions)
    first = regions[0]
    taken = [region for region in regions if first.asked_region in ("", region.region)]
    if first.verb != "deploy":
        taken.reverse()
    return {
        "verb": first.verb,
        "on_failure": first.regions_on_failure,
        "regions": [_turn(region, region is taken[-1]) for region in taken],
        THERE: [],
        BACK: [],
    }


def turn(run: Mapping[str, Any], way: str, place: int) -> dict[str, Any]:
    """The region whose turn it is at a place of the way, with its hosts of each play; no hosts when it is nobody's.

    :param way: ``there`` along the order, or ``back`` through the regions that a failure returns.
    """
    if not run or len(run[way]) != place:
        return NOBODY
    course = run["regions"] if way == THERE else _returning(run)
    goes_on_past_failures = way == BACK or run["verb"] == "abort"
    if place >= len(course) or not (goes_on_past_failures or _all_passed(run[THERE])):
        return NOBODY
    return dict(course[place])


def concluded(
    run: Mapping[str, Any], way: str, place: int, planned: Mapping[str, Any], balancers: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The order with the record of the region at this place.

    :param planned: result of ``deployment_plan``, as far as there is one.
    :param balancers: what each balancer of the region came to: ``done`` is the way that it has finished, ``reason``
        what went wrong on it, and ``active`` whether that was after the revision had become active.
    """
    plan = planned.get("plan") or {}
    found = list(balancers)
    reasons = [str(answer["reason"]) for answer in found if answer.get("reason")]
    state = "done" if found and not reasons and all(answer.get("done") == way for answer in found) else "failed"
    if found and not reasons and all(answer.get("done") == "planned" for answer in found):
        state = "planned"
    record = {
        "region": turn(run, way, place)["name"],
        "state": state,
        "changed": bool(plan.get("changes")),
        "active": state in PASSED or any(answer.get("active") for answer in found),
        "version": (plan.get("to") or {}).get("version", ""),
        "from": plan.get("from"),
        "to": plan.get("to"),
        "reason": reasons[0] if reasons else "" if state in PASSED else "its end is not known",
    }
    earlier = [_with_changes_of(plan, entry) for entry in run[THERE]]
    return {**run, THERE: earlier, way: [*(earlier if way == THERE else run[way]), record]}


def changed(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Regions in which this run has made another revision active so far, or would; one may have failed after that.

    :returns: of each the ``region``, and the revision and version that it had, ``from``, and got, ``to``.
    """
    return [
        {key: entry[key] for key in ("region", "from", "to")}
        for entry in run.get(THERE, [])
        if entry["changed"] and entry["active"] and entry["from"] and entry["from"] != entry["to"]
    ]


def verdict(run: Mapping[str, Any]) -> dict[str, Any]:
    """Whether every region of the order has come to its end, and all that is to be said of them."""
    told = [_told(run, entry) for entry in run[THERE]]
    returned = {entry["region"]: entry for entry in run[BACK]}
    told += [_told_back(entry) for entry in returned.values()]
    told += [
        f"{entry['region']} is left as it is, on {entry['version']}"
        for entry in run[THERE]
        if not _complete(run) and run["verb"] == "deploy" and entry["active"] and entry["region"] not in returned
    ]
    untouched = [region["name"] for region in run["regions"][len(run[THERE]) :]]
    if untouched and _all_passed(run[THERE]):
        told.append(f"{untouched.pop(0)} has not come to its end")
    told += [f"{', '.join(untouched)} was not touched"] if untouched else []
    nothing = run["verb"] == "abort" and _complete(run) and not any(entry["changed"] for entry in run[THERE])
    told += ["there is nothing to abort; rollback.yml leads back from what is active"] if nothing else []
    return {"failed": nothing or not _complete(run), "msg": "; ".join(told) + "."}


def _refuse_shared_address(regions: Sequence[Inputs]) -> None:
    holders: dict[str, str] = {}
    for inputs in regions:
        address = inputs.virtual_address.partition("/")[0]
        if address and holders.setdefault(address, inputs.region) != inputs.region:
            raise InputError(
                f"{address} is that of {holders[address]} and of {inputs.region}",
                where="slipway_virtual_address",
                remedy="give each region an address of its own, in the group_vars of its group",
            )


def _turn(inputs: Inputs, last: bool) -> dict[str, Any]:
    slots = [*inputs.balancer_hosts, *(host for host in inputs.application_hosts if host not in inputs.balancer_hosts)]
    return {
        "name": inputs.region,
        "ledger_host": inputs.ledger_host,
        "plan": [*slots, *([] if inputs.ledger_host in slots else [inputs.ledger_host])],
        "slots": [] if inputs.verb == "abort" else slots,
        "traffic": inputs.balancer_hosts,
        "last": last,
        "returns": {},
    }


def _returning(run: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The regions that go back, the last one first, where one has failed or has left no record on the way there."""
    if run["verb"] != "deploy" or run["on_failure"] != "return" or _complete(run):
        return []
    back = {entry["region"]: {"before": entry["from"], "deployed": entry["to"]} for entry in changed(run)}
    return [
        {**region, "last": True, "returns": back[region["name"]]}
        for region in reversed(run["regions"])
        if region["name"] in back
    ]


def _with_changes_of(plan: Mapping[str, Any], entry: Mapping[str, Any]) -> dict[str, Any]:
    """The record of an earlier region; what a resumed plan says that its own run has changed there counts as well."""
    known = {one["region"]: one for one in plan.get("changed_regions", ()) if isinstance(one, Mapping)}
    resumed = known.get(entry["region"]) if not entry["changed"] else None
    return {**entry, **resumed, "changed": True} if resumed else dict(entry)


def _all_passed(records: Iterable[Mapping[str, Any]]) -> bool:
    return all(entry["state"] in PASSED for entry in records)


def _complete(run: Mapping[str, Any]) -> bool:
    return len(run[THERE]) == len(run["regions"]) and _all_passed(run[THERE])


def _told(run: Mapping[str, Any], entry: Mapping[str, Any]) -> str:
    region, version = entry["region"], entry["version"]
    if entry["state"] == "failed":
        return f"{region} has failed: {entry['reason'].rstrip('. ')}"
    if run["verb"] == "abort":
        return f"{version} was aborted in {region}" if entry["changed"] else f"nothing was under way in {region}"
    if entry["state"] == "planned":
        return f"{region} would get {version}" if entry["changed"] else f"{region} has {version} already"
    return f"{version} is active in {region}" if entry["changed"] else f"{region} had {version} already"


def _told_back(entry: Mapping[str, Any]) -> str:
    if entry["state"] == "failed":
        return f"{entry['region']} has not returned: {entry['reason'].rstrip('. ')}"
    if not entry["changed"]:
        return f"{entry['region']} had left it before, and stays on {entry['version']}"
    return f"{entry['region']} has returned to {entry['version']}"
